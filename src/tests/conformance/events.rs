//! Every event of the list is read and written again without losing a field; whatever one field holds, a known event
//! stays known.

use serde_json::{Map, Value, json};
use vivavoce::engine::protocol::client::{ClientEvent, ClientMessage};
use vivavoce::engine::protocol::server::{ServerEvent, ServerMessage};

/// The events of the reference: their names and fields, and what the preview called them.
fn list() -> Value {
    serde_json::from_str(include_str!("events.json")).unwrap()
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|it| it.as_str().unwrap())
}

/// A user's message, an assistant's and every other kind of item, with all they can hold.
fn items() -> Vec<Value> {
    vec![
        json!({ "id": "i1", "type": "message", "status": "completed", "role": "user", "content": [
            { "type": "input_text", "text": "Hi" },
            { "type": "input_audio", "audio": "AAAA", "transcript": null },
            { "type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low" },
        ] }),
        json!({ "id": "i2", "type": "message", "status": "incomplete", "role": "assistant", "phase": "commentary",
            "content": [{ "type": "output_audio", "transcript": "Well" }, { "type": "output_text", "text": "Well" }] }),
        json!({ "id": "i3", "type": "function_call", "status": "completed", "name": "f", "call_id": "c", "arguments": "{}" }),
        json!({ "id": "i4", "type": "function_call_output", "call_id": "c", "output": "1" }),
        json!({ "id": "i5", "type": "mcp_list_tools", "server_label": "s", "tools": [{ "name": "t", "input_schema": {} }] }),
        json!({ "id": "i6", "type": "mcp_call", "server_label": "s", "name": "t", "arguments": "{}",
            "approval_request_id": "i7", "output": "1", "error": { "type": "http_error", "code": 500, "message": "m" } }),
        json!({ "id": "i7", "type": "mcp_approval_request", "server_label": "s", "name": "t", "arguments": "{}" }),
        json!({ "id": "i8", "type": "mcp_approval_response", "approval_request_id": "i7", "approve": true, "reason": "r" }),
    ]
}

fn response() -> Value {
    json!({ "object": "realtime.response", "id": "r", "status": "cancelled",
        "status_details": { "type": "cancelled", "reason": "turn_detected" }, "output": items(),
        "conversation_id": "conv", "output_modalities": ["audio"], "max_output_tokens": "inf",
        "audio": { "output": { "format": { "type": "audio/pcm", "rate": 24000 }, "voice": "marin" } },
        "usage": { "total_tokens": 3, "input_tokens": 1, "output_tokens": 2 }, "metadata": { "k": "v" } })
}

/// Values for a field, each as full as it can be.
fn samples(kind: &str, field: &str) -> Vec<Value> {
    let error = json!({ "type": "server_error", "code": "c", "message": "m", "param": "p", "event_id": "e" });
    let one = match field {
        "item" => return items(),
        "part" => {
            return vec![json!({ "type": "text", "text": "Hi" }), json!({ "type": "audio", "transcript": "Hi" })];
        }
        "usage" => {
            return vec![json!({ "type": "duration", "seconds": 1.5 }), json!({ "type": "tokens", "total_tokens": 2 })];
        }
        "response" if kind == "response.create" => {
            json!({ "conversation": "none", "instructions": "x", "output_modalities": ["text"], "metadata": { "k": "v" },
                "input": [{ "type": "item_reference", "id": "i" }], "tools": [], "tool_choice": "auto",
                "max_output_tokens": 10, "audio": { "output": { "voice": "marin" } }, "parallel_tool_calls": true })
        }
        "response" => response(),
        "session" => json!({ "type": "realtime", "object": "realtime.session", "id": "s", "audio": { "input": {} } }),
        "conversation" => json!({ "id": "conv", "object": "realtime.conversation" }),
        "error" => error,
        "rate_limits" => json!([{ "name": "tokens", "limit": 9, "remaining": 8, "reset_seconds": 0.5 }]),
        "logprobs" => json!([{ "token": "a", "logprob": -0.5, "bytes": [97] }]),
        "languages" => json!([{ "language": "en" }]),
        "content_index" | "output_index" | "audio_start_ms" | "audio_end_ms" | "received_at" => json!(3),
        "start" | "end" => json!(1.25),
        _ => json!(format!("some {field}")),
    };
    vec![one]
}

/// Full samples of an event: all its fields, and one for each value of each field.
fn full(event: &Value) -> Vec<Value> {
    let kind = event["type"].as_str().unwrap();
    let mut all = vec![Map::from_iter([("type".to_owned(), json!(kind))])];
    for field in names(&event["required"]).chain(names(&event["optional"])) {
        let values = samples(kind, field);
        let with = |sample: &Map<String, Value>, value: &Value| {
            let mut sample = sample.clone();
            sample.insert(field.to_owned(), value.clone());
            sample
        };
        all = all.iter().flat_map(|sample| values.iter().map(move |value| with(sample, value))).collect();
    }
    all.into_iter().map(Value::Object).collect()
}

fn server(value: &Value) -> ServerMessage {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn every_server_event_keeps_every_field() {
    let list = list();
    let events = list["server"].as_array().unwrap();
    assert_eq!(events.len(), 46);
    for event in events {
        for sample in full(event) {
            let read = server(&sample);
            assert_ne!(read.event, ServerEvent::Unknown, "{sample}");
            let mut written = serde_json::to_value(&read).unwrap();
            // We write the GA name of what is read under its old one.
            let renamed = &list["renamed"][sample["type"].as_str().unwrap()];
            if renamed.is_string() {
                assert_eq!(&written["type"], renamed);
                written["type"] = sample["type"].clone();
            }
            // A response's items may have pieces whose transcript we spell out; nothing may be lost or changed.
            assert_eq!(written, sample);
            assert_eq!(serde_json::from_str::<ServerMessage>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        }
    }
}

#[test]
fn every_client_event_keeps_every_field() {
    let list = list();
    let events = list["client"].as_array().unwrap();
    assert_eq!(events.len(), 11);
    for event in events {
        for sample in full(event) {
            let read: ClientMessage = serde_json::from_value(sample.clone()).unwrap();
            assert_ne!(read.event, ClientEvent::Unknown, "{sample}");
            assert_eq!(serde_json::to_value(&read).unwrap(), sample);
        }
    }
}

#[test]
fn the_names_of_the_preview_are_understood() {
    let list = list();
    for (old, new) in list["renamed"].as_object().unwrap() {
        let new = new.as_str().unwrap();
        let events = list["server"].as_array().unwrap().iter().chain(list["client"].as_array().unwrap());
        let event = events.into_iter().find(|it| it["type"] == new).unwrap();
        for sample in full(event) {
            let mut named = sample.clone();
            named["type"] = json!(old);
            if new == "session.update" {
                let read: ClientMessage = serde_json::from_value(named).unwrap();
                assert_eq!(read, serde_json::from_value(sample).unwrap(), "{old}");
            } else {
                assert_eq!(server(&named), server(&sample), "{old}");
            }
        }
    }
}

/// The fields without which an event says nothing: a text without its item, a place without its number.
const ESSENTIAL: &[&str] = &["item_id", "delta", "transcript", "text", "arguments", "audio_end_ms"];

#[test]
fn one_odd_field_never_costs_a_known_event() {
    let odd = [
        json!(null),
        json!("odd"),
        json!(7),
        json!(-1.5),
        json!(1e300),
        json!(true),
        json!([1, {}]),
        json!({ "a": 1 }),
    ];
    for event in list()["server"].as_array().unwrap() {
        let sample = full(event).swap_remove(0);
        let known = std::mem::discriminant(&server(&sample).event);
        for field in names(&event["required"]).chain(names(&event["optional"])) {
            let mut without = sample.clone();
            without.as_object_mut().unwrap().remove(field);
            let strange = odd.iter().map(|value| {
                let mut strange = sample.clone();
                strange[field] = value.clone();
                strange
            });
            for text in strange.chain([without.clone()]) {
                let read = server(&text);
                let same = std::mem::discriminant(&read.event) == known;
                assert!(same || ESSENTIAL.contains(&field), "{text}");
                let again = serde_json::to_value(&read).unwrap();
                assert_eq!(server(&again), read, "{text}");
            }
        }
    }
}

#[test]
fn what_other_servers_are_known_to_send_is_understood() {
    let done = server(&json!({ "type": "response.done", "event_id": null, "response": { "id": "r", "status": "failed",
        "status_details": "quota", "output": [{ "id": "a", "type": "message" }, null, { "id": "b", "type": "function_call" }],
        "usage": null, "metadata": null } }));
    let ServerEvent::ResponseDone { response } = done.event else { panic!("{done:?}") };
    assert_eq!((response.status_details, response.output.len()), (json!("quota"), 2));

    let cut =
        json!({ "type": "conversation.item.truncated", "item_id": "i", "content_index": 0.0, "audio_end_ms": 1200.7 });
    let cut = server(&cut).event;
    assert_eq!(cut, ServerEvent::ItemTruncated { item_id: "i".into(), content_index: 0, audio_end_ms: 1200 });

    let error = server(&json!({ "type": "error", "error": "went wrong" }));
    let ServerEvent::Error { error } = error.event else { panic!("{error:?}") };
    assert_eq!(error.message, "went wrong");

    let old = json!({ "type": "conversation.item.created", "item": { "id": "i", "type": "message", "role": "assistant",
        "content": [{ "type": "audio", "transcript": null }, { "type": "text", "text": "x" }] } });
    let written = serde_json::to_value(server(&old)).unwrap();
    assert_eq!(written["item"]["content"][0], json!({ "type": "output_audio", "transcript": null }));
    assert_eq!(written["item"]["content"][1]["type"], "output_text");

    let so_far =
        json!({ "type": "conversation.item.input_audio_transcription.updated", "item_id": "i", "transcript": "So" });
    assert!(
        matches!(server(&so_far).event, ServerEvent::InputTranscriptUpdated { transcript, .. } if transcript == "So")
    );
    assert_eq!(server(&json!({ "type": "ping", "timestamp": 1 })).event, ServerEvent::Unknown);
    for text in ["", "[]", "7", "{}", r#"{"type":null}"#, r#"{"type":{}}"#] {
        assert!(serde_json::from_str::<ServerMessage>(text).is_err(), "{text}");
    }
}
