//! How a call comes about, and how it is watched once it stands.

use std::time::Duration;

use super::super::progress::{Progress, Reach};
use super::super::watchdog::{Flow, Sample};
use super::super::{Phase, Route};
use super::{Command, Link, Mend, State};
use crate::engine::time::Tick;

impl Link {
    pub(super) fn begin(&mut self, now: Tick) {
        self.failures = 0;
        self.restarts = 0;
        self.out.push_back(Command::Show(Phase::Connecting));
        self.open(now, Some(now.after(self.connect)));
    }

    pub(super) fn open(&mut self, now: Tick, connect_by: Option<Tick>) {
        self.state = State::Opening { connect_by };
        self.attempt_over(now, self.routes.next());
    }

    pub(super) fn attempt_over(&mut self, now: Tick, route: Route) {
        self.progress = Progress::begin(now);
        self.route = route;
        self.restarted = None;
        self.out.push_back(Command::Open(self.epoch, route));
    }

    pub(super) fn reach(&mut self, now: Tick, reach: Reach) {
        match reach {
            Reach::ApiReady { connect_timeout_ms, idle_ms, continuous } => {
                self.connect = Duration::from_millis(connect_timeout_ms.into());
                self.policy.absent = Duration::from_millis(idle_ms.into());
                self.continuous = continuous;
            }
            Reach::TicketGiven(webrtc) => {
                self.session = true;
                self.routes.told(webrtc);
                if self.route != Route::Socket {
                    // It came over the network, whatever the browser says.
                    self.offline = false;
                    self.route = self.routes.webrtc();
                }
            }
            _ => {}
        }
        if self.progress.reach(now, reach, self.is_continuous()) {
            self.live(now);
        }
    }

    /// Whether the far end of this route sends packets even when it says nothing, as our own do, whoever is behind them.
    pub(super) const fn is_continuous(&self) -> bool {
        self.continuous || !matches!(self.route, Route::Direct)
    }

    pub(super) fn live(&mut self, now: Tick) {
        if let State::Trying { old, .. } = self.state {
            self.out.push_back(Command::Close(old));
        }
        if self.route != Route::Socket {
            self.routes.recover();
        }
        if self.routes.next() == self.route {
            self.routes.settle();
        }
        self.watchdog.reset(self.is_continuous());
        self.ended = None;
        self.alive = (self.route != Route::Socket).then_some(now);
        (self.doubted, self.proved) = (false, false);
        self.state = State::Live { since: now };
        self.out.push_back(Command::Show(Phase::Live));
    }

    pub(super) fn watch(&mut self, now: Tick, sample: Sample) {
        if sample.received > 0 {
            // Only now, where the far end had nothing to say before.
            self.progress.reach(now, Reach::FirstPacket, self.is_continuous());
        }
        let flow = self.watchdog.judge(sample);
        if self.shows_life(flow) {
            self.alive = Some(sample.at);
        }
        match (flow, self.state) {
            (Flow::Moving, State::Wobbling { since, then: Mend::Restart, .. }) => self.trust(since),
            (Flow::Moving, State::Restarting { until }) => {
                self.restarted = Some(self.policy.restart.saturating_sub(until.since(now)));
                self.live(now);
            }
            // It began while the path still worked.
            (Flow::Stalled, State::Restarting { .. }) => self.out.push_back(Command::Show(Phase::Recovering)),
            (Flow::Stalled, State::Live { since } | State::Wobbling { since, then: Mend::Restart, .. }) => {
                self.settle(now, since);
                self.restart(now);
            }
            _ => {}
        }
    }

    /// What still comes after the provider has hung up is no sign of life. Where nobody can tell, a path lives until there is a
    /// reason for doubt.
    fn shows_life(&self, flow: Flow) -> bool {
        match self.state {
            State::Live { .. } => flow == Flow::Moving || self.watchdog.is_blind(),
            State::Wobbling { then: Mend::Reopen, .. } => false,
            _ => flow == Flow::Moving,
        }
    }

    /// The path may be dead: it has until then to prove itself. It may be shown before.
    pub(super) fn wobble(&mut self, since: Tick, until: Tick, show: Option<Tick>) {
        self.state = State::Wobbling { since, until, show, then: Mend::Restart };
    }

    /// The path has proved itself.
    pub(super) fn trust(&mut self, since: Tick) {
        self.state = State::Live { since };
        if std::mem::take(&mut self.doubted) {
            self.proved = true;
            self.out.push_back(Command::Show(Phase::Live));
        }
    }
}
