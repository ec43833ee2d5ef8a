//! The whole driver against a far end inside the page.

use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use super::super::BrowserError;
use super::super::clock::now;
use super::page::Page;
use super::{audio_elements, settle, speak_on, until};
use crate::engine::device::Mic;
use crate::engine::interview::EndReason;
use crate::engine::link::machine::Policy;
use crate::engine::link::steps::{Step, StepState};
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::link::{Fault, Phase};
use crate::engine::protocol::room::AiState;

/// S001-28, S002-32, S003-08 to S003-10, S003-43, S003-60: five steps, `ready` once, and speaking when sound and marker agree.
#[wasm_bindgen_test]
async fn a_call_goes_from_start_to_the_greeting() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    let steps = page.screen.steps.get_untracked();
    for step in Step::ALL {
        assert!(matches!(steps.state(step), StepState::Done { .. }), "{step:?}: {:?}", steps.state(step));
    }
    until("ready", || page.far.has_said("ready") == 1).await;
    assert!(matches!(page.screen.mic.get_untracked(), Mic::On(_)));
    assert_eq!(page.screen.ai.get_untracked(), AiState::Listening);
    page.far.speak(true);
    until("speaking", || page.screen.ai.get_untracked() == AiState::Speaking).await;
    page.far.speak(false);
    until("listening", || page.screen.ai.get_untracked() == AiState::Listening).await;
    page.far.tell(r#"{"n":1,"type":"turn.end","payload":{"speaker":"candidate","spoken_ms":900}}"#);
    page.far.speak(true);
    until("a turn's delay", || page.screen.measured.get_untracked().turn_delays_ms.len() == 1).await;
    let measured = page.screen.measured.get_untracked();
    // How much it is depends on the machine.
    assert!(measured.negotiation_ms.is_some_and(|ms| ms > 0.0), "{measured:?}");
    assert!(measured.first_audio_ms.is_some_and(|ms| ms > 0.0), "{measured:?}");
    until("figures after the first sound and after the turn", || page.far.has_said("stats") >= 2).await;
    page.far.tell(r#"{"n":2,"type":"latency.ping","payload":{"id":4}}"#);
    assert_eq!(page.far.has_said("pong"), 1);
    Ok(())
}

/// S003-14 to S003-17, S003-42: packets stop, ICE is restarted on the same session, sound is back.
#[wasm_bindgen_test]
async fn a_starved_call_is_mended_by_an_ice_restart() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    until("ready", || page.far.has_said("ready") == 1).await;
    JsFuture::from(page.far.starve()).await.map_err(|error| BrowserError::from_js("starve", &error))?;
    until("recovering", || page.phase() == Phase::Recovering).await;
    until("live again", || page.phase() == Phase::Live).await;
    assert_eq!((page.far.called(), page.far.restarted()), (1, 1));
    assert_eq!(page.far.has_said("ready"), 1, "the greeting is asked for once in a call");
    Ok(())
}

/// A limit that is reached while the line is being mended must not end the interview.
#[wasm_bindgen_test]
async fn a_busy_server_delays_a_repair_and_does_not_end_it() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.refuse("ephemeral-token", r#"{"busy":{"retry_after_s":1}}"#);
    JsFuture::from(page.far.starve()).await.map_err(|error| BrowserError::from_js("starve", &error))?;
    until("a refused repair", || page.far.has_asked("ephemeral-token") >= 2).await;
    settle().await;
    assert_eq!(page.phase(), Phase::Recovering);
    page.far.refuse("ephemeral-token", "");
    until("live again", || page.phase() == Phase::Live).await;
    page.driver()?.end();
    assert_eq!(page.far.stalls(), 1, "several tries, one break");
    until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    Ok(())
}

#[wasm_bindgen_test]
async fn a_call_that_the_provider_drops_is_made_anew() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.hang_up();
    until("a new call", || page.far.called() == 2 && page.phase() == Phase::Live).await;
    assert_eq!(page.far.restarted(), 0);
    Ok(())
}

#[wasm_bindgen_test]
async fn a_lost_room_channel_comes_back_and_another_tab_ends_it() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    until("ready", || page.far.has_said("ready") == 1).await;
    page.far.cut_socket(1_006);
    until("the channel is back", || page.far.open_sockets() == 1 && page.far.has_said("ready") == 2).await;
    assert_eq!(page.phase(), Phase::Live, "the call does not depend on it");
    page.far.cut_socket(4_409);
    assert_eq!(page.phase(), Phase::Failed(Fault::Replaced));
    until("the peer is gone", || page.far.is_left()).await;
    Ok(())
}

/// S002-41: hush is at once, the end frees the call at once, and the report follows.
#[wasm_bindgen_test]
async fn escape_silences_and_the_end_frees_the_call() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    let audio = audio_elements();
    let is_silent = || audio.iter().all(|it| it.muted());
    assert!(!is_silent());
    page.driver()?.hush(true);
    assert!(is_silent());
    page.driver()?.hush(false);
    assert!(!is_silent());
    page.driver()?.end();
    assert_eq!((page.phase(), page.screen.mic.get_untracked()), (Phase::Ending, Mic::Off));
    assert_eq!(page.far.live_tracks(), 0);
    until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    until("the peer is gone", || page.far.is_left()).await;
    assert_eq!((page.far.has_said("finish"), page.far.has_asked("finish"), page.far.open_sockets()), (1, 1, 0));
    assert!(page.screen.report.get_untracked().is_some());
    Ok(())
}

/// Who ends in the middle of an answer is silent at once; the call goes when its last words are written down.
#[wasm_bindgen_test]
async fn a_call_with_words_on_their_way_is_closed_a_moment_later() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.tell(r#"{"n":1,"type":"speech","payload":{"active":true,"item_id":"u1"}}"#);
    let ended_at = now();
    page.driver()?.end();
    assert_eq!((page.far.live_tracks(), page.screen.mic.get_untracked()), (0, Mic::Off));
    assert!(audio_elements().iter().all(web_sys::HtmlMediaElement::muted));
    until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    until("the peer is gone", || page.far.is_left()).await;
    assert!(now().since(ended_at) >= Policy::default().late);
    Ok(())
}

#[wasm_bindgen_test]
async fn without_a_server_the_report_is_what_the_page_saw() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    let question = r#"{"n":1,"type":"question.ready","payload":{"idx":0,"total":1,"domain":"Web","difficultyTier":"core","text":"Why?"}}"#;
    page.far.tell(question);
    page.far.refuse("finish", r#""internal""#);
    page.driver()?.end();
    until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    let report = page.screen.report.get_untracked();
    assert_eq!(report.map(|it| it.questions.len()), Some(1));
    assert!(page.screen.notice.get_untracked().is_some_and(|it| it.contains("did not answer")));
    Ok(())
}

#[wasm_bindgen_test]
async fn a_refusal_is_shown_at_its_step_and_can_be_tried_again() -> Result<(), BrowserError> {
    let page = Page::open();
    page.far.refuse("ephemeral-token", r#"{"busy":{"retry_after_s":20}}"#);
    page.start()?;
    until("the refusal", || page.phase() == Phase::Failed(Fault::Busy { retry_after_s: 20 })).await;
    assert_eq!(page.screen.steps.get_untracked().state(Step::Session), StepState::Failed);
    page.far.refuse("ephemeral-token", "");
    page.driver()?.retry();
    until("a live call", || page.phase() == Phase::Live).await;
    Ok(())
}

/// What the voice service did wrong is shown at its step as what it is, and can be tried again.
#[wasm_bindgen_test]
async fn a_fault_of_the_voice_service_is_shown_as_what_it_is() -> Result<(), BrowserError> {
    let page = Page::open();
    let limited = Fault::Provider { fault: UpstreamFault::Limited, retry_after_s: 90 };
    page.far.refuse("sdp-exchange", r#"{"upstream":{"fault":"limited","retry_after_s":90}}"#);
    page.start()?;
    until("too many requests", || page.phase() == Phase::Failed(limited)).await;
    assert_eq!(page.screen.steps.get_untracked().state(Step::WebRtc), StepState::Failed);
    page.far.refuse("sdp-exchange", r#"{"upstream":{"fault":"key"}}"#);
    page.driver()?.retry();
    until("a bad key", || page.phase() == Phase::Failed(UpstreamFault::Key.into())).await;
    page.far.refuse("sdp-exchange", "");
    page.driver()?.retry();
    until("a live call", || page.phase() == Phase::Live).await;
    Ok(())
}

/// The server says why it ended the call: a new one is made at once, or somebody has to mend something first.
#[wasm_bindgen_test]
async fn a_call_that_the_server_ended_is_made_anew_or_given_up() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.tell(r#"{"n":1,"type":"error","payload":{"code":"upstream.lost","message":"It broke off."}}"#);
    assert_eq!(page.screen.notice.get_untracked().as_deref(), Some("It broke off."));
    until("a new call", || page.far.called() == 2 && page.phase() == Phase::Live).await;
    assert_eq!(page.screen.notice.get_untracked(), None);
    page.far.tell(r#"{"n":2,"type":"error","payload":{"code":"upstream.quota","message":"No credit."}}"#);
    assert_eq!(page.phase(), Phase::Failed(UpstreamFault::Quota.into()));
    page.driver()?.retry();
    until("another call", || page.far.called() == 3 && page.phase() == Phase::Live).await;
    Ok(())
}

/// What the voice service reports of a call that goes on is soon of no interest, and never hides that the line is mended.
#[wasm_bindgen_test]
async fn a_passing_error_makes_way_for_graver_news() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    let error =
        |n: u32| format!(r#"{{"n":{n},"type":"error","payload":{{"code":"server_error","message":"A problem."}}}}"#);
    let notice = || page.screen.notice.get_untracked();
    page.far.tell(&error(1));
    assert_eq!(notice().as_deref(), Some("A problem."));
    let starved = JsFuture::from(page.far.starve()).await;
    starved.map_err(|error| BrowserError::from_js("starve", &error))?;
    until("recovering", || page.phase() == Phase::Recovering).await;
    assert_eq!(notice(), None);
    page.far.tell(&error(2));
    assert_eq!(notice(), None);
    until("live again", || page.phase() == Phase::Live).await;
    page.far.tell(&error(3));
    until("a word about it", || notice().is_some()).await;
    until("nothing more of it", || notice().is_none()).await;
    Ok(())
}

/// S003-40: the component goes, and with it the call, the microphone, the element and the channel.
#[wasm_bindgen_test]
async fn a_dropped_driver_leaves_nothing_behind() -> Result<(), BrowserError> {
    let mut page = Page::live().await?;
    page.driver = None;
    until("the peer is gone", || page.far.is_left()).await;
    settle().await;
    assert_eq!((page.far.open_sockets(), page.far.live_tracks(), audio_elements().len()), (0, 0, 0));
    Ok(())
}

/// A tab that is closed does not wait to be missed. A page that the browser keeps for coming back keeps its call.
#[wasm_bindgen_test]
async fn a_page_that_is_left_for_good_frees_its_call() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    let window = super::super::clock::window()?;
    for persisted in [true, false] {
        assert!(!page.far.is_left());
        let init = web_sys::PageTransitionEventInit::new();
        init.set_persisted(persisted);
        let event = web_sys::PageTransitionEvent::new_with_event_init_dict("pagehide", &init);
        let event = event.map_err(|error| BrowserError::from_js("pagehide", &error))?;
        window.dispatch_event(&event).map_err(|error| BrowserError::from_js("pagehide", &error))?;
        settle().await;
    }
    until("the peer is gone", || page.far.is_left()).await;
    Ok(())
}

/// Mute and hush stop the sound at its source, and both are told to the server.
#[wasm_bindgen_test]
async fn a_muted_candidate_is_not_heard() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    assert_eq!(page.far.heard_tracks(), 1);
    page.driver()?.mute(true);
    assert_eq!((page.far.heard_tracks(), page.far.live_tracks()), (0, 1));
    assert!(page.screen.muted.get_untracked());
    page.driver()?.hush(true);
    page.driver()?.hush(false);
    assert_eq!(page.far.heard_tracks(), 0, "still muted after the hush");
    page.driver()?.mute(false);
    assert_eq!(page.far.heard_tracks(), 1);
    Ok(())
}

/// Whoever clicks twice, or once more in the middle of the interview, gets one session and one call.
#[wasm_bindgen_test]
async fn a_second_start_changes_nothing() -> Result<(), BrowserError> {
    let page = Page::open();
    page.start()?;
    page.start()?;
    until("a live call", || page.phase() == Phase::Live).await;
    page.start()?;
    page.driver()?.end();
    until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    let asked = |what| page.far.has_asked(what);
    assert_eq!((asked("ephemeral-token"), asked("finish"), page.far.called()), (1, 1, 1));
    assert_eq!(audio_elements().len(), 0, "nothing sounds after the end");
    Ok(())
}

/// The first microphone goes; another one takes its place in the same call, and the one before is off.
#[wasm_bindgen_test]
async fn another_microphone_takes_the_place_of_a_lost_one() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.lose_microphone();
    assert_eq!(page.far.live_tracks(), 0);
    until("another microphone", || page.far.live_tracks() == 1).await;
    page.driver()?.choose_input("default");
    settle().await;
    until("one microphone", || page.far.live_tracks() == 1).await;
    assert_eq!((page.phase(), page.far.called()), (Phase::Live, 1));
    Ok(())
}

/// A microphone that cannot be had leaves the one before, and the page says so.
#[wasm_bindgen_test]
async fn a_microphone_that_fails_is_rolled_back() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.occupy(true);
    page.driver()?.choose_input("another");
    until("a word about it", || page.screen.notice.get_untracked().is_some_and(|it| it.contains("still"))).await;
    assert!(matches!(page.screen.mic.get_untracked(), Mic::On(_)));
    assert_eq!((page.phase(), page.far.heard_tracks()), (Phase::Live, 1));
    page.far.occupy(false);
    page.driver()?.choose_input("default");
    until("the other one", || page.screen.notice.get_untracked().is_some_and(|it| it.contains("now"))).await;
    assert_eq!((page.phase(), page.far.heard_tracks()), (Phase::Live, 1));
    Ok(())
}

/// Who chose no microphone has the one that the system takes, also when that changes in the middle of a call.
#[wasm_bindgen_test]
async fn the_microphone_follows_the_choice_of_the_system() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    let notice = |words: &str| page.screen.notice.get_untracked().is_some_and(|it| it.contains(words));
    until("the devices", || page.screen.inputs.get_untracked().len() > 1).await;
    page.far.occupy(true);
    page.far.system_takes("Headset that is in use");
    until("a word about it", || notice("still")).await;
    assert_eq!((page.phase(), page.far.heard_tracks()), (Phase::Live, 1));
    page.far.occupy(false);
    page.far.system_takes("Headset");
    until("the other one", || notice("now")).await;
    assert_eq!((page.phase(), page.far.called(), page.far.heard_tracks()), (Phase::Live, 1, 1));
    // Who chose one keeps it.
    let inputs = page.screen.inputs.get_untracked();
    let own = inputs.iter().find(|it| it.id != "default").ok_or(BrowserError::Missing("second microphone"))?;
    let opened = page.far.microphones() + 1;
    page.driver()?.choose_input(&own.id);
    until("their own", || (page.far.microphones(), page.far.live_tracks()) == (opened, 1)).await;
    page.far.system_takes("Speakerphone");
    until("the list", || page.screen.inputs.get_untracked().iter().any(|it| it.label == "Speakerphone")).await;
    settle().await;
    assert_eq!(page.far.microphones(), opened, "nobody asked for another");
    Ok(())
}

/// With their tick, the answer is recorded from the end of the question, and kept in this page.
#[wasm_bindgen_test]
async fn an_answer_is_recorded_in_the_page() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.tell(
        r#"{"n":1,"type":"question.ready","payload":{"idx":3,"total":5,"domain":"Web","difficultyTier":"core","text":"Why?"}}"#,
    );
    page.far.speak(true);
    until("speaking", || page.screen.ai.get_untracked() == AiState::Speaking).await;
    page.far.speak(false);
    until("listening", || page.screen.ai.get_untracked() == AiState::Listening).await;
    speak_on().await?;
    page.far.tell(r#"{"n":2,"type":"turn.end","payload":{"speaker":"candidate","spoken_ms":700}}"#);
    until("the recording", || page.screen.recordings.get_untracked().len() == 1).await;
    let recordings = page.screen.recordings.get_untracked();
    assert_eq!((recordings[0].question, recordings[0].spoken_ms), (3, 700));
    drop(page);
    Ok(())
}
