//! Keeps the screen on while somebody talks to it (Screen Wake Lock API).

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Reflect;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::VisibilityState;

use super::clock::window;
use super::{BrowserError, Listener};

/// Holds the screen on. Dropping it lets the screen sleep again.
#[derive(Debug)]
pub struct Wake {
    sentinel: Rc<RefCell<Option<JsValue>>>,
    /// A browser takes the lock away from a hidden tab.
    visible: Option<Listener>,
}

impl Wake {
    /// Asks for the lock now, and again whenever the tab is shown.
    ///
    /// # Errors
    /// [`BrowserError::Missing`] in browsers without wake locks.
    pub fn new() -> Result<Self, BrowserError> {
        let window = window()?;
        let lock = Reflect::get(&window.navigator(), &"wakeLock".into()).ok().filter(JsValue::is_object);
        let lock = lock.ok_or(BrowserError::Missing("wakeLock"))?;
        let document = window.document().ok_or(BrowserError::Missing("document"))?;
        let sentinel: Rc<RefCell<Option<JsValue>>> = Rc::default();
        let ask = {
            let (lock, document, held) = (lock, document.clone(), Rc::downgrade(&sentinel));
            move || {
                if document.visibility_state() != VisibilityState::Visible {
                    return;
                }
                let Some(asked) = call(&lock, "request", "screen") else { return };
                let held = held.clone();
                spawn_local(async move {
                    // Refused on a low battery: then the screen sleeps as it always does.
                    let Ok(given) = JsFuture::from(asked).await else { return };
                    let spare = match held.upgrade() {
                        Some(held) => RefCell::replace(&held, Some(given)),
                        None => Some(given),
                    };
                    // The browser holds each lock until it is released, whoever has forgotten it.
                    if let Some(spare) = spare {
                        _ = call(&spare, "release", "");
                    }
                });
            }
        };
        ask();
        let visible = Listener::new(&document, "visibilitychange", move |_: web_sys::Event| ask())?;
        Ok(Self { sentinel, visible: Some(visible) })
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.visible = None;
        if let Some(sentinel) = self.sentinel.take() {
            _ = call(&sentinel, "release", "");
        }
    }
}

/// Calls a method that the bindings hold back as unstable.
fn call(target: &JsValue, method: &str, argument: &str) -> Option<js_sys::Promise> {
    let function: js_sys::Function = Reflect::get(target, &method.into()).ok()?.dyn_into().ok()?;
    function.call1(target, &argument.into()).ok()?.dyn_into().ok()
}
