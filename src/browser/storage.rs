//! What this browser remembers: devices for ever, the session until the tab is closed and for some minutes beyond, and the
//! choice of connection until the tab is closed.
//!
//! A browser may forbid storage altogether. Then nothing is remembered and everything else works.

use web_sys::Storage;

use super::clock::{unix_ms, window};
use super::page;
use crate::engine::link::choice::{Choice, Routes};
use crate::engine::remembered::Remembered;

/// The keys of `localStorage`.
pub const INPUT: &str = "vivavoce.input";
pub const OUTPUT: &str = "vivavoce.output";
/// The key of both: the tab's own session, and what others may go on with.
const SESSION: &str = "vivavoce.session";
/// The key of `sessionStorage` that says that the report of this session was shown.
const ENDED: &str = "vivavoce.ended";
/// The key of `sessionStorage` that says how the sound is to travel: the name of a choice, or that it has fallen back.
const ROUTE: &str = "vivavoce.route";
const FALLEN: &str = "fallen";

/// A device that was chosen before.
#[must_use]
pub fn device(key: &str) -> Option<String> {
    local()?.get_item(key).ok()?.filter(|id| !id.is_empty())
}

pub fn remember_device(key: &str, id: &str) {
    if let Some(storage) = local() {
        _ = storage.set_item(key, id);
    }
}

/// The session of this tab. One whose report was shown comes back when the page is loaded anew, and not when the candidate
/// goes to it once more.
#[must_use]
pub fn session() -> Option<String> {
    let tab = tab()?;
    if tab.get_item(ENDED).ok()?.is_some() && !page::is_reloaded() {
        forget_session();
    }
    tab.get_item(SESSION).ok()?
}

/// Remembers the session for this tab, and for one that is opened in its place.
pub fn remember_session(id: &str) {
    if let Some(tab) = tab() {
        _ = tab.set_item(SESSION, id);
        _ = tab.remove_item(ENDED);
    }
    see_session(id);
}

/// The session is still there: whoever closes this tab by mistake finds it in another.
pub fn see_session(id: &str) {
    let it = Remembered { session_id: id.to_owned(), path: page::path(), seen_ms: unix() };
    if let Some(storage) = local() {
        _ = storage.set_item(SESSION, &it.to_text());
    }
}

/// The session of another tab that this one may go on with.
#[must_use]
pub fn session_elsewhere() -> Option<String> {
    let it = Remembered::of_text(&local()?.get_item(SESSION).ok()??)?;
    it.is_for(&page::path(), unix()).then_some(it.session_id)
}

/// The interview is over: there is nothing to go on with, but a report to be shown again.
pub fn end_session() {
    if let Some(tab) = tab() {
        forget_elsewhere(&tab);
        _ = tab.set_item(ENDED, "1");
    }
}

pub fn forget_session() {
    if let Some(tab) = tab() {
        forget_elsewhere(&tab);
        _ = tab.remove_item(SESSION);
        _ = tab.remove_item(ENDED);
    }
}

/// Another tab may be in another interview, which is not ours to forget.
fn forget_elsewhere(tab: &Storage) {
    let Some(storage) = local() else { return };
    let kept = storage.get_item(SESSION).ok().flatten().and_then(|it| Remembered::of_text(&it));
    if kept.map(|it| it.session_id) == tab.get_item(SESSION).ok().flatten() {
        _ = storage.remove_item(SESSION);
    }
}

/// Remembers how the sound is to travel, for when this tab is loaded anew.
pub fn remember_routes(routes: &Routes) {
    if let Some(tab) = tab() {
        _ = tab.set_item(ROUTE, if routes.has_fallen() { FALLEN } else { routes.choice().name() });
    }
}

/// What was chosen in this tab before.
#[must_use]
pub fn choice() -> Option<Choice> {
    let kept = route()?;
    // Only Automatic falls back.
    if kept == FALLEN { Some(Choice::Automatic) } else { Choice::named(&kept) }
}

/// Whether WebRTC did not work in this tab before.
#[must_use]
pub fn has_fallen() -> bool {
    route().is_some_and(|it| it == FALLEN)
}

fn route() -> Option<String> {
    tab()?.get_item(ROUTE).ok()?
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date")]
fn unix() -> u64 {
    unix_ms() as u64
}

fn local() -> Option<Storage> {
    window().ok()?.local_storage().ok()?
}

fn tab() -> Option<Storage> {
    window().ok()?.session_storage().ok()?
}
