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
    item_id: Option<String>,
    text: String,
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
            self.item_id.get_or_insert_with(|| item_id.to_owned());
            self.text.push_str(delta);
        }
    }

    /// All of its words.
    pub fn words(&mut self, response_id: &str, item_id: &str, text: &str) {
        if self.is(response_id) {
            self.item_id = Some(item_id.to_owned());
            text.clone_into(&mut self.text);
        }
    }

    /// Whether it has any words.
    #[must_use]
    pub fn has_words(&self) -> bool {
        !self.text.trim().is_empty()
    }

    /// How long its words take to be said, at an easy pace.
    #[must_use]
    pub fn takes(&self) -> Duration {
        let letters = u32::try_from(self.text.chars().count()).unwrap_or(u32::MAX);
        BREATH + LETTER.saturating_mul(letters)
    }

    /// It is over: its item and its words as far as they were said. None if nothing was said.
    pub fn take(&mut self) -> Option<(String, String)> {
        let it = std::mem::take(self);
        it.item_id.filter(|_| !it.text.trim().is_empty()).map(|item_id| (item_id, it.text.trim().to_owned()))
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
        assert_eq!(flight.take(), Some(("i2".to_owned(), "Well".to_owned())));
        assert_eq!(flight.stage(), None);
    }

    #[test]
    fn a_response_that_nobody_asked_for_is_not_ours() {
        let mut flight = InFlight::default();
        assert!(!flight.created("r0"));
        assert!(!flight.is("r0"));
    }
}
