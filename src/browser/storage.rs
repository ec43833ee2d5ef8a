//! What this browser remembers: devices for ever, the session until the tab is closed.
//!
//! A browser may forbid storage altogether. Then nothing is remembered and everything else works.

use web_sys::Storage;

use super::clock::window;

/// The keys of `localStorage`.
pub const INPUT: &str = "vivavoce.input";
pub const OUTPUT: &str = "vivavoce.output";
/// The key of `sessionStorage`.
const SESSION: &str = "vivavoce.session";

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

/// The session of this tab.
#[must_use]
pub fn session() -> Option<String> {
    tab()?.get_item(SESSION).ok()?
}

pub fn remember_session(id: &str) {
    if let Some(storage) = tab() {
        _ = storage.set_item(SESSION, id);
    }
}

pub fn forget_session() {
    if let Some(storage) = tab() {
        _ = storage.remove_item(SESSION);
    }
}

fn local() -> Option<Storage> {
    window().ok()?.local_storage().ok()?
}

fn tab() -> Option<Storage> {
    window().ok()?.session_storage().ok()?
}
