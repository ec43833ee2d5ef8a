//! When the next frame goes to a page that plays what it gets.

use std::time::Duration;

use crate::engine::time::Tick;

/// What a page has in hand, so that a busy moment is not heard. Its own buffer sees to the network.
const LEAD: Duration = Duration::from_millis(80);

/// Paces frames in real time, a little ahead of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lead {
    /// When the far end will have played what it got, if it plays at once.
    until: Tick,
}

impl Lead {
    /// When the next frame may go.
    #[must_use]
    pub const fn next(&self) -> Tick {
        Tick(self.until.0.saturating_sub(LEAD))
    }

    /// Whether a frame may go now.
    #[must_use]
    pub fn is_due(&self, now: Tick) -> bool {
        self.next() <= now
    }

    /// A frame of this length went. After a silence the clock begins anew.
    pub fn sent(&mut self, now: Tick, frame: Duration) {
        self.until = self.until.max(now).after(frame);
    }

    /// How much of what went cannot have been played yet.
    #[must_use]
    pub const fn ahead(&self, now: Tick) -> Duration {
        self.until.since(now)
    }

    /// The far end drops what it has.
    pub const fn cut(&mut self, now: Tick) {
        self.until = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    /// The frames that go within `wait`, polled every millisecond.
    fn go(lead: &mut Lead, from_ms: u64, ms: u64) -> u64 {
        let mut count = 0;
        for now in (from_ms..from_ms + ms).map(Tick::from_ms) {
            while lead.is_due(now) {
                lead.sent(now, FRAME);
                count += 1;
            }
        }
        count
    }

    #[test]
    fn frames_go_in_real_time_after_a_small_lead() {
        let mut lead = Lead::default();
        assert_eq!(go(&mut lead, 1_000, 1), 5, "the lead at once");
        assert_eq!(lead.ahead(Tick::from_ms(1_000)), Duration::from_millis(100));
        assert_eq!(lead.next(), Tick::from_ms(1_020));
        assert_eq!(go(&mut lead, 1_001, 10_000), 500);
    }

    /// A silence earns nothing: the lead after it is as small as the first.
    #[test]
    fn a_silence_is_followed_by_no_burst() {
        let mut lead = Lead::default();
        go(&mut lead, 0, 1_000);
        assert_eq!(go(&mut lead, 60_000, 1), 5);
        lead.cut(Tick::from_ms(60_000));
        assert_eq!(go(&mut lead, 60_000, 1), 5, "what was cut is not waited for");
    }
}
