//! The connection policy of one page, as a state machine without I/O.
//!
//! Feed [`Input`]s in with the time they happened, drain [`Command`]s, and send [`Input::Timeout`] at
//! [`Link::poll_timeout`]. Commands are recipes: the shell performs a whole one and reports how far it came.

mod attempt;
#[cfg(test)]
mod changes;
mod ending;
mod messages;
#[cfg(test)]
mod network;
mod policy;
mod repair;
#[cfg(test)]
mod routes;
mod state;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;

use std::collections::VecDeque;
use std::time::Duration;

pub use messages::{Ask, Command, Ice, Input, Refusal};
pub use policy::Policy;
use state::{Mend, State};

use super::choice::{Fallback, Routes};
use super::progress::{Progress, Reach};
use super::steps::Steps;
use super::upstream::UpstreamFault;
use super::watchdog::Watchdog;
use super::{Fault, Phase, Route};
use crate::engine::interview::EndReason;
use crate::engine::time::{Epoch, Tick};

/// The connection of one page.
#[derive(Debug)]
pub struct Link {
    state: State,
    /// Of the call in use, or of the attempt under way.
    epoch: Epoch,
    /// The latest that was given out. None is given twice.
    newest: Epoch,
    /// Attempts that failed since the last steady call.
    failures: usize,
    /// ICE restarts since the last steady call.
    restarts: u32,
    restarts_in_all: u32,
    /// A ticket was given once, to this page or to one before it: there is something to finish and to report.
    session: bool,
    connect: Duration,
    policy: Policy,
    routes: Routes,
    /// The route of the latest attempt.
    route: Route,
    /// What the latest ICE restart of it took.
    restarted: Option<Duration>,
    /// Another route is wanted as soon as nobody speaks.
    wish: bool,
    /// How often WebRTC was tried again from the Socket.
    returns: u32,
    /// Nobody speaks.
    quiet: bool,
    /// The room channel is open.
    room: bool,
    /// The browser says that it has no network.
    offline: bool,
    /// When the path of the latest call gave its last sign of life. None on the Socket: of that our server knows better.
    alive: Option<Tick>,
    /// A path that is still doubted is shown as one that recovers.
    doubted: bool,
    /// It has proved itself since, and nothing was negotiated for it.
    proved: bool,
    /// What our server said of the end of the call that ends.
    ended: Option<UpstreamFault>,
    /// When a hosted call was lost last for no reason but its path.
    broke: Option<Tick>,
    /// The provider's own peer sends RTP without pause.
    continuous: bool,
    /// The interview is over, and its call is kept so long for what is said of it late.
    kept: Option<Tick>,
    progress: Progress,
    watchdog: Watchdog,
    out: VecDeque<Command>,
}

impl Link {
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            state: State::Idle,
            epoch: Epoch::default(),
            newest: Epoch::default(),
            failures: 0,
            restarts: 0,
            restarts_in_all: 0,
            session: false,
            connect: policy.connect,
            policy,
            routes: Routes::default(),
            route: Route::default(),
            restarted: None,
            wish: false,
            returns: 0,
            quiet: false,
            room: false,
            offline: false,
            alive: None,
            doubted: false,
            proved: false,
            ended: None,
            broke: None,
            continuous: false,
            kept: None,
            progress: Progress::default(),
            watchdog: Watchdog::default(),
            out: VecDeque::new(),
        }
    }

    /// Says which routes there are. To be called before a start.
    pub const fn offer(&mut self, routes: Routes) {
        self.routes = routes;
    }

    /// Says that there is a session, of an earlier page. To be called before a start.
    pub const fn resume(&mut self) {
        self.session = true;
    }

    #[must_use]
    pub const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The route in use, or of the attempt under way where nothing is in use.
    #[must_use]
    pub const fn route(&self) -> Route {
        match self.state {
            State::Trying { back, .. } => back,
            _ => self.route,
        }
    }

    /// The route and epoch of the attempt under way, or of the call in use.
    #[must_use]
    pub const fn attempt(&self) -> (Route, Epoch) {
        (self.route, self.epoch)
    }

    /// Whether another route is tried, while the call goes on over the one there is.
    #[must_use]
    pub const fn is_trying(&self) -> bool {
        matches!(self.state, State::Trying { .. })
    }

    pub fn poll_command(&mut self) -> Option<Command> {
        self.out.pop_front()
    }

    /// When to send [`Input::Timeout`]. None only where nothing is waited for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        match self.state {
            State::Idle | State::Live { .. } => None,
            State::Ended => self.kept,
            State::Opening { connect_by } => {
                let step = self.progress.step().map(|(step, since)| since.after(self.policy.limit(step)));
                let patience = self.patience(connect_by.is_none());
                let negotiation = self.progress.negotiating().map(|since| since.after(patience));
                connect_by.into_iter().chain(step).chain(negotiation).min()
            }
            State::Wobbling { until, show, .. } => show.into_iter().chain([until]).min(),
            State::Restarting { until }
            | State::Waiting { until, .. }
            | State::Absent { until }
            | State::Trying { until, .. } => Some(until),
            State::Ending { until, .. } => self.kept.into_iter().chain([until]).min(),
        }
    }

    /// The steps of the latest attempt.
    #[must_use]
    pub const fn steps(&self) -> &Steps {
        self.progress.steps()
    }

    /// Milliseconds from `createOffer` to a connected peer, of the latest attempt, or of its latest ICE restart: until sound
    /// arrives again. None where the path was only doubted.
    #[must_use]
    pub fn negotiation_ms(&self) -> Option<f64> {
        if self.proved {
            return None;
        }
        self.restarted.map(|it| it.as_secs_f64() * 1_000.0).or_else(|| self.progress.negotiation_ms())
    }

    /// Whether the call that is made anew was over on schedule: nothing has broken.
    #[must_use]
    pub const fn is_renewal(&self) -> bool {
        matches!(self.ended, Some(UpstreamFault::Expired))
    }

    /// When the path of the latest call gave its last sign of life. None on the Socket: of that our server knows better.
    #[must_use]
    pub const fn alive(&self) -> Option<Tick> {
        self.alive
    }

    /// How often ICE was restarted since the page was opened.
    #[must_use]
    pub const fn ice_restarts(&self) -> u32 {
        self.restarts_in_all
    }

    /// Whether a call may exist: its levels and statistics are worth a look.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// Takes one input. Whatever carries an older epoch is ignored here, once.
    pub fn handle(&mut self, now: Tick, input: Input) {
        if input.epoch().is_some_and(|it| it != self.epoch) {
            return;
        }
        let back_online = input == Input::Online && std::mem::take(&mut self.offline);
        self.offline |= input == Input::Offline;
        if let Input::Offline | Input::NetworkChanged | Input::Room(false) = input {
            // The network was to blame, or is another one.
            self.broke = None;
        }
        // Who hangs up has nothing more to say.
        let hung_up = matches!(input, Input::ChannelClosed(_));
        if self.kept.take_if(|until| hung_up || input == Input::Timeout && *until <= now).is_some() {
            self.out.push_back(Command::Close(self.epoch));
            self.retire();
        }
        match (self.state, input) {
            (State::Ended, _) => {}
            (State::Ending { reason, .. }, Input::Reported(true)) => self.finish(reason),
            (State::Ending { reason, .. }, Input::Reported(false)) => self.report_from_page(reason),
            (State::Ending { until, reason }, Input::Timeout) if until <= now => self.report_from_page(reason),
            (State::Ending { .. }, _) => {}
            // Also to a page that was loaded anew, and has made no call yet.
            (_, Input::Over(reason)) => self.wind_up(now, reason, Ask::Read),
            (_, Input::Leave { late }) if self.session => {
                if late && self.route != Route::Socket && matches!(self.state, State::Live { .. }) {
                    self.kept = Some(now.after(self.policy.late));
                }
                self.wind_up(now, EndReason::Finished, Ask::Finish);
            }
            (_, Input::Choose(choice)) => self.choose(now, choice),
            (_, Input::Room(open)) => self.room(now, open),
            (_, Input::Quiet(quiet)) => {
                self.quiet = quiet;
                self.change(now);
            }
            (State::Idle, Input::Start) => self.begin(now),
            (State::Idle, _) => {}
            (_, Input::Leave { .. }) => self.give_up(Phase::Lobby),
            (_, Input::RoomClosed(fault)) => self.fail(fault),
            (_, Input::Refused(_, Refusal::Final(fault))) => self.refused(now, fault),
            (State::Trying { .. }, Input::CallEnded(_, fault)) => self.lost_meanwhile(now, fault),
            (_, Input::CallEnded(_, fault)) if fault.is_final() => self.refused(now, fault.into()),
            // What is wrong with the provider is not mended by another way to it.
            (State::Opening { .. }, Input::CallEnded(_, fault)) => {
                self.reopen(now, fault.into(), Fallback::Refused);
            }
            (State::Opening { .. } | State::Trying { .. }, Input::Reached(_, reach)) => self.reach(now, reach),
            (State::Opening { .. } | State::Trying { .. }, Input::Packets(_, sample)) if sample.received > 0 => {
                self.reach(now, Reach::FirstPacket);
            }
            (State::Opening { .. } | State::Trying { .. }, Input::Ice(_, Ice::Failed)) => {
                self.reopen(now, Fault::Network, Fallback::Ice);
            }
            (State::Opening { .. } | State::Trying { .. }, Input::ChannelClosed(_)) => {
                self.reopen(now, UpstreamFault::Lost.into(), Fallback::Lost);
            }
            (State::Opening { .. } | State::Trying { .. }, Input::Refused(_, Refusal::Passing(fault))) => {
                self.reopen(now, fault, Fallback::Refused);
            }
            (State::Opening { .. } | State::Trying { .. }, Input::Refused(_, Refusal::Hopeless(why))) => {
                self.reopen(now, Fault::Network, why);
            }
            (State::Opening { connect_by }, Input::Timeout) if self.poll_timeout() <= Some(now) => {
                self.overdue(now, connect_by);
            }
            (State::Trying { until, .. }, Input::Timeout) if until <= now => self.back(now, Fallback::Timeout),
            (State::Live { .. } | State::Wobbling { .. } | State::Restarting { .. }, Input::Packets(_, sample)) => {
                self.watch(now, sample);
            }
            (State::Live { .. }, Input::Online | Input::NetworkChanged) if self.route == Route::Socket => {
                self.return_to_webrtc(now);
            }
            // On the Socket the room channel says how the path is.
            (State::Live { .. }, Input::Offline) if self.route == Route::Socket => {}
            (
                State::Live { since } | State::Wobbling { since, then: Mend::Restart, .. },
                Input::Online | Input::NetworkChanged,
            ) if self.may_move() && (back_online || input == Input::NetworkChanged) => self.move_over(now, since),
            (State::Live { since }, Input::NetworkChanged) => self.wobble(since, now.after(self.doubt()), None),
            (State::Live { since }, Input::Offline) => {
                self.wobble(since, now.after(self.doubt()), Some(now.after(self.policy.blink)));
            }
            (State::Wobbling { since, until, show: None, then: Mend::Restart }, Input::Offline) if !self.doubted => {
                self.wobble(since, until, Some(now.after(self.policy.blink)));
            }
            (State::Live { since }, Input::Ice(_, Ice::Disconnected)) => {
                self.wobble(since, now.after(self.policy.grace), None);
            }
            (State::Wobbling { since, then: Mend::Restart, .. }, Input::Ice(_, Ice::Connected)) => self.trust(since),
            // There is a network again, perhaps another one: only the far end can tell whether the path is.
            (State::Wobbling { since, until, then: Mend::Restart, .. }, Input::Online) => {
                self.wobble(since, until.min(now.after(self.policy.proof)), None);
            }
            (State::Live { since } | State::Wobbling { since, .. }, Input::Ice(_, Ice::Failed)) => {
                self.settle(now, since);
                self.restart(now);
            }
            (State::Live { since } | State::Wobbling { since, .. }, Input::ChannelClosed(_) | Input::CallEnded(..)) => {
                self.note_end(input);
                // The end of the interview closes it too, and says so on the room channel in the same moment.
                let until = now.after(self.policy.hangup);
                self.state = State::Wobbling { since, until, show: None, then: Mend::Reopen };
            }
            (State::Wobbling { since, until, then, .. }, Input::Timeout) if until <= now => {
                self.settle(now, since);
                match then {
                    Mend::Restart => self.restart(now),
                    Mend::Reopen => self.reopen(now, UpstreamFault::Lost.into(), Fallback::Lost),
                }
            }
            (State::Wobbling { since, until, show: Some(show), .. }, Input::Timeout) if show <= now => {
                self.doubted = true;
                self.wobble(since, until, None);
                self.out.push_back(Command::Show(Phase::Recovering));
            }
            (
                State::Restarting { .. },
                Input::Refused(_, Refusal::NoRestart) | Input::ChannelClosed(_) | Input::CallEnded(..),
            ) => {
                if matches!(input, Input::Refused(..)) {
                    self.restarts_in_all = self.restarts_in_all.saturating_sub(1);
                }
                self.reopen(now, Fault::Network, Fallback::Lost);
            }
            (State::Restarting { until }, Input::Timeout) if until <= now => self.restart(now),
            // What was asked for without a network is not waited for.
            (State::Restarting { .. }, Input::Online) if back_online => self.restart(now),
            (State::Waiting { until, connect_by }, Input::Timeout) if until <= now => self.open(now, connect_by),
            (State::Waiting { connect_by, .. }, Input::Online) => {
                self.return_to_webrtc(now);
                self.open(now, connect_by);
            }
            // The same change may have cut the room channel: WebRTC is tried when the call is back.
            (
                State::Opening { .. } | State::Waiting { .. } | State::Absent { .. },
                Input::Online | Input::NetworkChanged,
            ) => self.return_to_webrtc(now),
            (State::Absent { until }, Input::Timeout) if until <= now => self.fail(Fault::Offline),
            // Late or repeated, or a refusal of a restart that waits for its deadline, so that a server which refuses
            // at once is not hammered.
            (
                _,
                Input::Start
                | Input::Reached(..)
                | Input::Refused(..)
                | Input::Ice(..)
                | Input::Packets(..)
                | Input::ChannelClosed(_)
                | Input::CallEnded(..)
                | Input::Online
                | Input::Offline
                | Input::NetworkChanged
                | Input::Reported(_)
                | Input::Timeout,
            ) => {}
        }
    }
}
