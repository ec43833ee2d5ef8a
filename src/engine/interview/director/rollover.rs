//! A provider's session has a time limit. Before it is reached a new call is made, between two turns.

use std::time::Duration;

use serde_json::Value;

use super::Director;
use super::directive::Purpose;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::time::Tick;

/// Where a provider does not say: OpenAI's limit (Realtime guide, "Session lifecycle").
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// What is left of a call when it is renewed, for a turn that may still be long.
const MARGIN: Duration = Duration::from_secs(2 * 60);
/// Calls that live shorter are no use to anybody: the clocks differ, or the date is none.
const SHORTEST: Duration = Duration::from_secs(60);

/// From when to when a call can live.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetime {
    opened: Tick,
    ends: Tick,
}

impl Lifetime {
    pub(super) const fn from(now: Tick) -> Self {
        Self { opened: now, ends: now.after(LIFETIME) }
    }

    /// Reads the `expires_at` of a session. `began_at`: the date of tick zero, both in their units of the Unix epoch.
    pub(super) fn learn(&mut self, session: &Value, began_at: u64) {
        let expires_at = session.get("expires_at").and_then(Value::as_u64).unwrap_or(0).saturating_mul(1_000);
        let ends = Tick::from_ms(expires_at.saturating_sub(began_at));
        if ends.since(self.opened) >= SHORTEST {
            self.ends = ends;
        }
    }

    fn margin(&self) -> Duration {
        MARGIN.min(self.ends.since(self.opened) / 4)
    }

    /// From here on the next turn begins in a new call.
    fn due(&self) -> Tick {
        Tick(self.ends.0.saturating_sub(self.margin()))
    }

    /// From here on a silence is reason enough.
    fn overdue(&self) -> Tick {
        Tick(self.ends.0.saturating_sub(self.margin() / 2))
    }
}

impl Director {
    /// When the call is renewed although nobody's turn ends. None while the candidate has the turn.
    pub(super) fn renewal(&self) -> Option<Tick> {
        (!self.floor.is_taken() && self.weighing.is_none()).then(|| self.lifetime.overdue())
    }

    /// The next turn begins in a new call.
    pub(super) fn is_due(&self, now: Tick) -> bool {
        self.lifetime.due() <= now && !self.budget.is_spent()
    }

    /// Says what comes next, in a new call if this one is near its end.
    pub(super) fn next(&mut self, now: Tick, next: Purpose) {
        if self.is_due(now) && !matches!(next, Purpose::Closing(_)) {
            self.resume = Some(next);
            self.renewing = true;
            self.renew(now);
        } else {
            self.speak(now, next);
        }
    }

    /// Ends the call and has the page make a new one for the same session. The clock stands still meanwhile.
    pub(super) fn renew(&mut self, now: Tick) {
        self.give_up_call(now, UpstreamFault::Expired);
    }
}
