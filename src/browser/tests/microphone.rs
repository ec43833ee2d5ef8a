//! A microphone takes its time to open, and what happens meanwhile decides what becomes of it.

use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use super::super::BrowserError;
use super::page::Page;
use super::{settle, speak_on, until};
use crate::engine::device::Mic;
use crate::engine::interview::EndReason;
use crate::engine::link::Phase;

async fn let_go(page: &Page) -> Result<(), BrowserError> {
    let gone = JsFuture::from(page.far.let_microphones_go()).await;
    gone.map_err(|error| BrowserError::from_js("let_microphones_go", &error))?;
    settle().await;
    Ok(())
}

/// S003-40: one that was asked for in the interview and comes after its end is turned off at once.
#[wasm_bindgen_test]
async fn s003_40_no_microphone_is_on_after_the_end() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.hold_microphones();
    page.driver()?.choose_input("another");
    until("a microphone on its way", || page.far.held_microphones() == 1).await;
    page.driver()?.end();
    until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    assert_eq!(page.screen.mic.get_untracked(), Mic::Off);
    let_go(&page).await?;
    until("no microphone", || page.far.live_tracks() == 0).await;
    assert_eq!(page.screen.mic.get_untracked(), Mic::Off);
    Ok(())
}

/// Of two that are chosen in quick succession the later one is on, whichever opens first.
#[wasm_bindgen_test]
async fn the_microphone_that_was_chosen_last_is_the_one() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    page.far.hold_microphones();
    page.driver()?.choose_input("first");
    page.driver()?.choose_input("second");
    until("both on their way", || page.far.held_microphones() == 2).await;
    let_go(&page).await?;
    until("one microphone", || page.far.live_tracks() == 1).await;
    assert_eq!(page.far.live_wish().as_deref(), Some("second"));
    until("what it is", || matches!(page.screen.mic.get_untracked(), Mic::On(_))).await;
    Ok(())
}

/// S003-40: a microphone that is changed or unplugged in mid-answer takes nothing of the recording with it.
#[wasm_bindgen_test]
async fn a_recording_goes_on_with_another_microphone() -> Result<(), BrowserError> {
    for unplugged in [false, true] {
        let page = Page::live().await?;
        page.far.tell(
            r#"{"n":1,"type":"question.ready","payload":{"idx":3,"total":5,"domain":"Web","difficultyTier":"core","text":"Why?"}}"#,
        );
        page.far.tell(r#"{"n":2,"type":"turn.start","payload":{"speaker":"interviewer"}}"#);
        page.far.tell(r#"{"n":3,"type":"turn.end","payload":{"speaker":"interviewer","spoken_ms":9}}"#);
        page.far.tell(r#"{"n":4,"type":"speech","payload":{"active":true,"item_id":"u1"}}"#);
        speak_on().await?;
        if unplugged {
            page.far.lose_microphone();
        } else {
            page.driver()?.choose_input("another");
        }
        until("the other one", || page.screen.notice.get_untracked().is_some_and(|it| it.contains("now"))).await;
        speak_on().await?;
        assert!(page.screen.recordings.get_untracked().is_empty(), "the answer goes on");
        page.far.tell(r#"{"n":5,"type":"turn.end","payload":{"speaker":"candidate","spoken_ms":60000}}"#);
        until("both parts", || page.screen.recordings.get_untracked().len() == 2).await;
        let parts = page.screen.recordings.get_untracked();
        assert!(parts.iter().all(|it| it.question == 3 && it.spoken_ms > 0), "{parts:?}");
        assert_eq!(parts.iter().map(|it| it.spoken_ms).sum::<u64>(), 60_000);
    }
    Ok(())
}
