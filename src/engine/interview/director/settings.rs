//! How a call's session is set while we conduct it.

use serde_json::{Value, json};

use super::directive;
use crate::engine::protocol::client::ClientEvent;

/// The first thing that a call is told: all of our part of its session. The browser held the call for a moment before we
/// were attached, and whatever it set meanwhile is undone: all that can have a say in what is asked, heard and written down.
/// Not the voice and its speed, which harm nobody and are refused while something is being said; and no `prompt`, which
/// servers refuse by now. `interrupt`: speech may interrupt at once.
pub(super) fn opening(persona: &str, transcription: Option<&Value>, interrupt: bool) -> ClientEvent {
    ClientEvent::SessionUpdate {
        session: json!({
            "type": "realtime",
            "instructions": directive::core(persona),
            "output_modalities": ["audio"],
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "audio": { "input": { "transcription": transcription, "turn_detection": turn_detection(interrupt) } },
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
pub fn turn_detection(interrupt_response: bool) -> Value {
    json!({
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 400,
        "create_response": false,
        "interrupt_response": interrupt_response,
    })
}
