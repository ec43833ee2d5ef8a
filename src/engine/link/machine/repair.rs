//! How a call that does not come about, or is lost, is mended: restart, new call, the Socket, and back to WebRTC.

use std::time::Duration;

use super::super::choice::{Choice, Fallback};
use super::super::steps::Step;
use super::super::upstream::UpstreamFault;
use super::super::{Fault, Phase, Route};
use super::{Command, Input, Link, State};
use crate::engine::time::Tick;

impl Link {
    /// Only a call that was live for some time starts the counts anew: a flapping one runs out of attempts.
    pub(super) fn settle(&mut self, now: Tick, since: Tick) {
        if now.since(since) >= self.policy.steady {
            self.failures = 0;
            self.restarts = 0;
        }
    }

    /// How long a path may be doubted before it is mended.
    pub(super) const fn doubt(&self) -> Duration {
        if self.is_continuous() { self.policy.grace } else { self.policy.doubt }
    }

    /// Whether the far end can restart ICE: our own peers can. A hosted provider is not even asked.
    fn can_restart(&self) -> bool {
        self.is_continuous() && self.route != Route::Socket
    }

    /// Whether a call that works may be led over another path: not for each of many changes in a row.
    pub(super) fn may_move(&self) -> bool {
        self.can_restart() && !self.offline && self.restarts < self.policy.restarts
    }

    /// The network is another one: the path is made anew while the one there is may still work, and nobody notices.
    pub(super) fn move_over(&mut self, now: Tick, since: Tick) {
        self.settle(now, since);
        self.restart_ice(now);
    }

    pub(super) fn restart(&mut self, now: Tick) {
        if self.restarts >= self.policy.restarts || !self.can_restart() {
            return self.reopen(now, Fault::Network, Fallback::Lost);
        }
        self.out.push_back(Command::Show(Phase::Recovering));
        self.restart_ice(now);
    }

    fn restart_ice(&mut self, now: Tick) {
        self.restarts += 1;
        self.restarts_in_all += 1;
        // The peer stays, but what the attempt before this one still reports is stale.
        self.retire();
        self.watchdog.begin_anew();
        self.state = State::Restarting { until: now.after(self.policy.restart) };
        self.out.push_back(Command::RestartIce(self.epoch));
    }

    /// How long a negotiation may take, the first one or one in mid-interview.
    pub(super) const fn patience(&self, again: bool) -> Duration {
        if again && self.room && self.routes.can_fall_back() {
            self.policy.renegotiation
        } else {
            self.policy.negotiation
        }
    }

    pub(super) fn overdue(&mut self, now: Tick, connect_by: Option<Tick>) {
        if connect_by.is_some_and(|by| by <= now) {
            return self.fail(Fault::TimedOut);
        }
        match self.progress.step().map(|(step, _)| step) {
            Some(Step::Microphone) => self.fail(Fault::Microphone),
            Some(Step::Api | Step::Session) => self.reopen(now, Fault::Offline, Fallback::Timeout),
            Some(Step::WebRtc | Step::Audio) | None => self.reopen(now, Fault::Network, Fallback::Timeout),
        }
    }

    /// A refusal that stands. Another route may get past it, where it is about this one.
    pub(super) fn refused(&mut self, now: Tick, fault: Fault) {
        match self.state {
            State::Trying { .. } if !matches!(fault, Fault::Refused | Fault::Microphone) => {
                self.back(now, Fallback::Refused);
            }
            // Also where the page was live before our server knew that the call cannot be led.
            state if fault.is_of_the_route() && self.routes.can_fall_back() => {
                let connect_by = if let State::Opening { connect_by } = state { connect_by } else { None };
                self.fall_back(now, connect_by, Fallback::Refused);
            }
            _ => self.fail(fault),
        }
    }

    /// Tries again with a new call on the same session: over the Socket where WebRTC has had its chance, else after a wait
    /// that is as long as `fault` asks. Or gives up with it.
    pub(super) fn reopen(&mut self, now: Tick, fault: Fault, why: Fallback) {
        let (connect_by, opening) = match self.state {
            State::Trying { .. } => return self.back(now, why),
            State::Opening { connect_by } => (connect_by, true),
            _ => (None, false),
        };
        // Without a network no way is to blame, and no attempt is spent.
        if connect_by.is_none() && self.offline {
            self.close();
            if !self.room {
                return self.wait_for_the_room(now);
            }
            self.state = State::Waiting { until: now.after(self.policy.outage), connect_by };
            return self.out.push_back(Command::Show(Phase::Recovering));
        }
        if fault == Fault::Offline {
            self.broke = None;
        }
        let relapse = !opening && self.breaks_again(now);
        // A call that was lost is made anew once. One that does not come about is not tried the same way again.
        if fault.is_of_the_route() && (opening || relapse || self.failures > 0) && self.routes.can_fall_back() {
            return self.fall_back(now, connect_by, why);
        }
        let over_the_room = fault == Fault::Offline || self.routes.next() == Route::Socket;
        if connect_by.is_none() && over_the_room && !self.room {
            self.close();
            return self.wait_for_the_room(now);
        }
        let waits = self.policy.waits(connect_by.is_some());
        let until = waits.get(self.failures).map(|wait| now.after(fault.wait().max(*wait)));
        let Some(until) = until.filter(|until| connect_by.is_none_or(|by| *until < by)) else {
            return self.fail(fault);
        };
        self.failures += 1;
        self.restarts = 0;
        self.close();
        self.state = State::Waiting { until, connect_by };
        if connect_by.is_none() {
            self.out.push_back(Command::Show(Phase::Recovering));
        }
    }

    /// Notes why our server ended the call, where that is what happened.
    pub(super) fn note_end(&mut self, input: Input) {
        if let (None, Input::CallEnded(_, fault)) = (self.ended, input) {
            self.ended = Some(fault);
        }
    }

    /// Notes that a call was lost, however long it was live. Returns whether that is once too often: a path that dies again and
    /// again, without a restart to mend it, costs a new call each time.
    fn breaks_again(&mut self, now: Tick) -> bool {
        let of_the_path = self.room && self.ended.is_none_or(|fault| fault == UpstreamFault::Lost);
        if self.is_continuous() || !of_the_path {
            return false;
        }
        self.broke.replace(now).is_some_and(|at| now.since(at) < self.policy.relapse)
    }

    fn fall_back(&mut self, now: Tick, connect_by: Option<Tick>, why: Fallback) {
        self.routes.fall_back();
        self.failures = 0;
        self.restarts = 0;
        self.close();
        self.out.push_back(Command::Fallback(why));
        self.mend(now, connect_by);
    }

    /// Opens the next route at once, or as soon as it can be.
    fn mend(&mut self, now: Tick, connect_by: Option<Tick>) {
        if connect_by.is_none() && self.routes.next() == Route::Socket && !self.room {
            return self.wait_for_the_room(now);
        }
        if connect_by.is_none() {
            self.out.push_back(Command::Show(Phase::Recovering));
        }
        self.open(now, connect_by);
    }

    fn wait_for_the_room(&mut self, now: Tick) {
        self.state = State::Absent { until: now.after(self.policy.absent) };
        self.out.push_back(Command::Show(Phase::Recovering));
    }

    /// The room channel opened or broke.
    pub(super) fn room(&mut self, now: Tick, open: bool) {
        let broke = std::mem::replace(&mut self.room, open) && !open;
        self.offline &= !open;
        match self.state {
            State::Absent { .. } if open => self.open(now, None),
            State::Live { since } | State::Wobbling { since, .. } if !open && self.route == Route::Socket => {
                self.settle(now, since);
                self.reopen(now, Fault::Offline, Fallback::Lost);
            }
            State::Opening { connect_by: None } if !open && self.route == Route::Socket => {
                self.reopen(now, Fault::Offline, Fallback::Lost);
            }
            State::Trying { .. } if !open => self.anew(now, Fallback::Lost),
            _ => self.change(now),
        }
        // Not every browser tells of another network, and a try is cut short by what it was made for.
        if broke {
            self.return_to_webrtc(now);
        }
    }

    pub(super) fn choose(&mut self, now: Tick, choice: Choice) {
        self.routes.choose(choice);
        self.wish = self.routes.wanted() != self.route;
        match self.state {
            State::Live { .. } if !self.wish => self.routes.settle(),
            // What is broken need not wait for a quiet moment.
            State::Opening { connect_by: None }
            | State::Wobbling { .. }
            | State::Restarting { .. }
            | State::Waiting { connect_by: None, .. }
            | State::Absent { .. }
                if self.wish =>
            {
                self.wish = false;
                self.failures = 0;
                self.restarts = 0;
                self.close();
                self.mend(now, None);
            }
            _ => self.change(now),
        }
    }

    /// On the Socket because WebRTC failed, and the network is another one: maybe it works here.
    pub(super) fn return_to_webrtc(&mut self, now: Tick) {
        if self.routes.has_fallen() && self.returns < self.policy.returns {
            self.wish = true;
            self.change(now);
        }
    }

    /// Tries the route that is wanted, if nobody speaks. The call goes on over the other one until that stands.
    pub(super) fn change(&mut self, now: Tick) {
        let route = self.routes.wanted();
        let State::Live { since } = self.state else { return };
        if !(self.wish && self.quiet && (self.room || route != Route::Socket)) {
            return;
        }
        self.wish = false;
        if route == self.route {
            return;
        }
        self.returns += u32::from(self.routes.has_fallen());
        let (old, back) = (self.epoch, self.route);
        self.retire();
        self.state = State::Trying { old, since, back, until: now.after(self.policy.trial) };
        self.attempt_over(now, route);
    }

    /// The other route does not come about: the one before stays. On the Socket its call goes on as it was.
    pub(super) fn back(&mut self, now: Tick, why: Fallback) {
        match self.state {
            State::Trying { old, since, back: Route::Socket, .. } => {
                self.out.push_back(Command::Close(self.epoch));
                self.epoch = old;
                self.route = Route::Socket;
                self.state = State::Live { since };
                self.stay(Route::Socket, why);
            }
            _ => self.anew(now, why),
        }
    }

    /// The same where the call over the route before has to be made anew: it broke meanwhile, or our server ended it when the
    /// Socket was asked for.
    fn anew(&mut self, now: Tick, why: Fallback) {
        let State::Trying { back, .. } = self.state else { return };
        // Nobody looked at the one before meanwhile.
        self.alive = self.alive.map(|_| now);
        self.close();
        self.stay(back, why);
        self.mend(now, None);
    }

    fn stay(&mut self, route: Route, why: Fallback) {
        let chosen = !self.routes.has_fallen();
        self.routes.stay(route);
        if chosen && self.routes.has_fallen() {
            self.out.push_back(Command::Fallback(why));
        }
    }

    /// The server ended a call while another route is tried. It means the one in use: nobody leads the other one yet.
    pub(super) fn lost_meanwhile(&mut self, now: Tick, fault: UpstreamFault) {
        let lost = Fault::from(fault);
        if fault.is_final() && !lost.is_of_the_route() {
            return self.fail(lost);
        }
        self.anew(now, Fallback::Lost);
    }
}
