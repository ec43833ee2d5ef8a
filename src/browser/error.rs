//! Browser calls that failed.

use wasm_bindgen::{JsCast as _, JsValue};

use crate::engine::device::MicFault;

/// A browser call that failed, with the name of the DOM exception.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    #[error("there is no {0} here")]
    Missing(&'static str),
    #[error("{call} failed: {name}")]
    Call { call: &'static str, name: String },
}

impl BrowserError {
    /// The error of a `call` that threw or rejected with `error`.
    #[must_use]
    pub fn from_js(call: &'static str, error: &JsValue) -> Self {
        let dom = error.dyn_ref::<web_sys::DomException>().map(web_sys::DomException::name);
        let name = dom.or_else(|| error.dyn_ref::<js_sys::Error>().map(|error| error.name().into()));
        Self::Call { call, name: name.unwrap_or_else(|| "unknown".to_owned()) }
    }

    /// Whether the browser waits for the candidate to press something.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Call { name, .. } if name == "NotAllowedError")
    }

    /// Why there is no microphone, where `getUserMedia` failed with this.
    #[must_use]
    pub fn mic_fault(&self) -> MicFault {
        match self {
            Self::Missing(_) => MicFault::Insecure,
            Self::Call { name, .. } => match name.as_str() {
                "NotAllowedError" | "SecurityError" => MicFault::Blocked,
                "NotFoundError" | "OverconstrainedError" => MicFault::Missing,
                "NotReadableError" | "AbortError" => MicFault::Busy,
                _ => MicFault::Other,
            },
        }
    }
}
