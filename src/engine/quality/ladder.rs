//! What our own sound may cost: the far end reports how much of it was lost, and the bitrate follows (RFC 3550, 6.4.1).
//!
//! Loss is taken for a line that is full. Less is sent at once, and more of it is spent on redundancy, so that a lost packet
//! is recovered from the next one; back up it goes slowly, a rung at a time.

use std::time::Duration;

use crate::engine::time::Tick;

/// What an Opus encoder is given to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusRate {
    pub bits_per_s: u32,
    /// Percent of the packets that are expected to be lost: how much goes into forward error correction.
    pub expected_loss_pct: u8,
}

impl OpusRate {
    /// The most, on a line without fault.
    pub const FULL: Self = Self::LADDER[0];

    /// From the most to the least.
    pub const LADDER: [Self; 3] = [Self::new(32_000, 10), Self::new(24_000, 20), Self::new(16_000, 30)];

    const fn new(bits_per_s: u32, expected_loss_pct: u8) -> Self {
        Self { bits_per_s, expected_loss_pct }
    }
}

/// A loss that FEC and concealment hide, as a share. Below it the line is calm.
const CALM: f64 = 0.02;
/// A loss that is heard.
const HEARD: f64 = 0.05;
/// A loss under which nothing but the least gets through.
const HEAVY: f64 = 0.2;
/// How long a line has to be calm before a rung up is tried.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which rate a stream is at.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpusLadder {
    /// Index into [`OpusRate::LADDER`].
    rung: usize,
    /// Since when the line has been calm, or when the last rung up was tried.
    calm_since: Option<Tick>,
}

impl OpusLadder {
    /// Takes what a receiver report says was lost, as a share of what was sent since the one before. Answers with the new rate
    /// where it changes.
    pub fn report(&mut self, now: Tick, loss: f64) -> Option<OpusRate> {
        let before = self.rung;
        let last = OpusRate::LADDER.len() - 1;
        if loss >= HEARD {
            self.rung = if loss >= HEAVY { last } else { last.min(before + 1) };
        }
        if loss >= CALM {
            self.calm_since = None;
        } else {
            let since = *self.calm_since.get_or_insert(now);
            if now.since(since) >= PATIENCE && before > 0 {
                self.rung -= 1;
                self.calm_since = Some(now);
            }
        }
        (self.rung != before).then(|| self.rate())
    }

    /// The rate as it is.
    #[must_use]
    pub fn rate(&self) -> OpusRate {
        OpusRate::LADDER.get(self.rung).copied().unwrap_or(OpusRate::FULL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports as `(second, loss)`, and the kilobits per second after each.
    fn run(reports: &[(u64, f64)]) -> Vec<u32> {
        let mut ladder = OpusLadder::default();
        let kbit = |(s, loss): &(u64, f64)| {
            let changed = ladder.report(Tick::from_ms(s * 1_000), *loss);
            assert!(changed.is_none_or(|rate| rate == ladder.rate()));
            ladder.rate().bits_per_s / 1_000
        };
        reports.iter().map(kbit).collect()
    }

    /// S000-32
    #[test]
    fn the_rate_falls_at_once_and_comes_back_slowly() {
        for (case, reports, expected) in [
            ("a clean line", &[(1, 0.0), (100, 0.019)][..], &[32, 32][..]),
            ("a little loss changes nothing", &[(1, 0.03), (2, 0.049), (3, 0.03)], &[32, 32, 32]),
            ("loss that is heard", &[(1, 0.05), (2, 0.06), (3, 0.05)], &[24, 16, 16]),
            ("heavy loss", &[(1, 0.3)], &[16]),
            (
                "back a rung at a time",
                &[(0, 0.3), (5, 0.0), (14, 0.0), (15, 0.0), (24, 0.0), (25, 0.0)],
                &[16, 16, 16, 24, 24, 32],
            ),
            (
                "a little loss begins the wait anew",
                &[(0, 0.1), (1, 0.0), (10, 0.03), (11, 0.0), (20, 0.0), (21, 0.0)],
                &[24, 24, 24, 24, 24, 32],
            ),
            (
                "a rung that was too high",
                &[(0, 0.1), (1, 0.0), (11, 0.0), (12, 0.08), (13, 0.0), (22, 0.0), (23, 0.0)],
                &[24, 24, 32, 24, 24, 24, 32],
            ),
            ("no figure is no loss", &[(0, f64::NAN)], &[32]),
        ] {
            assert_eq!(run(reports), expected, "{case}");
        }
    }

    #[test]
    fn less_to_spend_means_a_larger_share_of_redundancy() {
        let ladder = OpusRate::LADDER;
        assert_eq!(ladder.map(|it| it.bits_per_s), [32_000, 24_000, 16_000]);
        assert!(ladder.windows(2).all(|it| it[0].expected_loss_pct < it[1].expected_loss_pct));
    }
}
