//! How many events a client may send.

use std::time::{Duration, Instant};

/// Events that may come at once.
const BURST: u32 = 200;

/// What is earned back.
const EVENT: Duration = Duration::from_millis(20);

/// A token bucket: 200 events at once, 50 in a second for long.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// When the bucket will be full again.
    full_at: Instant,
}

impl Flood {
    /// A full bucket.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one event; false if it is one too many.
    pub fn allows(&mut self, now: Instant) -> bool {
        let next = self.full_at.max(now) + EVENT;
        let allowed = next.duration_since(now) <= EVENT * BURST;
        if allowed {
            self.full_at = next;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_a_flood_is_not() {
        let start = Instant::now();
        let mut flood = Flood::new(start);
        assert_eq!((0..1_000).filter(|_| flood.allows(start)).count(), 200);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..1_000).filter(|_| flood.allows(later)).count(), 50);
    }
}
