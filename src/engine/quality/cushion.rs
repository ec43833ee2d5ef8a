//! How much sound the receiver is to hold back, so that what comes irregularly is heard evenly (S003-38).

/// Jitter up to this needs no more than the receiver keeps by itself.
const CALM_MS: f64 = 15.0;
/// Packets are rarely later than so many times the mean deviation that RFC 3550 calls jitter.
const SPREAD: f64 = 3.0;
const STEP_MS: u32 = 20;
/// More delay than this is worse than a gap.
const MOST_MS: u32 = 200;
/// So many looks in a row have to need less before less is held back: a look is two seconds.
const PATIENCE: u32 = 5;

/// Follows the measured jitter: up at once, down a step at a time.
#[derive(Clone, Debug, Default)]
pub struct Cushion {
    held_ms: u32,
    calm: u32,
}

impl Cushion {
    /// Takes the jitter of the last look. Answers how many milliseconds are to be held back, where that changes.
    pub fn follow(&mut self, jitter_ms: f64) -> Option<u32> {
        let needed_ms = needed(jitter_ms);
        self.calm = if needed_ms < self.held_ms { self.calm + 1 } else { 0 };
        if needed_ms > self.held_ms {
            self.held_ms = needed_ms;
        } else if self.calm >= PATIENCE {
            self.calm = 0;
            self.held_ms -= STEP_MS;
        } else {
            return None;
        }
        Some(self.held_ms)
    }
}

fn needed(jitter_ms: f64) -> u32 {
    if jitter_ms <= CALM_MS {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number of steps")]
    let steps = (SPREAD * jitter_ms / f64::from(STEP_MS)).ceil() as u32;
    steps.saturating_mul(STEP_MS).min(MOST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S003-38
    #[test]
    fn the_cushion_grows_at_once_and_shrinks_slowly() {
        let mut cushion = Cushion::default();
        let mut held = |jitter: &[f64]| jitter.iter().map(|it| cushion.follow(*it)).collect::<Vec<_>>();
        assert_eq!(held(&[2.0, 15.0]), [None, None], "a calm line costs nothing");
        assert_eq!(held(&[30.0, 30.0, 41.0]), [Some(100), None, Some(140)]);
        assert_eq!(held(&[5.0, 5.0, 5.0, 5.0, 41.0]), [None; 5], "one bad look begins the wait anew");
        assert_eq!(held(&[5.0, 5.0, 5.0, 5.0, 5.0, 5.0]), [None, None, None, None, Some(120), None]);
        assert_eq!(held(&[1e9]), [Some(200)]);
    }
}
