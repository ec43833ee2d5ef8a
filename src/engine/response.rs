//! One response in flight.
//!
//! The protocol allows one response of the default conversation at a time, and its events may arrive late: of a response
//! that was cancelled, or of a call that is gone. What does not belong to the response in flight is dropped here.

use std::time::Duration;

/// A letter takes this long to be said, spaces and pauses between words included.
const LETTER: Duration = Duration::from_millis(65);
/// Before the first word and after the last.
const BREATH: Duration = Duration::from_millis(500);

/// How far the response in flight has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `response.create` was sent.
    Asked,
    /// `response.created` came: its id is known.
    Created,
    /// Its sound is being heard.
    Sounding,
}

/// The response in flight, if any.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    stage: Option<Stage>,
    id: Option<String>,
    /// Its items and their words, in the order in which they were first heard of.
    items: Vec<(String, String)>,
}

impl InFlight {
    /// A new `response.create` goes out. Whatever was in flight is forgotten.
    pub fn ask(&mut self) {
        *self = Self { stage: Some(Stage::Asked), ..Self::default() };
    }

    #[must_use]
    pub const fn stage(&self) -> Option<Stage> {
        self.stage
    }

    /// The provider made it. Returns whether it is the one that we wait for.
    pub fn created(&mut self, id: &str) -> bool {
        if self.stage != Some(Stage::Asked) {
            return false;
        }
        self.stage = Some(Stage::Created);
        self.id = Some(id.to_owned());
        true
    }

    /// Whether an event of `response_id` is about the response in flight.
    #[must_use]
    pub fn is(&self, response_id: &str) -> bool {
        self.id.as_deref() == Some(response_id)
    }

    /// Its sound begins. Returns whether that is news.
    pub fn sounding(&mut self, response_id: &str) -> bool {
        if !self.is(response_id) || self.stage == Some(Stage::Sounding) {
            return false;
        }
        self.stage = Some(Stage::Sounding);
        true
    }

    /// A piece of its words.
    pub fn delta(&mut self, response_id: &str, item_id: &str, delta: &str) {
        if self.is(response_id) {
            self.item(item_id).push_str(delta);
        }
    }

    /// All words of one of its items.
    pub fn words(&mut self, response_id: &str, item_id: &str, text: &str) {
        if self.is(response_id) {
            text.clone_into(self.item(item_id));
        }
    }

    fn item(&mut self, id: &str) -> &mut String {
        let at = self.items.iter().position(|(known, _)| known == id).unwrap_or_else(|| {
            self.items.push((id.to_owned(), String::new()));
            self.items.len() - 1
        });
        &mut self.items[at].1
    }

    /// Whether it has any words.
    #[must_use]
    pub fn has_words(&self) -> bool {
        self.items.iter().any(|(_, text)| !text.trim().is_empty())
    }

    /// How long its words take to be said, at an easy pace.
    #[must_use]
    pub fn takes(&self) -> Duration {
        let letters: usize = self.items.iter().map(|(_, text)| text.chars().count()).sum();
        BREATH + LETTER.saturating_mul(u32::try_from(letters).unwrap_or(u32::MAX))
    }

    /// It is over: its items and their words as far as they were said.
    pub fn take(&mut self) -> Vec<(String, String)> {
        let items = std::mem::take(self).items.into_iter();
        items.map(|(id, text)| (id, text.trim().to_owned())).filter(|(_, text)| !text.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_events_of_a_cancelled_response_are_dropped() {
        let mut flight = InFlight::default();
        flight.ask();
        assert!(flight.created("r1"));
        flight.delta("r1", "i1", "Tell ");
        flight.ask();
        assert!(flight.created("r2"));
        assert!(!flight.sounding("r1"));
        flight.delta("r1", "i1", "me");
        flight.delta("r2", "i2", "Well");
        assert!(flight.sounding("r2"));
        assert_eq!(flight.take(), [("i2".to_owned(), "Well".to_owned())]);
        assert_eq!(flight.stage(), None);
    }

    /// Newer models say something first, and what they mean in an item of its own.
    #[test]
    fn a_response_of_two_items_keeps_the_words_of_both() {
        let mut flight = InFlight::default();
        flight.ask();
        flight.created("r");
        for (item, delta) in [("a", "One "), ("b", "What "), ("a", "moment."), ("b", "are you")] {
            flight.delta("r", item, delta);
        }
        flight.words("r", "b", "What are you proud of?");
        let words = |id: &str, text: &str| (id.to_owned(), text.to_owned());
        assert_eq!(flight.take(), [words("a", "One moment."), words("b", "What are you proud of?")]);
        assert!(flight.take().is_empty());
    }

    #[test]
    fn a_response_that_nobody_asked_for_is_not_ours() {
        let mut flight = InFlight::default();
        assert!(!flight.created("r0"));
        assert!(!flight.is("r0"));
    }
}
