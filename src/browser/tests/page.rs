//! A page whose far end is inside it: our server, the provider's peer, the microphone and the network.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use super::super::{BrowserError, Driver, Screen};
use super::until;
use crate::engine::link::Phase;
use crate::engine::link::view::StartOptions;

#[wasm_bindgen(module = "/src/browser/tests/far_end.js")]
extern "C" {
    pub(super) type FarEnd;
    #[wasm_bindgen(constructor)]
    pub(super) fn new() -> FarEnd;
    #[wasm_bindgen(method)]
    pub(super) fn tell(this: &FarEnd, event: &str);
    #[wasm_bindgen(method)]
    pub(super) fn cut_socket(this: &FarEnd, code: u16);
    #[wasm_bindgen(method)]
    pub(super) fn speak(this: &FarEnd, on: bool);
    #[wasm_bindgen(method)]
    pub(super) fn starve(this: &FarEnd) -> js_sys::Promise;
    #[wasm_bindgen(method)]
    pub(super) fn refuse(this: &FarEnd, what: &str, error: &str);
    #[wasm_bindgen(method)]
    pub(super) fn hang_up(this: &FarEnd);
    #[wasm_bindgen(method)]
    pub(super) fn has_said(this: &FarEnd, kind: &str) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn stalls(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn has_asked(this: &FarEnd, what: &str) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn live_tracks(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn heard_tracks(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn lose_microphone(this: &FarEnd);
    #[wasm_bindgen(method)]
    pub(super) fn forget_frames(this: &FarEnd, count: u32) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn is_gapless(this: &FarEnd) -> bool;
    #[wasm_bindgen(method)]
    pub(super) fn last_said(this: &FarEnd, kind: &str) -> String;
    #[wasm_bindgen(method)]
    pub(super) fn last_call(this: &FarEnd) -> String;
    #[wasm_bindgen(method)]
    pub(super) fn microphones(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn system_takes(this: &FarEnd, label: &str);
    #[wasm_bindgen(method)]
    pub(super) fn open_sockets(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn is_left(this: &FarEnd) -> bool;
    #[wasm_bindgen(method)]
    pub(super) fn restarted(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn called(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn seen(this: &FarEnd) -> String;
    #[wasm_bindgen(method)]
    pub(super) fn has_negotiated(this: &FarEnd, kind: &str) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn negotiations(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn deafen(this: &FarEnd, deaf: bool);
    #[wasm_bindgen(method)]
    pub(super) fn turn_away(this: &FarEnd, code: u16);
    #[wasm_bindgen(method)]
    pub(super) fn serve_route(this: &FarEnd, route: &str);
    #[wasm_bindgen(method)]
    pub(super) fn open_events(this: &FarEnd);
    #[wasm_bindgen(method)]
    pub(super) fn say_on_events(this: &FarEnd, event: &str) -> bool;
    #[wasm_bindgen(method)]
    pub(super) fn occupy(this: &FarEnd, busy: bool);
    #[wasm_bindgen(method)]
    pub(super) fn hold_microphones(this: &FarEnd);
    #[wasm_bindgen(method)]
    pub(super) fn held_microphones(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn let_microphones_go(this: &FarEnd) -> js_sys::Promise;
    #[wasm_bindgen(method)]
    pub(super) fn live_wish(this: &FarEnd) -> Option<String>;
    #[wasm_bindgen(method)]
    pub(super) fn crowd(this: &FarEnd);
    #[wasm_bindgen(method)]
    pub(super) fn heard_frames(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn sound(this: &FarEnd, seq: u32, epoch: u32);
    #[wasm_bindgen(method)]
    pub(super) fn remember(this: &FarEnd, session: &str);
    #[wasm_bindgen(method)]
    pub(super) fn asked_for(this: &FarEnd) -> Option<String>;
    #[wasm_bindgen(method)]
    pub(super) fn remembers(this: &FarEnd) -> bool;
    #[wasm_bindgen(method)]
    pub(super) fn suspend(this: &FarEnd) -> js_sys::Promise;
    #[wasm_bindgen(method)]
    pub(super) fn sounds(this: &FarEnd) -> bool;
    #[wasm_bindgen(method)]
    pub(super) fn network_changes(this: &FarEnd, kind: &str);
    #[wasm_bindgen(method)]
    pub(super) fn close_tab(this: &FarEnd);
    #[wasm_bindgen(method)]
    pub(super) fn age(this: &FarEnd, seconds: u32);
    #[wasm_bindgen(method)]
    pub(super) fn asked_locks(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn held_locks(this: &FarEnd) -> u32;
    #[wasm_bindgen(method)]
    pub(super) fn comes_by(this: &FarEnd, kind: &str);
    #[wasm_bindgen(method)]
    pub(super) fn host(this: &FarEnd);
    #[wasm_bindgen(method)]
    pub(super) fn without_webrtc(this: &FarEnd);
    #[wasm_bindgen(method)]
    pub(super) fn free(this: &FarEnd);
}

/// A page with a driver, and the far end it talks to.
pub(super) struct Page {
    pub(super) far: FarEnd,
    pub(super) screen: Screen,
    pub(super) driver: Option<Driver>,
    _owner: Owner,
}

impl Page {
    pub(super) fn open() -> Self {
        let owner = Owner::new();
        owner.set();
        let (far, screen) = (FarEnd::new(), Screen::default());
        Self { far, screen, driver: Some(Driver::new(screen)), _owner: owner }
    }

    pub(super) fn driver(&self) -> Result<&Driver, BrowserError> {
        self.driver.as_ref().ok_or(BrowserError::Missing("driver"))
    }

    pub(super) fn phase(&self) -> Phase {
        self.screen.phase.get_untracked()
    }

    pub(super) fn start(&self) -> Result<(), BrowserError> {
        self.driver()?.start(StartOptions { minutes: 15, record: true, ..StartOptions::default() });
        Ok(())
    }

    pub(super) async fn live() -> Result<Self, BrowserError> {
        let page = Self::open();
        page.start()?;
        until("a live call", || page.phase() == Phase::Live).await;
        Ok(page)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.driver = None;
        self.far.free();
    }
}
