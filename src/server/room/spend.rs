//! What the whole house has spent today (UTC). In memory: a restart begins anew.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::interview::cost::MicroUsd;

const DAY_MS: u64 = 86_400_000;

#[derive(Debug, Default)]
struct Today {
    /// Days since the Unix epoch.
    day: u64,
    spent: MicroUsd,
}

/// The spending of a day and its limit. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Spend {
    cap: Option<MicroUsd>,
    today: Arc<Mutex<Today>>,
}

impl Spend {
    /// Nothing spent, of `cap` in a day.
    #[must_use]
    pub(super) fn new(cap: Option<MicroUsd>) -> Self {
        Self { cap, today: Arc::default() }
    }

    /// Adds to what was spent. `now`: milliseconds since the Unix epoch. Returns whether that was the last of it.
    #[must_use]
    pub(super) fn add(&self, now: u64, cost: MicroUsd) -> bool {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.day != now / DAY_MS {
            *today = Today { day: now / DAY_MS, spent: 0 };
        }
        today.spent = today.spent.saturating_add(cost);
        self.cap.is_some_and(|cap| today.spent >= cap)
    }

    /// Seconds until there is money again. None while there is some.
    #[must_use]
    pub(super) fn spent_until(&self, now: u64) -> Option<u32> {
        self.add(now, 0).then(|| u32::try_from((DAY_MS - now % DAY_MS).div_ceil(1_000)).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 20_000 * DAY_MS + DAY_MS / 2;

    #[test]
    fn a_day_has_its_limit_and_the_next_day_another() {
        let spend = Spend::new(Some(100));
        let clone = spend.clone();
        assert!(!spend.add(NOON, 60) && !clone.add(NOON, 39));
        assert_eq!(spend.spent_until(NOON), None);
        assert!(spend.add(NOON, 1), "all sessions together");
        assert_eq!(clone.spent_until(NOON), Some(12 * 3_600));
        assert_eq!(spend.spent_until(NOON + DAY_MS / 2), None, "midnight");
    }

    #[test]
    fn without_a_limit_nothing_is_ever_spent() {
        let spend = Spend::new(None);
        assert!(!spend.add(NOON, MicroUsd::MAX) && !spend.add(NOON, MicroUsd::MAX));
    }
}
