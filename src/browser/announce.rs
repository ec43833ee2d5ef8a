//! Tells the rest of the page what happens in the room, as DOM events on the room's root (S003-63, S003-71).

use wasm_bindgen::JsValue;
use web_sys::{CustomEvent, CustomEventInit, EventTarget};

use super::BrowserError;
use super::clock::window;
use crate::engine::protocol::room::RoomMessage;

/// The name of the event that says the microphone was granted (S003-58).
pub const PERMISSIONS_READY: &str = "permissions_ready";

/// The room's root, while it is on the page.
#[must_use]
pub fn room() -> Option<EventTarget> {
    let element = window().ok()?.document()?.query_selector(r#"[data-testid="room"]"#).ok()??;
    Some(element.into())
}

/// Dispatches one event of the room under its name, with its payload as `detail`. Nothing for what the room keeps to
/// itself.
///
/// # Errors
/// [`BrowserError::Call`]
pub fn announce(target: &EventTarget, message: &RoomMessage) -> Result<(), BrowserError> {
    let Some(name) = message.event.announced_as() else { return Ok(()) };
    let detail = js_sys::JSON::parse(&message.event.payload()).unwrap_or(JsValue::NULL);
    dispatch(target, name, &detail)
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
