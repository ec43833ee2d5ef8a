//! How a call's session is set while we conduct it.

use serde_json::json;

use super::directive;
use crate::engine::protocol::client::ClientEvent;

/// The first thing that a call is told: all of our part of its session. The browser held the call for a moment before we
/// were attached, and whatever it set meanwhile is undone. `interrupt`: speech may interrupt at once.
pub(super) fn opening(persona: &str, interrupt: bool) -> ClientEvent {
    ClientEvent::SessionUpdate {
        session: json!({
            "type": "realtime",
            "instructions": directive::core(persona),
            "tools": [],
            "audio": { "input": { "turn_detection": turn_detection(interrupt) } },
        }),
    }
}

/// From here on the candidate may interrupt. The session's other turn detection settings stay (sparse update), but a
/// provider may replace the whole object, so they are all given.
pub(super) fn interruptible() -> ClientEvent {
    ClientEvent::SessionUpdate {
        session: json!({
            "type": "realtime",
            "audio": { "input": { "turn_detection": turn_detection(true) } },
        }),
    }
}

/// How a provider shall listen for us: report speech, answer only when told to.
#[must_use]
pub fn turn_detection(interrupt_response: bool) -> serde_json::Value {
    json!({
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 400,
        "create_response": false,
        "interrupt_response": interrupt_response,
    })
}
