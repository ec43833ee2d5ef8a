//! The session against the recorded orders. The voice is the real one; time is the number of frames.

mod responses;
mod socket;

use serde_json::{Value, json};

use super::output::OutFrame;
use super::*;
use crate::server::voice::ears::Heard;

fn session() -> Session {
    let config = SessionConfig::new("sess_test", 1_800_000_000);
    Session::new(config, Transport::Call, Speaker::new().unwrap(), 7)
}

/// Every event so far, as it travels. A strict client could read each of them.
fn events(session: &mut Session) -> Vec<Value> {
    std::iter::from_fn(|| session.poll()).map(|it| strict::decoded(serde_json::to_value(it).unwrap())).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|it| it["type"].as_str().unwrap()).collect()
}

fn say(session: &mut Session, text: &str) {
    session.client(
        &json!({ "type": "response.create", "response": { "metadata": { "say0": text, "turn": "4" } } }).to_string(),
    );
}

/// Frames until nothing sounds, with the frame number of every event.
fn play(session: &mut Session) -> Vec<(usize, Value)> {
    let mut seen = Vec::new();
    for frame in 0..3_000 {
        session.frame();
        seen.extend(events(session).into_iter().map(|it| (frame, it)));
        if session.active.is_none() && session.ending.is_none() {
            return seen;
        }
    }
    panic!("never ends");
}

#[test]
fn a_spoken_response_has_the_recorded_order() {
    let mut it = session();
    say(&mut it, "Good morning. Shall we begin?");
    let created = events(&mut it);
    assert_eq!(
        types(&created),
        ["response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added"]
    );
    let played = play(&mut it);
    let (frames, all): (Vec<_>, Vec<_>) = played.into_iter().unzip();
    let mut order = types(&all);
    let deltas = order.iter().filter(|it| **it == "response.output_audio_transcript.delta").count();
    assert_eq!(deltas, 5, "one for every word");
    assert_eq!(&order[..2], ["response.output_audio_transcript.delta", "output_audio_buffer.started"]);
    order.retain(|it| *it != "response.output_audio_transcript.delta");
    assert_eq!(
        order,
        [
            "output_audio_buffer.started",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
            "output_audio_buffer.stopped",
        ]
    );
    let text: String = all.iter().filter_map(|it| it["delta"].as_str()).collect();
    assert_eq!(text, "Good morning. Shall we begin?");
    // The last word begins well before the sound ends, and after the first.
    assert!(frames.windows(2).all(|pair| pair[0] <= pair[1]));
    let done = all.iter().find(|it| it["type"] == "response.done").unwrap();
    let response = &done["response"];
    assert_eq!(response["status"], "completed");
    assert_eq!(response["status_details"], Value::Null);
    assert_eq!(response["metadata"]["turn"], "4");
    assert_eq!(response["output"][0]["content"][0], json!({ "type": "output_audio", "transcript": text }));
    assert!(response["usage"]["output_token_details"]["audio_tokens"].as_u64().unwrap() > 10);
    let id = &created[1]["item"]["id"];
    assert_eq!(id, &response["output"][0]["id"]);
    assert!(all.iter().chain(&created).all(|it| it["event_id"].is_string()));
}

#[test]
fn a_turn_of_the_candidate_has_the_recorded_order_and_starts_a_response_if_asked_to() {
    for (create, expected) in [(false, None), (true, Some("response.created"))] {
        let mut it = session();
        it.client(&json!({ "type": "session.update", "session": { "audio": { "input": { "turn_detection": { "create_response": create } } } } }).to_string());
        assert_eq!(types(&events(&mut it)), ["session.updated"]);
        it.heard(Heard::Started { start_ms: 700 });
        it.heard(Heard::Stopped { end_ms: 2_000 });
        let all = events(&mut it);
        assert_eq!(
            &types(&all)[..5],
            [
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
            ]
        );
        assert_eq!(all.get(5).map(|it| it["type"].as_str().unwrap()), expected);
        assert_eq!(all[0]["audio_start_ms"], 700);
        assert_eq!(all[1]["audio_end_ms"], 2_000);
        assert_eq!(all[3]["item"]["content"], json!([{ "type": "input_audio", "transcript": null }]));
        assert!(all[..3].iter().all(|event| event["item_id"] == all[3]["item"]["id"]));
        assert_eq!(all[2]["previous_item_id"], Value::Null);
    }
}

#[test]
fn barge_in_goes_silent_at_once_and_keeps_what_was_heard() {
    let mut it = session();
    say(&mut it, "One two three four five six seven eight nine ten.");
    for _ in 0..60 {
        it.frame();
    }
    let before = events(&mut it);
    it.heard(Heard::Started { start_ms: 0 });
    assert_eq!(it.frame(), OutFrame::silence());
    assert!(!it.is_sounding());
    let all = events(&mut it);
    assert_eq!(
        types(&all),
        [
            "input_audio_buffer.speech_started",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
            "output_audio_buffer.cleared",
            "conversation.item.truncated",
        ]
    );
    let done = &all[6]["response"];
    assert_eq!(done["status"], "cancelled");
    assert_eq!(done["status_details"], json!({ "type": "cancelled", "reason": "turn_detected" }));
    assert_eq!(all[9]["audio_end_ms"], 1_200);
    let said: String = before.iter().filter_map(|it| it["delta"].as_str()).collect();
    assert_eq!(all[2]["transcript"], said.as_str());
    assert!(said.starts_with("One two") && !said.contains("ten"), "{said}");
    let id = all[9]["item_id"].clone();
    it.client(&json!({ "type": "conversation.item.retrieve", "item_id": id }).to_string());
    let kept = events(&mut it)[0]["item"]["content"][0]["transcript"].as_str().unwrap().to_owned();
    assert!(said.starts_with(kept.trim_end()) && kept.starts_with("One"), "{kept}");
}

/// A client that says itself how much it has heard is answered once.
#[test]
fn an_item_that_is_being_said_is_truncated_once() {
    let mut it = session();
    say(&mut it, "One two three four five six seven eight nine ten.");
    let item_id = events(&mut it)[1]["item"]["id"].clone();
    for _ in 0..60 {
        it.frame();
    }
    events(&mut it);
    let truncate = |ms: u64| json!({ "type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": ms });
    it.client(&truncate(60_000).to_string());
    assert!(it.is_sounding(), "what is refused changes nothing");
    assert_eq!(events(&mut it)[0]["error"]["param"], "audio_end_ms");
    it.client(&truncate(500).to_string());
    assert_eq!(it.frame(), OutFrame::silence());
    let all = events(&mut it);
    assert_eq!(types(&all)[7..], ["output_audio_buffer.cleared", "conversation.item.truncated"]);
    assert_eq!((&all[8]["item_id"], &all[8]["audio_end_ms"]), (&item_id, &json!(500)));
}

#[test]
fn a_response_that_may_not_be_interrupted_is_not() {
    let mut it = session();
    it.client(&json!({ "type": "session.update", "session": { "audio": { "input": { "turn_detection": { "interrupt_response": false, "create_response": false } } } } }).to_string());
    say(&mut it, "I am an AI interviewer.");
    for _ in 0..20 {
        it.frame();
    }
    it.heard(Heard::Started { start_ms: 0 });
    it.heard(Heard::Stopped { end_ms: 900 });
    let all: Vec<Value> = play(&mut it).into_iter().map(|(_, it)| it).collect();
    let done = all.iter().find(|it| it["type"] == "response.done").unwrap();
    assert_eq!(done["response"]["status"], "completed");
    assert!(!types(&all).contains(&"output_audio_buffer.cleared"));
}

#[test]
fn one_response_at_a_time_and_the_refusal_names_the_event() {
    let mut it = session();
    say(&mut it, "Hello.");
    events(&mut it);
    it.client(r#"{"type":"response.create","event_id":"second"}"#);
    let all = events(&mut it);
    assert_eq!(all[0]["error"]["code"], "conversation_already_has_active_response");
    assert_eq!(all[0]["error"]["event_id"], "second");
    assert_eq!(all[0]["error"]["type"], "invalid_request_error");
}

#[test]
fn cancel_and_clear_stop_the_sound() {
    let mut it = session();
    it.client(r#"{"type":"response.cancel"}"#);
    assert_eq!(events(&mut it)[0]["error"]["code"], "response_cancel_not_active");
    for (first, expected) in [
        ("response.cancel", "output_audio_buffer.stopped"),
        ("output_audio_buffer.clear", "output_audio_buffer.cleared"),
    ] {
        say(&mut it, "One two three four five.");
        for _ in 0..20 {
            it.frame();
        }
        events(&mut it);
        it.client(&json!({ "type": first }).to_string());
        assert_eq!(it.frame(), OutFrame::silence());
        let all = events(&mut it);
        let done = all.iter().find(|it| it["type"] == "response.done").unwrap();
        assert_eq!(done["response"]["status_details"]["reason"], "client_cancelled", "{first}");
        assert!(types(&all).contains(&expected), "{first}: {:?}", types(&all));
    }
    // A client that interrupts by hand sends both: then there is one end of the sound and not two.
    say(&mut it, "One two three four five.");
    for _ in 0..20 {
        it.frame();
    }
    it.client(r#"{"type":"response.cancel"}"#);
    it.client(r#"{"type":"output_audio_buffer.clear"}"#);
    it.frame();
    let all = events(&mut it);
    let ends = types(&all).into_iter().filter(|it| it.starts_with("output_audio_buffer.") && !it.ends_with("started"));
    assert_eq!(ends.collect::<Vec<_>>(), ["output_audio_buffer.cleared"]);
}

#[test]
fn every_other_event_is_answered_and_the_session_stays_open() {
    let mut it = session();
    let created = strict::decoded(serde_json::to_value(it.created()).unwrap());
    assert_eq!(created["type"], "session.created");
    assert_eq!(created["session"]["object"], "realtime.session");
    let user = json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Hi" }] });
    let table = [
        (json!({ "type": "session.update", "session": { "audio": { "output": { "speed": 7 } } } }), "invalid_value"),
        (json!({ "type": "input_audio_buffer.append", "audio": "" }), "invalid_event_for_transport"),
        (json!({ "type": "input_audio_buffer.commit" }), "input_audio_buffer_commit_empty"),
        (json!({ "type": "input_audio_buffer.clear" }), "input_audio_buffer.cleared"),
        (json!({ "type": "conversation.item.create", "item": user }), "conversation.item.added"),
        (json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "cat" } }), "invalid_value"),
        (
            json!({ "type": "conversation.item.create", "item": { "type": "function_call_output", "call_id": "c", "output": "1" } }),
            "conversation.item.added",
        ),
        (json!({ "type": "conversation.item.retrieve", "item_id": "no" }), "item_retrieve_invalid_item_id"),
        (
            json!({ "type": "conversation.item.truncate", "item_id": "no", "content_index": 0, "audio_end_ms": 1 }),
            "item_truncate_invalid_item_id",
        ),
        (json!({ "type": "conversation.item.delete", "item_id": "no" }), "item_delete_invalid_item_id"),
        (json!({ "type": "response.create", "response": { "metadata": { "say": 7 } } }), "invalid_value"),
        (json!({ "type": "output_audio_buffer.clear" }), "output_audio_buffer.cleared"),
        (json!({ "type": "session.jump" }), "invalid_value"),
    ];
    for (event, expected) in table {
        it.client(&event.to_string());
        let all = events(&mut it);
        let first = &all[0];
        let got = first["error"]["code"].as_str().or(first["type"].as_str());
        assert_eq!(got, Some(expected), "{event}");
    }
    it.listen(&[0; 16 * 120]);
    it.client(r#"{"type":"input_audio_buffer.commit"}"#);
    assert_eq!(types(&events(&mut it))[0], "input_audio_buffer.committed");
    say(&mut it, "Still here.");
    assert_eq!(types(&events(&mut it))[0], "response.created");
}

#[test]
fn text_is_written_when_text_is_asked_for() {
    let mut it = session();
    it.client(&json!({ "type": "response.create", "response": { "output_modalities": ["text"], "conversation": "none", "instructions": "Say: one two" } }).to_string());
    let all = events(&mut it);
    assert_eq!(
        types(&all),
        [
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
    );
    assert_eq!(all[2]["part"], json!({ "type": "text", "text": "" }));
    assert_eq!(all[8]["response"]["conversation_id"], Value::Null);
}

#[test]
fn a_voice_that_was_heard_stays() {
    let mut it = session();
    it.client(r#"{"type":"session.update","session":{"voice":"cedar"}}"#);
    say(&mut it, "Hello.");
    play(&mut it);
    it.client(r#"{"type":"session.update","event_id":"v","session":{"voice":"marin"}}"#);
    assert_eq!(events(&mut it)[0]["error"]["code"], "cannot_update_voice");
}

/// What the other tests do not come by: each is read by a strict client in `events`.
#[test]
fn every_way_to_set_up_a_session_is_echoed_as_strict_clients_read_it() {
    let mut it = session();
    let patches = [
        json!({ "type": "realtime", "instructions": "Be kind.", "output_modalities": ["text"], "max_output_tokens": 100 }),
        json!({ "audio": { "input": { "turn_detection": { "type": "semantic_vad", "eagerness": "low" } } } }),
        json!({ "audio": { "input": { "turn_detection": null, "noise_reduction": { "type": "near_field" } } } }),
        json!({ "audio": { "input": { "turn_detection": { "type": "server_vad", "idle_timeout_ms": 6000 } } } }),
        json!({ "audio": { "input": { "transcription": { "model": "whisper-1", "language": "en" } } } }),
        json!({ "audio": { "input": { "format": { "type": "audio/pcmu" } }, "output": { "format": "g711_alaw" } } }),
        json!({ "tools": [{ "type": "function", "name": "f", "parameters": {} }], "tool_choice": "required" }),
        json!({ "tool_choice": { "type": "function", "name": "f" }, "tracing": "auto", "truncation": "disabled" }),
        json!({ "modalities": ["text", "audio"], "voice": "echo", "turn_detection": null, "temperature": 0.5 }),
    ];
    for patch in patches {
        it.client(&json!({ "type": "session.update", "session": patch }).to_string());
        assert_eq!(types(&events(&mut it)), ["session.updated"], "{patch}");
    }
    let call = json!({ "id": "call_item", "type": "function_call", "name": "f", "call_id": "c", "arguments": "{}" });
    it.client(&json!({ "type": "conversation.item.create", "item": call }).to_string());
    it.client(r#"{"type":"conversation.item.retrieve","item_id":"call_item"}"#);
    it.client(r#"{"type":"conversation.item.delete","item_id":"call_item"}"#);
    it.expire();
    it.flooded();
    assert_eq!(
        types(&events(&mut it)),
        [
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.retrieved",
            "conversation.item.deleted",
            "error",
            "error"
        ]
    );
}
