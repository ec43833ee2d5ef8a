//! A page that is shown again: what the system took from it meanwhile comes back.

use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::HtmlMediaElement;

use super::super::{BrowserError, clock};
use super::page::Page;
use super::{audio_elements, settle, until};
use crate::engine::link::{Fault, Phase};

/// The tab is shown.
fn show() -> Result<(), BrowserError> {
    let refused = |error| BrowserError::from_js("visibilitychange", &error);
    let document = clock::window()?.document().ok_or(BrowserError::Missing("document"))?;
    let event = web_sys::Event::new("visibilitychange").map_err(refused)?;
    document.dispatch_event(&event).map_err(refused)?;
    Ok(())
}

fn pause(audio: &HtmlMediaElement) -> Result<(), BrowserError> {
    audio.pause().map_err(|error| BrowserError::from_js("pause", &error))
}

/// The screen is held on during the call, asked for again in a tab that is shown again, and let go by a tab that is out.
#[wasm_bindgen_test]
async fn the_screen_stays_on_for_as_long_as_the_call() -> Result<(), BrowserError> {
    for replaced in [true, false] {
        let page = Page::live().await?;
        until("a lock", || page.far.held_locks() == 1).await;
        show()?;
        until("another", || page.far.asked_locks() == 2).await;
        settle().await;
        assert_eq!(page.far.held_locks(), 1, "one is enough");
        if replaced {
            page.far.cut_socket(4_409);
            assert_eq!(page.phase(), Phase::Failed(Fault::Replaced));
        } else {
            page.driver()?.end();
        }
        assert_eq!(page.far.held_locks(), 0);
        show()?;
        settle().await;
        assert_eq!(page.far.asked_locks(), 2);
    }
    Ok(())
}

/// S003-68: what the system has paused plays on. If it insists, the candidate is told, and it plays when the page is shown.
#[wasm_bindgen_test]
async fn a_sound_that_the_system_has_paused_plays_on() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    let audio = audio_elements().pop().ok_or(BrowserError::Missing("audio"))?;
    until("the sound", || !audio.paused()).await;
    pause(&audio)?;
    until("the sound again", || !audio.paused()).await;
    assert!(!page.screen.sound_blocked.get_untracked());
    // It may have to be quick about it.
    until("a word about it", || audio.pause().is_ok() && page.screen.sound_blocked.get_untracked()).await;
    assert!(audio.paused());
    show()?;
    until("the sound once more", || !audio.paused() && !page.screen.sound_blocked.get_untracked()).await;
    Ok(())
}

/// S003-36: what a hidden tab suspends is woken when it is shown again, also where no sound of the call goes through it.
#[wasm_bindgen_test]
async fn s003_36_a_suspended_sound_is_woken_when_the_page_is_shown() -> Result<(), BrowserError> {
    let page = Page::live().await?;
    until("the sound", || page.far.sounds()).await;
    let suspended = wasm_bindgen_futures::JsFuture::from(page.far.suspend()).await;
    suspended.map_err(|error| BrowserError::from_js("suspend", &error))?;
    settle().await;
    assert!(!page.far.sounds(), "nobody else wakes it");
    show()?;
    until("the sound again", || page.far.sounds()).await;
    Ok(())
}
