//! Interviews from their greeting to their report.

mod asks;
mod faults;
mod limits;
mod sim;

use serde_json::json;

use self::sim::{RULES, Sim};
use super::*;
use crate::engine::interview::Speaker;
use crate::engine::interview::plan::Plan;
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
