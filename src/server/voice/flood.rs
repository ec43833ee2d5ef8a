//! How much a client may send.

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

/// Sound in events: so many bytes in a second for long. Speech in base64 is 64 kB, so this is sixteen times as fast.
const SOUND_BYTES_PER_S: u64 = 1024 * 1024;

/// What may come at once: a minute of speech.
const SOUND_BURST: Duration = Duration::from_secs(4);

/// The least that an event is counted as, so that tiny ones are no way round.
const SOUND_EVENT_BYTES: usize = 1024;

/// Slows sound down that comes much faster than it is played. Nobody is refused for it: they wait.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    full_at: Instant,
}

impl Throttle {
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes an event of so many bytes, and answers when the next one may come.
    pub fn take(&mut self, bytes: usize, now: Instant) -> Instant {
        let bytes = u64::try_from(bytes.max(SOUND_EVENT_BYTES)).unwrap_or(u64::MAX);
        self.full_at =
            self.full_at.max(now) + Duration::from_micros(bytes.saturating_mul(1_000_000) / SOUND_BYTES_PER_S);
        self.full_at.checked_sub(SOUND_BURST).map_or(now, |at| at.max(now))
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

    #[test]
    fn sound_at_twenty_events_a_second_never_waits_and_a_long_recording_does() {
        let start = Instant::now() + SOUND_BURST * 2;
        let mut throttle = Throttle::new(start);
        for n in 0..10_000 {
            let now = start + Duration::from_millis(50) * n;
            assert_eq!(throttle.take(4_000, now), now);
        }
        let mut throttle = Throttle::new(start);
        let waits: Vec<Duration> = (0..6).map(|_| throttle.take(1024 * 1024, start) - start).collect();
        let seconds: Vec<u64> = waits.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [0, 0, 0, 0, 1, 2]);
    }
}
