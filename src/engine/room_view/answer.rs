//! What the candidate says: heard piece by piece, and over when the server says so.

use super::{Effect, RoomView, Source, Told};
use crate::engine::interview::Speaker;
use crate::engine::time::Tick;
use crate::engine::transcript::Line;

/// The turn of the candidate that is under way.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    item_id: String,
    at_ms: u64,
    /// Spoken before the piece under way.
    before_ms: u64,
    since: Option<Tick>,
}

impl Answer {
    /// A piece of it is under way.
    pub(super) fn goes_on(&mut self, now: Tick) {
        self.since.get_or_insert(now);
    }

    pub(super) fn spoken_ms(&self, now: Tick) -> u64 {
        self.before_ms + self.since.map_or(0, |since| Tick(now.since(since)).as_ms())
    }
}

impl RoomView {
    /// Whether the candidate has begun an answer.
    #[must_use]
    pub const fn answering(&self) -> bool {
        self.answer.is_some()
    }

    /// The question being answered, and the milliseconds spoken so far.
    #[must_use]
    pub fn answer_so_far(&self, now: Tick) -> Option<(u32, u64)> {
        Some((self.question.as_ref()?.idx, self.answer.as_ref()?.spoken_ms(now)))
    }

    /// Time passes: the length of the answer under way grows.
    pub fn tick(&mut self, now: Tick) {
        let Some(answer) = self.answer.as_ref().filter(|answer| answer.since.is_some()) else { return };
        let spoken_ms = answer.spoken_ms(now);
        self.captions.hear(&answer.item_id, answer.at_ms, spoken_ms);
        self.revision += 1;
    }

    /// Goes on with the answer that the server knows to be under way. Without one ours is over, unless the candidate has only
    /// just begun and the server has not heard of it yet.
    pub(super) fn take_up(&mut self, now: Tick, lines: &[Line]) {
        let ours = self.answer.take();
        let open = lines.iter().rfind(|it| it.speaker == Speaker::Candidate && !it.solid);
        self.answer = match open {
            Some(line) => {
                let same = ours.filter(|it| it.item_id == line.item_id);
                Some(Answer {
                    item_id: line.item_id.clone(),
                    at_ms: line.at_ms,
                    // Whoever counted more has heard more.
                    before_ms: same.map_or(0, |it| it.spoken_ms(now)).max(line.spoken_ms),
                    since: self.hearing.then_some(now),
                })
            }
            None => ours.filter(|it| self.fast && self.hearing && lines.iter().all(|line| line.item_id != it.item_id)),
        };
    }

    pub(super) fn speech(&mut self, now: Tick, source: Source, active: bool, item_id: &str) -> Told {
        let leads = self.leads(source);
        if leads {
            self.speaking = active;
        }
        if !leads || self.hearing == active {
            return Told::STALE;
        }
        if active {
            let at_ms = self.clock(now).elapsed_ms;
            let answer = self.answer.get_or_insert_with(|| Answer {
                item_id: item_id.to_owned(),
                at_ms,
                before_ms: 0,
                since: None,
            });
            answer.since = Some(now);
            self.hearing = true;
            self.tick(now);
        } else {
            self.quiet(now);
        }
        Told::FRESH
    }

    /// The candidate stops speaking, maybe only for a breath.
    pub(super) fn quiet(&mut self, now: Tick) {
        self.tick(now);
        self.hearing = false;
        if let Some(answer) = &mut self.answer {
            answer.before_ms = answer.spoken_ms(now);
            answer.since = None;
        }
    }

    pub(super) fn answered(&mut self, now: Tick, spoken_ms: u64) -> Told {
        self.speaking = false;
        self.quiet(now);
        let (mut spoken_ms, mut at_ms) = (spoken_ms, self.clock(now).elapsed_ms);
        if let Some(answer) = self.answer.take() {
            // The server counts better, but a turn that it did not count was still spoken.
            spoken_ms = if spoken_ms == 0 { answer.before_ms } else { spoken_ms };
            at_ms = answer.at_ms;
            self.captions.hear(&answer.item_id, at_ms, spoken_ms);
            self.revision += 1;
        }
        if let Some(question) = &self.question {
            self.notes.answered(question, at_ms, spoken_ms);
        }
        Told::then(Effect::Answered { question: self.question.as_ref().map(|it| it.idx), spoken_ms })
    }
}
