//! A page that is loaded anew after its interview, and a tab that is opened in place of another.

use wasm_bindgen_test::wasm_bindgen_test;

use super::super::{BrowserError, Driver, storage};
use super::page::Page;
use super::routes::{WELCOME, options};
use super::{settle, sound, until};
use crate::engine::interview::EndReason;
use crate::engine::link::choice::Choice;
use crate::engine::link::{Fault, Phase, Route};

impl Page {
    /// The browser loads the page again.
    fn load(&mut self) {
        self.driver = None;
        self.screen = super::super::Screen::default();
        self.driver = Some(Driver::new(self.screen));
    }

    async fn ended() -> Result<Self, BrowserError> {
        let page = Self::live().await?;
        page.driver()?.end();
        until("the end", || page.phase() == Phase::Ended(EndReason::Finished)).await;
        Ok(page)
    }
}

/// The report is shown again, for as long as the server has it.
#[wasm_bindgen_test]
async fn a_report_that_is_loaded_anew_is_shown_again() -> Result<(), BrowserError> {
    let mut page = Page::ended().await?;
    page.far.comes_by("reload");
    page.load();
    until("the room channel", || page.far.open_sockets() == 1).await;
    settle().await;
    page.far.tell(&WELCOME.replace(r#""epoch":3"#, r#""epoch":3,"ended":"finished""#));
    until("the report", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    assert!(page.screen.report.get_untracked().is_some());
    assert_eq!((page.far.has_asked("report"), page.far.has_asked("finish")), (1, 1), "it is read, not ended again");
    Ok(())
}

/// Whoever is not given the microphone after a reload can end the interview, and read what was said so far.
#[wasm_bindgen_test]
async fn an_interview_that_does_not_go_on_after_a_reload_can_be_ended() -> Result<(), BrowserError> {
    let mut page = Page::live().await?;
    page.load();
    until("the room channel", || page.far.open_sockets() == 1).await;
    settle().await;
    page.far.tell(WELCOME);
    page.far.occupy(true);
    page.driver()?.resume(options(Choice::Automatic));
    until("no microphone", || page.phase() == Phase::Failed(Fault::Microphone)).await;
    assert!(page.screen.snapshot.get_untracked().is_some(), "the button is there");
    page.driver()?.end();
    until("the report", || page.phase() == Phase::Ended(EndReason::Finished)).await;
    assert!(page.screen.report.get_untracked().is_some());
    assert_eq!(page.far.has_asked("finish"), 1);
    Ok(())
}

/// Who goes to the page once more begins a new interview.
#[wasm_bindgen_test]
async fn after_the_report_the_way_to_a_new_interview_is_open() -> Result<(), BrowserError> {
    for chosen in [true, false] {
        let mut page = Page::ended().await?;
        if chosen {
            super::super::page::forget_interview();
        }
        page.far.comes_by(if chosen { "reload" } else { "navigate" });
        page.load();
        settle().await;
        assert_eq!((page.phase(), page.far.open_sockets(), page.far.remembers()), (Phase::Lobby, 0, false));
        assert!(!page.screen.elsewhere.get_untracked(), "it is over for every tab");
    }
    Ok(())
}

/// A tab that was closed by mistake: a new one offers to go on, and takes the room when it is told to.
#[wasm_bindgen_test]
async fn another_tab_goes_on_when_the_candidate_says_so() -> Result<(), BrowserError> {
    let mut page = Page::live().await?;
    page.far.close_tab();
    page.load();
    settle().await;
    assert!(page.screen.elsewhere.get_untracked());
    assert_eq!((page.phase(), page.far.open_sockets()), (Phase::Lobby, 0), "nothing is taken from anybody unasked");
    page.driver()?.resume(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    assert_eq!((page.far.asked_for().as_deref(), page.far.has_said("finish")), (Some("s-1"), 0));
    assert!(page.far.remembers() && !page.screen.elsewhere.get_untracked());
    Ok(())
}

/// The server has closed what nobody came back to for so long. And a new interview is a new one.
#[wasm_bindgen_test]
async fn an_interview_of_long_ago_is_not_offered() -> Result<(), BrowserError> {
    let mut page = Page::live().await?;
    page.far.close_tab();
    page.far.age(601);
    page.load();
    assert!(!page.screen.elsewhere.get_untracked());
    page.far.age(590);
    page.load();
    assert!(page.screen.elsewhere.get_untracked());
    page.driver()?.start(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    assert_eq!((page.far.asked_for(), page.screen.elsewhere.get_untracked()), (None, false));
    Ok(())
}

/// S000-26: the candidate's choice of connection is still that when the page was loaded anew, and what did not work is not
/// waited for again.
#[wasm_bindgen_test]
async fn s000_26_a_page_that_is_loaded_anew_knows_how_the_sound_travelled() -> Result<(), BrowserError> {
    sound::serve();
    let mut page = Page::open();
    assert_eq!(storage::choice(), None);
    page.far.refuse("sdp-exchange", r#"{"upstream":{"fault":"offer"}}"#);
    page.driver()?.start(options(Choice::Automatic));
    until("a live call", || page.phase() == Phase::Live).await;
    page.load();
    page.driver()?.resume(options(Choice::Automatic));
    until("a live call again", || page.phase() == Phase::Live).await;
    assert_eq!(page.screen.route.get_untracked(), Route::Socket);
    assert_eq!((page.far.has_asked("sdp-exchange"), storage::choice()), (1, Some(Choice::Automatic)));
    page.driver()?.choose_route(Choice::WebSocket);
    settle().await;
    page.load();
    assert_eq!(storage::choice(), Some(Choice::WebSocket));
    // Whoever chooses anew is taken at their word.
    page.far.refuse("sdp-exchange", "");
    page.driver()?.resume(options(Choice::WebRtc));
    until("WebRTC", || page.phase() == Phase::Live && page.screen.route.get_untracked() == Route::Direct).await;
    Ok(())
}
