//! Tells the rest of the page what happens in the room, as DOM events on the room's root (S003-63, S003-71).

use wasm_bindgen::JsValue;
use web_sys::{CustomEvent, CustomEventInit, EventTarget};

use super::BrowserError;
use super::clock::window;
use crate::engine::protocol::room::{RoomEvent, RoomMessage};

/// The name of the event that says the microphone was granted (S003-58).
pub const PERMISSIONS_READY: &str = "permissions_ready";

/// The room's root, while it is on the page.
#[must_use]
pub fn room() -> Option<EventTarget> {
    let element = window().ok()?.document()?.query_selector(r#"[data-testid="room"]"#).ok()??;
    Some(element.into())
}

/// Dispatches one event of the room under its name, with type, date and payload as `detail` (S003-30 to S003-32). A welcome
/// is told as what it restores. Nothing for what the room keeps to itself.
///
/// # Errors
/// [`BrowserError::Call`]
pub fn announce(target: &EventTarget, message: &RoomMessage) -> Result<(), BrowserError> {
    if let RoomEvent::Welcome(snapshot) = &message.event {
        return snapshot.events().iter().try_for_each(|event| announce_one(target, message.ts, event));
    }
    announce_one(target, message.ts, &message.event)
}

fn announce_one(target: &EventTarget, ts: u64, event: &RoomEvent) -> Result<(), BrowserError> {
    let Some(name) = event.announced_as() else { return Ok(()) };
    let detail = format!(r#"{{"type":"{name}","ts":{ts},"payload":{}}}"#, event.payload());
    dispatch(target, name, &js_sys::JSON::parse(&detail).unwrap_or(JsValue::NULL))
}

/// Dispatches a bubbling `CustomEvent`.
///
/// # Errors
/// [`BrowserError::Call`]
pub fn dispatch(target: &EventTarget, name: &str, detail: &JsValue) -> Result<(), BrowserError> {
    let refused = |error| BrowserError::from_js("dispatchEvent", &error);
    let init = CustomEventInit::new();
    init.set_bubbles(true);
    init.set_detail(detail);
    let event = CustomEvent::new_with_event_init_dict(name, &init).map_err(refused)?;
    target.dispatch_event(&event).map_err(refused)?;
    Ok(())
}
