//! What the page asks of the browser besides the call: title, focus, ticks, files.

use std::cell::RefCell;

use gloo_timers::callback::Interval;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement};

use super::string::StringCanvas;
use crate::engine::interview::plan::House;
use crate::engine::link::Route;
use crate::engine::link::choice::Choice;
use crate::engine::string::Scene;

/// The first element of the page that `selector` finds. What parts ask of an element is asked here, so that they hold none.
fn find<E: JsCast>(selector: &str) -> Option<E> {
    document()?.query_selector(selector).ok()??.dyn_into().ok()
}

/// Draws the string on the page's canvas until the reactive owner is gone.
pub fn draw_string(scene: impl Fn() -> Scene + 'static) {
    let Some(canvas) = find("canvas") else { return };
    // The arena drops the string, and with it the frame under way, together with the owner.
    StoredValue::new_local(StringCanvas::start(canvas, scene));
}

/// Calls `tick` every `period_ms` milliseconds until the reactive owner is gone.
pub fn every(period_ms: u32, tick: impl FnMut() + 'static) {
    StoredValue::new_local(Interval::new(period_ms, tick));
}

/// Whether the candidate asked the system for less motion.
#[must_use]
pub fn reduced_motion() -> bool {
    let query = web_sys::window().and_then(|it| it.match_media("(prefers-reduced-motion: reduce)").ok().flatten());
    query.is_some_and(|it| it.matches())
}

/// The path of the page's address.
#[must_use]
pub fn path() -> String {
    web_sys::window().and_then(|it| it.location().pathname().ok()).unwrap_or_default()
}

/// Whether the browser has loaded this page anew, and nobody has gone to it.
pub(super) fn is_reloaded() -> bool {
    let kind = || {
        let performance = web_sys::window()?.performance()?;
        let entry = performance.get_entries_by_type("navigation").get(0);
        js_sys::Reflect::get(&entry, &"type".into()).ok()?.as_string()
    };
    kind().is_some_and(|it| it == "reload")
}

/// Forgets the interview of this tab: what is opened next is a new one.
pub fn forget_interview() {
    super::storage::forget_session();
}

/// What the server writes on the document for us.
#[must_use]
pub fn house() -> House {
    let root = document().and_then(|it| it.document_element());
    let told = |name: &str| root.as_ref().and_then(|it| it.get_attribute(name)).unwrap_or_default();
    let on = |name: &str| told(name) == "true";
    House {
        longest: told("data-longest").parse().unwrap_or(u32::MAX),
        transcribes: on("data-transcribes"),
        webrtc: if told("data-webrtc") == Route::Relay.name() { Route::Relay } else { Route::Direct },
        use_webrtc: on("data-use-webrtc"),
        fallback: on("data-fallback"),
        sealed: on("data-sealed"),
    }
}

/// The route that the page's address asks for, in `?route=`.
#[must_use]
pub fn forced_route() -> Option<Route> {
    let search = web_sys::window().and_then(|it| it.location().search().ok())?;
    let asked = web_sys::UrlSearchParams::new_with_str(&search).ok()?.get("route")?;
    [Route::Direct, Route::Relay, Route::Socket].into_iter().find(|it| it.name() == asked)
}

/// How the sound was to travel in this tab before it was loaded anew.
#[must_use]
pub fn kept_choice() -> Option<Choice> {
    super::storage::choice()
}

/// Removes what the server has drawn, right before the same is drawn anew.
pub fn clear() {
    if let Some(body) = document().and_then(|it| it.body()) {
        body.set_text_content(None);
    }
}

/// From here on every button has its handler.
pub fn hydrated() {
    if let Some(root) = document().and_then(|it| it.document_element()) {
        _ = root.set_attribute("data-hydrated", "true");
    }
}

/// What the browser's tab says.
pub fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(&format!("{title} · Vivavoce"));
    }
}

fn document() -> Option<web_sys::Document> {
    web_sys::window()?.document()
}

/// Moves the focus to the heading of what has just appeared, so that it is never lost.
pub fn focus_heading() {
    focus("[data-heading]");
}

fn focus(selector: &str) {
    if let Some(element) = find::<HtmlElement>(selector) {
        _ = element.focus();
    }
}

/// Opens the page's dialog with the focus on its first button, or closes it.
pub fn show_dialog(shown: bool) {
    let Some(dialog) = find::<HtmlDialogElement>("dialog") else { return };
    if shown && !dialog.open() {
        _ = dialog.show_modal();
        focus("dialog button");
    } else if !shown && dialog.open() {
        // Closing gives the focus back to where it was.
        dialog.close();
    }
}

/// How far the content of an element is scrolled, in CSS pixels.
#[must_use]
pub fn scrolled_px(selector: &str) -> i32 {
    find::<HtmlElement>(selector).map_or(0, |it| it.scroll_top())
}

/// Scrolls back to where the content of an element starts.
pub fn scroll_to_start(selector: &str) {
    if let Some(element) = find::<HtmlElement>(selector) {
        element.set_scroll_top(0);
    }
}

/// Puts `text` on the clipboard, then says whether that worked.
pub fn copy(text: &str, done: impl FnOnce(bool) + 'static) {
    let Some(window) = web_sys::window() else { return done(false) };
    let clipboard = window.navigator().clipboard();
    // Not there on insecure pages, whatever its type says.
    if clipboard.is_undefined() {
        return done(false);
    }
    let promise = clipboard.write_text(text);
    leptos::task::spawn_local(async move { done(wasm_bindgen_futures::JsFuture::from(promise).await.is_ok()) });
}

thread_local! {
    // A download reads its file after the click: it lives until the next one.
    static FILE: RefCell<Option<super::download::File>> = const { RefCell::new(None) };
}

/// Hands `text` to the candidate as a file. Nothing leaves the page.
pub fn save(name: &str, media_type: &str, text: &str) {
    let file = super::download::File::new(media_type, text);
    if let Some(file) = &file {
        file.save_as(name);
    }
    FILE.set(file);
}
