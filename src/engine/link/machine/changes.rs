//! Tests of a route that is changed in the middle of a call: by choice, or because the network is another one.

use super::super::choice::Choice;
use super::routes::READY;
use super::tests::Sim;
use super::*;

/// S000-26: a change waits until nobody speaks, and the call goes on until the other one stands.
#[test]
fn a_route_is_changed_in_a_pause_and_make_comes_before_break() {
    let mut sim = Sim::live_by(Choice::Automatic);
    sim.send(Input::Quiet(false));
    assert!(sim.send(Input::Choose(Choice::WebSocket)).is_empty(), "somebody speaks");
    assert_eq!(sim.send(Input::Quiet(true)), [Command::Open(Epoch(1), Route::Socket)]);
    assert_eq!(sim.link.route(), Route::Direct, "still");
    assert_eq!(sim.stand(), [Command::Close(Epoch(0)), Command::Show(Phase::Live)]);
    assert_eq!(sim.link.route(), Route::Socket);
    assert_eq!(sim.send(Input::Choose(Choice::WebRtc)), [Command::Open(Epoch(2), Route::Direct)]);
    assert_eq!(sim.connect(), [Command::Close(Epoch(1)), Command::Show(Phase::Live)]);
    assert!(sim.send(Input::Choose(Choice::Automatic)).is_empty(), "that is the route already");
}

/// A change that does not work out leaves the call where it was, and says so.
#[test]
fn a_route_that_does_not_come_about_leaves_the_one_before() {
    let mut sim = Sim::fallen();
    let old = sim.epoch();
    assert_eq!(sim.send(Input::Choose(Choice::WebRtc)), [Command::Open(old.next(), Route::Direct)]);
    sim.reach(&READY);
    let out = sim.send(Input::Ice(sim.epoch(), Ice::Failed));
    assert_eq!(out, [Command::Close(old.next()), Command::Fallback(Fallback::Ice)], "the call goes on as it was");
    assert_eq!((sim.epoch(), sim.link.route()), (old, Route::Socket));
    assert_eq!(sim.link.routes().choice(), Choice::Automatic, "what is shown is what is true");
    assert_eq!(sim.link.poll_timeout(), None);
    assert!(sim.send(Input::Reached(old.next(), Reach::CallOpen)).is_empty(), "what it still says is stale");
    // The next attempt has a number of its own.
    let next = old.next().next();
    assert_eq!(sim.send(Input::Choose(Choice::WebRtc)), [Command::Open(next, Route::Direct)]);
    assert_eq!(sim.connect(), [Command::Close(old), Command::Show(Phase::Live)]);
}

/// S003-07: a change that fails leaves the choice before. With the fallback off nothing is said to have fallen back.
#[test]
fn a_change_that_fails_leaves_the_choice_before() {
    for (fallback, chosen, after, fell) in [
        (true, Choice::WebRtc, Choice::WebSocket, false),
        (true, Choice::Automatic, Choice::Automatic, true),
        (false, Choice::Automatic, Choice::WebSocket, false),
    ] {
        let mut sim = Sim::choosing(Choice::WebSocket);
        sim.link.offer(Routes::new(Choice::WebSocket, fallback));
        sim.send(Input::Start);
        sim.send(Input::Room(true));
        sim.stand();
        sim.send(Input::Quiet(true));
        assert_eq!(sim.send(Input::Choose(chosen)).len(), 1);
        let out = sim.send(Input::Ice(sim.epoch(), Ice::Failed));
        assert_eq!(out.contains(&Command::Fallback(Fallback::Ice)), fell, "{chosen:?} {fallback}");
        assert_eq!((sim.link.routes().choice(), sim.link.route()), (after, Route::Socket), "{chosen:?} {fallback}");
    }
}

/// A call that breaks while another route is tried is made anew, on the route that it was on.
#[test]
fn a_call_that_breaks_during_a_try_is_made_anew() {
    for input in [Input::Room(false), Input::CallEnded(Epoch(2), UpstreamFault::Lost)] {
        let mut sim = Sim::fallen();
        let old = sim.epoch();
        sim.send(Input::NetworkChanged);
        assert!(sim.link.is_trying());
        let out = sim.send(input);
        assert_eq!(out[..2], [Command::Close(old), Command::Close(old.next())], "{input:?}");
        assert!(!sim.link.is_trying(), "{input:?}");
        sim.send(Input::Room(true));
        assert_eq!(sim.stand(), [Command::Show(Phase::Live)], "{input:?}");
        assert_eq!(sim.link.route(), Route::Socket);
    }
    let mut sim = Sim::fallen();
    sim.send(Input::NetworkChanged);
    let quota = Phase::Failed(UpstreamFault::Quota.into());
    let out = sim.send(Input::CallEnded(sim.epoch(), UpstreamFault::Quota));
    assert_eq!(out.last(), Some(&Command::Show(quota)));
}

/// From the Socket WebRTC is tried again when the network is another one: in a pause, without a word, a few times.
#[test]
fn a_new_network_is_tried_quietly_and_not_for_ever() {
    let mut sim = Sim::fallen();
    let mut tried = 0;
    for input in [Input::Online, Input::NetworkChanged, Input::NetworkChanged, Input::Online, Input::NetworkChanged] {
        sim.send(Input::Quiet(false));
        assert!(sim.send(input).is_empty(), "somebody speaks");
        if sim.send(Input::Quiet(true)).is_empty() {
            continue;
        }
        tried += 1;
        sim.reach(&READY);
        let tried = sim.epoch();
        assert_eq!(sim.skip(), [Command::Close(tried)], "the Socket goes on, and that is no news");
    }
    assert_eq!(tried, 3);
    let mut sim = Sim::fallen();
    assert_eq!(sim.send(Input::NetworkChanged).len(), 1);
    sim.connect();
    assert_eq!(sim.link.route(), Route::Direct);
    sim.starve();
    assert_eq!(sim.skip(), [Command::Open(sim.epoch(), Route::Direct)], "WebRTC has its chances anew");
}

/// The usual change of network cuts the room channel too. What it was the occasion for is done when the call is back.
#[test]
fn a_change_that_cuts_the_room_channel_is_not_forgotten() {
    for input in [Input::Online, Input::NetworkChanged] {
        let mut sim = Sim::fallen();
        sim.send(Input::Room(false));
        assert!(sim.send(input).is_empty());
        sim.send(Input::Room(true));
        assert_eq!(sim.stand(), [Command::Show(Phase::Live)]);
        sim.send(Input::Quiet(false));
        let next = sim.epoch().next();
        assert_eq!(sim.send(Input::Quiet(true)), [Command::Open(next, Route::Direct)], "{input:?}");
    }
    // It comes first, and the try that it leads to is cut short.
    let mut sim = Sim::fallen();
    sim.send(Input::NetworkChanged);
    sim.send(Input::Room(false));
    sim.send(Input::Room(true));
    sim.stand();
    sim.send(Input::Quiet(false));
    assert!(matches!(sim.send(Input::Quiet(true))[..], [Command::Open(_, Route::Direct)]));
}

/// Not every browser tells of a change of network: a room channel that breaks may be one.
#[test]
fn a_room_channel_that_broke_is_reason_enough_to_try_webrtc_again() {
    let mut sim = Sim::fallen();
    let mut tried = 0;
    for _ in 0..5 {
        sim.send(Input::Room(false));
        sim.send(Input::Quiet(false));
        assert_eq!(sim.send(Input::Room(true)), [Command::Open(sim.epoch(), Route::Socket)], "the call first");
        assert_eq!(sim.stand(), [Command::Show(Phase::Live)], "and nobody is interrupted");
        if !sim.send(Input::Quiet(true)).is_empty() {
            tried += 1;
            sim.skip();
        }
    }
    assert_eq!(tried, 3);
    // Who chose the Socket has it.
    let mut sim = Sim::choosing(Choice::WebSocket);
    sim.send(Input::Start);
    sim.send(Input::Room(true));
    sim.stand();
    sim.send(Input::Room(false));
    sim.send(Input::Room(true));
    sim.stand();
    assert!(sim.send(Input::Quiet(true)).is_empty());
}

/// Who chooses while the line is down has made the decision: the other route is opened at once.
#[test]
fn a_choice_during_a_repair_is_followed_at_once() {
    let mut sim = Sim::live_by(Choice::WebRtc);
    sim.poll(350, false);
    let out = sim.send(Input::Choose(Choice::WebSocket));
    assert_eq!(out.last(), Some(&Command::Open(Epoch(2), Route::Socket)));
    assert_eq!(out[0], Command::Close(Epoch(1)));
}
