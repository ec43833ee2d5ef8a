//! Words of the candidate that come after their turn, or after the end.

use super::sim::Sim;
use super::*;

/// S001-23, S001-32
#[test]
fn words_of_the_candidate_reach_their_turn_early_or_late() {
    let mut sim = Sim::asked(5);
    sim.start_talking();
    sim.wait(4_000);
    let heard = |item: &str, text: &str| ServerEvent::InputTranscriptCompleted {
        item_id: item.to_owned(),
        content_index: 0,
        transcript: text.to_owned(),
        usage: serde_json::Value::Null,
        logprobs: None,
        languages: None,
    };
    sim.stop_talking();
    sim.provider(&heard("u1", "I built"));
    sim.start_talking();
    sim.wait(1_000);
    sim.stop_talking();
    sim.wait(1_200);
    sim.provider(&heard("u2", "a bridge."));
    assert_eq!(sim.director.state().report().questions[0].answers[0].words(), "I built a bridge.");
}

/// S001-23: the report is given at once, and read later it has the words that were under way.
#[test]
fn words_that_arrive_after_the_end_are_in_the_report_that_is_read_later() {
    let ended = || {
        let mut sim = asks::asked();
        sim.answer(9_000);
        sim.speak_out(3_000);
        sim.start_talking();
        sim.wait(4_000);
        sim.stop_talking();
        sim.transcribe_item(1, "I built a bridge.");
        sim.send(Input::Page(&PageMessage::Finish));
        assert_eq!(sim.told.last(), Some(&RoomEvent::Ended { reason: EndReason::Finished }), "nobody waits");
        assert!(!sim.hung_up);
        sim
    };
    let words = |sim: &Sim| sim.director.state().report().questions[1].answers[0].text.clone();
    let mut sim = ended();
    assert_eq!(words(&sim), None);
    sim.wait(2_000);
    // Only words count any more.
    sim.start_talking();
    sim.provider(&faults::forged());
    sim.send(Input::Page(&PageMessage::Repeat));
    assert!(!sim.hung_up && sim.said.len() == 3);
    sim.transcribe_item(2, "And a road.");
    assert_eq!(words(&sim).as_deref(), Some("And a road."));
    assert!(sim.hung_up, "there is nothing more to wait for");
    assert_eq!(sim.director.poll_timeout(), None);
    assert_eq!(State::fold("s", &sim.log), *sim.director.state());

    // Nobody goes on speaking to somebody who has left.
    let mut sim = asks::asked();
    sim.answer(9_000);
    sim.begin();
    sim.send(Input::Page(&PageMessage::Finish));
    assert_eq!((sim.cancels, sim.hung_up), (1, false));

    let mut sim = ended();
    sim.wait(2_999);
    assert!(!sim.hung_up);
    sim.wait(1);
    assert!(sim.hung_up, "not for ever");
    sim.transcribe_item(2, "Too late.");
    assert_eq!(words(&sim), None);

    let mut sim = ended();
    sim.provider(&ServerEvent::InputTranscriptFailed {
        item_id: "u2".to_owned(),
        content_index: 0,
        error: ErrorBody::default(),
    });
    assert!(sim.hung_up, "not in vain");
}

/// A turn that has no words, and one whose words ended with their call, are not waited for.
#[test]
fn nobody_waits_for_words_that_cannot_come() {
    let failed = |item: &str| ServerEvent::InputTranscriptFailed {
        item_id: item.to_owned(),
        content_index: 0,
        error: ErrorBody::default(),
    };
    for early in [true, false] {
        let mut sim = asks::asked();
        sim.start_talking();
        sim.wait(9_000);
        if early {
            sim.provider(&failed("u1"));
        }
        sim.stop_talking();
        sim.wait(1_200);
        if !early {
            sim.provider(&failed("u1"));
        }
        sim.send(Input::Page(&PageMessage::Finish));
        assert!(sim.hung_up, "{early}");
    }
    let mut sim = asks::asked();
    sim.answer(9_000);
    sim.send(Input::CallLost);
    sim.send(Input::CallOpen);
    sim.send(Input::Page(&PageMessage::Finish));
    assert!(sim.hung_up);
}
