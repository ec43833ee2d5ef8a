//! How many audio frames are due.

use std::time::Duration;

/// One frame of audio.
pub const FRAME: Duration = Duration::from_millis(20);

/// After a stall the far end gets two frames at once at the most; what is older is skipped, as the clock went on.
const MAX_BURST: u64 = 2;

/// Counts frames against the clock of the call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Frames sent or skipped so far.
    count: u64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Frames whose time has passed. The RTP timestamp jumps over them.
    pub skip: u32,
    /// Frames to send.
    pub send: u32,
}

impl Pace {
    /// What is due when the stream has run for `elapsed`.
    pub fn due(&mut self, elapsed: Duration) -> Due {
        let target = u64::try_from(elapsed.as_millis() / FRAME.as_millis()).unwrap_or(u64::MAX) + 1;
        let late = target.saturating_sub(self.count);
        self.count = self.count.max(target);
        let send = late.min(MAX_BURST);
        Due { skip: u32::try_from(late - send).unwrap_or(u32::MAX), send: u32::try_from(send).unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_never_followed_by_a_burst_of_more_than_two() {
        let mut pace = Pace::default();
        let at = |ms| Duration::from_millis(ms);
        assert_eq!(pace.due(at(0)), Due { skip: 0, send: 1 });
        assert_eq!(pace.due(at(19)), Due { skip: 0, send: 0 });
        assert_eq!(pace.due(at(21)), Due { skip: 0, send: 1 });
        assert_eq!(pace.due(at(61)), Due { skip: 0, send: 2 });
        assert_eq!(pace.due(at(561)), Due { skip: 23, send: 2 });
        assert_eq!(pace.due(at(580)), Due { skip: 0, send: 1 });
    }
}
