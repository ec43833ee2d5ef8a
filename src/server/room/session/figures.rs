//! What a session measured: in the sums of the house, and in the log.

use super::Session;
use super::calls::{Call, Way};
use crate::engine::link::Route;
use crate::engine::link::choice::Fallback;
use crate::engine::protocol::room::PageStats;
use crate::engine::quality::{Sums, Tally};

/// A page that falls back more often than that in one session is not believed any more.
const MOST_FALLBACKS: u32 = 100;

/// What is counted in a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    /// What the latest page measured.
    stats: PageStats,
    /// What of it is counted.
    tally: Tally,
    /// Over all pages: whoever loads the page again begins to measure anew.
    sums: Sums,
    /// Of the latest call.
    pub(super) route: Route,
    /// How often the page fell back to the Socket route.
    fallbacks: u32,
}

impl Session {
    /// The page gave up on WebRTC and takes the room channel (S003-22).
    pub(super) fn fell_back(&mut self, reason: Fallback) {
        if self.figures.fallbacks < MOST_FALLBACKS {
            self.figures.fallbacks += 1;
            self.metrics.fell_back(reason);
            tracing::warn!(session = self.id, reason = reason.name(), "INT_V2_WEBRTC_FALLBACK");
        }
    }

    /// The page tells its figures.
    pub(super) fn measured(&mut self, stats: &PageStats) {
        let gain = self.figures.tally.add(stats);
        self.metrics.gained(&gain);
        self.figures.sums.add(&gain);
        self.figures.stats = stats.clone();
        if let Some(Call { way: Way::Relay(relayed), .. }) = &self.call {
            relayed.measured(stats);
        }
    }

    /// What the pages measured, as one structured line (S003-11, S003-29, S004-14..17). No word of what was said.
    pub(super) fn log_session(&self, ended: &str) {
        let Figures { stats, sums, tally, .. } = &self.figures;
        let (state, usage) = (self.director.state(), self.director.usage());
        tracing::info!(
            session = self.id,
            ended,
            route = self.figures.route.name(),
            fallbacks = self.figures.fallbacks,
            calls = self.calls,
            questions = state.plan.total(),
            answered = state.report().answered(),
            negotiation_ms = sums.negotiation_ms,
            negotiations = sums.negotiations,
            first_audio_ms = sums.first_audio_ms,
            turn_delay_ms = stats.turn_delay_ms,
            jitter_ms = stats.jitter_ms,
            loss_pct = stats.loss_pct,
            rtt_ms = stats.rtt_ms,
            stream_started_at = stats.stream_started_at,
            latency_sum_ms = sums.latency_sum_ms,
            response_count = sums.response_count,
            latency_mean_ms = sums.mean_latency_ms(),
            mic_rate_hz = stats.mic_rate_hz,
            mic_channels = stats.mic_channels,
            ice_restarts = sums.ice_restarts,
            candidate_type = tally.pair().map(|(candidate, _)| candidate),
            transport = tally.pair().map(|(_, transport)| transport),
            relay_seconds = sums.relay_seconds,
            relay_bytes = sums.relay_bytes,
            gaps = sums.gaps,
            stalls = sums.stalls,
            buffered_ms = stats.buffered_ms,
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
