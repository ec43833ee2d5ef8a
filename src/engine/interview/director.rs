//! The conductor of one session: which question, when the interviewer may speak, when it ends.
//!
//! Pure: provider events, words of the page and time come in; records, room events and requests to the provider come out.
//! The director decides, the provider speaks.

mod broken;
mod budget;
mod clock;
pub mod directive;
pub mod guard;
mod late;
mod line;
mod provider;
mod rejoin;
mod rollover;
mod scribe;
mod settings;
#[cfg(test)]
mod tests;
mod turns;
mod view;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use self::budget::Budget;
use self::clock::Clock;
use self::directive::Purpose;
use self::guard::{Breach, Guard};
use self::late::Late;
use self::rollover::Lifetime;
use super::EndReason;
use super::cost::{MicroUsd, Prices};
use super::record::{Record, State};
use crate::engine::floor::{Floor, Patience, Turn};
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::room::{PageMessage, RoomEvent};
use crate::engine::protocol::server::ServerEvent;
use crate::engine::response::{InFlight, Stage as Flight};
use crate::engine::time::Tick;

pub use rejoin::rejoin;
pub use settings::turn_detection;

/// How long the greeting waits for the page to be ready.
pub const READY_LIMIT: Duration = Duration::from_secs(5);
/// How long a response may take until it is heard.
const SOUND_LIMIT: Duration = Duration::from_secs(8);
/// An answer below this asks for a follow-up, once for each question.
const SHORT_ANSWER_MS: u64 = 2_500;
/// A sound below this that interrupted a question was not an answer: the question is asked again.
const FALSE_START_MS: u64 = 1_000;
/// What a page may still have in hand of our sound when it is all sent: a lead of 100 ms, and its buffer for a bad network.
const FAR_END: Duration = Duration::from_millis(400);
/// What a running answer gets after the time is up.
const OVERTIME: Duration = Duration::from_secs(15);
/// How often a response that never sounds is asked for.
const ATTEMPTS: u32 = 3;

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The sideband of a call is attached.
    CallOpen,
    /// The same of a call that our server carries: the browser has no line to the provider.
    CarriedOpen,
    /// The call is gone in good order, or is being replaced.
    CallLost,
    /// The call, or our hold on it, broke for this reason.
    CallBroken(UpstreamFault),
    Provider(&'a ServerEvent),
    Page(&'a PageMessage),
    /// A page has come into the room.
    Joined,
    /// Whether the candidate's sound arrives, on a call whose sound we carry.
    Hearing(bool),
    /// The house has spent what it may in a day.
    OutOfBudget,
    /// End it for this reason.
    End(EndReason),
    Timeout,
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Into the log, before anything that follows.
    Append(Record),
    /// To the page.
    Tell(RoomEvent),
    /// To the provider.
    Send(ClientEvent),
    /// End the call.
    Hangup,
}

/// What a director needs to know that never changes.
#[derive(Clone, Debug)]
pub struct Rules {
    pub patience: Patience,
    /// The provider says words exactly as they are given.
    pub exact: bool,
    /// How the candidate's words are written down, as a session has it; none: nobody does.
    pub transcription: Option<Value>,
    /// A session without a sign of the candidate ends after this.
    pub idle: Duration,
    /// The date of tick zero, in milliseconds since the Unix epoch.
    pub began_at: u64,
    pub prices: Prices,
    /// What a session may cost.
    pub cost_cap: Option<MicroUsd>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// There is no call.
    Away,
    /// A call is open and the page is not ready yet.
    Entering {
        until: Tick,
    },
    /// A response is asked for, or sounds.
    Speaking {
        purpose: Purpose,
        give_up: Tick,
        attempt: u32,
    },
    Listening,
    Ended,
}

/// The conductor of one session.
#[derive(Debug)]
pub struct Director {
    rules: Rules,
    state: State,
    stage: Stage,
    flight: InFlight,
    floor: Floor,
    clock: Clock,
    /// Watches over the call that is open.
    guard: Guard,
    lifetime: Lifetime,
    /// The call was given up between two turns: what comes next was not begun yet.
    renewing: bool,
    budget: Budget,
    page_ready: bool,
    greeted: bool,
    /// The call's session lets speech interrupt.
    interruptible: bool,
    /// When the sound that is heard began, by the clock.
    sounding_from_ms: u64,
    /// When the candidate's turn began, by the clock.
    turn_from_ms: u64,
    /// What the candidate hears or answers now. Set when its sound begins.
    answering: Option<(u32, bool)>,
    /// The question was cut off by the turn that is under way.
    cut_off: bool,
    /// What has to be said once the candidate or the line lets us.
    resume: Option<Purpose>,
    /// A turn that is over and whose words are waited for until then: it may have been a question to us.
    weighing: Option<(Turn, Tick)>,
    /// What sounds was cancelled.
    cut: bool,
    /// Calls in a row on which nothing was heard of the interviewer.
    mute_calls: u32,
    /// Why the last response failed, if its provider said so.
    failure: Option<UpstreamFault>,
    /// Calls in a row that broke before anything had come of them.
    vain_calls: u32,
    /// Words that arrived before their turn ended.
    early_words: Vec<(String, String)>,
    /// Items that have no words, or whose words ended with their call.
    wordless: Vec<String>,
    /// The interview is over, and the call is kept for the words that are under way.
    late: Option<Late>,
    /// When the candidate was last heard of. A departure is a sign, too: there is all the time to come back.
    last_sign: Tick,
    /// When the provider last heard the candidate begin to speak.
    last_heard: Tick,
    /// When the last call was lost. None for a director that continues what another one left.
    left_at: Option<Tick>,
    /// The page says that the call's path is dead. On a call between browser and provider nobody else can know.
    dead: bool,
    /// Since when the candidate's sound does not arrive.
    deaf_since: Option<Tick>,
    out: VecDeque<Command>,
}

impl Director {
    /// A director that continues `state`, which may be a new session's.
    #[must_use]
    pub fn new(rules: Rules, state: State, now: Tick) -> Self {
        Self {
            stage: if state.ended.is_some() { Stage::Ended } else { Stage::Away },
            flight: InFlight::default(),
            floor: Floor::new(rules.patience),
            clock: Clock::at(state.at_ms),
            guard: Guard::default(),
            lifetime: Lifetime::from(now),
            renewing: false,
            budget: Budget::default(),
            page_ready: false,
            greeted: state.asked.is_some(),
            interruptible: false,
            sounding_from_ms: 0,
            turn_from_ms: 0,
            answering: state.asked,
            cut_off: false,
            resume: None,
            weighing: None,
            cut: false,
            mute_calls: 0,
            failure: None,
            vain_calls: 0,
            early_words: Vec::new(),
            wordless: Vec::new(),
            late: None,
            last_sign: now,
            last_heard: now,
            left_at: None,
            dead: false,
            deaf_since: None,
            out: VecDeque::new(),
            rules,
            state,
        }
    }

    /// The next command, until there is none.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.out.pop_front()
    }

    /// When to call back with [`Input::Timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        let idle = self.last_sign.after(self.rules.idle);
        let own = match self.stage {
            Stage::Ended => return self.late.as_ref().map(|it| it.until),
            Stage::Away => None,
            Stage::Entering { until } => Some(until),
            // Who cannot be heard may hear nothing either: our sound waits too.
            Stage::Speaking { give_up, .. } => Some(give_up).filter(|_| self.deaf_since.is_none()),
            Stage::Listening => {
                let weighed = self.weighing.as_ref().map(|(_, until)| *until);
                let own = [weighed, self.floor.poll_timeout(), self.time_up(), self.budget.wrap_up(), self.renewal()];
                own.into_iter().flatten().min()
            }
        };
        Some(own.map_or(idle, |own| own.min(idle)))
    }

    /// The session as far as it has come.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Takes one input in. After the end nothing happens but that late words arrive.
    pub fn handle(&mut self, now: Tick, input: Input<'_>) {
        if self.stage == Stage::Ended {
            return self.after_end(now, input);
        }
        if let (Input::CallLost | Input::CallBroken(_), Some(reason)) = (input, self.parting()) {
            // Everything was said: nobody is called back to hear the goodbye's last moment.
            self.end(now, reason);
            return self.after_end(now, input);
        }
        match input {
            Input::CallOpen => self.call_open(now, Guard::default()),
            Input::CarriedOpen => self.call_open(now, Guard::carried()),
            Input::CallLost => self.call_lost(now),
            Input::CallBroken(fault) => self.call_broken(now, fault),
            Input::Page(message) => self.page(now, message),
            Input::Joined => self.last_sign = now,
            Input::Hearing(hearing) => self.hearing(now, hearing),
            // A call that we gave up may still have something to say.
            Input::Provider(_) if self.stage == Stage::Away => {}
            Input::Provider(event) => match self.guard.see(event) {
                Some(Breach::Forged(what)) => self.tampered(now, what),
                Some(Breach::Ignored) => self.give_up_call(now, UpstreamFault::Uncontrolled),
                Some(Breach::Begun) => self.give_up_call(now, UpstreamFault::Lost),
                None => self.provider(now, event),
            },
            Input::OutOfBudget => self.out_of_budget(now),
            Input::End(reason) => self.end(now, reason),
            Input::Timeout => self.timeout(now),
        }
    }

    fn timeout(&mut self, now: Tick) {
        if self.last_sign.after(self.rules.idle) <= now {
            return self.end(now, EndReason::Idle);
        }
        match self.stage {
            Stage::Entering { until } if until <= now => self.enter(now),
            Stage::Speaking { purpose, give_up, attempt } if give_up <= now && self.deaf_since.is_none() => {
                if self.flight.stage() == Some(Flight::Sounding) {
                    self.said(now, self.cut);
                } else if attempt < ATTEMPTS {
                    if self.flight.stage() == Some(Flight::Created) {
                        // It was made and is not heard: it would only stand in the way of the next.
                        self.send(ClientEvent::ResponseCancel { response_id: None });
                    }
                    self.request(now, purpose, attempt + 1);
                } else if let Purpose::Closing(reason) = purpose {
                    // A goodbye that nobody hears does not change why we part.
                    self.end(now, reason);
                } else {
                    self.mute_call(now);
                }
            }
            Stage::Listening => {
                if let Some((turn, _)) = self.weighing.take_if(|(_, until)| *until <= now) {
                    self.decide(now, &turn);
                } else if let Some(turn) = self.floor.take_ended(now) {
                    self.turn_ended(now, turn);
                } else if self.time_up().is_some_and(|at| at <= now) {
                    self.close(now, EndReason::TimeUp);
                } else if self.budget.wrap_up().is_some_and(|at| at <= now) {
                    self.close(now, EndReason::Budget);
                } else if self.renewal().is_some_and(|at| at <= now) {
                    self.renew(now);
                }
            }
            Stage::Away | Stage::Entering { .. } | Stage::Speaking { .. } | Stage::Ended => {}
        }
    }

    fn end(&mut self, now: Tick, reason: EndReason) {
        let in_flight = self.flight.stage().is_some();
        self.record_said(now, true);
        self.record_turn();
        self.clock.pause(now);
        let on_call = std::mem::replace(&mut self.stage, Stage::Ended) != Stage::Away;
        self.append(Record::Ended { reason, at_ms: self.clock.elapsed_ms(now) });
        self.tell_clock(now);
        self.tell(RoomEvent::Ended { reason });
        self.part(now, reason, on_call, in_flight);
    }

    fn send(&mut self, event: ClientEvent) {
        self.guard.sent(&event);
        self.out.push_back(Command::Send(event));
    }

    fn tell(&mut self, event: RoomEvent) {
        self.out.push_back(Command::Tell(event));
    }

    fn tell_clock(&mut self, now: Tick) {
        self.tell(self.clock(now));
    }
}
