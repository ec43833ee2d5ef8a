//! The candidate asks the interviewer (S002-12, S002-13).

use super::*;
use crate::engine::protocol::room::AiState;

/// The first question was asked by an interviewer who hears words.
pub(super) fn asked() -> Sim {
    let mut sim = Sim::new(5);
    let rules = Rules { transcription: Some(json!({ "model": "any" })), ..RULES };
    sim.director = Director::new(rules, sim.director.state().clone(), Tick::ZERO);
    sim.send(Input::CallOpen);
    sim.send(Input::Page(&PageMessage::Ready));
    sim.speak_out(4_000);
    sim.speak_out(3_000);
    sim
}

impl Sim {
    /// The candidate says `text`, which is known `late_ms` after the turn's end.
    fn ask(&mut self, text: &str, late_ms: u64) {
        self.start_talking();
        self.wait(2_000);
        self.stop_talking();
        self.wait(1_200 + late_ms);
        self.transcribe(text);
    }
}

#[test]
fn a_question_of_the_candidate_is_answered_and_the_interviewer_comes_back_to_its_own() {
    for (text, expected) in [
        ("Could you repeat the question?", "Of course."),
        ("How much time do we have?", "We have about 5 minutes left."),
        ("How many questions are there?", "This is question 1 of 3."),
        ("Are you a robot?", "I am an AI"),
        ("What do you mean by proud?", "Of course. Once more:"),
    ] {
        let mut sim = asked();
        sim.ask(text, 900);
        assert!(sim.last_said().starts_with(expected), "{text}: {}", sim.last_said());
        assert!(sim.last_said().ends_with(&question(0)), "{text}: {}", sim.last_said());
        let before = sim.director.snapshot(sim.now).elapsed_ms;
        sim.speak_out(3_000);
        assert_eq!(sim.director.snapshot(sim.now).elapsed_ms, before + 3_000, "the clock goes on");
        assert_eq!(sim.answers(), [0, 0, 0], "a question is no answer");
        assert_eq!(sim.director.state().lines[2].text.as_deref(), Some(text), "it is on record all the same");
        sim.ask("I built a bridge out of old radios.", 100);
        assert_eq!(sim.answers(), [1, 0, 0]);
    }
}

#[test]
fn words_are_waited_for_only_where_they_can_change_something() {
    // Late words: the turn counts as an answer, and the words find it.
    let mut late = asked();
    late.ask("Can you repeat the question?", 1_501);
    assert!(late.last_said().contains("concrete example"), "{}", late.last_said());
    assert_eq!(late.director.state().report().questions[0].answers[0].words(), "Can you repeat the question?");
    // Nobody listens for words.
    let mut deaf = Sim::asked(5);
    deaf.answer(2_000);
    assert_eq!(deaf.said.len(), 3);
    // A long turn is an answer.
    let mut long = asked();
    long.answer(9_000);
    assert_eq!(long.said.len(), 3);
    // Words that are there already, and words that could not be made out, decide at once.
    for failed in [false, true] {
        let mut sim = asked();
        sim.start_talking();
        sim.wait(2_000);
        sim.stop_talking();
        if failed {
            let error = ErrorBody::default();
            sim.provider(&ServerEvent::InputTranscriptFailed { item_id: "u1".to_owned(), content_index: 0, error });
        } else {
            sim.transcribe("Pardon?");
        }
        sim.wait(1_200);
        assert_eq!(sim.last_said().starts_with("Of course."), !failed, "{}", sim.last_said());
        assert_eq!(sim.answers(), [usize::from(failed), 0, 0]);
        assert_eq!(sim.director.state().lines[2].text.is_none(), failed);
    }
}

#[test]
fn a_candidate_who_goes_on_while_words_are_waited_for_keeps_the_turn() {
    let mut sim = asked();
    sim.start_talking();
    sim.wait(2_000);
    sim.stop_talking();
    sim.wait(1_300);
    assert_eq!(sim.director.snapshot(sim.now).ai, AiState::Thinking);
    sim.start_talking();
    sim.transcribe_item(1, "Could you repeat the question?");
    assert_eq!(sim.said.len(), 2);
    sim.wait(5_000);
    sim.stop_talking();
    sim.wait(1_200);
    sim.transcribe_item(2, "No, I know: it was the bridge.");
    assert_eq!(sim.answers(), [1, 0, 0], "one turn, and its last words are an answer");
    assert!(sim.director.state().lines[2].spoken_ms > 6_000, "of both parts");
    assert!(sim.last_said().contains(&question(1)));
}

#[test]
fn an_end_while_words_are_waited_for_loses_nothing() {
    for end in [Input::End(EndReason::Finished), Input::CallLost] {
        let mut sim = asked();
        sim.start_talking();
        sim.wait(3_000);
        sim.stop_talking();
        sim.wait(1_300);
        sim.send(end);
        sim.wait(2_000);
        sim.send(Input::End(EndReason::Finished));
        assert_eq!(sim.answers(), [1, 0, 0], "{end:?}");
    }
}
