//! The routes of a call: over the room channel, relayed by our server, from one to another, and back after a reload.

use wasm_bindgen_test::wasm_bindgen_test;

use super::super::BrowserError;
use super::super::clock::window;
use super::page::Page;
use super::{settle, sound, until};
use crate::engine::device::Support;
use crate::engine::interview::EndReason;
use crate::engine::link::choice::{Choice, Routes};
use crate::engine::link::steps::{Step, StepState};
use crate::engine::link::view::StartOptions;
use crate::engine::link::{Fault, Phase, Route};
use crate::engine::protocol::room::AiState;
use crate::engine::quality::Verdict;

const ICE: &str = r#"{"upstream":{"fault":"offer"}}"#;
const QUESTION: &str = r#"{"n":7,"type":"question.ready","payload":{"idx":1,"total":5,"domain":"Web","difficultyTier":"core","text":"Why?"}}"#;
pub(super) const WELCOME: &str = r#"{"n":6,"type":"welcome","payload":{"session_id":"s-1","persona":"Mariam","total":5,"minutes":10,"question":{"idx":1,"total":5,"domain":"Web","difficultyTier":"core","text":"Why?"},"lines":[{"item_id":"a","speaker":"interviewer","text":"Welcome.","at_ms":5,"spoken_ms":0,"solid":true,"interrupted":false}],"elapsed_ms":9000,"left_ms":1000,"epoch":3}}"#;

pub(super) fn options(choice: Choice) -> StartOptions {
    StartOptions { minutes: 10, routes: Routes::new(choice, true), ..StartOptions::default() }
}

impl Page {
    fn route(&self) -> Route {
        self.screen.route.get_untracked()
    }

    async fn live_by(choice: Choice) -> Result<Self, BrowserError> {
        sound::serve();
        let page = Self::open();
        page.driver()?.start(options(choice));
        until("a live call", || page.phase() == Phase::Live).await;
        Ok(page)
    }
}

/// S003-07, S003-21, S000-27: a call without any WebRTC, both voices as frames, and how much was heard is told.
#[wasm_bindgen_test]
async fn s003_21_a_call_on_the_room_channel_carries_both_voices() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    assert_eq!((page.route(), page.far.called()), (Route::Socket, 0));
    let steps = page.screen.steps.get_untracked();
    assert!(Step::ALL.into_iter().all(|step| matches!(steps.state(step), StepState::Done { .. })), "{steps:?}");
    until("ready", || page.far.has_said("ready") == 1).await;
    until("the candidate's voice", || page.far.heard_frames() > 10).await;
    page.far.tell(r#"{"n":1,"type":"turn.start","payload":{"speaker":"interviewer"}}"#);
    for seq in 0..150 {
        page.far.sound(seq, 65_536);
    }
    until("the interviewer's voice", || page.screen.ai.get_untracked() == AiState::Speaking).await;
    let told = page.far.has_said("played");
    page.far.tell(r#"{"n":2,"type":"audio.cut","payload":{"epoch":65537}}"#);
    until("how much was heard", || page.far.has_said("played") > told).await;
    page.driver()?.end();
    assert_eq!(page.far.has_said("bye"), 1);
    until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    Ok(())
}

/// A provider that sends no packet before it speaks is asked to speak all the same, and heard.
#[wasm_bindgen_test]
async fn a_hosted_provider_is_asked_to_speak_before_its_first_packet() -> Result<(), BrowserError> {
    let page = Page::open();
    page.far.host();
    page.driver()?.start(options(Choice::Automatic));
    until("ready", || page.far.has_said("ready") == 1).await;
    assert_eq!((page.phase(), page.route(), page.far.called()), (Phase::Live, Route::Direct, 1));
    page.far.speak(true);
    until("speaking", || page.screen.ai.get_untracked() == AiState::Speaking).await;
    Ok(())
}

/// A browser without a network is believed until the far end proves it wrong, and the server is told of both.
#[wasm_bindgen_test]
async fn a_hosted_call_without_a_network_is_not_shown_as_live() -> Result<(), BrowserError> {
    let page = Page::open();
    page.far.host();
    page.driver()?.start(options(Choice::Automatic));
    until("ready", || page.far.has_said("ready") == 1).await;
    page.far.speak(true);
    until("speaking", || page.screen.ai.get_untracked() == AiState::Speaking).await;
    page.far.speak(false);
    until("listening", || page.screen.ai.get_untracked() == AiState::Listening).await;
    let offline = web_sys::Event::new("offline").map_err(|error| BrowserError::from_js("Event", &error))?;
    let window = window()?;
    // Told again and again: the far end answers every two or three seconds.
    let told = || window.dispatch_event(&offline).is_ok() && page.phase() == Phase::Recovering;
    assert!(!told(), "maybe it only blinks");
    until("recovering", told).await;
    let path = page.far.last_said("path");
    assert!(path.contains("true") && !path.contains(r#""lost_ms":0"#), "since the last sign of life: {path}");
    until("live again", || page.phase() == Phase::Live).await;
    assert!(page.far.last_said("path").contains("false"), "{}", page.far.last_said("path"));
    assert_eq!(page.far.called(), 1, "it is the same call");
    Ok(())
}

/// S003-61: without a peer the round trip of the line is that of the room channel.
#[wasm_bindgen_test]
async fn the_round_trip_of_the_socket_is_that_of_its_heartbeat() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    page.far.tell(r#"{"n":1,"type":"latency.ping","payload":{"id":2,"rtt_ms":40}}"#);
    until("the round trip", || page.screen.quality.get_untracked().rtt_ms == Some(40.0)).await;
    Ok(())
}

/// S000-32: what our own jitter buffer holds back is a figure of the line like any other.
#[wasm_bindgen_test]
async fn the_socket_says_how_much_sound_it_holds_back() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    // Nothing is held back before there is anything.
    page.far.sound(0, 65_536);
    until("the figure", || page.screen.quality.get_untracked().held_ms.is_some_and(|it| it > 0.0)).await;
    Ok(())
}

/// S003-21, S003-61: a socket that does not take what the candidate says makes a poor line.
#[wasm_bindgen_test]
async fn s003_61_the_socket_says_how_much_of_the_candidate_is_lost() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    page.far.crowd();
    until("a poor line", || page.screen.quality.get_untracked().verdict() == Verdict::Poor).await;
    assert_eq!(page.phase(), Phase::Live);
    Ok(())
}

/// A browser that suspends the sound of a visible tab is asked to go on: both voices are back by themselves.
#[wasm_bindgen_test]
async fn a_suspended_sound_is_woken_in_a_call_on_the_room_channel() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    until("the candidate's voice", || page.far.heard_frames() > 10).await;
    let suspended = wasm_bindgen_futures::JsFuture::from(page.far.suspend()).await;
    suspended.map_err(|error| BrowserError::from_js("suspend", &error))?;
    let before = page.far.heard_frames();
    until("the candidate's voice again", || page.far.heard_frames() > before + 10).await;
    until("no notice", || !page.screen.sound_blocked.get_untracked()).await;
    Ok(())
}

/// The microphone is replaced on the Socket too: the candidate is heard on.
#[wasm_bindgen_test]
async fn another_microphone_is_heard_on_the_room_channel() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    page.far.lose_microphone();
    until("another microphone", || page.far.live_tracks() == 1).await;
    let before = page.far.heard_frames();
    until("its voice", || page.far.heard_frames() > before + 10).await;
    assert_eq!((page.phase(), page.far.has_said("call")), (Phase::Live, 1));
    Ok(())
}

/// The Socket's path is the room channel: when it breaks the call waits, and is asked for anew when it is back.
#[wasm_bindgen_test]
async fn a_call_on_the_room_channel_comes_back_with_it() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    page.far.tell(WELCOME);
    page.far.tell(QUESTION);
    page.far.cut_socket(1_006);
    assert_eq!(page.phase(), Phase::Recovering);
    until("live again", || page.phase() == Phase::Live).await;
    assert_eq!((page.far.has_said("call"), page.far.live_tracks()), (2, 1));
    assert!(page.far.seen().contains("&epoch=3&after=7"), "{}", page.far.seen());
    assert_eq!(page.screen.question.get_untracked().map(|it| it.idx), Some(1));
    Ok(())
}

/// The question is asked again by the director, which has to be told and has to listen.
#[wasm_bindgen_test]
async fn the_question_can_be_repeated_while_the_director_hears_of_it() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::Automatic).await?;
    let can = || page.screen.can_repeat.get_untracked();
    assert!(!can(), "nothing is asked yet");
    page.far.tell(WELCOME);
    assert!(can());
    page.far.cut_socket(1_006);
    assert_eq!((page.phase(), can()), (Phase::Live, false), "nobody would hear of it");
    until("the room channel", can).await;
    page.far.tell(r#"{"n":8,"type":"ai.state","payload":{"state":"thinking"}}"#);
    assert!(!can());
    Ok(())
}

/// S003-14: what was said on a line that is cut, and while there is none, is said to the call when there is one again: from
/// where it was heard, once, with nothing left out. Who was muted meanwhile is told to be so after it.
#[wasm_bindgen_test]
async fn s003_14_what_is_said_in_a_cut_is_said_when_it_is_over() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    page.far.tell(WELCOME);
    until("the candidate's voice", || page.far.heard_frames() > 20).await;
    page.far.sound(41, 65_536);
    page.far.cut_socket(1_006);
    // Of these nobody knows what has become.
    let sent = page.far.forget_frames(10);
    page.driver()?.mute(true);
    until("live again", || page.phase() == Phase::Live).await;
    until("the candidate's voice again", || page.far.heard_frames() > sent + 30).await;
    assert!(page.far.is_gapless());
    assert!(page.far.last_call().contains(r#""after":1,"heard":42"#), "{}", page.far.last_call());
    until("muted", || page.far.last_said("muted").contains("true")).await;
    assert_eq!((page.far.has_said("call"), page.far.live_tracks()), (2, 1));
    Ok(())
}

/// S003-22, S003-44, S004-31: a negotiation that fails goes on over the Socket, and the server is told why.
#[wasm_bindgen_test]
async fn s003_44_a_refused_negotiation_goes_on_over_the_socket() -> Result<(), BrowserError> {
    sound::serve();
    let page = Page::open();
    page.far.refuse("sdp-exchange", ICE);
    page.driver()?.start(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    assert_eq!((page.route(), page.far.called()), (Route::Socket, 0));
    assert_eq!((page.far.has_said("fallback"), page.far.has_said("call")), (1, 1));
    assert_eq!(page.screen.choice.get_untracked(), Choice::Automatic);
    Ok(())
}

/// From the Socket WebRTC is tried again in another network, and not whenever the browser guesses anew how quick this one is.
#[wasm_bindgen_test]
async fn another_guess_of_the_network_is_not_another_network() -> Result<(), BrowserError> {
    sound::serve();
    let page = Page::open();
    page.far.refuse("sdp-exchange", ICE);
    page.driver()?.start(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    let before = page.far.has_asked("ephemeral-token");
    page.far.network_changes("wifi");
    settle().await;
    assert_eq!((page.far.has_asked("ephemeral-token"), page.far.has_said("call")), (before, 1));
    page.far.network_changes("cellular");
    until("another try", || page.far.has_asked("ephemeral-token") == before + 1).await;
    until("the refusal", || page.far.has_asked("sdp-exchange") == 2).await;
    settle().await;
    assert_eq!((page.far.has_said("call"), page.far.has_said("bye")), (1, 0), "the call goes on as it was");
    assert_eq!((page.route(), page.phase()), (Route::Socket, Phase::Live));
    Ok(())
}

#[wasm_bindgen_test]
async fn a_browser_without_webrtc_has_its_call_on_the_socket() -> Result<(), BrowserError> {
    sound::serve();
    let mut page = Page::open();
    page.driver = None;
    page.far.without_webrtc();
    page.driver = Some(super::super::Driver::new(page.screen));
    assert_eq!(page.screen.support.get_untracked(), Support::NoWebRtc);
    page.driver()?.start(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    assert_eq!((page.route(), page.far.has_said("fallback")), (Route::Socket, 1));
    Ok(())
}

/// S000-26: the route is changed in a pause, there and back, on one session, and nothing of the room is lost.
#[wasm_bindgen_test]
async fn s000_26_the_route_is_changed_in_the_room() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::Automatic).await?;
    until("ready", || page.far.has_said("ready") == 1).await;
    page.far.tell(WELCOME);
    page.far.tell(r#"{"n":8,"type":"speech","payload":{"active":true,"item_id":"u1"}}"#);
    page.driver()?.choose_route(Choice::WebSocket);
    settle().await;
    assert_eq!((page.route(), page.far.has_said("call")), (Route::Direct, 0), "the candidate speaks");
    page.far.tell(r#"{"n":9,"type":"speech","payload":{"active":false,"item_id":"u1"}}"#);
    settle().await;
    assert_eq!((page.route(), page.far.has_said("call")), (Route::Direct, 0), "a breath");
    page.far.tell(r#"{"n":10,"type":"turn.end","payload":{"speaker":"candidate","spoken_ms":400}}"#);
    until("the Socket", || page.route() == Route::Socket).await;
    until("the peer is gone", || page.far.is_left()).await;
    assert_eq!((page.phase(), page.far.live_tracks()), (Phase::Live, 1));
    page.driver()?.choose_route(Choice::WebRtc);
    until("WebRTC", || page.route() == Route::Direct).await;
    assert_eq!((page.far.called(), page.far.has_said("bye"), page.far.has_asked("finish")), (2, 1, 0));
    assert_eq!(page.screen.lines.get_untracked().len(), 2, "what was said is still there");
    until("ready", || page.far.has_said("ready") == 3).await;
    Ok(())
}

/// S000-26: a route that does not come about leaves the one that works.
#[wasm_bindgen_test]
async fn a_route_that_fails_leaves_the_one_before() -> Result<(), BrowserError> {
    let page = Page::live_by(Choice::WebSocket).await?;
    page.far.refuse("sdp-exchange", ICE);
    page.driver()?.choose_route(Choice::WebRtc);
    until("the refusal", || page.far.has_asked("sdp-exchange") == 1 && page.screen.notice.get_untracked().is_some())
        .await;
    assert_eq!((page.route(), page.phase()), (Route::Socket, Phase::Live));
    assert_eq!(page.screen.choice.get_untracked(), Choice::WebSocket, "and the choice");
    assert_eq!((page.far.has_said("call"), page.far.has_said("bye")), (1, 0), "the call goes on as it was");
    let notice = page.screen.notice.get_untracked();
    assert!(notice.as_deref().is_some_and(|it| it.contains("does not work here")), "{notice:?}");
    Ok(())
}

/// S003-06, S003-12, S003-14: a relayed call is negotiated on a socket of its own, restarts there, and has a channel of the
/// room's events.
#[wasm_bindgen_test]
async fn s003_06_a_relayed_call_has_its_own_socket_and_channel() -> Result<(), BrowserError> {
    let page = Page::open();
    page.far.serve_route("relay");
    page.driver()?.start(options(Choice::WebRtc));
    until("a live call", || page.phase() == Phase::Live).await;
    assert_eq!((page.route(), page.far.has_asked("sdp-exchange")), (Route::Relay, 0));
    until("an address", || page.far.has_negotiated("candidate") > 0).await;
    page.far.open_events();
    until("the room's events", || page.far.say_on_events(QUESTION)).await;
    until("the question", || page.screen.question.get_untracked().is_some()).await;
    wasm_bindgen_futures::JsFuture::from(page.far.starve())
        .await
        .map_err(|error| BrowserError::from_js("starve", &error))?;
    until("a restart", || page.far.restarted() == 1 && page.phase() == Phase::Live).await;
    page.driver()?.end();
    assert_eq!((page.far.has_negotiated("offer"), page.far.has_negotiated("bye")), (2, 1));
    until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    Ok(())
}

/// The path that a call was negotiated on may be gone with the network: a restart goes over another socket, and neither the
/// one nor the other ends the call.
#[wasm_bindgen_test]
async fn a_relayed_call_restarts_over_a_new_socket_when_the_old_one_is_dead() -> Result<(), BrowserError> {
    let page = Page::open();
    page.far.serve_route("relay");
    page.driver()?.start(options(Choice::WebRtc));
    until("a live call", || page.phase() == Phase::Live).await;
    assert_eq!(page.far.negotiations(), 1);
    page.far.deafen(true);
    wasm_bindgen_futures::JsFuture::from(page.far.starve())
        .await
        .map_err(|error| BrowserError::from_js("starve", &error))?;
    until("a second restart", || page.far.negotiations() == 2).await;
    page.far.deafen(false);
    until("a restart", || page.far.restarted() == 1 && page.phase() == Phase::Live).await;
    assert_eq!((page.far.called(), page.far.has_negotiated("bye")), (1, 0));
    Ok(())
}

/// A negotiation that is closed because the session is not this browser's is over for good.
#[wasm_bindgen_test]
async fn a_negotiation_that_is_refused_is_final() -> Result<(), BrowserError> {
    let page = Page::open();
    page.far.serve_route("relay");
    page.driver()?.start(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    page.far.turn_away(4_401);
    until("the end of it", || page.phase() == Phase::Failed(Fault::Refused)).await;
    Ok(())
}

impl Page {
    /// In a tab that was in an interview before.
    fn returning() -> Self {
        let mut page = Self::open();
        page.driver = None;
        page.far.remember("s-1");
        page.driver = Some(super::super::Driver::new(page.screen));
        page
    }

    /// Our server says where that interview stands.
    async fn welcomed(&self) {
        until("the room channel", || self.far.open_sockets() == 1).await;
        settle().await;
        self.far.tell(WELCOME);
    }
}

/// A page that was loaded anew shows where its interview stood, and goes on with it.
#[wasm_bindgen_test]
async fn a_page_that_was_loaded_anew_goes_on() -> Result<(), BrowserError> {
    let page = Page::returning();
    page.welcomed().await;
    assert_eq!(page.phase(), Phase::Lobby);
    assert!(page.screen.question.get_untracked().is_some() && page.screen.lines.get_untracked().len() == 1);
    page.driver()?.resume(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    assert_eq!(page.screen.lines.get_untracked().len(), 1);
    assert_eq!((page.far.open_sockets(), page.far.has_said("finish")), (1, 0));
    Ok(())
}

/// Who starts before the server was heard of goes on with the interview of this tab: it is not thrown away unseen.
#[wasm_bindgen_test]
async fn a_start_before_the_server_is_heard_goes_on() -> Result<(), BrowserError> {
    let page = Page::returning();
    page.driver()?.start(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    assert_eq!((page.far.asked_for().as_deref(), page.far.has_said("finish")), (Some("s-1"), 0));
    assert!(page.far.remembers());
    Ok(())
}

/// Where the server knows of no such interview, the page is the lobby of a new one.
#[wasm_bindgen_test]
async fn a_page_that_is_too_late_starts_anew() -> Result<(), BrowserError> {
    let page = Page::returning();
    page.welcomed().await;
    page.far.cut_socket(4_401);
    assert!(page.screen.snapshot.get_untracked().is_none() && !page.far.remembers());
    page.driver()?.start(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    Ok(())
}
