//! The figures of a session as they come in: delays from what happened when, the line from the browser's statistics.

use std::time::Duration;

use super::{Measured, Quality};
use crate::engine::protocol::room::PageStats;
use crate::engine::time::Tick;

/// What the browser's statistics say of the line at one moment. Counts are since the call began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineStats {
    pub received: u64,
    pub lost: i64,
    /// The same of what we send, where we count it ourselves.
    pub sent: u64,
    pub dropped: u64,
    /// Percent of what we send that the far end has lost lately, where it says so.
    pub far_loss_pct: Option<f64>,
    pub jitter_ms: Option<f64>,
    pub rtt_ms: Option<f64>,
    /// Answers to connectivity checks of the selected pair, where the browser counts them.
    pub responses: Option<u64>,
    /// `host`, `srflx`, `prflx` or `relay`, of our side of the selected pair.
    pub candidate_type: Option<String>,
    /// `udp`, `tcp` or `tls`: to the TURN server where there is one.
    pub transport: Option<String>,
    /// Of the selected pair, both ways.
    pub bytes: u64,
    /// Holes in the sound that were filled.
    pub gaps: u64,
    /// Samples that left the jitter buffer, and the seconds that they were in it, added up.
    pub emitted: u64,
    pub buffered_s: f64,
    /// How long our own jitter buffer holds sound back, where that is the one in use.
    pub held_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    First,
    Turn,
}

/// Collects the figures. What is not measured stays unknown, never zero.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    measured: Measured,
    page: PageStats,
    quality: Quality,
    waiting: Option<(Wait, Tick)>,
    last: Option<[Count; 2]>,
    /// Samples that left the jitter buffer at the last look, and the seconds of all of them.
    buffered: (u64, f64),
    /// When the line was last seen to be relayed, without a break since.
    relayed: Option<Tick>,
    relayed_for: Duration,
    bytes: Total,
    gaps: Total,
    revision: u64,
}

/// What came through in one direction, and what was lost.
#[derive(Clone, Copy, Debug)]
struct Count(u64, i64);

impl Count {
    /// Percent that was lost since `last`. None: nothing was on its way.
    fn loss_pct(self, last: Self) -> Option<f64> {
        let through = self.0.saturating_sub(last.0);
        let lost = u64::try_from(self.1 - last.1).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "packets of a few seconds")]
        let pct = 100.0 * lost as f64 / (through + lost) as f64;
        (through + lost > 0).then_some(pct)
    }
}

/// A count that begins anew with every call, as a sum over all of them.
#[derive(Clone, Copy, Debug, Default)]
struct Total(u64);

impl Total {
    /// What is new since the last look.
    fn more(&mut self, now: u64) -> u64 {
        let last = std::mem::replace(&mut self.0, now);
        now.checked_sub(last).unwrap_or(now)
    }
}

impl Figures {
    /// Changes whenever a figure does.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    #[must_use]
    pub const fn measured(&self) -> &Measured {
        &self.measured
    }

    #[must_use]
    pub const fn quality(&self) -> &Quality {
        &self.quality
    }

    /// What the server is told.
    #[must_use]
    pub const fn page(&self) -> &PageStats {
        &self.page
    }

    /// A call is live. The first negotiation is the one that the page shows; the server is told of each.
    pub fn connected(&mut self, negotiation_ms: Option<f64>, now_unix_ms: f64, ice_restarts: u32) {
        self.revision += 1;
        // The figures of another path say nothing of this one.
        self.quality = Quality::default();
        self.last = None;
        self.buffered = (0, 0.0);
        self.measured.negotiation_ms = self.measured.negotiation_ms.or(negotiation_ms);
        if negotiation_ms.is_some() {
            self.page.negotiation_ms = negotiation_ms;
            self.page.negotiations += 1;
        }
        self.page.stream_started_at.get_or_insert(now_unix_ms);
        self.page.ice_restarts = ice_restarts;
    }

    /// What the microphone gave.
    pub fn microphone(&mut self, rate_hz: Option<u32>, channels: Option<u32>) {
        self.page.mic_rate_hz = rate_hz;
        self.page.mic_channels = channels;
    }

    /// The first question was asked for (S003-10).
    pub fn asked(&mut self, now: Tick) {
        if self.measured.first_audio_ms.is_none() && self.waiting.is_none() {
            self.waiting = Some((Wait::First, now));
        }
    }

    /// A turn of the candidate is over: the answer is waited for.
    pub fn turn_ended(&mut self, now: Tick) {
        self.waiting = Some((Wait::Turn, now));
    }

    /// The line dropped, and is being mended.
    pub fn interrupted(&mut self) {
        self.renewed();
        self.page.stalls += 1;
    }

    /// Another call is made: a delay that spans that says nothing about the interviewer.
    pub fn renewed(&mut self) {
        self.waiting = None;
        self.last = None;
        self.relayed = None;
    }

    /// The interviewer is audible. Returns whether that completed a figure.
    pub fn heard(&mut self, now: Tick) -> bool {
        let Some((wait, since)) = self.waiting.take() else { return false };
        self.revision += 1;
        let delay_ms = now.since(since).as_secs_f64() * 1_000.0;
        match wait {
            Wait::First => {
                self.measured.first_audio_ms = Some(delay_ms);
                self.page.first_audio_ms = Some(delay_ms);
            }
            Wait::Turn => {
                self.measured.turn_delays_ms.push(delay_ms);
                self.page.turn_delay_ms = Some(delay_ms);
                self.page.latency_sum_ms += delay_ms;
                self.page.response_count += 1;
            }
        }
        true
    }

    /// The line over the last seconds.
    pub fn line(&mut self, now: Tick, stats: &LineStats) {
        self.revision += 1;
        let counts = [Count(stats.received, stats.lost), Count(stats.sent, stats.dropped.cast_signed())];
        if let Some(last) = self.last.replace(counts) {
            let [inbound, outbound] = [0, 1].map(|way| counts[way].loss_pct(last[way]));
            // Whichever side is not understood: the line is as good as its worse direction.
            let worst = [inbound, outbound, stats.far_loss_pct].into_iter().flatten().reduce(f64::max);
            self.quality.loss_pct = worst.or(self.quality.loss_pct);
            self.measured.loss_pct.extend(worst);
        }
        self.quality.rtt_ms = stats.rtt_ms.or(self.quality.rtt_ms);
        self.quality.jitter_ms = stats.jitter_ms;
        self.quality.relayed = stats.candidate_type.as_deref() == Some("relay");
        self.measured.jitter_ms.extend(stats.jitter_ms);
        self.page.jitter_ms = stats.jitter_ms;
        self.page.loss_pct = self.quality.loss_pct;
        self.page.rtt_ms = self.quality.rtt_ms;
        self.page.candidate_type.clone_from(&stats.candidate_type);
        self.page.transport.clone_from(&stats.transport);
        let (emitted, seconds) = std::mem::replace(&mut self.buffered, (stats.emitted, stats.buffered_s));
        #[expect(clippy::cast_precision_loss, reason = "samples of a few seconds")]
        let mean = stats.emitted.checked_sub(emitted).map(|it| 1_000.0 * (stats.buffered_s - seconds) / it as f64);
        self.page.buffered_ms = stats.held_ms.or(mean.filter(|it| it.is_finite()));
        self.quality.held_ms = self.page.buffered_ms.or(self.quality.held_ms);
        let gaps = self.gaps.more(stats.gaps);
        self.page.gaps = self.page.gaps.saturating_add(u32::try_from(gaps).unwrap_or(u32::MAX));
        let bytes = self.bytes.more(stats.bytes);
        let relayed = self.relayed.take();
        if self.quality.relayed {
            self.relayed = Some(now);
            self.relayed_for += relayed.map_or(Duration::ZERO, |since| now.since(since));
            self.page.relay_seconds = u32::try_from(self.relayed_for.as_secs()).unwrap_or(u32::MAX);
            self.page.relay_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S003-11, S003-60, S004-15, S004-16.
    #[test]
    fn delays_run_from_the_request_or_the_turns_end_to_the_first_sound() {
        let mut figures = Figures::default();
        figures.asked(Tick::from_ms(100));
        assert!(figures.heard(Tick::from_ms(400)));
        assert!(!figures.heard(Tick::from_ms(450)), "a delay is counted once");
        figures.asked(Tick::from_ms(500));
        for (end, heard) in [(1_000, 1_300), (5_000, 5_500)] {
            figures.turn_ended(Tick::from_ms(end));
            assert!(figures.heard(Tick::from_ms(heard)));
        }
        assert_eq!(figures.measured().first_audio_ms, Some(300.0));
        assert_eq!(figures.measured().turn_delays_ms, [300.0, 500.0]);
        assert_eq!((figures.page().latency_sum_ms, figures.page().mean_latency_ms()), (800.0, Some(400.0)));
    }

    #[test]
    fn a_delay_that_spans_a_repair_is_not_counted() {
        let mut figures = Figures::default();
        figures.turn_ended(Tick::ZERO);
        figures.interrupted();
        assert!(!figures.heard(Tick::from_ms(9_000)));
    }

    /// S003-61: loss is that of the last seconds, not of the whole call.
    #[test]
    fn loss_is_counted_between_two_looks() {
        let mut figures = Figures::default();
        for (received, lost, expected) in [(100, 50, None), (190, 60, Some(10.0)), (290, 60, Some(0.0))] {
            figures.line(Tick::ZERO, &LineStats { received, lost, jitter_ms: Some(2.0), ..LineStats::default() });
            assert_eq!(figures.quality().loss_pct, expected);
        }
        assert_eq!(figures.measured().jitter_ms, [2.0, 2.0, 2.0]);
    }

    /// S003-61: a line on which the candidate is not understood is no good line, however well the interviewer is.
    #[test]
    fn the_loss_of_a_line_is_that_of_its_worse_direction() {
        use crate::engine::quality::Verdict;
        let mut figures = Figures::default();
        let mut look = |received, lost, sent, dropped, far_loss_pct| {
            let stats = LineStats { received, lost, sent, dropped, far_loss_pct, ..LineStats::default() };
            figures.line(Tick::ZERO, &stats);
            (figures.quality().loss_pct, figures.quality().verdict())
        };
        assert_eq!(look(100, 0, 100, 0, None), (None, Verdict::Unknown));
        assert_eq!(look(200, 0, 190, 10, None), (Some(10.0), Verdict::Poor), "left out before it was sent");
        assert_eq!(look(290, 10, 290, 10, None), (Some(10.0), Verdict::Poor), "the interviewer's");
        assert_eq!(look(390, 10, 390, 10, Some(3.0)), (Some(3.0), Verdict::Fair), "the far end misses it");
        assert_eq!(look(490, 10, 490, 10, Some(0.0)), (Some(0.0), Verdict::Good));
        assert_eq!(look(490, 10, 0, 0, None), (Some(0.0), Verdict::Good), "another count, from zero");
        assert_eq!(look(490, 10, 90, 10, None), (Some(10.0), Verdict::Poor), "nobody speaks to the candidate");
    }

    /// S003-29: what a TURN server forwarded is a sum over all calls, and over those parts only that it did forward.
    #[test]
    fn relayed_time_and_bytes_add_up_over_calls() {
        let mut figures = Figures::default();
        let mut look = |at_ms, kind: &str, bytes, gaps| {
            let candidate_type = Some(kind.to_owned());
            figures.line(Tick::from_ms(at_ms), &LineStats { candidate_type, bytes, gaps, ..LineStats::default() });
            let page = figures.page();
            (page.relay_seconds, page.relay_bytes, page.gaps)
        };
        assert_eq!(look(2_000, "host", 5_000, 1), (0, 0, 1));
        assert_eq!(look(4_000, "relay", 500, 1), (0, 500, 1), "another pair counts from zero");
        assert_eq!(look(6_000, "relay", 9_000, 3), (2, 9_000, 3));
        assert_eq!(look(8_000, "host", 100, 3), (2, 9_000, 3));
        figures.interrupted();
        let candidate_type = Some("relay".to_owned());
        figures.line(Tick::from_ms(60_000), &LineStats { candidate_type, bytes: 50, ..LineStats::default() });
        assert_eq!((figures.page().relay_seconds, figures.page().stalls), (2, 1), "the break is nobody's time");
    }

    /// S000-23: what the jitter buffer holds now, not on the average of the call.
    #[test]
    fn the_jitter_buffer_is_measured_between_two_looks() {
        let mut figures = Figures::default();
        let mut look = |emitted, buffered_s| {
            figures.line(Tick::ZERO, &LineStats { emitted, buffered_s, ..LineStats::default() });
            figures.page().buffered_ms
        };
        assert_eq!(look(0, 0.0), None, "nothing came");
        assert_eq!(look(1_000, 50.0), Some(50.0));
        assert_eq!(look(2_000, 250.0), Some(200.0));
        assert_eq!(look(2_000, 250.0), None);
        figures.connected(None, 0.0, 0);
        let another = LineStats { emitted: 3_000, buffered_s: 90.0, ..LineStats::default() };
        figures.line(Tick::ZERO, &another);
        assert_eq!(figures.page().buffered_ms, Some(30.0), "another call counts from zero");
        assert_eq!(figures.quality().held_ms, Some(30.0), "and that is shown");
        figures.line(Tick::ZERO, &LineStats { held_ms: Some(60.0), ..LineStats::default() });
        assert_eq!(figures.page().buffered_ms, Some(60.0), "on the Socket the buffer is ours");
    }

    #[test]
    fn the_first_negotiation_is_the_one_shown_and_each_is_told() {
        let mut figures = Figures::default();
        figures.connected(Some(80.0), 1_000.0, 0);
        figures.connected(Some(500.0), 9_000.0, 2);
        figures.connected(None, 12_000.0, 2);
        assert_eq!(figures.measured().negotiation_ms, Some(80.0));
        let page = figures.page();
        assert_eq!((page.negotiation_ms, page.negotiations), (Some(500.0), 2), "on the Socket no peer negotiates");
        assert_eq!((page.stream_started_at, page.ice_restarts), (Some(1_000.0), 2));
    }
}
