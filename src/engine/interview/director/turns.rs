//! Whose turn it is, and what is said next.

use std::time::Duration;

use super::directive::Purpose;
use super::settings::interruptible;
use super::{Director, FALSE_START_MS, OVERTIME, SHORT_ANSWER_MS, SOUND_LIMIT, Stage};
use crate::engine::floor::Turn;
use crate::engine::interview::EndReason;
use crate::engine::interview::asks::{self, Ask};
use crate::engine::interview::record::Record;
use crate::engine::protocol::room::{AiState, RoomEvent};
use crate::engine::time::Tick;

/// A longer turn is an answer, so nobody has to wait for its words.
const ASK_MS: u64 = 8_000;
/// How long the words of a turn may take. Later ones go on record, and decide nothing.
const WORDS_LIMIT: Duration = Duration::from_millis(1_500);

impl Director {
    /// The candidate's turn is over. A short one may have been a question to us: its words are waited for, a moment. So are
    /// those of any other if the call is about to be renewed, because they would end with it.
    pub(super) fn turn_ended(&mut self, now: Tick, turn: Turn) {
        let matters = turn.spoken_ms <= ASK_MS || self.is_due(now);
        if matters && self.rules.transcription.is_some() && self.words_of(&turn).is_none() {
            self.weighing = Some((turn, now.after(WORDS_LIMIT)));
            self.tell(RoomEvent::AiState { state: AiState::Thinking });
        } else {
            self.decide(now, &turn);
        }
    }

    /// The words of the turn under consideration are complete.
    pub(super) fn weigh(&mut self, now: Tick) {
        let Some((turn, until)) = self.weighing.take() else { return };
        if self.words_of(&turn).is_some() {
            self.decide(now, &turn);
        } else {
            self.weighing = Some((turn, until));
        }
    }

    /// The turn under consideration goes on after all, or whatever happens now is more important than its words.
    pub(super) fn give_back(&mut self) {
        if let Some((turn, _)) = self.weighing.take() {
            self.floor.resume(turn);
        }
    }

    /// What comes next is ours to say.
    pub(super) fn decide(&mut self, now: Tick, turn: &Turn) {
        let ask = self.words_of(turn).and_then(|words| asks::recognise(&words));
        let false_start = std::mem::take(&mut self.cut_off) && turn.spoken_ms < FALSE_START_MS;
        let spoken_ms = turn.spoken_ms;
        self.answer(turn, !false_start && ask.is_none());
        let left_ms = self.limit_ms().saturating_sub(self.clock.elapsed_ms(now));
        let next = match (self.resume.take(), self.answering) {
            (Some(purpose), _) => purpose,
            (None, Some((idx, follow_up))) if ask.is_some() && left_ms > 0 => {
                let minutes_left = u32::try_from(left_ms.div_ceil(60_000)).unwrap_or(u32::MAX);
                Purpose::Reply { ask: ask.unwrap_or(Ask::Repeat), minutes_left, idx, follow_up }
            }
            (None, Some((idx, follow_up))) if false_start => Purpose::Ask { idx, follow_up, thanks: false },
            (None, Some((idx, false))) if spoken_ms < SHORT_ANSWER_MS => {
                Purpose::Ask { idx, follow_up: true, thanks: false }
            }
            (None, Some((idx, _))) => self.after(now, idx),
            (None, None) => Purpose::Ask { idx: 0, follow_up: false, thanks: false },
        };
        self.next(now, next);
    }

    pub(super) fn after(&self, now: Tick, idx: u32) -> Purpose {
        let out_of_time = self.clock.elapsed_ms(now) >= self.limit_ms();
        if out_of_time {
            Purpose::Closing(EndReason::TimeUp)
        } else if idx + 1 < self.state.plan.total() {
            Purpose::Ask { idx: idx + 1, follow_up: false, thanks: true }
        } else {
            Purpose::Closing(EndReason::Completed)
        }
    }

    /// Says goodbye, whatever the candidate was about to say.
    pub(super) fn close(&mut self, now: Tick, reason: EndReason) {
        self.record_turn();
        self.speak(now, Purpose::Closing(reason));
    }

    /// Whatever is to be said, it is the goodbye where there is no money for more.
    pub(super) fn speak(&mut self, now: Tick, purpose: Purpose) {
        let purpose = match purpose {
            Purpose::Closing(_) => purpose,
            _ if self.budget.is_spent() => Purpose::Closing(EndReason::Budget),
            _ => purpose,
        };
        if !self.interruptible && purpose != Purpose::Greeting {
            self.interruptible = true;
            self.send(interruptible());
        }
        let question = purpose.question().and_then(|(idx, follow_up)| {
            if self.state.asked != Some((idx, follow_up)) {
                self.append(Record::Asked { idx, follow_up, at_ms: self.clock.elapsed_ms(now) });
            }
            self.state.plan.question(idx, follow_up)
        });
        // Before the question: a page that has it and still listens would offer the floor.
        self.request(now, purpose, 1);
        if let Some(question) = question {
            self.tell(RoomEvent::QuestionReady(question));
        }
    }

    pub(super) fn request(&mut self, now: Tick, purpose: Purpose, attempt: u32) {
        self.stage = Stage::Speaking { purpose, give_up: now.after(SOUND_LIMIT), attempt };
        self.flight.ask();
        self.cut = false;
        self.tell(RoomEvent::AiState { state: AiState::Thinking });
        self.send(purpose.request(&self.state.plan, self.rules.exact));
    }

    /// `pause`: how long a candidate in mid-turn may take to go on.
    pub(super) fn listen(&mut self, now: Tick, pause: Duration) {
        self.stage = Stage::Listening;
        self.floor.thaw(now, pause);
        self.grant_last_words(now);
        self.tell(RoomEvent::AiState { state: AiState::Listening });
        self.tell_clock(now);
    }

    /// When the closing is due. A running answer gets some time more.
    pub(super) fn time_up(&self) -> Option<Tick> {
        let grace = if self.floor.is_taken() { OVERTIME } else { Duration::ZERO };
        self.clock.when(self.limit_ms()).map(|at| at.after(grace))
    }
}
