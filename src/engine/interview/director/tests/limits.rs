//! Limits that others set: how long a provider's session may last, and what an interview may cost.

use serde_json::json;

use super::*;

/// A session that the provider ends `after` this moment.
fn ends(sim: &Sim, after: Duration) -> ServerEvent {
    let expires_at = (RULES.began_at + sim.now.after(after).as_ms()) / 1_000;
    ServerEvent::SessionUpdated { session: json!({ "expires_at": expires_at }) }
}

fn again(sim: &mut Sim) {
    sim.send(Input::CallOpen);
    sim.send(Input::Page(&PageMessage::Ready));
}

fn is_asked_for_a_new_call(sim: &Sim) -> bool {
    sim.told.iter().any(|it| matches!(it, RoomEvent::Error { code, .. } if code == "upstream.expired"))
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn before_its_limit_a_call_is_renewed_between_two_turns() {
    for (left, renewed) in [(4 * MINUTE, false), (2 * MINUTE, true)] {
        let mut sim = Sim::asked(90);
        let event = ends(&sim, 60 * MINUTE);
        sim.provider(&event);
        sim.director.lifetime.learn(&json!({ "expires_at": 7 }), RULES.began_at); // No date that can be meant.
        sim.start_talking();
        sim.wait(9_000);
        sim.now = Tick::from_ms(7_000).after(60 * MINUTE - left);
        sim.director.last_sign = sim.now;
        sim.stop_talking();
        assert!(!sim.hung_up, "nobody is cut off");
        sim.wait(1_200);
        assert_eq!((sim.hung_up, is_asked_for_a_new_call(&sim)), (renewed, renewed), "{left:?} left");
        assert_eq!(sim.answers()[0], 1);
        if renewed {
            let before = sim.director.snapshot(sim.now).elapsed_ms;
            assert_eq!(sim.said.len(), 2);
            sim.wait(3_000);
            again(&mut sim);
            assert_eq!(sim.director.snapshot(sim.now).elapsed_ms, before, "the clock stands still");
        }
        assert!(sim.last_said().starts_with("Thank") && sim.last_said().ends_with(&question(1)), "as if nothing were");
    }
}

/// Words end with their call, so it is kept a moment for those of the answer before.
#[test]
fn a_call_is_not_renewed_before_the_words_of_the_last_answer_are_there() {
    for late_ms in [700, 1_499, 5_000] {
        let mut sim = super::asks::asked();
        let event = ends(&sim, 4 * MINUTE);
        sim.provider(&event);
        sim.wait(175_000);
        sim.answer(12_000);
        assert!(!sim.hung_up, "the words are under way");
        sim.wait(late_ms);
        assert_eq!(sim.hung_up, late_ms > 1_500, "not for ever");
        sim.transcribe("I built a bridge.");
        assert!(sim.hung_up && is_asked_for_a_new_call(&sim));
        let words = sim.director.state().report().questions[0].answers[0].words();
        assert_eq!(words == "I built a bridge.", late_ms < 1_500, "{words}");
        again(&mut sim);
        assert!(sim.last_said().starts_with("Thank") && sim.last_said().ends_with(&question(1)), "{}", sim.last_said());
    }
}

#[test]
fn a_silence_near_the_limit_is_as_good_as_the_end_of_a_turn() {
    let mut sim = Sim::asked(20);
    let event = ends(&sim, 5 * MINUTE);
    sim.provider(&event);
    // A quarter of its life is held back, and the half of that for turns that end by themselves.
    sim.wait(261_000);
    assert!(!sim.hung_up);
    sim.wait(1_000);
    assert!(sim.hung_up && is_asked_for_a_new_call(&sim));
    again(&mut sim);
    assert_eq!(sim.last_said(), "We are connected again. Take your time.", "nobody had begun to answer");
}

/// S003-16: at once, in the middle of whatever it is.
#[test]
fn a_session_that_expired_goes_on_in_a_new_call() {
    let mut speaking = Sim::asked(5);
    speaking.answer(6_000);
    speaking.begin();
    let mut answering = Sim::asked(5);
    answering.start_talking();
    for (mut sim, expected) in [(speaking, question(1)), (answering, "Please go on.".to_owned())] {
        sim.wait(1_000);
        sim.provider(&super::faults::expired());
        assert!(sim.hung_up && is_asked_for_a_new_call(&sim));
        again(&mut sim);
        assert!(sim.last_said().starts_with("We are connected again."), "{}", sim.last_said());
        assert!(sim.last_said().ends_with(&expected), "{}", sim.last_said());
    }
}

/// However long nothing was said before: whoever is cut off has the whole time to come back.
#[test]
fn the_time_to_come_back_is_counted_from_the_departure() {
    for (minutes, ended) in [(9, None), (11, Some(EndReason::Idle))] {
        let mut sim = Sim::asked(20);
        sim.wait(300_000);
        sim.send(Input::CallLost);
        sim.wait(minutes * 60_000);
        assert_eq!(sim.director.state().ended, ended, "{minutes} minutes");
    }
}

/// A microphone has to be allowed and a call made, and nobody is turned away meanwhile.
#[test]
fn a_page_that_comes_back_at_the_last_moment_still_gets_its_call() {
    let mut sim = Sim::asked(20);
    sim.send(Input::CallLost);
    sim.wait(599_000);
    sim.send(Input::Joined);
    sim.wait(60_000);
    again(&mut sim);
    assert!(sim.last_said().starts_with("We are connected again."), "{}", sim.last_said());
    assert_eq!(sim.director.state().ended, None);
}

/// A session that may cost a dollar, at a dollar for a million tokens of text.
fn priced() -> Sim {
    let mut sim = Sim::new(20);
    let prices = Prices { text_in: 1_000_000, ..Prices::FREE };
    let rules = Rules { prices, cost_cap: Some(1_000_000), ..RULES };
    sim.director = Director::new(rules, sim.director.state().clone(), Tick::ZERO);
    again(&mut sim);
    sim.speak_out(4_000);
    sim.speak_out(3_000);
    sim
}

fn spend(sim: &mut Sim, cents: u64) {
    let usage = json!({ "input_token_details": { "text_tokens": cents * 10_000 } });
    let response = Response { id: "any".to_owned(), status: "completed".to_owned(), usage, ..Response::default() };
    sim.provider(&ServerEvent::ResponseDone { response });
}

#[test]
fn a_session_that_has_cost_enough_ends_with_a_goodbye_at_the_next_turn() {
    let mut sim = priced();
    spend(&mut sim, 99);
    assert_eq!(sim.director.cost(), 990_000);
    sim.answer(5_000);
    assert!(sim.last_said().ends_with(&question(1)));
    sim.speak_out(3_000);
    sim.start_talking();
    spend(&mut sim, 1);
    sim.wait(5_000);
    assert!(!sim.hung_up && !sim.last_said().contains("limit"), "the candidate has the word");
    sim.stop_talking();
    sim.wait(1_200);
    assert!(sim.last_said().contains("reached its limit") && !sim.hung_up);
    spend(&mut sim, 50);
    assert!(!sim.hung_up, "the goodbye is not cut either");
    sim.speak_out(5_000);
    assert!(sim.hung_up);
    assert_eq!(sim.director.state().ended, Some(EndReason::Budget));
    assert_eq!(sim.answers()[..2], [1, 1]);
}

#[test]
fn a_day_that_has_cost_enough_ends_a_session_the_same_way() {
    let mut sim = Sim::asked(20);
    sim.send(Input::OutOfBudget);
    sim.wait(14_999);
    assert_eq!(sim.said.len(), 2);
    sim.wait(1);
    assert!(sim.last_said().contains("reached its limit"), "somebody who says nothing is not waited for");
    let mut repeat = Sim::asked(20);
    repeat.send(Input::OutOfBudget);
    repeat.send(Input::Page(&PageMessage::Repeat));
    assert!(repeat.last_said().contains("reached its limit"));
}

#[test]
fn a_limit_that_is_ignored_ends_the_call() {
    // The cost goes on rising while the candidate talks.
    let mut sim = priced();
    sim.start_talking();
    spend(&mut sim, 100);
    spend(&mut sim, 19);
    assert!(!sim.hung_up);
    spend(&mut sim, 1);
    assert!(sim.hung_up);
    assert_eq!(sim.director.state().ended, Some(EndReason::Budget));
    assert_eq!(sim.answers()[0], 1, "what was said is kept");
    // Nobody hears the goodbye.
    let mut mute = priced();
    spend(&mut mute, 100);
    mute.wait(15_000);
    mute.wait(24_000);
    assert_eq!((mute.hung_up, mute.director.state().ended), (true, Some(EndReason::Budget)));
}

/// One dear response takes a session far beyond its limit. The goodbye is said all the same.
#[test]
fn a_limit_that_is_passed_in_one_step_still_ends_with_a_goodbye() {
    let mut sim = priced();
    spend(&mut sim, 99);
    spend(&mut sim, 31);
    spend(&mut sim, 1);
    assert!(sim.director.state().ended.is_none(), "a goodbye comes first");
    sim.answer(5_000);
    assert!(sim.last_said().contains("reached its limit"), "{}", sim.last_said());
    spend(&mut sim, 1);
    assert!(sim.director.state().ended.is_none());
}
