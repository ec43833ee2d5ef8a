//! The interview's clock: it runs while the candidate can speak with us, and stands still while we are at fault.

use std::time::Duration;

use crate::engine::time::Tick;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    counted: Duration,
    since: Option<Tick>,
    /// The run before it was stopped the last time.
    ran: Option<(Tick, Tick)>,
}

impl Clock {
    /// A clock that stands at `elapsed_ms`.
    pub(super) const fn at(elapsed_ms: u64) -> Self {
        Self { counted: Duration::from_millis(elapsed_ms), since: None, ran: None }
    }

    pub(super) fn run(&mut self, now: Tick) {
        self.since.get_or_insert(now);
    }

    pub(super) fn pause(&mut self, now: Tick) {
        if let Some(since) = self.since.take() {
            self.counted += now.since(since);
            self.ran = Some((since, now));
        }
    }

    /// Takes back what ran from `from` on, in the run that goes on and in the one before it: whoever knows that we were at
    /// fault may know it late.
    pub(super) fn take_back(&mut self, now: Tick, from: Tick) {
        if let Some(since) = &mut self.since {
            self.counted += from.max(*since).min(now).since(*since);
            *since = now;
        }
        if let Some((since, until)) = self.ran.take() {
            self.counted = self.counted.saturating_sub(until.since(from.max(since)));
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// What the clock shows at `now`.
    pub(super) fn elapsed_ms(&self, now: Tick) -> u64 {
        let running = self.since.map_or(Duration::ZERO, |since| now.since(since));
        Tick(self.counted + running).as_ms()
    }

    /// When the clock will show `ms`. None while it stands still.
    pub(super) fn when(&self, ms: u64) -> Option<Tick> {
        self.since.map(|since| since.after(Duration::from_millis(ms).saturating_sub(self.counted)))
    }
}
