//! What the session costs, and the end when that is enough: a goodbye at the next turn, never a cut.

use serde_json::Value;

use super::directive::Purpose;
use super::{Director, OVERTIME, Stage};
use crate::engine::interview::EndReason;
use crate::engine::interview::cost::{MicroUsd, Usage};
use crate::engine::protocol::server::ServerEvent;
use crate::engine::time::Tick;

/// How far we stand with our money.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    usage: Usage,
    /// The session's limit, or the house's for this day, is reached.
    spent: bool,
    /// What had been used when it was.
    spent_at: MicroUsd,
    /// When the goodbye is said even if the candidate has the turn.
    wrap_up: Option<Tick>,
}

impl Budget {
    pub(super) const fn is_spent(&self) -> bool {
        self.spent
    }

    pub(super) const fn wrap_up(&self) -> Option<Tick> {
        self.wrap_up
    }
}

impl Director {
    /// What was used so far.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.budget.usage
    }

    /// What it cost so far.
    #[must_use]
    pub fn cost(&self) -> MicroUsd {
        self.budget.usage.cost(&self.rules.prices)
    }

    /// Counts what an event cost.
    pub(super) fn count(&mut self, now: Tick, event: &ServerEvent) {
        match event {
            ServerEvent::ResponseDone { response } => self.budget.usage.add_response(&response.usage),
            ServerEvent::InputTranscriptCompleted { usage, .. } => self.budget.usage.add_words(usage),
            _ => return,
        }
        let Some(cap) = self.rules.cost_cap else { return };
        let cost = self.cost();
        let goodbye = matches!(self.stage, Stage::Speaking { purpose: Purpose::Closing(_), .. });
        let most = cap.max(self.budget.spent_at).saturating_add(cap / 5);
        if self.budget.spent && !goodbye && cost >= most {
            self.end(now, EndReason::Budget);
        } else if cost >= cap {
            self.out_of_budget(now);
        }
    }

    /// Counts what the words of a turn cost that arrive after the end.
    pub(super) fn count_words(&mut self, usage: &Value) {
        self.budget.usage.add_words(usage);
    }

    /// There is no more money, for this session or for this day.
    pub(super) fn out_of_budget(&mut self, now: Tick) {
        if !self.budget.spent {
            self.budget.spent = true;
            // One response may cost a lot: what ends the interview at once is what comes on top of it.
            self.budget.spent_at = self.cost();
            if self.stage == Stage::Listening {
                self.grant_last_words(now);
            }
        }
    }

    /// The candidate may speak once more, for a moment.
    pub(super) fn grant_last_words(&mut self, now: Tick) {
        if self.budget.spent {
            self.budget.wrap_up = Some(now.after(OVERTIME));
        }
    }
}
