//! Who has the turn: patience, interruption, and the question once more.

use super::sim::Sim;
use super::*;

#[test]
fn nobody_talks_over_the_opening_line_and_everybody_over_the_rest() {
    let mut sim = Sim::entered(5);
    assert!(!sim.interruptible);
    let id = sim.begin();
    sim.answer(2_000);
    assert_eq!(sim.said.len(), 1);
    sim.provider(&ServerEvent::OutputStopped { response_id: id });
    assert!(sim.interruptible);
    assert_eq!(sim.said.len(), 2);
    assert_eq!(sim.answers(), [0, 0, 0]);
}

#[test]
fn a_turn_ends_by_our_patience_not_by_the_providers_silence() {
    let mut sim = Sim::asked(5);
    sim.start_talking();
    sim.wait(3_000);
    sim.stop_talking();
    sim.wait(1_199);
    assert_eq!(sim.said.len(), 2, "1.6 s are not over");
    sim.start_talking();
    sim.wait(60_000);
    assert_eq!(sim.said.len(), 2, "nobody is cut off while speaking");
    sim.stop_talking();
    sim.wait(1_200);
    assert_eq!(sim.said.len(), 3);
    assert_eq!(sim.director.state().report().questions[0].answers[0].spoken_ms, 63_000);
}

#[test]
fn a_very_short_answer_gets_one_follow_up() {
    let mut sim = Sim::asked(5);
    sim.answer(1_000);
    assert!(sim.last_said().contains("concrete example"));
    sim.speak_out(2_000);
    sim.answer(1_000);
    assert!(sim.last_said().contains(&question(1)), "one follow-up, not two");
    assert_eq!(sim.answers(), [2, 0, 0]);
    assert!(sim.director.state().report().questions[0].answers[1].follow_up);
}

#[test]
fn an_interrupted_question_is_answered_or_asked_again() {
    for (spoken_ms, again) in [(400, true), (6_000, false)] {
        let mut sim = Sim::entered(5);
        sim.speak_out(4_000);
        let id = sim.begin();
        sim.wait(500);
        sim.start_talking();
        sim.provider(&ServerEvent::OutputCleared { response_id: id });
        sim.wait(spoken_ms);
        sim.stop_talking();
        sim.wait(1_200);
        assert_eq!(sim.last_said() == question(0), again, "{spoken_ms} ms");
        let cut = &sim.director.state().lines[1];
        assert!(cut.interrupted);
        assert_eq!(sim.answers()[0], usize::from(!again));
    }
}

#[test]
fn what_was_not_heard_yet_waits_until_the_candidate_is_done() {
    let mut sim = Sim::asked(5);
    sim.answer(5_000);
    let next = sim.last_said().to_owned();
    sim.start_talking();
    sim.provider(&ServerEvent::ResponseCreated { response: Response { id: "r".to_owned(), ..Response::default() } });
    let cancelled = Response { id: "r".to_owned(), status: "cancelled".to_owned(), ..Response::default() };
    sim.provider(&ServerEvent::ResponseDone { response: cancelled });
    sim.wait(4_000);
    sim.stop_talking();
    sim.wait(1_200);
    assert_eq!(sim.last_said(), next, "the same words again");
    assert_eq!(sim.answers(), [2, 0, 0], "both parts belong to the question that was heard");
}

#[test]
fn repeat_says_the_question_again_and_keeps_what_was_said() {
    let mut sim = Sim::asked(5);
    sim.start_talking();
    sim.wait(3_000);
    sim.stop_talking();
    sim.send(Input::Page(&PageMessage::Repeat));
    assert!(sim.last_said().ends_with(&question(0)));
    sim.speak_out(3_000);
    sim.answer(4_000);
    assert_eq!(sim.director.state().report().questions[0].answers[0].spoken_ms, 7_000);
}
