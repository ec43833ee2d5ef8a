//! Whether the far end's sound still flows, and what its silence means.

use std::time::{Duration, Instant};

/// Without a packet for so long nothing can be said about the far end.
pub const STARVED: Duration = Duration::from_millis(300);

/// The sound that a far end sends. A browser with a microphone sends without a pause.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    heard_at: Option<Instant>,
}

impl Flow {
    /// Sound came.
    pub const fn audio(&mut self, now: Instant) {
        self.heard_at = Some(now);
    }

    /// Whether sound came once and does not any more.
    #[must_use]
    pub fn is_starved(&self, now: Instant) -> bool {
        self.heard_at.is_some_and(|at| now.duration_since(at) > STARVED)
    }

    /// Whether the path seems to be dead: everything stopped, and sound came up to then. A far end that has no microphone
    /// is quiet for seconds. `last`: when anything at all came.
    #[must_use]
    pub fn is_cut_off(&self, now: Instant, last: Instant) -> bool {
        let flowed = self.heard_at.is_some_and(|at| last.duration_since(at) < STARVED);
        flowed && now.duration_since(last) > STARVED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_dead_when_everything_stops_at_once() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut flow = Flow::default();
        assert!(!flow.is_cut_off(at(9_000), at(0)), "a far end without a microphone");
        flow.audio(at(10_000));
        assert!(!flow.is_cut_off(at(10_250), at(10_020)) && !flow.is_starved(at(10_250)));
        assert!(flow.is_cut_off(at(10_400), at(10_020)) && flow.is_starved(at(10_400)));
        assert!(!flow.is_cut_off(at(14_000), at(12_000)), "its microphone is gone, and it is not");
        assert!(flow.is_starved(at(14_000)));
    }
}
