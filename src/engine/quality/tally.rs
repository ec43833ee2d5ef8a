//! What one session adds to the sums of the whole house. A page tells totals since it was loaded; counted is what is new,
//! and no more than can be true: it is the candidate's browser that tells it.

use crate::engine::protocol::room::PageStats;

/// Longer delays are no measurement.
const LONGEST_MS: f64 = 60_000.0;
/// What may be new at a time: a page tells its figures every five seconds.
const MOST: u32 = 1_000;
/// And of bytes: an hour of Opus, both ways.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// What is none of the words that we know.
const OTHER: &str = "other";

/// The types of a candidate, as they are counted.
pub const CANDIDATES: [&str; 5] = ["host", "srflx", "prflx", "relay", OTHER];
/// The transports of its pair.
pub const TRANSPORTS: [&str; 4] = ["udp", "tcp", "tls", OTHER];

/// What is new. Delays in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gain {
    pub negotiation_ms: Option<f64>,
    pub first_audio_ms: Option<f64>,
    /// The mean of the answers that are new, and how many they are.
    pub turn_delay_ms: Option<(f64, u32)>,
    pub jitter_ms: Option<f64>,
    pub rtt_ms: Option<f64>,
    pub loss_pct: Option<f64>,
    pub ice_restarts: u32,
    pub stalls: u32,
    pub gaps: u32,
    pub relay_seconds: u32,
    pub relay_bytes: u64,
    /// The candidate type and the transport of a pair that was not in use before.
    pub pair: Option<(&'static str, &'static str)>,
}

/// What all pages of a session have measured, one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    /// The first negotiation, and how many there were.
    pub negotiation_ms: Option<f64>,
    pub negotiations: u32,
    /// Until the first sound of the session.
    pub first_audio_ms: Option<f64>,
    pub latency_sum_ms: f64,
    pub response_count: u32,
    pub ice_restarts: u32,
    pub stalls: u32,
    pub gaps: u32,
    pub relay_seconds: u32,
    pub relay_bytes: u64,
}

impl Sums {
    /// Adds what is new.
    pub fn add(&mut self, gain: &Gain) {
        self.negotiation_ms = self.negotiation_ms.or(gain.negotiation_ms);
        self.negotiations += u32::from(gain.negotiation_ms.is_some());
        self.first_audio_ms = self.first_audio_ms.or(gain.first_audio_ms);
        if let Some((mean_ms, answers)) = gain.turn_delay_ms {
            self.latency_sum_ms += mean_ms * f64::from(answers);
            self.response_count += answers;
        }
        self.ice_restarts += gain.ice_restarts;
        self.stalls += gain.stalls;
        self.gaps += gain.gaps;
        self.relay_seconds += gain.relay_seconds;
        self.relay_bytes = self.relay_bytes.saturating_add(gain.relay_bytes);
    }

    /// The mean of the response delays; none before the first.
    #[must_use]
    pub fn mean_latency_ms(&self) -> Option<f64> {
        (self.response_count > 0).then(|| self.latency_sum_ms / f64::from(self.response_count))
    }
}

/// Answers between two reports of a page, which are seconds apart. Each is a sample that is kept for some time.
const MOST_ANSWERS: u32 = 20;

/// What was counted of one session.
#[derive(Clone, Debug, Default)]
pub struct Tally(PageStats);

impl Tally {
    /// The candidate type and the transport of the pair that is in use.
    #[must_use]
    pub fn pair(&self) -> Option<(&'static str, &'static str)> {
        pair(&self.0)
    }

    /// What `stats` adds.
    pub fn add(&mut self, stats: &PageStats) -> Gain {
        let mut last = std::mem::replace(&mut self.0, stats.clone());
        // A page that was loaded again begins its totals, and says another beginning.
        if last.stream_started_at.is_some_and(|it| stats.stream_started_at != Some(it)) {
            last = PageStats::default();
        }
        let answers = more(stats.response_count, last.response_count);
        let sum_ms = stats.latency_sum_ms - last.latency_sum_ms;
        Gain {
            negotiation_ms: stats.negotiation_ms.filter(|_| stats.negotiations > last.negotiations).and_then(sane),
            first_audio_ms: changed(stats.first_audio_ms, last.first_audio_ms),
            turn_delay_ms: sane(sum_ms / f64::from(answers)).map(|mean| (mean, answers.min(MOST_ANSWERS))),
            jitter_ms: stats.jitter_ms.and_then(sane),
            rtt_ms: stats.rtt_ms.and_then(sane),
            loss_pct: stats.loss_pct.filter(|it| (0.0..=100.0).contains(it)),
            ice_restarts: more(stats.ice_restarts, last.ice_restarts),
            stalls: more(stats.stalls, last.stalls),
            gaps: more(stats.gaps, last.gaps),
            relay_seconds: more(stats.relay_seconds, last.relay_seconds),
            relay_bytes: stats.relay_bytes.saturating_sub(last.relay_bytes).min(MOST_BYTES),
            pair: pair(stats).filter(|it| Some(*it) != pair(&last)),
        }
    }
}

/// How much a total has grown.
fn more(now: u32, last: u32) -> u32 {
    now.saturating_sub(last).min(MOST)
}

fn changed(now: Option<f64>, last: Option<f64>) -> Option<f64> {
    now.filter(|_| now != last).and_then(sane)
}

fn sane(ms: f64) -> Option<f64> {
    (0.0..=LONGEST_MS).contains(&ms).then_some(ms)
}

fn pair(told: &PageStats) -> Option<(&'static str, &'static str)> {
    Some((candidate(told.candidate_type.as_deref()?), transport(told.transport.as_deref())))
}

/// One of few words, whatever a page says.
fn candidate(told: &str) -> &'static str {
    CANDIDATES.into_iter().find(|it| *it == told).unwrap_or(OTHER)
}

fn transport(told: Option<&str>) -> &'static str {
    TRANSPORTS.into_iter().find(|it| Some(*it) == told).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(response_count: u32, latency_sum_ms: f64) -> PageStats {
        PageStats { response_count, latency_sum_ms, stream_started_at: Some(1.0), ..PageStats::default() }
    }

    /// S004-15, S004-16: every answer is counted once, however often the totals are told.
    #[test]
    fn what_was_counted_is_not_counted_again() {
        let mut tally = Tally::default();
        let mut gain = |count, sum| tally.add(&told(count, sum)).turn_delay_ms;
        assert_eq!(gain(0, 0.0), None);
        assert_eq!(gain(1, 300.0), Some((300.0, 1)));
        assert_eq!(gain(1, 300.0), None);
        assert_eq!(gain(3, 1_100.0), Some((400.0, 2)), "a report that got lost in between");
        let again = PageStats { stream_started_at: Some(2.0), ..told(4, 2_000.0) };
        assert_eq!(tally.add(&again).turn_delay_ms, Some((500.0, 4)), "the page was loaded again");
        let flood = PageStats { stream_started_at: Some(3.0), ..told(1_000, 5_000.0) };
        assert_eq!(tally.add(&flood).turn_delay_ms, Some((5.0, MOST_ANSWERS)), "no page has so many in a few seconds");
    }

    /// S003-29, S003-61.
    #[test]
    fn relay_and_trouble_are_sums_over_every_page_of_the_session() {
        let mut tally = Tally::default();
        let mut sum = (0, 0, 0, 0);
        for (began, relay_seconds, relay_bytes, stalls, gaps) in
            [(1.0, 2, 4_000, 0, 1), (1.0, 6, 9_000, 1, 1), (2.0, 1, 500, 0, 2)]
        {
            let stream_started_at = Some(began);
            let stats =
                PageStats { relay_seconds, relay_bytes, stalls, gaps, stream_started_at, ..PageStats::default() };
            let gain = tally.add(&stats);
            sum = (sum.0 + gain.relay_seconds, sum.1 + gain.relay_bytes, sum.2 + gain.stalls, sum.3 + gain.gaps);
        }
        assert_eq!(sum, (7, 9_500, 1, 3));
    }

    /// A new peer, an ICE restart or a return to WebRTC is another negotiation, though it may take as long as the one before.
    #[test]
    fn every_negotiation_is_counted_once() {
        let (mut tally, mut sums) = (Tally::default(), Sums::default());
        let mut gain = |began, negotiations, ms| {
            let (stream_started_at, negotiation_ms) = (Some(began), Some(ms));
            let gain =
                tally.add(&PageStats { negotiations, negotiation_ms, stream_started_at, ..PageStats::default() });
            sums.add(&gain);
            gain.negotiation_ms
        };
        assert_eq!(gain(1.0, 1, 70.0), Some(70.0));
        assert_eq!(gain(1.0, 1, 70.0), None);
        assert_eq!(gain(1.0, 2, 70.0), Some(70.0));
        assert_eq!(gain(1.0, 3, 300.0), Some(300.0));
        assert_eq!(gain(2.0, 1, 90.0), Some(90.0), "the page was loaded again");
        assert_eq!((sums.negotiation_ms, sums.negotiations), (Some(70.0), 4));
    }

    #[test]
    fn a_pair_is_counted_when_it_changes_and_named_in_few_words() {
        let mut tally = Tally::default();
        let mut pair = |candidate: &str, transport: Option<&str>| {
            let (candidate_type, transport) = (Some(candidate.to_owned()), transport.map(str::to_owned));
            tally.add(&PageStats { candidate_type, transport, ..PageStats::default() }).pair
        };
        assert_eq!(pair("host", Some("udp")), Some(("host", "udp")));
        assert_eq!(pair("host", Some("udp")), None);
        assert_eq!(pair("relay", Some("tls")), Some(("relay", "tls")));
        assert_eq!(pair("\"} 1\n", None), Some(("other", "other")));
    }

    #[test]
    fn what_cannot_be_true_is_not_counted() {
        let stats = PageStats {
            negotiation_ms: Some(f64::NAN),
            negotiations: 1,
            first_audio_ms: Some(-1.0),
            jitter_ms: Some(f64::INFINITY),
            loss_pct: Some(101.0),
            relay_bytes: u64::MAX,
            stalls: u32::MAX,
            ..told(1, 1e300)
        };
        let gain = Tally::default().add(&stats);
        let expected = Gain { relay_bytes: MOST_BYTES, stalls: MOST, ..Gain::default() };
        assert_eq!(gain, expected);
    }
}
