//! DOM listeners that go when their owner goes.

use std::fmt;

use wasm_bindgen::prelude::*;
use web_sys::{Event, EventTarget};

use super::BrowserError;

/// One DOM listener. Dropping it detaches the handler and frees the closure.
#[must_use = "dropping a listener detaches it"]
pub struct Listener {
    target: EventTarget,
    kind: &'static str,
    callback: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Calls `on_event` for every `kind` at `target`, for as long as the listener lives.
    ///
    /// # Errors
    /// [`BrowserError::Call`] if the browser refuses.
    pub fn new<E: JsCast>(
        target: &EventTarget,
        kind: &'static str,
        mut on_event: impl FnMut(E) + 'static,
    ) -> Result<Self, BrowserError> {
        Self::attach(target, kind, Box::new(move |event| on_event(event.unchecked_into())))
    }

    // What does not depend on the closure's type, once for all of them.
    fn attach(target: &EventTarget, kind: &'static str, on_event: Box<dyn FnMut(Event)>) -> Result<Self, BrowserError> {
        let callback = Closure::wrap(on_event);
        target
            .add_event_listener_with_callback(kind, callback.as_ref().unchecked_ref())
            .map_err(|error| BrowserError::from_js("addEventListener", &error))?;
        Ok(Self { target: target.clone(), kind, callback })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A destructor never fails: a target that is gone cannot call us anyway.
        _ = self.target.remove_event_listener_with_callback(self.kind, self.callback.as_ref().unchecked_ref());
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("kind", &self.kind).finish_non_exhaustive()
    }
}
