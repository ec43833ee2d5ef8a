//! Notices a dead path long before ICE does: by packets that do not come.
//!
//! `iceConnectionState` needs seconds (RFC 7675 lets consent expire after 30 s), while a far end that sends without pause
//! is known to be gone after a few missing packets.

use std::time::Duration;

use crate::engine::time::Tick;

/// How often the shell is to take a sample.
pub const POLL: Duration = Duration::from_millis(50);
/// Without a packet for this long, where packets must come, the path is dead.
const STALL: Duration = Duration::from_millis(300);
/// Without an answer to a connectivity check for this long, the path is dead whoever is speaking.
const DEAF: Duration = Duration::from_secs(6);
/// A poll that comes later than this was held up by the browser (a hidden tab, a busy page): it counts as one poll, not
/// as the time that passed.
const LATE: Duration = Duration::from_millis(200);

/// What the browser's statistics said at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When it was taken, not when it was handled.
    pub at: Tick,
    /// Inbound RTP packets since the call began.
    pub received: u64,
    /// Answers to connectivity checks of the selected pair. Not every browser counts them.
    pub responses: Option<u64>,
}

/// What a sample says about the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Moving,
    /// Nothing came, which says nothing yet.
    Quiet,
    Stalled,
}

/// Judges one sample after the other.
#[derive(Clone, Debug, Default)]
pub struct Watchdog {
    last: Option<Sample>,
    silent: Duration,
    deaf: Duration,
    /// The far end sends packets even when it says nothing.
    continuous: bool,
}

impl Watchdog {
    /// Forgets the samples so far: a path begins anew. `continuous`: the far end sends without pause, as our own peers do.
    pub fn reset(&mut self, continuous: bool) {
        *self = Self { continuous, ..Self::default() };
    }

    /// The same path begins anew.
    pub fn begin_anew(&mut self) {
        self.reset(self.continuous);
    }

    /// Whether silence says nothing of the path: the far end may pause, and nobody counts its answers.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        !self.continuous && self.last.is_some_and(|it| it.responses.is_none())
    }

    /// Judges `sample`. A stall is told once; the count then begins anew.
    pub fn judge(&mut self, sample: Sample) -> Flow {
        let Some(last) = self.last.replace(sample) else { return Flow::Quiet };
        let gap = sample.at.since(last.at);
        let passed = if gap > LATE { POLL } else { gap };
        let moved = sample.received > last.received;
        let answers = sample.responses.zip(last.responses);
        let answered = answers.is_some_and(|(is, was)| is > was);
        self.silent = if moved { Duration::ZERO } else { self.silent + passed };
        // Where nobody counts answers, their absence says nothing.
        self.deaf = if moved || answered || answers.is_none() { Duration::ZERO } else { self.deaf + passed };
        if moved || (answered && !self.continuous) {
            return Flow::Moving;
        }
        // A far end that may pause is never missed for being silent: a hosted one would be called, and paid, anew for it.
        if self.deaf >= DEAF || (self.continuous && self.silent >= STALL) {
            self.silent = Duration::ZERO;
            self.deaf = Duration::ZERO;
            return Flow::Stalled;
        }
        Flow::Quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds samples `gap` milliseconds apart in which nothing moves, until one is a stall. Milliseconds until then.
    fn stalls_after(dog: &mut Watchdog, gap: u64, responses: Option<bool>) -> Option<u64> {
        (0..400).map(|n| n * gap).find(|&ms| {
            let responses = responses.map(|answered| if answered { ms } else { 0 });
            let sample = Sample { at: Tick::from_ms(ms), received: 7, responses };
            dog.judge(sample) == Flow::Stalled
        })
    }

    fn watchdog(continuous: bool) -> Watchdog {
        Watchdog { continuous, ..Watchdog::default() }
    }

    #[test]
    fn a_far_end_that_never_pauses_is_missed_after_300_ms() {
        assert_eq!(stalls_after(&mut watchdog(true), 50, Some(true)), Some(300));
    }

    #[test]
    fn a_far_end_that_may_pause_is_missed_when_its_checks_stay_unanswered() {
        assert_eq!(stalls_after(&mut watchdog(false), 50, Some(true)), None);
        assert_eq!(stalls_after(&mut watchdog(false), 50, Some(false)), Some(6_000));
    }

    /// A hosted provider that pauses would be called, and paid, anew for what the browser does not count.
    #[test]
    fn a_far_end_that_may_pause_is_not_missed_where_nobody_counts_its_answers() {
        assert_eq!(stalls_after(&mut watchdog(false), 50, None), None);
        assert_eq!(stalls_after(&mut watchdog(true), 50, None), Some(300), "our own never pauses");
    }

    /// A hidden tab polls once a second: that alone is no stall, a real silence is still found.
    #[test]
    fn a_late_poll_counts_as_one_poll() {
        let mut dog = watchdog(true);
        for (ms, received) in [(0, 1), (1_000, 1), (2_000, 40), (62_000, 40), (63_000, 90)] {
            let sample = Sample { at: Tick::from_ms(ms), received, responses: Some(0) };
            assert_ne!(dog.judge(sample), Flow::Stalled, "at {ms} ms");
        }
        assert_eq!(stalls_after(&mut watchdog(true), 1_000, Some(false)), Some(6_000));
    }

    #[test]
    fn a_packet_starts_the_count_anew() {
        let mut dog = watchdog(true);
        for (ms, received, flow) in
            [(0, 1, Flow::Quiet), (200, 1, Flow::Quiet), (250, 2, Flow::Moving), (450, 2, Flow::Quiet)]
        {
            assert_eq!(dog.judge(Sample { at: Tick::from_ms(ms), received, responses: Some(0) }), flow, "at {ms} ms");
        }
    }
}
