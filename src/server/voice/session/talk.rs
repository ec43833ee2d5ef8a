//! The conversation that is built in: a greeting, the practice questions one after another, thanks in between.

use super::request::{Newest, Occasion};
use crate::engine::interview::plan::{ACKNOWLEDGEMENTS, Plan};

/// As many minutes as the longest practice interview takes, for all of its questions.
const MINUTES: u32 = 20;

const GREETING: &str = "Hello, I am an AI interviewer. Shall I ask you a practice question?";
const LAST: &str = "That was my last practice question. Thank you for your answers.";
const WAITING: &str = "Take your time. I am listening.";
const NOTED: &str = "Thank you. I have noted that.";

/// How far the conversation has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Talk {
    /// The greeting is one.
    turns: usize,
}

impl Talk {
    /// What to say when nobody says what to say. Only an answer to a turn moves on to the next question.
    pub(super) fn next(&mut self, newest: &Newest, occasion: Occasion, in_conversation: bool) -> String {
        if occasion == Occasion::Silence {
            return WAITING.to_owned();
        }
        if !in_conversation || matches!(newest, Newest::Output(_)) {
            return NOTED.to_owned();
        }
        let turn = self.turns;
        self.turns += 1;
        let Some(question) = turn.checked_sub(1) else { return GREETING.to_owned() };
        let thanks = ACKNOWLEDGEMENTS[question % ACKNOWLEDGEMENTS.len()];
        let questions = Plan::practice(MINUTES).questions;
        match questions.get(question) {
            Some(next) => format!("{thanks} {}", next.text),
            None if question == questions.len() => LAST.to_owned(),
            None => thanks.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_practice_question_is_asked_once_and_then_only_thanks_are_given() {
        let mut talk = Talk::default();
        let mut said = || talk.next(&Newest::Spoken, Occasion::Turn, true);
        assert_eq!(said(), GREETING);
        for question in Plan::practice(MINUTES).questions {
            assert!(said().ends_with(&question.text));
        }
        assert_eq!(said(), LAST);
        for _ in 0..8 {
            assert!(ACKNOWLEDGEMENTS.contains(&said().as_str()));
        }
    }

    #[test]
    fn what_is_no_turn_does_not_move_on() {
        let mut talk = Talk::default();
        assert_eq!(talk.next(&Newest::Nothing, Occasion::Silence, true), WAITING);
        assert_eq!(talk.next(&Newest::Output("7".to_owned()), Occasion::Turn, true), NOTED);
        assert_eq!(talk.next(&Newest::Text("Hi".to_owned()), Occasion::Turn, false), NOTED);
        assert_eq!(talk.next(&Newest::Nothing, Occasion::Turn, true), GREETING);
    }
}
