//! The conductor of one session: which question, when the interviewer may speak, when it ends.
//!
//! Pure: provider events, words of the page and time come in; records, room events and requests to the provider come out.
//! The director decides, the provider speaks.

mod clock;
pub mod directive;
mod provider;
mod scribe;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;

use self::clock::Clock;
use self::directive::Purpose;
use super::record::{Record, State};
use super::{EndReason, Snapshot};
use crate::engine::floor::{Floor, Patience, Turn};
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::room::{AiState, PageMessage, RoomEvent};
use crate::engine::protocol::server::ServerEvent;
use crate::engine::response::{InFlight, Stage as Flight};
use crate::engine::time::Tick;

/// How long the greeting waits for the page to be ready.
pub const READY_LIMIT: Duration = Duration::from_secs(5);
/// How long a response may take until it is heard.
const SOUND_LIMIT: Duration = Duration::from_secs(8);
/// An answer below this asks for a follow-up, once for each question.
const SHORT_ANSWER_MS: u64 = 2_500;
/// A sound below this that interrupted a question was not an answer: the question is asked again.
const FALSE_START_MS: u64 = 1_000;
/// What a running answer gets after the time is up.
const OVERTIME: Duration = Duration::from_secs(15);
/// How often a response that never sounds is asked for.
const ATTEMPTS: u32 = 3;

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The sideband of a call is attached.
    CallOpen,
    /// The call is gone, or is being replaced.
    CallLost,
    Provider(&'a ServerEvent),
    Page(&'a PageMessage),
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
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub patience: Patience,
    /// The provider says words exactly as they are given.
    pub exact: bool,
    /// The candidate's words are written down.
    pub transcribes: bool,
    /// A session without a sign of the candidate ends after this.
    pub idle: Duration,
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
    page_ready: bool,
    greeted: bool,
    /// The call's session lets speech interrupt.
    interruptible: bool,
    /// When the sound that is heard began, by the clock.
    sounding_from_ms: u64,
    /// What the candidate hears or answers now. Set when its sound begins.
    answering: Option<(u32, bool)>,
    /// The question was cut off by the turn that is under way.
    cut_off: bool,
    /// What has to be said once the candidate or the line lets us.
    resume: Option<Purpose>,
    /// Words that arrived before their turn ended.
    early_words: Vec<(String, String)>,
    last_sign: Tick,
    out: VecDeque<Command>,
}

impl Director {
    /// A director that continues `state`, which may be a new session's.
    #[must_use]
    pub fn new(rules: Rules, state: State, now: Tick) -> Self {
        Self {
            rules,
            stage: if state.ended.is_some() { Stage::Ended } else { Stage::Away },
            flight: InFlight::default(),
            floor: Floor::new(rules.patience),
            clock: Clock::at(state.at_ms),
            page_ready: false,
            greeted: !state.lines.is_empty(),
            interruptible: false,
            sounding_from_ms: 0,
            answering: state.asked,
            cut_off: false,
            resume: None,
            early_words: Vec::new(),
            last_sign: now,
            out: VecDeque::new(),
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
            Stage::Ended => return None,
            Stage::Away => None,
            Stage::Entering { until } => Some(until),
            Stage::Speaking { give_up, .. } => Some(give_up),
            Stage::Listening => [self.floor.poll_timeout(), self.time_up()].into_iter().flatten().min(),
        };
        Some(own.map_or(idle, |own| own.min(idle)))
    }

    /// The session as far as it has come.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Everything that a page needs to draw the room.
    #[must_use]
    pub fn snapshot(&self, now: Tick) -> Snapshot {
        let elapsed_ms = self.clock.elapsed_ms(now);
        Snapshot {
            session_id: self.state.session_id.clone(),
            application_id: self.state.application_id.clone(),
            persona: self.state.plan.persona.clone(),
            total: self.state.plan.total(),
            minutes: self.state.plan.minutes,
            question: self.state.asked.and_then(|(idx, follow_up)| self.state.plan.question(idx, follow_up)),
            lines: self.state.lines.clone(),
            ai: self.ai(),
            elapsed_ms,
            left_ms: self.limit_ms().saturating_sub(elapsed_ms),
            transcribes: self.rules.transcribes,
            ended: self.state.ended,
        }
    }

    /// The clock, for a page that enters.
    #[must_use]
    pub fn clock(&self, now: Tick) -> RoomEvent {
        let elapsed_ms = self.clock.elapsed_ms(now);
        let left_ms = self.limit_ms().saturating_sub(elapsed_ms);
        RoomEvent::Clock { elapsed_ms, left_ms, running: self.clock.is_running() }
    }

    /// Takes one input in. Nothing happens after the end.
    pub fn handle(&mut self, now: Tick, input: Input<'_>) {
        if self.stage == Stage::Ended {
            return;
        }
        match input {
            Input::CallOpen => self.call_open(now),
            Input::CallLost => self.call_lost(now),
            Input::Page(message) => self.page(now, message),
            Input::Provider(event) => self.provider(now, event),
            Input::End(reason) => self.end(now, reason),
            Input::Timeout => self.timeout(now),
        }
    }

    fn call_open(&mut self, now: Tick) {
        self.interruptible = false;
        self.stage = Stage::Entering { until: now.after(READY_LIMIT) };
        if self.page_ready {
            self.enter(now);
        }
    }

    fn call_lost(&mut self, now: Tick) {
        self.page_ready = false;
        if let Stage::Speaking { purpose, .. } = self.stage {
            self.record_said(now, true);
            self.resume = Some(purpose);
        }
        self.floor.freeze();
        self.clock.pause(now);
        self.stage = Stage::Away;
        self.tell_clock(now);
    }

    fn page(&mut self, now: Tick, message: &PageMessage) {
        match message {
            PageMessage::Ready => {
                self.last_sign = now;
                self.page_ready = true;
                if matches!(self.stage, Stage::Entering { .. }) {
                    self.enter(now);
                }
            }
            PageMessage::Repeat => {
                self.last_sign = now;
                if let (Stage::Listening, Some((idx, follow_up))) = (self.stage, self.answering) {
                    self.floor.freeze();
                    self.speak(now, Purpose::Repeat { idx, follow_up });
                }
            }
            PageMessage::Finish => self.end(now, EndReason::Finished),
            PageMessage::Muted { .. } => self.last_sign = now,
            PageMessage::Pong { .. } | PageMessage::Stats(_) | PageMessage::Unknown => {}
        }
    }

    /// The page is there, or we waited long enough for it: begin, or go on.
    fn enter(&mut self, now: Tick) {
        self.clock.run(now);
        self.tell_clock(now);
        match (self.resume.take(), self.answering) {
            _ if !self.greeted => self.speak(now, Purpose::Greeting),
            (Some(Purpose::Ask { idx, follow_up, .. }), _) | (None, Some((idx, follow_up))) => {
                self.speak(now, Purpose::Rejoin { idx, follow_up });
            }
            (Some(purpose), _) => self.speak(now, purpose),
            (None, None) => self.speak(now, Purpose::Ask { idx: 0, follow_up: false, thanks: false }),
        }
    }

    fn timeout(&mut self, now: Tick) {
        if self.last_sign.after(self.rules.idle) <= now {
            return self.end(now, EndReason::Idle);
        }
        match self.stage {
            Stage::Entering { until } if until <= now => self.enter(now),
            Stage::Speaking { purpose, give_up, attempt } if give_up <= now => {
                if self.flight.stage() == Some(Flight::Sounding) {
                    self.said(now, false);
                } else if attempt < ATTEMPTS {
                    self.request(now, purpose, attempt + 1);
                } else {
                    self.end(now, EndReason::Fault);
                }
            }
            Stage::Listening => {
                if let Some(turn) = self.floor.take_ended(now) {
                    self.turn_ended(now, &turn);
                } else if self.time_up().is_some_and(|at| at <= now) {
                    self.record_turn();
                    self.speak(now, Purpose::Closing(EndReason::TimeUp));
                }
            }
            Stage::Away | Stage::Entering { .. } | Stage::Speaking { .. } | Stage::Ended => {}
        }
    }

    /// The candidate's turn is over: what comes next is ours to say.
    fn turn_ended(&mut self, now: Tick, turn: &Turn) {
        let false_start = std::mem::take(&mut self.cut_off) && turn.spoken_ms < FALSE_START_MS;
        let spoken_ms = turn.spoken_ms;
        self.answer(turn, !false_start);
        let next = match (self.resume.take(), self.answering) {
            (Some(purpose), _) => purpose,
            (None, Some((idx, follow_up))) if false_start => Purpose::Ask { idx, follow_up, thanks: false },
            (None, Some((idx, false))) if spoken_ms < SHORT_ANSWER_MS => {
                Purpose::Ask { idx, follow_up: true, thanks: false }
            }
            (None, Some((idx, _))) => self.after(now, idx),
            (None, None) => Purpose::Ask { idx: 0, follow_up: false, thanks: false },
        };
        self.speak(now, next);
    }

    fn after(&self, now: Tick, idx: u32) -> Purpose {
        let out_of_time = self.clock.elapsed_ms(now) >= self.limit_ms();
        if out_of_time {
            Purpose::Closing(EndReason::TimeUp)
        } else if idx + 1 < self.state.plan.total() {
            Purpose::Ask { idx: idx + 1, follow_up: false, thanks: true }
        } else {
            Purpose::Closing(EndReason::Completed)
        }
    }

    fn speak(&mut self, now: Tick, purpose: Purpose) {
        if !self.interruptible && purpose != Purpose::Greeting {
            self.interruptible = true;
            self.out.push_back(Command::Send(interruptible()));
        }
        if let Some((idx, follow_up)) = purpose.question()
            && let Some(question) = self.state.plan.question(idx, follow_up)
        {
            if self.state.asked != Some((idx, follow_up)) {
                self.append(Record::Asked { idx, follow_up, at_ms: self.clock.elapsed_ms(now) });
            }
            self.tell(RoomEvent::QuestionReady(question));
        }
        self.request(now, purpose, 1);
    }

    fn request(&mut self, now: Tick, purpose: Purpose, attempt: u32) {
        self.stage = Stage::Speaking { purpose, give_up: now.after(SOUND_LIMIT), attempt };
        self.flight.ask();
        self.tell(RoomEvent::AiState { state: AiState::Thinking });
        self.out.push_back(Command::Send(purpose.request(&self.state.plan, self.rules.exact)));
    }

    fn listen(&mut self, now: Tick) {
        self.stage = Stage::Listening;
        self.floor.thaw(now);
        self.tell(RoomEvent::AiState { state: AiState::Listening });
        self.tell_clock(now);
    }

    fn end(&mut self, now: Tick, reason: EndReason) {
        self.record_said(now, true);
        self.record_turn();
        self.clock.pause(now);
        self.stage = Stage::Ended;
        self.append(Record::Ended { reason, at_ms: self.clock.elapsed_ms(now) });
        self.tell_clock(now);
        self.tell(RoomEvent::Ended { reason });
        self.out.push_back(Command::Hangup);
    }

    fn tell(&mut self, event: RoomEvent) {
        self.out.push_back(Command::Tell(event));
    }

    fn tell_clock(&mut self, now: Tick) {
        self.tell(self.clock(now));
    }

    fn limit_ms(&self) -> u64 {
        u64::from(self.state.plan.minutes) * 60_000
    }

    /// When the closing is due. A running answer gets some time more.
    fn time_up(&self) -> Option<Tick> {
        let grace = if self.floor.is_taken() { OVERTIME } else { Duration::ZERO };
        self.clock.when(self.limit_ms()).map(|at| at.after(grace))
    }

    fn ai(&self) -> AiState {
        match self.stage {
            Stage::Speaking { .. } if self.flight.stage() == Some(Flight::Sounding) => AiState::Speaking,
            Stage::Speaking { .. } => AiState::Thinking,
            Stage::Away | Stage::Entering { .. } | Stage::Listening | Stage::Ended => AiState::Listening,
        }
    }
}

/// From here on the candidate may interrupt. The session's other turn detection settings stay (sparse update), but a
/// provider may replace the whole object, so they are all given.
fn interruptible() -> ClientEvent {
    ClientEvent::SessionUpdate {
        session: json!({
            "type": "realtime",
            "audio": { "input": { "turn_detection": turn_detection(true) } },
        }),
    }
}

/// How a provider shall listen for us: report speech, answer only when told to.
#[must_use]
pub fn turn_detection(interrupt_response: bool) -> serde_json::Value {
    json!({
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 400,
        "create_response": false,
        "interrupt_response": interrupt_response,
    })
}
