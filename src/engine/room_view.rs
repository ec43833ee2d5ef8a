//! What the page shows of the room: a fold of the room's events, told by the room channel and, on a direct call, by the
//! data channel too.
//!
//! The data channel is quicker, the room channel is complete. Both tell the interviewer's turns and words, so each thing
//! is taken from one teller: turns and speech from the data channel once it has told any in this call, words from whoever
//! began the line. The candidate's words come from the room channel alone, because only the server groups them by turn.

mod answer;
mod ear;
mod notes;
mod seen;
#[cfg(test)]
mod tests;
mod told;

use std::collections::BTreeMap;

use super::interview::report::Report;
use super::interview::{EndReason, Question, Snapshot, Speaker};
use super::link::upstream::UpstreamFault;
use super::link::view::Clock;
use super::protocol::room::{AiState, PageMessage, RoomEvent, RoomMessage, TAMPERED};
use super::time::{Epoch, Tick};
use super::transcript::{Captions, Line};
use answer::Answer;
pub use ear::{Ear, loudness};
use notes::Notes;
use seen::Seen;
pub use told::{Effect, Source, Told};

/// The room as the page shows it.
#[derive(Debug, Default)]
pub struct RoomView {
    snapshot: Option<Snapshot>,
    question: Option<Question>,
    /// What the director says; the sound has a say too.
    state: AiState,
    sounding: bool,
    /// What the director says, or is about to, has begun to sound.
    begun: bool,
    /// And it is over.
    sounded: bool,
    /// The data channel tells turns and speech in this call.
    fast: bool,
    seen: Seen,
    /// The last number that the room channel itself told.
    last_n: u64,
    /// Of the room channel.
    rtt_ms: Option<u32>,
    captions: Captions,
    /// Counts the changes of the captions.
    revision: u64,
    tellers: BTreeMap<String, Source>,
    clock: Clock,
    clock_at: Tick,
    paused: bool,
    hearing: bool,
    /// The same as it was told last, whatever became of the call since.
    speaking: bool,
    answer: Option<Answer>,
    ear: Ear,
    notice: Option<String>,
    notes: Notes,
}

impl RoomView {
    #[must_use]
    pub const fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    #[must_use]
    pub const fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    #[must_use]
    pub fn lines(&self) -> &[Line] {
        self.captions.lines()
    }

    /// Changes whenever the lines do.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether the candidate is heard speaking.
    #[must_use]
    pub const fn hearing(&self) -> bool {
        self.hearing
    }

    /// Why the call was ended, for the candidate to read until there is another.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Whether neither side speaks, and nothing is about to be said. A breath in mid-answer is no pause.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !self.sounding && !self.hearing && self.answer.is_none() && self.state == AiState::Listening
    }

    /// Whether the question can be asked again: the director does so only while it listens to an answer.
    #[must_use]
    pub fn can_repeat(&self) -> bool {
        self.state == AiState::Listening && self.question.is_some()
    }

    /// What a page that comes back has seen: the name of the numbering and the last number. None before the first welcome.
    #[must_use]
    pub fn seen(&self) -> Option<(Epoch, u64)> {
        Some((self.snapshot.as_ref()?.epoch, self.last_n))
    }

    /// How long a word and its answer take on the room channel, as the server measured it last.
    #[must_use]
    pub const fn rtt_ms(&self) -> Option<u32> {
        self.rtt_ms
    }

    /// The report as far as this page has seen the interview, for when the server cannot be asked.
    #[must_use]
    pub fn report(&self, now: Tick, session_id: &str, started_at: u64, ended: EndReason) -> Report {
        Report {
            session_id: session_id.to_owned(),
            application_id: self.snapshot.as_ref().and_then(|it| it.application_id.clone()),
            persona: self.snapshot.as_ref().map(|it| it.persona.clone()).unwrap_or_default(),
            started_at,
            duration_ms: self.clock(now).elapsed_ms,
            ended: Some(ended),
            questions: self.notes.questions(),
            transcript: self.lines().to_vec(),
        }
    }

    /// Who has the floor: `Speaking` only while the markers and the sound agree (S003-08).
    #[must_use]
    pub fn ai(&self, now: Tick) -> AiState {
        // Either teller may be the later one, by a second where packets are lost: the sound is over before the director says
        // so, or the director says that it has begun before the sound's own marker is here.
        match (self.sounding, self.state) {
            (false, AiState::Speaking) if self.sounded && self.question.is_some() => AiState::Listening,
            // After the greeting it is nobody's turn: the first question follows.
            (false, AiState::Speaking) if self.sounded => AiState::Thinking,
            (false, AiState::Listening | AiState::Thinking) => self.state,
            (true, _) | (false, AiState::Speaking) if self.ear.is_audible(now) => AiState::Speaking,
            (true, _) | (false, AiState::Speaking) => AiState::Thinking,
        }
    }

    /// The interview's clock, carried on from what the server said last.
    #[must_use]
    pub fn clock(&self, now: Tick) -> Clock {
        let running = self.clock.running && !self.paused;
        let passed = if running { Tick(now.since(self.clock_at)).as_ms() } else { 0 };
        let left_ms = self.clock.left_ms.saturating_sub(passed);
        Clock { elapsed_ms: self.clock.elapsed_ms + passed, left_ms, running }
    }

    /// Stops or starts the shown clock: it stands still while the line is being mended.
    pub fn pause(&mut self, now: Tick, paused: bool) {
        if self.paused != paused {
            self.clock = Clock { running: self.clock.running, ..self.clock(now) };
            self.clock_at = now;
            self.paused = paused;
        }
    }

    /// The call is gone, and with it what its data channel told. Whatever was sounding is not any more.
    pub fn call_lost(&mut self, now: Tick) {
        self.fast = false;
        self.sounding = false;
        self.sounded = true;
        self.quiet(now);
    }

    /// A call on the room channel stands. Whether it is the `same` that was given up: then it waited for its page, and both
    /// voices are where they were told to be last.
    pub fn call_stands(&mut self, now: Tick, same: bool) {
        self.speaking &= same;
        self.sounding |= same && self.state == AiState::Speaking;
        if self.speaking
            && let Some(answer) = &mut self.answer
        {
            answer.goes_on(now);
            self.hearing = true;
        }
    }

    /// A level of the interviewer's sound, as RMS of full scale; None where it cannot be measured. Returns whether the
    /// interviewer is audible at this very moment.
    pub fn listen(&mut self, now: Tick, rms: Option<f32>) -> bool {
        self.ear.listen(now, rms)
    }

    /// Folds one event in.
    pub fn apply(&mut self, now: Tick, source: Source, message: &RoomMessage) -> Told {
        if message.n > 0 {
            let welcome = matches!(message.event, RoomEvent::Welcome(_));
            if source == Source::Room {
                self.last_n = if welcome { message.n } else { self.last_n.max(message.n) };
            }
            if welcome {
                // It holds all that was told before it.
                self.seen = Seen::up_to(message.n);
            } else if !self.seen.is_news(message.n) {
                return Told::STALE;
            }
        }
        // From here on it is our server that tells, whichever way.
        let source = if source == Source::Events { Source::Room } else { source };
        match &message.event {
            RoomEvent::Welcome(snapshot) => self.welcome(now, snapshot),
            RoomEvent::ProviderReady => {
                // What was said about the call before this one is history.
                self.notice = None;
                Told::then(Effect::ProviderReady)
            }
            RoomEvent::TurnStart { speaker: Speaker::Interviewer } => self.sound(source, true),
            RoomEvent::TurnEnd { speaker: Speaker::Interviewer, .. } => self.sound(source, false),
            RoomEvent::TurnStart { speaker: Speaker::Candidate } => Told::FRESH,
            RoomEvent::TurnEnd { speaker: Speaker::Candidate, spoken_ms } => self.answered(now, *spoken_ms),
            RoomEvent::Speech { active, item_id } => self.speech(now, source, *active, item_id),
            RoomEvent::QuestionReady(question) => {
                let fresh = self.question.as_ref() != Some(question);
                self.question = Some(question.clone());
                self.notes.asked(question);
                Told { fresh, effect: None }
            }
            RoomEvent::AiState { state } => self.director_says(*state),
            RoomEvent::CaptionDelta { item_id, speaker, delta } => {
                if !self.tells(source, *speaker, item_id) {
                    return Told::STALE;
                }
                let at_ms = self.clock(now).elapsed_ms;
                self.captions.append(item_id, *speaker, delta, at_ms);
                self.changed()
            }
            RoomEvent::CaptionDone(line) => {
                if source == Source::Channel && line.speaker == Speaker::Candidate {
                    return Told::STALE;
                }
                let at_ms = if line.at_ms == 0 { self.clock(now).elapsed_ms } else { line.at_ms };
                if line.solid || self.lines().iter().any(|it| it.item_id == line.item_id) {
                    self.captions.finish(line);
                } else {
                    self.captions.finish(&Line { at_ms, ..line.clone() });
                }
                self.changed()
            }
            RoomEvent::CaptionCut { item_id, .. } => {
                self.captions.cut(item_id);
                self.changed()
            }
            RoomEvent::Clock { elapsed_ms, left_ms, running } => {
                self.clock = Clock { elapsed_ms: *elapsed_ms, left_ms: *left_ms, running: *running };
                self.clock_at = now;
                Told::FRESH
            }
            RoomEvent::CallOpen { epoch, call, from } => {
                Told::then(Effect::CallOpen { epoch: *epoch, call: *call, from: *from })
            }
            RoomEvent::AudioCut { epoch } => Told::then(Effect::Cut(*epoch)),
            RoomEvent::LatencyPing { id, rtt_ms } => {
                self.rtt_ms = rtt_ms.or(self.rtt_ms);
                Told::then(Effect::Say(PageMessage::Pong { id: *id }))
            }
            RoomEvent::Error { code, message } => {
                // A call that was changed is as good as gone: nothing that is said on it counts.
                let fault = (code == TAMPERED).then_some(UpstreamFault::Lost).or_else(|| UpstreamFault::of_code(code));
                let Some(fault) = fault else { return Told::then(Effect::Remark(message.clone())) };
                self.notice = Some(message.clone());
                Told::then(Effect::CallEnded(fault))
            }
            RoomEvent::Ended { reason } => Told::then(Effect::Over(*reason)),
            RoomEvent::Unknown => Told::STALE,
        }
    }

    fn welcome(&mut self, now: Tick, snapshot: &Snapshot) -> Told {
        self.captions.restore(snapshot.lines.clone());
        self.tellers.clear();
        self.take_up(now, &snapshot.lines);
        self.question.clone_from(&snapshot.question);
        self.state = snapshot.ai;
        let running = self.clock.running;
        self.clock = Clock { elapsed_ms: snapshot.elapsed_ms, left_ms: snapshot.left_ms, running };
        self.clock_at = now;
        self.notice = None;
        self.question.iter().for_each(|question| self.notes.asked(question));
        self.snapshot = Some(snapshot.clone());
        self.revision += 1;
        snapshot.ended.map_or(Told::FRESH, |reason| Told::then(Effect::Over(reason)))
    }

    /// Whether this teller's turn markers count. The data channel's always do, and from then on only they.
    fn leads(&mut self, source: Source) -> bool {
        self.fast |= source == Source::Channel;
        source == Source::Channel || !self.fast
    }

    fn sound(&mut self, source: Source, sounding: bool) -> Told {
        if !self.leads(source) || self.sounding == sounding {
            return Told::STALE;
        }
        self.sounding = sounding;
        self.begun |= sounding;
        // The end of what was said before it may come late.
        self.sounded = !sounding && self.begun;
        Told::then(Effect::Sounding(sounding))
    }

    fn director_says(&mut self, state: AiState) -> Told {
        let fresh = self.state != state;
        self.state = state;
        let sounding = state == AiState::Speaking;
        if !sounding {
            (self.begun, self.sounded) = (false, false);
        }
        if !self.fast && self.sounding != sounding {
            self.sounding = sounding;
            self.begun |= sounding;
            return Told { fresh, effect: Some(Effect::Sounding(sounding)) };
        }
        Told { fresh, effect: None }
    }

    /// Whether this teller's words count: those of whoever began the line.
    fn tells(&mut self, source: Source, speaker: Speaker, item_id: &str) -> bool {
        if source == Source::Channel && speaker == Speaker::Candidate {
            return false;
        }
        *self.tellers.entry(item_id.to_owned()).or_insert(source) == source
    }

    fn changed(&mut self) -> Told {
        self.revision += 1;
        Told::FRESH
    }
}
