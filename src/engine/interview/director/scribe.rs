//! What goes on record, and when: nothing that was said is kept only in a moment's state.

use super::{Command, Director};
use crate::engine::floor::Turn;
use crate::engine::interview::Speaker;
use crate::engine::interview::record::Record;
use crate::engine::protocol::room::RoomEvent;
use crate::engine::response::Stage as Flight;
use crate::engine::time::Tick;
use crate::engine::transcript::Line;

/// Texts that wait for the end of their turn. What comes in for turns that never end is not kept.
const EARLY_WORDS: usize = 64;

impl Director {
    /// Puts what was heard of the response in flight on record. Words come before their sound: of one that never sounded
    /// nothing was heard.
    pub(super) fn record_said(&mut self, now: Tick, interrupted: bool) {
        let sounded = self.flight.stage() == Some(Flight::Sounding);
        let items = self.flight.take();
        if !sounded {
            return;
        }
        let whole_ms = self.clock.elapsed_ms(now).saturating_sub(self.sounding_from_ms);
        let letters = |text: &str| text.chars().count() as u64;
        let all: u64 = items.iter().map(|(_, text)| letters(text)).sum();
        let mut at_ms = self.sounding_from_ms;
        for (item_id, text) in items {
            // Each took its part of the time.
            let spoken_ms = whole_ms * letters(&text) / all;
            let line = Line::spoken(&item_id, Speaker::Interviewer, &text);
            let line = Line { at_ms, spoken_ms, interrupted, solid: true, ..line };
            at_ms += spoken_ms;
            self.append(Record::Said { line: line.clone() });
            self.tell(RoomEvent::CaptionDone(line));
        }
    }

    /// Puts an unfinished turn of the candidate on record.
    pub(super) fn record_turn(&mut self) {
        self.give_back();
        if let Some(turn) = self.floor.take() {
            self.answer(&turn, true);
        }
    }

    pub(super) fn answer(&mut self, turn: &Turn, counts: bool) {
        self.tell(RoomEvent::TurnEnd { speaker: Speaker::Candidate, spoken_ms: turn.spoken_ms });
        let Some(line) = self.line(turn) else { return };
        let line = Line { solid: true, ..line };
        let item_id = line.item_id.clone();
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
            if text.trim().is_empty() {
                self.wordless.push(item_id);
            } else {
                self.append(Record::Transcribed { item_id, text });
            }
        }
        let line = self.state.line_of(&item_id).cloned().unwrap_or(line);
        self.tell(RoomEvent::CaptionDone(line));
    }

    /// The line of a turn that is not on record yet.
    pub(super) fn line(&self, turn: &Turn) -> Option<Line> {
        Some(Line {
            text: None,
            at_ms: self.turn_from_ms,
            spoken_ms: turn.spoken_ms,
            ..Line::spoken(turn.items.first()?, Speaker::Candidate, "")
        })
    }

    /// What was said in a turn that is not on record yet, once the words of all its items are there.
    pub(super) fn words_of(&self, turn: &Turn) -> Option<String> {
        let words =
            |item: &String| self.early_words.iter().find(|(known, _)| known == item).map(|(_, text)| text.trim());
        turn.items.iter().map(words).collect::<Option<Vec<_>>>().map(|words| words.join(" "))
    }

    /// The words of an item are known; none where they could not be made out.
    pub(super) fn words(&mut self, now: Tick, item_id: &str, text: &str) {
        if self.state.line_of(item_id).is_none() {
            // The last that is told of an item counts, and the newest items are those that are waited for.
            self.early_words.retain(|(known, _)| known != item_id);
            if self.early_words.len() >= EARLY_WORDS {
                self.early_words.remove(0);
            }
            self.early_words.push((item_id.to_owned(), text.to_owned()));
            return self.weigh(now);
        }
        if text.trim().is_empty() {
            return self.wordless.push(item_id.to_owned());
        }
        self.append(Record::Transcribed { item_id: item_id.to_owned(), text: text.to_owned() });
        if let Some(line) = self.state.line_of(item_id).cloned() {
            self.tell(RoomEvent::CaptionDone(line));
        }
    }

    pub(super) fn append(&mut self, record: Record) {
        if Self::is_progress(&record) {
            self.vain_calls = 0;
        }
        self.state.apply(&record);
        self.out.push_back(Command::Append(record));
    }
}
