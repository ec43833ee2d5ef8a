//! What only the browser knows: the time, and numbers nobody can guess.

use std::time::Duration;

use wasm_bindgen::{JsCast as _, JsValue};

use super::BrowserError;
use crate::engine::time::Tick;

/// The page's window.
///
/// # Errors
/// [`BrowserError::Missing`] in a worker.
pub fn window() -> Result<web_sys::Window, BrowserError> {
    web_sys::window().ok_or(BrowserError::Missing("window"))
}

/// Time since the page was opened. Never runs backwards.
#[must_use]
pub fn now() -> Tick {
    let ms = web_sys::window().and_then(|it| it.performance()).map_or(0.0, |it| it.now());
    Tick(Duration::from_secs_f64(ms.max(0.0) / 1_000.0))
}

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn unix_ms() -> f64 {
    js_sys::Date::now()
}

/// Names one logical request; a repeated one carries the same name.
#[must_use]
pub fn request_id() -> String {
    // `crypto.randomUUID` exists on secure pages only, so it is looked up before it is called.
    let uuid = || -> Option<String> {
        let crypto = window().ok()?.crypto().ok()?;
        let function = js_sys::Reflect::get(&crypto, &JsValue::from_str("randomUUID")).ok()?;
        function.dyn_ref::<js_sys::Function>()?.call0(&crypto).ok()?.as_string()
    };
    // An id has to be unlike the others, not secret.
    uuid().unwrap_or_else(|| format!("{:x}-{:x}", unix_ms().to_bits(), js_sys::Math::random().to_bits()))
}
