//! A second opinion on what we emit: the types of a client that is not ours, which allow no missing and no odd field.

use async_openai::types::realtime::RealtimeServerEvent;
use serde_json::Value;

/// Where those types are stricter than the service itself. What the service was recorded to send wins, so this is what we send: an `input_audio`
/// comes without its sound, and with `transcript: null` while its words are not known; an echoed `function_call_output`
/// has no `status`.
fn allowed_item(item: &mut Value) {
    for part in item
        .get_mut("content")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter(|part| part["type"] == "input_audio")
    {
        for key in ["audio", "transcript"] {
            if part[key].is_null() {
                part[key] = Value::from("");
            }
        }
    }
    if item["type"] == "function_call_output" && item.get("status").is_none() {
        item["status"] = Value::from("completed");
    }
}

/// The same for a session: the service echoes `description: null` for a tool that has none. Noise reduction is a slip of
/// those types, which look for a `type` inside its `type`.
fn allowed_session(session: &mut Value) {
    if let Some(input) = session.pointer_mut("/audio/input").and_then(Value::as_object_mut) {
        input.remove("noise_reduction");
    }
    for tool in session.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(description @ Value::Null) = tool.get_mut("description") {
            *description = Value::from("");
        }
    }
}

/// Decodes an event of ours. Every test that looks at what the provider says does so through this, be it the session's own or
/// at the far end of a socket.
#[track_caller]
pub(crate) fn decoded(event: Value) -> Value {
    let mut strict = event.clone();
    if let Some(item) = strict.get_mut("item") {
        allowed_item(item);
    }
    if let Some(session) = strict.get_mut("session") {
        allowed_session(session);
    }
    if let Err(error) = serde_json::from_value::<RealtimeServerEvent>(strict) {
        panic!("a strict client refuses {event:#}: {error}");
    }
    event
}

#[test]
#[should_panic(expected = "a strict client refuses")]
fn an_event_that_lacks_a_field_is_refused() {
    decoded(serde_json::json!({ "type": "response.output_item.done", "event_id": "e", "output_index": 0 }));
}
