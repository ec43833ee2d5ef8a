//! A new call goes on where the one before it broke.

use super::sim::{RULES, Sim};
use super::*;

/// The clock stands still while we are at fault, the greeting is never repeated, and the question only to somebody who was
/// away for long.
#[test]
fn a_new_call_goes_on_where_the_old_one_broke() {
    let mut sim = Sim::asked(5);
    let before = sim.director.snapshot(sim.now).elapsed_ms;
    for (away, expected) in [(30_000, "Take your time.".to_owned()), (90_000, question(0))] {
        sim.send(Input::CallLost);
        sim.wait(away);
        sim.send(Input::CallOpen);
        sim.send(Input::Page(&PageMessage::Ready));
        assert_eq!(sim.director.snapshot(sim.now).elapsed_ms, before);
        assert_eq!(sim.last_said(), format!("We are connected again. {expected}"));
    }
    sim.speak_out(4_000);
    sim.answer(5_000);
    assert!(sim.last_said().contains(&question(1)));
}

/// The greeting says that this is an AI: one that broke off is said again, to a provider that knows of none.
#[test]
fn a_greeting_that_broke_off_is_said_again() {
    for restored in [false, true] {
        let mut sim = Sim::entered(5);
        sim.begin();
        sim.wait(2_000);
        sim.send(Input::CallLost);
        if restored {
            sim.director = Director::new(RULES, State::fold("s", &sim.log), sim.now);
        }
        sim.send(Input::CallOpen);
        assert!(sim.replayed.is_empty(), "{:?}", sim.replayed);
        assert!(!sim.interruptible, "it is heard to its end");
        sim.send(Input::Page(&PageMessage::Ready));
        assert_eq!((sim.said.len(), &sim.said[0]), (2, &sim.said[1]), "restored: {restored}");
    }
}

/// The history goes with every new call; what the candidate knows already is not said again.
#[test]
fn a_candidate_who_had_begun_to_answer_is_asked_to_go_on() {
    let mut sim = Sim::asked(5);
    sim.start_talking();
    sim.wait(5_000);
    sim.send(Input::CallLost);
    sim.wait(2_000);
    sim.send(Input::CallOpen);
    assert!(sim.replayed[0].contains("do not greet again") && sim.replayed[2] == question(0), "{:?}", sim.replayed);
    assert!(sim.interruptible, "the opening was heard");
    sim.send(Input::Page(&PageMessage::Ready));
    assert_eq!(sim.last_said(), "We are connected again. Please go on.");
    sim.speak_out(2_000);
    sim.wait(5_999);
    assert_eq!(sim.said.len(), 3, "there is time to find back");
    sim.answer(4_000);
    assert!(sim.last_said().contains(&question(1)));
    assert_eq!(sim.answers(), [1, 0, 0], "one answer in two parts");
}

/// Somebody who goes on by themselves is not talked over, and what they say before the page is ready is not lost.
#[test]
fn a_candidate_who_goes_on_before_the_page_is_ready_is_listened_to() {
    for begun in [true, false] {
        let mut sim = Sim::asked(5);
        if begun {
            sim.start_talking();
            sim.wait(5_000);
        }
        sim.send(Input::CallLost);
        sim.wait(2_000);
        sim.send(Input::CallOpen);
        sim.start_talking();
        sim.wait(1_000);
        sim.send(Input::Page(&PageMessage::Ready));
        sim.wait(3_000);
        assert_eq!(sim.said.len(), 2, "{begun}: there is nothing to say");
        sim.stop_talking();
        sim.wait(1_200);
        assert!(sim.last_said().contains(&question(1)), "{begun}: {}", sim.last_said());
        assert_eq!(sim.answers(), [1, 0, 0]);
        let spoken_ms = if begun { 9_000 } else { 4_000 };
        assert_eq!(sim.director.state().report().questions[0].answers[0].spoken_ms, spoken_ms, "{begun}");
    }
    // A question that was cut off is said first.
    let mut sim = Sim::asked(5);
    sim.answer(5_000);
    sim.begin();
    sim.send(Input::CallLost);
    sim.send(Input::CallOpen);
    sim.answer(2_000);
    sim.send(Input::Page(&PageMessage::Ready));
    assert!(sim.last_said().ends_with(&question(1)), "{}", sim.last_said());
    assert_eq!(sim.answers(), [1, 0, 0]);
}

/// A page that is loaded anew in the middle of an answer is told of it, as one line that goes on and is on record once.
#[test]
fn an_answer_under_way_is_in_the_snapshot() {
    let mut sim = Sim::asked(5);
    let open = |sim: &Sim| {
        let lines = sim.director.snapshot(sim.now).lines;
        let mine: Vec<_> = lines.into_iter().filter(|it| it.speaker == Speaker::Candidate).collect();
        mine.iter().map(|it| (it.item_id.clone(), it.at_ms, it.spoken_ms, it.solid)).collect::<Vec<_>>()
    };
    assert_eq!(open(&sim), []);
    let at_ms = sim.director.snapshot(sim.now).elapsed_ms;
    let line = |spoken_ms, solid| vec![("u1".to_owned(), at_ms, spoken_ms, solid)];
    sim.start_talking();
    sim.wait(5_000);
    assert_eq!(open(&sim), line(5_000, false));
    sim.send(Input::CallLost);
    sim.wait(2_000);
    assert_eq!(open(&sim), line(5_000, false), "nothing is said while nobody is there");
    sim.send(Input::CallOpen);
    sim.start_talking();
    sim.send(Input::Page(&PageMessage::Ready));
    sim.wait(3_000);
    sim.stop_talking();
    assert_eq!(open(&sim)[0].2, 8_000);
    sim.wait(1_200);
    let answer = &open(&sim)[0];
    assert_eq!((open(&sim).len(), answer.0.as_str(), answer.2, answer.3), (1, "u1", 8_000, true));
}

/// A director that is made from the log alone, as after a restart of the server.
#[test]
fn a_restored_session_repeats_no_question_that_was_answered() {
    for (answered, expected) in [(false, question(0)), (true, question(1))] {
        let mut sim = Sim::asked(5);
        if answered {
            sim.answer(8_000);
            // It broke off between the answer and what came next.
            let last = sim.log.iter().rposition(|it| matches!(it, Record::Answered { .. })).unwrap();
            sim.log.truncate(last + 1);
        }
        sim.director = Director::new(RULES, State::fold("s", &sim.log), sim.now);
        sim.send(Input::CallOpen);
        sim.send(Input::Page(&PageMessage::Ready));
        assert!(sim.last_said().ends_with(&expected), "{}", sim.last_said());
        assert!(!sim.last_said().contains("Hello"));
    }
}
