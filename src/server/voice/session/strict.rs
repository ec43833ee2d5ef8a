//! A second opinion on what we emit: the types of a client that is not ours, which allow no missing and no odd field.

use async_openai::types::realtime::RealtimeServerEvent;
use serde_json::Value;

/// Where those types are stricter than the service itself. The recordings win, so this is what we send: an `input_audio`
/// comes without its sound, and with `transcript: null` while its words are not known; an echoed `function_call_output`
/// has no `status`.
fn allowed(item: &mut Value) {
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

/// Decodes an event of ours. Every test of the session that looks at its events does so through this.
#[track_caller]
pub(super) fn decoded(event: Value) -> Value {
    let mut strict = event.clone();
    if let Some(item) = strict.get_mut("item") {
        allowed(item);
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
