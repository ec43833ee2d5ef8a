//! Interviews from their greeting to their report.

mod asks;
mod faults;
mod late;
mod limits;
mod rejoin;
mod sim;
mod turns;

use serde_json::json;

use self::sim::{RULES, Sim};
use super::*;
use crate::engine::interview::Speaker;
use crate::engine::interview::plan::Plan;
use crate::engine::protocol::room::AiState;
use crate::engine::protocol::server::{ErrorBody, Response};

fn question(idx: usize) -> String {
    Plan::practice(20).questions[idx].text.clone()
}

#[test]
fn a_short_interview_runs_from_greeting_to_goodbye() {
    let mut sim = Sim::asked(5);
    assert!(sim.said[0].contains("AI interviewer") && sim.said[1] == question(0));
    sim.answer(8_000);
    assert!(sim.last_said().contains(&question(1)) && sim.last_said().starts_with("Thank"));
    sim.speak_out(3_000);
    sim.answer(8_000);
    sim.speak_out(3_000);
    sim.answer(8_000);
    assert!(sim.last_said().contains("last question"));
    assert!(!sim.hung_up, "the goodbye is heard first");
    sim.speak_out(4_000);
    assert!(sim.hung_up);
    assert_eq!(sim.told.last(), Some(&RoomEvent::Ended { reason: EndReason::Completed }));
    assert_eq!(sim.answers(), [1, 1, 1]);
    assert_eq!(State::fold("s", &sim.log), *sim.director.state(), "the state is a fold of the log");
}

/// S003-33: the payload of `question.ready` has number, domain, tier and text.
#[test]
fn each_question_is_announced_when_it_is_asked() {
    let sim = Sim::asked(5);
    let ready: Vec<_> = sim.told.iter().filter(|it| matches!(it, RoomEvent::QuestionReady(_))).collect();
    let json = serde_json::to_value(ready[0]).unwrap();
    assert_eq!((ready.len(), &json["type"]), (1, &"question.ready".into()));
    for field in ["idx", "domain", "difficultyTier", "text", "total"] {
        assert!(!json["payload"][field].is_null(), "{field} in {json}");
    }
}

/// A page that has the question and still listens would offer the floor for the moment between two packets.
#[test]
fn nobody_is_listening_when_a_question_arrives() {
    let mut sim = Sim::asked(5);
    sim.answer(8_000);
    let states = sim.told.iter().scan(None, |state, it| {
        if let RoomEvent::AiState { state: said } = it {
            *state = Some(*said);
        }
        Some(matches!(it, RoomEvent::QuestionReady(_)).then_some(*state))
    });
    assert_eq!(states.flatten().collect::<Vec<_>>(), [Some(AiState::Thinking); 2]);
}

#[test]
fn the_greeting_waits_for_the_page_but_not_for_ever() {
    let mut sim = Sim::new(5);
    sim.send(Input::CallOpen);
    sim.wait(4_999);
    assert!(sim.said.is_empty());
    sim.wait(1);
    assert_eq!(sim.said.len(), 1);
    let mut early = Sim::new(5);
    early.send(Input::Page(&PageMessage::Ready));
    early.send(Input::CallOpen);
    assert_eq!(early.said.len(), 1, "a page that was ready first is not kept waiting");
}

#[test]
fn the_candidate_can_end_at_any_moment_and_loses_nothing() {
    let mut sim = Sim::asked(5);
    sim.start_talking();
    sim.wait(2_000);
    sim.stop_talking();
    sim.send(Input::Page(&PageMessage::Finish));
    assert!(sim.hung_up);
    assert_eq!(sim.answers(), [1, 0, 0]);
    assert_eq!(sim.director.state().ended, Some(EndReason::Finished));
    assert_eq!(sim.director.poll_timeout(), None);
    sim.send(Input::CallOpen);
    assert_eq!(sim.said.len(), 2, "nothing happens after the end");
}

#[test]
fn when_the_time_is_up_a_running_answer_gets_some_more() {
    let mut sim = Sim::asked(5);
    sim.wait(5 * 60_000 - 7_000 - 2_000);
    sim.start_talking();
    sim.wait(2_000 + 14_999);
    assert_eq!(sim.said.len(), 2);
    sim.wait(1);
    assert!(sim.last_said().contains("time is up"));
    sim.speak_out(4_000);
    assert_eq!(sim.director.state().ended, Some(EndReason::TimeUp));
    assert_eq!(sim.answers(), [1, 0, 0]);
}

#[test]
fn a_provider_that_stays_silent_is_asked_again_then_called_anew_and_then_the_candidate_decides() {
    let mut sim = Sim::entered(5);
    sim.wait(8_000);
    assert_eq!(sim.said.len(), 2);
    sim.wait(16_000);
    for expected in ["upstream.broken", "upstream.broken", "upstream.unsteady", "upstream.broken"] {
        assert!(std::mem::take(&mut sim.hung_up) && sim.director.state().ended.is_none());
        assert!(matches!(sim.told.last(), Some(RoomEvent::Error { code, .. }) if code == expected), "{expected}");
        sim.send(Input::CallOpen);
        sim.send(Input::Page(&PageMessage::Ready));
        sim.wait(24_000);
    }
    sim.wait(600_000);
    assert_eq!(sim.director.state().ended, Some(EndReason::Idle), "not for ever");
}

/// One response at a time: what was made and is not heard would only have the next one refused.
#[test]
fn a_response_that_is_made_and_not_heard_is_cancelled_before_it_is_asked_for_again() {
    let mut sim = Sim::entered(5);
    let response = Response { id: "slow".to_owned(), ..Response::default() };
    sim.provider(&ServerEvent::ResponseCreated { response });
    sim.wait(8_000);
    assert_eq!((sim.cancels, sim.said.len()), (1, 2));
    sim.speak_out(4_000);
    assert_eq!(sim.said.len(), 3, "the first question");
}

/// An answer without a word is none: the greeting says that this is an AI, and is not passed over.
#[test]
fn a_response_without_words_is_asked_for_again() {
    for status in ["completed", "incomplete"] {
        let mut sim = Sim::entered(5);
        let response = Response { id: "empty".to_owned(), status: status.to_owned(), ..Response::default() };
        sim.provider(&ServerEvent::ResponseCreated { response: response.clone() });
        sim.provider(&ServerEvent::ResponseDone { response });
        sim.wait(600);
        assert_eq!((sim.said.len(), &sim.said[0]), (2, &sim.said[1]), "{status}");
        assert_eq!(sim.log.len(), 1, "nothing was said");
    }
}

#[test]
fn a_provider_that_is_busy_is_asked_again_soon() {
    let mut sim = Sim::entered(5);
    let busy = ErrorBody { code: Some("conversation_already_has_active_response".to_owned()), ..ErrorBody::default() };
    sim.provider(&ServerEvent::Error { error: busy });
    sim.wait(500);
    assert_eq!(sim.said.len(), 2);
}

#[test]
fn a_room_without_anybody_is_closed_after_ten_minutes() {
    let mut sim = Sim::asked(20);
    sim.wait(600_000);
    assert_eq!(sim.director.state().ended, Some(EndReason::Idle));
}

/// Whatever happens in whatever order, a session that is not over has a deadline armed, and nothing panics.
#[test]
fn no_reachable_state_waits_for_ever() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for walk in 0..1_000 {
        let mut sim = Sim::new(5);
        let rules = Rules { transcription: (walk % 2 == 0).then(|| json!({ "model": "any" })), ..RULES };
        sim.director = Director::new(rules, sim.director.state().clone(), Tick::ZERO);
        for _ in 0..60 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            match seed % 16 {
                0 => sim.send(Input::CallOpen),
                1 => sim.send(Input::CallLost),
                2 => sim.send(Input::Page(&PageMessage::Ready)),
                3 => sim.send(Input::Page(&PageMessage::Repeat)),
                4 => sim.start_talking(),
                5 => sim.stop_talking(),
                // A response that nobody asked for would be the candidate's.
                6 if sim.owed > 0 => _ = sim.begin(),
                7 | 8 if sim.owed > 0 => sim.speak_out(seed % 5_000),
                9 => sim.provider(&ServerEvent::OutputCleared { response_id: format!("resp{}", sim.responses) }),
                10 => {
                    let said = ["Pardon?", "I built a bridge.", ""][(seed >> 8) as usize % 3];
                    sim.transcribe(said);
                }
                11 if walk % 5 == 0 => sim.send(Input::OutOfBudget),
                12 if walk % 7 == 0 => sim.provider(&faults::expired()),
                12 => sim.send(Input::CallBroken(UpstreamFault::Lost)),
                13 if walk % 11 == 0 => sim.provider(&faults::forged()),
                _ => sim.wait(seed % 9_000),
            }
            let over = sim.director.state().ended.is_some();
            assert!(over || sim.director.poll_timeout().is_some(), "{:?}", sim.director);
        }
        if sim.director.state().ended.is_some() {
            sim.wait(3_000);
            assert_eq!((sim.hung_up, sim.director.poll_timeout()), (true, None), "{:?}", sim.director);
        }
        assert_eq!(State::fold("s", &sim.log), *sim.director.state());
    }
}
