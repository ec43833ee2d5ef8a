//! The sums of the whole house, as Prometheus reads them. Every label is a word of ours: what a page or a provider says
//! becomes one of a few.

use std::fmt;
use std::sync::Arc;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::engine::interview::EndReason;
use crate::engine::link::Route;
use crate::engine::link::choice::Fallback;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::quality::{CANDIDATES, Gain, TRANSPORTS};

const SESSIONS_OPEN: &str = "vivavoce_sessions_open";
const SESSIONS_STARTED: &str = "vivavoce_sessions_started_total";
const SESSIONS_ENDED: &str = "vivavoce_sessions_ended_total";
const CALLS: &str = "vivavoce_calls_total";
const FALLBACKS: &str = "vivavoce_fallbacks_total";
const ICE_RESTARTS: &str = "vivavoce_ice_restarts_total";
const STALLS: &str = "vivavoce_stalls_total";
const GAPS: &str = "vivavoce_gaps_total";
const TURN_SECONDS: &str = "vivavoce_turn_relay_seconds_total";
const TURN_BYTES: &str = "vivavoce_turn_relay_bytes_total";
const CANDIDATE_PAIRS: &str = "vivavoce_candidate_pairs_total";
const PROVIDER_FAULTS: &str = "vivavoce_provider_faults_total";
const RESUMES: &str = "vivavoce_room_resumes_total";
const NEGOTIATION: &str = "vivavoce_negotiation_seconds";
const FIRST_AUDIO: &str = "vivavoce_first_audio_seconds";
const TURN_DELAY: &str = "vivavoce_turn_delay_seconds";
const JITTER: &str = "vivavoce_jitter_seconds";
const ROUND_TRIP: &str = "vivavoce_round_trip_seconds";
const LOSS: &str = "vivavoce_packet_loss_ratio";

const COUNTERS: [(&str, &str); 12] = [
    (SESSIONS_STARTED, "Sessions that were started."),
    (SESSIONS_ENDED, "Interviews that are over, by reason."),
    (CALLS, "Calls on which sound could flow, by route: on Direct the page says so, else both ends stand."),
    (FALLBACKS, "Interviews that went on over a WebSocket, by reason."),
    (ICE_RESTARTS, "ICE restarts."),
    (STALLS, "Times that the sound of a call stopped and had to be mended."),
    (GAPS, "Holes in the sound that a browser had to fill."),
    (TURN_SECONDS, "Seconds for which a TURN server forwarded a call."),
    (TURN_BYTES, "Bytes that TURN servers forwarded, both ways."),
    (CANDIDATE_PAIRS, "Selected candidate pairs, by the type and the transport of the browser's side."),
    (PROVIDER_FAULTS, "Faults of the voice service, by name."),
    (RESUMES, "Room channels that came back to a session under way."),
];

/// With its buckets. The sum and the count of the turn delays are the latency sum and the response count (S004-15, S004-16).
const HISTOGRAMS: [(&str, &str, &[f64]); 6] = [
    (NEGOTIATION, "From the offer to a connected peer, or what an ICE restart took.", DELAYS_S),
    (FIRST_AUDIO, "From the request of the first question to its first sound.", DELAYS_S),
    (TURN_DELAY, "From the end of a turn to the first sound of the answer.", DELAYS_S),
    (JITTER, "Jitter of the inbound sound, as sampled.", LINE_S),
    (ROUND_TRIP, "Round trip to the far end, as sampled.", LINE_S),
    (LOSS, "Share of inbound packets that were lost, as sampled.", LOSSES),
];
/// Among them the limits that were set: 0.55 and 1.2 s for an answer, 4 and 8 s for negotiation (S003-09, -20, -26, -27).
const DELAYS_S: &[f64] = &[0.05, 0.1, 0.2, 0.3, 0.4, 0.55, 0.8, 1.2, 2.0, 4.0, 8.0, 15.0, 30.0];
const LINE_S: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.3, 0.4, 1.0];
const LOSSES: &[f64] = &[0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// The sums. Each server has its own: a process may run several. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    /// Everything at zero, and those whose labels are known are there from the start: a rate needs a beginning.
    fn default() -> Self {
        let mut builder = PrometheusBuilder::new();
        for (name, _, buckets) in HISTOGRAMS {
            // The one error is an empty list.
            builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets).unwrap_or_default();
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let metrics = Self(Arc::new(Inner { recorder, handle }));
        metrics.record(|| {
            describe_gauge!(SESSIONS_OPEN, "Sessions whose interview is not over.");
            for (name, help) in COUNTERS {
                describe_counter!(name, help);
            }
            for (name, help, _) in HISTOGRAMS {
                describe_histogram!(name, help);
                drop(histogram!(name));
            }
            for name in [SESSIONS_STARTED, ICE_RESTARTS, STALLS, GAPS, TURN_SECONDS, TURN_BYTES, RESUMES] {
                drop(counter!(name));
            }
            for reason in EndReason::ALL {
                drop(counter!(SESSIONS_ENDED, "reason" => reason.name()));
            }
            for route in [Route::Direct, Route::Relay, Route::Socket] {
                drop(counter!(CALLS, "route" => route.name()));
            }
            for reason in Fallback::ALL {
                drop(counter!(FALLBACKS, "reason" => reason.name()));
            }
            for fault in UpstreamFault::ALL {
                drop(counter!(PROVIDER_FAULTS, "fault" => fault.name()));
            }
            for candidate in CANDIDATES {
                for transport in TRANSPORTS {
                    drop(counter!(CANDIDATE_PAIRS, "type" => candidate, "transport" => transport));
                }
            }
        });
        metrics
    }
}

impl Metrics {
    fn record(&self, what: impl FnOnce()) {
        with_local_recorder(&self.0.recorder, what);
    }

    fn count(&self, name: &'static str) {
        self.record(|| counter!(name).increment(1));
    }

    fn count_by(&self, name: &'static str, label: &'static str, value: &'static str) {
        self.record(|| counter!(name, label => value).increment(1));
    }

    /// A session was started.
    pub fn started(&self) {
        self.count(SESSIONS_STARTED);
    }

    /// An interview is over.
    pub fn ended(&self, reason: EndReason) {
        self.count_by(SESSIONS_ENDED, "reason", reason.name());
    }

    /// Sums up what was recorded: where nobody reads them, histograms would keep every sample.
    pub fn sum_up(&self) {
        self.0.handle.run_upkeep();
    }

    /// Sound can flow on a call.
    pub fn called(&self, route: Route) {
        self.count_by(CALLS, "route", route.name());
    }

    /// A link went on over the WebSocket.
    pub fn fell_back(&self, reason: Fallback) {
        self.count_by(FALLBACKS, "reason", reason.name());
    }

    /// The voice service did not do its part.
    pub fn failed(&self, fault: UpstreamFault) {
        self.count_by(PROVIDER_FAULTS, "fault", fault.name());
    }

    /// A page came back to its session.
    pub fn resumed(&self) {
        self.count(RESUMES);
    }

    /// What a page measured since it told its figures the last time.
    pub fn gained(&self, gain: &Gain) {
        self.record(|| {
            counter!(ICE_RESTARTS).increment(gain.ice_restarts.into());
            counter!(STALLS).increment(gain.stalls.into());
            counter!(GAPS).increment(gain.gaps.into());
            counter!(TURN_SECONDS).increment(gain.relay_seconds.into());
            counter!(TURN_BYTES).increment(gain.relay_bytes);
            if let Some((candidate, transport)) = gain.pair {
                counter!(CANDIDATE_PAIRS, "type" => candidate, "transport" => transport).increment(1);
            }
            let delays = [
                (NEGOTIATION, gain.negotiation_ms),
                (FIRST_AUDIO, gain.first_audio_ms),
                (JITTER, gain.jitter_ms),
                (ROUND_TRIP, gain.rtt_ms),
            ];
            for (name, ms) in delays {
                if let Some(ms) = ms {
                    histogram!(name).record(ms / 1_000.0);
                }
            }
            if let Some((mean_ms, answers)) = gain.turn_delay_ms {
                histogram!(TURN_DELAY).record_many(mean_ms / 1_000.0, answers as usize);
            }
            if let Some(pct) = gain.loss_pct {
                histogram!(LOSS).record(pct / 100.0);
            }
        });
    }

    /// All of it in Prometheus' text format, with as many open sessions as there are now.
    #[must_use]
    pub fn render(&self, open_sessions: u32) -> String {
        self.record(|| gauge!(SESSIONS_OPEN).set(open_sessions));
        self.0.handle.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(metrics: &Metrics, name: &str) -> Vec<String> {
        let text = metrics.render(0);
        text.lines().filter(|it| it.starts_with(name)).map(str::to_owned).collect()
    }

    /// S003-29, S003-60, S003-69, S004-15..17.
    #[test]
    fn figures_become_counters_and_histograms() {
        let metrics = Metrics::default();
        metrics.gained(&Gain {
            negotiation_ms: Some(70.0),
            turn_delay_ms: Some((300.0, 2)),
            relay_seconds: 4,
            relay_bytes: 9_000,
            pair: Some(("relay", "udp")),
            loss_pct: Some(1.0),
            ..Gain::default()
        });
        for line in [
            "vivavoce_negotiation_seconds_bucket{le=\"0.05\"} 0",
            "vivavoce_negotiation_seconds_bucket{le=\"0.1\"} 1",
            "vivavoce_turn_delay_seconds_sum 0.6",
            "vivavoce_turn_delay_seconds_count 2",
            "vivavoce_turn_relay_seconds_total 4",
            "vivavoce_turn_relay_bytes_total 9000",
            "vivavoce_candidate_pairs_total{type=\"relay\",transport=\"udp\"} 1",
            "vivavoce_packet_loss_ratio_sum 0.01",
            "vivavoce_first_audio_seconds_count 0",
        ] {
            assert!(metrics.render(0).lines().any(|it| it == line), "{line} in {}", metrics.render(0));
        }
    }

    /// S003-29, S003-61: what is measured is found under its own name and no other.
    #[test]
    fn every_figure_has_its_own_name() {
        let metrics = Metrics::default();
        metrics.gained(&Gain {
            negotiation_ms: Some(1_000.0),
            first_audio_ms: Some(2_000.0),
            turn_delay_ms: Some((3_000.0, 1)),
            jitter_ms: Some(4_000.0),
            rtt_ms: Some(5_000.0),
            loss_pct: Some(6.0),
            ice_restarts: 7,
            stalls: 8,
            gaps: 9,
            relay_seconds: 10,
            relay_bytes: 11,
            pair: None,
        });
        for line in [
            "vivavoce_negotiation_seconds_sum 1",
            "vivavoce_first_audio_seconds_sum 2",
            "vivavoce_turn_delay_seconds_sum 3",
            "vivavoce_jitter_seconds_sum 4",
            "vivavoce_round_trip_seconds_sum 5",
            "vivavoce_packet_loss_ratio_sum 0.06",
            "vivavoce_ice_restarts_total 7",
            "vivavoce_stalls_total 8",
            "vivavoce_gaps_total 9",
            "vivavoce_turn_relay_seconds_total 10",
            "vivavoce_turn_relay_bytes_total 11",
        ] {
            assert!(metrics.render(0).lines().any(|it| it == line), "{line} in {}", metrics.render(0));
        }
    }

    /// S003-22: every label is there from the start, so that the first one is an increase.
    #[test]
    fn what_has_not_happened_yet_is_zero() {
        let metrics = Metrics::default();
        for (name, labels) in [
            (FALLBACKS, Fallback::ALL.len()),
            (SESSIONS_ENDED, EndReason::ALL.len()),
            (PROVIDER_FAULTS, UpstreamFault::ALL.len()),
            (CANDIDATE_PAIRS, CANDIDATES.len() * TRANSPORTS.len()),
        ] {
            assert_eq!(lines(&metrics, name).len(), labels, "{name}");
            assert!(lines(&metrics, name).iter().all(|it| it.ends_with(" 0")), "{name}");
        }
        metrics.fell_back(Fallback::Ice);
        metrics.ended(EndReason::TimeUp);
        metrics.called(Route::Socket);
        metrics.failed(UpstreamFault::Quota);
        for (name, line) in [
            (FALLBACKS, "vivavoce_fallbacks_total{reason=\"ice\"} 1"),
            (SESSIONS_ENDED, "vivavoce_sessions_ended_total{reason=\"time_up\"} 1"),
            (CALLS, "vivavoce_calls_total{route=\"socket\"} 1"),
            (PROVIDER_FAULTS, "vivavoce_provider_faults_total{fault=\"quota\"} 1"),
        ] {
            assert!(lines(&metrics, name).iter().any(|it| it == line), "{line}");
        }
        assert!(lines(&Metrics::default(), FALLBACKS).iter().all(|it| it.ends_with(" 0")), "each server has its own");
    }
}
