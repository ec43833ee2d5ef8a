//! What is left of a session in the log.

use super::Session;
use crate::engine::interview::EndReason;
use crate::engine::link::Route;

impl Session {
    /// What the page shows of the line, as one structured line (S003-11, S004-14..17). No word of what was said.
    pub(super) fn log_session(&self, reason: EndReason) {
        let (stats, state, usage) = (&self.stats, self.director.state(), self.director.usage());
        tracing::info!(
            session = self.id,
            ended = ?reason,
            route = Route::Direct.name(),
            calls = self.calls,
            questions = state.plan.total(),
            answered = state.report().answered(),
            negotiation_ms = stats.negotiation_ms,
            first_audio_ms = stats.first_audio_ms,
            turn_delay_ms = stats.turn_delay_ms,
            jitter_ms = stats.jitter_ms,
            loss_pct = stats.loss_pct,
            stream_started_at = stats.stream_started_at,
            latency_sum_ms = stats.latency_sum_ms,
            response_count = stats.response_count,
            latency_mean_ms = stats.mean_latency_ms(),
            mic_rate_hz = stats.mic_rate_hz,
            mic_channels = stats.mic_channels,
            ice_restarts = stats.ice_restarts,
            cost_micro_usd = self.director.cost(),
            tokens_text_in = usage.text_in,
            tokens_audio_in = usage.audio_in,
            tokens_cached = usage.cached_text + usage.cached_audio,
            tokens_text_out = usage.text_out,
            tokens_audio_out = usage.audio_out,
            tokens_transcription = usage.words_in + usage.words_out,
            transcribed_ms = usage.words_ms,
            "session"
        );
    }
}
