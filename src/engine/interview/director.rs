//! The conductor of one session: which question, when the interviewer may speak, when it ends.
//!
//! Pure: provider events, words of the page and time come in; records, room events and requests to the provider come out.
//! The director decides, the provider speaks.

mod clock;
pub mod directive;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;

use self::clock::Clock;
use self::directive::Purpose;
use super::record::{Record, State};
use super::{EndReason, Snapshot, Speaker};
use crate::engine::floor::{Floor, Patience, Turn};
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::room::{AiState, PageMessage, RoomEvent, project};
use crate::engine::protocol::server::{Response, ServerEvent};
use crate::engine::response::{InFlight, Stage as Flight};
use crate::engine::time::Tick;
use crate::engine::transcript::Line;

/// How long the greeting waits for the page to be ready.
pub const READY_LIMIT: Duration = Duration::from_secs(5);
/// How long a response may take until it is heard.
const SOUND_LIMIT: Duration = Duration::from_secs(8);
/// Longer than anything that is ever said in one piece.
const SPEECH_LIMIT: Duration = Duration::from_secs(120);
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

    fn provider(&mut self, now: Tick, event: &ServerEvent) {
        match event {
            ServerEvent::ResponseCreated { response } => _ = self.flight.created(&response.id),
            ServerEvent::OutputStarted { response_id } => self.sound_begins(now, response_id),
            ServerEvent::OutputTranscriptDelta { at, delta } => {
                self.flight.delta(&at.response_id, &at.item_id, delta);
            }
            ServerEvent::OutputTranscriptDone { at, transcript } => {
                self.flight.words(&at.response_id, &at.item_id, transcript);
            }
            ServerEvent::OutputStopped { response_id } if self.flight.is(response_id) => self.said(now, false),
            ServerEvent::OutputCleared { response_id } if self.flight.is(response_id) => self.said(now, true),
            ServerEvent::ResponseDone { response } if self.flight.is(&response.id) => self.response_done(now, response),
            ServerEvent::SpeechStarted { audio_start_ms, item_id } => self.heard(now, event, *audio_start_ms, item_id),
            ServerEvent::SpeechStopped { audio_end_ms, .. } => {
                self.last_sign = now;
                self.floor.speech_stopped(now, *audio_end_ms);
                self.out.extend(project(event).map(Command::Tell));
            }
            ServerEvent::ItemTruncated { .. } => self.out.extend(project(event).map(Command::Tell)),
            ServerEvent::InputTranscriptCompleted { item_id, transcript, .. } => self.words(item_id, transcript),
            ServerEvent::Error { error } => {
                // The one that was active is over in a moment; our request has to be made again.
                let busy = error.code.as_deref() == Some("conversation_already_has_active_response");
                if let (true, Stage::Speaking { give_up, .. }) = (busy, &mut self.stage) {
                    *give_up = now.after(Duration::from_millis(500));
                }
            }
            // Nothing that decides anything.
            _ => {}
        }
    }

    fn sound_begins(&mut self, now: Tick, response_id: &str) {
        if !self.flight.sounding(response_id) {
            return;
        }
        if let Stage::Speaking { purpose, give_up, .. } = &mut self.stage {
            *give_up = now.after(SPEECH_LIMIT);
            self.answering = purpose.question().or(self.answering);
        }
        self.sounding_from_ms = self.clock.elapsed_ms(now);
        self.tell(RoomEvent::TurnStart { speaker: Speaker::Interviewer });
        self.tell(RoomEvent::AiState { state: AiState::Speaking });
    }

    /// The sound is over, to its end or interrupted.
    fn said(&mut self, now: Tick, interrupted: bool) {
        let Stage::Speaking { purpose, .. } = self.stage else { return };
        let sounded = self.flight.stage() == Some(Flight::Sounding);
        self.record_said(now, interrupted);
        if sounded {
            self.tell(RoomEvent::TurnEnd { speaker: Speaker::Interviewer, spoken_ms: 0 });
        }
        match purpose {
            Purpose::Greeting => {
                self.greeted = true;
                self.speak(now, Purpose::Ask { idx: 0, follow_up: false, thanks: false });
            }
            Purpose::Closing(reason) => self.end(now, reason),
            Purpose::Ask { .. } | Purpose::Repeat { .. } | Purpose::Rejoin { .. } => {
                self.cut_off = interrupted;
                self.listen(now);
            }
        }
    }

    fn response_done(&mut self, now: Tick, response: &Response) {
        let Stage::Speaking { purpose, give_up, .. } = &mut self.stage else { return };
        let sounding = self.flight.stage() == Some(Flight::Sounding);
        match response.status.as_str() {
            "cancelled" if sounding => *give_up = now.after(Duration::from_secs(1)),
            // The candidate went on before we were heard: what we wanted to say waits until that turn is over.
            "cancelled" => {
                self.resume = Some(*purpose);
                self.flight = InFlight::default();
                self.listen(now);
            }
            "failed" => *give_up = now.after(Duration::from_secs(1)),
            _ => {}
        }
    }

    fn heard(&mut self, now: Tick, event: &ServerEvent, audio_start_ms: u64, item_id: &str) {
        self.last_sign = now;
        match self.stage {
            // Nobody can talk over the opening line; what is said there is no answer.
            Stage::Away | Stage::Entering { .. } | Stage::Ended => return,
            Stage::Speaking { purpose: Purpose::Greeting | Purpose::Closing(_), .. } => return,
            Stage::Speaking { .. } | Stage::Listening => {}
        }
        if self.floor.speech_started(now, item_id, audio_start_ms) {
            self.tell(RoomEvent::TurnStart { speaker: Speaker::Candidate });
        }
        self.out.extend(project(event).map(Command::Tell));
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
                    self.turn_ended(now, turn);
                } else if self.time_up().is_some_and(|at| at <= now) {
                    self.record_turn();
                    self.speak(now, Purpose::Closing(EndReason::TimeUp));
                }
            }
            Stage::Away | Stage::Entering { .. } | Stage::Speaking { .. } | Stage::Ended => {}
        }
    }

    /// The candidate's turn is over: what comes next is ours to say.
    fn turn_ended(&mut self, now: Tick, turn: Turn) {
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

    /// Puts what was heard of the response in flight on record.
    fn record_said(&mut self, now: Tick, interrupted: bool) {
        let Some((item_id, text)) = self.flight.take() else { return };
        let spoken_ms = self.clock.elapsed_ms(now).saturating_sub(self.sounding_from_ms);
        let at_ms = self.sounding_from_ms;
        let line =
            Line { at_ms, spoken_ms, interrupted, solid: true, ..Line::spoken(&item_id, Speaker::Interviewer, &text) };
        self.append(Record::Said { line: line.clone() });
        self.tell(RoomEvent::CaptionDone(line));
    }

    /// Puts an unfinished turn of the candidate on record.
    fn record_turn(&mut self) {
        if let Some(turn) = self.floor.take() {
            self.answer(turn, true);
        }
    }

    fn answer(&mut self, turn: Turn, counts: bool) {
        self.tell(RoomEvent::TurnEnd { speaker: Speaker::Candidate, spoken_ms: turn.spoken_ms });
        let Some(item_id) = turn.items.first() else { return };
        let line = Line {
            text: None,
            at_ms: self.clock.elapsed_ms(turn.began),
            spoken_ms: turn.spoken_ms,
            solid: true,
            ..Line::spoken(item_id, Speaker::Candidate, "")
        };
        let (question, follow_up) = self.answering.filter(|_| counts).unzip();
        self.append(Record::Answered {
            line: line.clone(),
            items: turn.items.clone(),
            question,
            follow_up: follow_up.unwrap_or(false),
        });
        let early = std::mem::take(&mut self.early_words);
        let (mine, others) = early.into_iter().partition(|(item, _)| turn.items.contains(item));
        self.early_words = others;
        for (item_id, text) in mine {
            self.append(Record::Transcribed { item_id, text });
        }
        let line = self.state.line_of(item_id).cloned().unwrap_or(line);
        self.tell(RoomEvent::CaptionDone(line));
    }

    fn words(&mut self, item_id: &str, text: &str) {
        if self.state.line_of(item_id).is_none() {
            self.early_words.push((item_id.to_owned(), text.to_owned()));
            return;
        }
        self.append(Record::Transcribed { item_id: item_id.to_owned(), text: text.to_owned() });
        if let Some(line) = self.state.line_of(item_id).cloned() {
            self.tell(RoomEvent::CaptionDone(line));
        }
    }

    fn append(&mut self, record: Record) {
        self.state.apply(&record);
        self.out.push_back(Command::Append(record));
    }

    fn tell(&mut self, event: RoomEvent) {
        self.out.push_back(Command::Tell(event));
    }

    fn tell_clock(&mut self, now: Tick) {
        let elapsed_ms = self.clock.elapsed_ms(now);
        let left_ms = self.limit_ms().saturating_sub(elapsed_ms);
        self.tell(RoomEvent::Clock { elapsed_ms, left_ms, running: self.clock.is_running() });
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
