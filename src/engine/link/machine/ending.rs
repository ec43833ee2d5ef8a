//! How a connection is given up, and how the interview ends.

use super::super::{Fault, Phase};
use super::{Ask, Command, Link, State};
use crate::engine::interview::EndReason;
use crate::engine::time::Tick;

impl Link {
    pub(super) fn fail(&mut self, fault: Fault) {
        self.progress.fail();
        self.give_up(Phase::Failed(fault));
    }

    pub(super) fn give_up(&mut self, phase: Phase) {
        self.close();
        self.state = State::Idle;
        // Whoever tries again tries what failed, too.
        self.routes.recover();
        self.out.push_back(Command::Show(phase));
    }

    pub(super) fn wind_up(&mut self, now: Tick, reason: EndReason, ask: Ask) {
        if self.kept.is_none() {
            self.close();
        }
        self.state = State::Ending { until: now.after(self.policy.report), reason };
        self.out.extend([Command::Show(Phase::Ending), Command::Report(ask)]);
    }

    pub(super) fn report_from_page(&mut self, reason: EndReason) {
        self.out.push_back(Command::Report(Ask::Page));
        self.finish(reason);
    }

    pub(super) fn finish(&mut self, reason: EndReason) {
        self.state = State::Ended;
        self.out.push_back(Command::Show(Phase::Ended(reason)));
    }

    /// Drops what is open and retires its epoch, so that its remaining callbacks are stale.
    pub(super) fn close(&mut self) {
        if let State::Trying { old, .. } = self.state {
            self.out.push_back(Command::Close(old));
        }
        if self.is_open() {
            self.out.push_back(Command::Close(self.epoch));
            self.retire();
        }
    }

    /// Begins another epoch: whatever carries the one before is stale.
    pub(super) fn retire(&mut self) {
        self.newest = self.newest.next();
        self.epoch = self.newest;
    }
}
