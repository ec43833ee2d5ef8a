//! The session as a WebSocket carries it: sound in events, and the client plays.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn socket(session: &Value) -> Session {
    let config = SessionConfig::new("sess_test", 1_800_000_000).updated(session).unwrap();
    Session::new(config, Transport::Socket, Speaker::new().unwrap(), 8)
}

fn generate(it: &mut Session) -> Vec<Value> {
    while it.is_generating() {
        it.generate(10);
    }
    events(it)
}

fn bytes(events: &[Value]) -> usize {
    let deltas = events.iter().filter(|it| it["type"] == "response.output_audio.delta");
    deltas.map(|it| it["delta"].as_str().unwrap().trim_end_matches('=').len() * 3 / 4).sum()
}

#[test]
fn sound_goes_into_events_and_there_is_no_output_buffer() {
    let mut it = socket(&json!({}));
    say(&mut it, "Good morning. Shall we begin?");
    let all = generate(&mut it);
    let mut order = types(&all);
    order.dedup();
    assert!(!order.iter().any(|it| it.starts_with("output_audio_buffer")));
    let first = order.iter().position(|it| *it == "response.output_audio_transcript.delta");
    assert!(first < order.iter().position(|it| *it == "response.output_audio.delta"));
    assert_eq!(order.last(), Some(&"rate_limits.updated"));
    // The sound is as long as it is said to be: 48 bytes in a millisecond.
    let done = all.iter().find(|it| it["type"] == "response.done").unwrap();
    let told = done["response"]["usage"]["output_token_details"]["audio_tokens"].as_u64().unwrap() * 50;
    assert!((bytes(&all) as u64 / 48).abs_diff(told) <= 60, "{} bytes for {told} ms", bytes(&all));
}

#[test]
fn a_response_may_have_a_format_and_a_voice_of_its_own() {
    let mut it = socket(&json!({}));
    let audio = json!({ "output": { "format": { "type": "audio/pcmu" }, "voice": "cedar" } });
    it.client(
        &json!({ "type": "response.create", "response": { "metadata": { "say": "One two." }, "audio": audio } })
            .to_string(),
    );
    let all = generate(&mut it);
    assert_eq!(all[0]["response"]["audio"], audio);
    let done = all.iter().find(|it| it["type"] == "response.done").unwrap();
    let told = done["response"]["usage"]["output_token_details"]["audio_tokens"].as_u64().unwrap() * 50;
    assert!((bytes(&all) as u64 / 8).abs_diff(told) <= 60);
    // The session stays as it was.
    assert_eq!(it.config.voice(), "marin");
}

/// Truncation has a table of its own: what was received may be cut, and nothing else.
#[test]
fn only_sound_that_went_out_can_be_truncated() {
    let mut it = socket(&json!({}));
    say(&mut it, "One two three four five.");
    let spoken = generate(&mut it)[1]["item"]["id"].clone();
    it.client(r#"{"type":"response.create","response":{"output_modalities":["text"]}}"#);
    let written = events(&mut it)[1]["item"]["id"].clone();
    it.client(
        r#"{"type":"conversation.item.create","item":{"id":"mine","type":"message","role":"user","content":[]}}"#,
    );
    events(&mut it);
    for (id, index, ms, expected) in [
        (spoken.clone(), 0, 60_000, "audio_end_ms"),
        (spoken.clone(), 1, 10, "content_index"),
        (written, 0, 0, "item_id"),
        (json!("mine"), 0, 0, "item_id"),
        (json!("nobody"), 0, 0, "item_id"),
    ] {
        it.client(
            &json!({ "type": "conversation.item.truncate", "item_id": id, "content_index": index, "audio_end_ms": ms })
                .to_string(),
        );
        assert_eq!(events(&mut it)[0]["error"]["param"], expected, "{id} {index} {ms}");
    }
    it.client(
        &json!({ "type": "conversation.item.truncate", "item_id": spoken, "content_index": 0, "audio_end_ms": 300 })
            .to_string(),
    );
    assert_eq!(types(&events(&mut it)), ["conversation.item.truncated"]);
    it.client(&json!({ "type": "conversation.item.retrieve", "item_id": spoken }).to_string());
    assert_eq!(events(&mut it)[0]["item"]["content"][0]["transcript"], "");
}

/// `idle_timeout_ms`: silence after our sound is committed and answered, in the documented order.
#[test]
fn silence_that_lasts_is_a_turn_of_its_own() {
    for transport in [Transport::Socket, Transport::Call] {
        let turns = json!({ "audio": { "input": { "turn_detection": { "idle_timeout_ms": 5_000 } } } });
        let mut it = socket(&turns);
        it.transport = transport;
        it.listen(&[0; 16_000 * 6]);
        assert_eq!(types(&events(&mut it)), [""; 0], "before our first sound nobody waits");
        say(&mut it, "One.");
        let said = match transport {
            Transport::Socket => generate(&mut it),
            Transport::Call => play(&mut it).into_iter().map(|(_, it)| it).collect(),
        };
        let sound_ms =
            said.iter().find(|it| it["type"] == "response.done").unwrap()["response"]["usage"]["output_token_details"]
                ["audio_tokens"]
                .as_u64()
                .unwrap()
                * 50;
        it.listen(&[0; 16_000 * 49 / 10]);
        assert_eq!(types(&events(&mut it)), [""; 0]);
        it.listen(&[0; 16_000 * 5]);
        let all = events(&mut it);
        assert_eq!(
            &types(&all)[..5],
            [
                "input_audio_buffer.timeout_triggered",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "response.created",
            ]
        );
        assert_eq!(all[0]["item_id"], all[2]["item"]["id"]);
        let [from, to] = ["audio_start_ms", "audio_end_ms"].map(|key| all[0][key].as_u64().unwrap());
        assert!(to - from >= 5_000, "{from} to {to}");
        // A client of a socket plays what it got, and only then it is quiet.
        let begins = 6_000 + if transport == Transport::Socket { sound_ms } else { 0 };
        assert!(from.abs_diff(begins) <= 100, "{transport:?}: from {from}, not {begins}");
    }
}

/// A recording of speech at 24 kHz, from one moment to another.
fn append(it: &mut Session, from_ms: usize, to_ms: usize) {
    let wav = std::fs::read("end2end/fixtures/jfk.wav").unwrap();
    for frame in wav[44 + from_ms * 48..44 + to_ms * 48].chunks(20 * 48) {
        it.client(&json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(frame) }).to_string());
    }
}

/// A client that takes what was said so far takes one turn out of two: the rest belongs to the next item, and what is
/// cleared is not said. Either way nothing of the rest is lost.
#[test]
fn what_is_said_after_a_commit_by_hand_belongs_to_the_next_item() {
    const CUT_MS: u64 = 1_190;
    for by in ["commit", "clear"] {
        let mut it = socket(&json!({ "audio": { "input": { "turn_detection": { "create_response": false } } } }));
        append(&mut it, 0, CUT_MS as usize);
        let first = events(&mut it);
        assert_eq!(types(&first), ["input_audio_buffer.speech_started"], "the cut is in mid-speech");
        it.client(&json!({ "type": format!("input_audio_buffer.{by}") }).to_string());
        let taken = events(&mut it);
        append(&mut it, CUT_MS as usize, 3_000);
        let rest = events(&mut it);
        assert_eq!(
            types(&rest),
            [
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
            ],
            "{by}"
        );
        assert!(rest[..3].iter().all(|event| event["item_id"] == rest[3]["item"]["id"]), "{by}");
        assert_ne!(rest[0]["item_id"], first[0]["item_id"], "{by}");
        // The ears are a little behind what was sent.
        let [from, begins, until] =
            [(&first[0], "audio_start_ms"), (&rest[0], "audio_start_ms"), (&rest[1], "audio_end_ms")]
                .map(|(event, key)| event[key].as_u64().unwrap());
        assert!((CUT_MS - 32..=CUT_MS).contains(&begins), "{by}: the rest begins at {begins} ms");

        let samples = |id: &Value| it.conversation.sound(id.as_str().unwrap()).map_or(0, <[i16]>::len) as u64;
        let (taken_samples, rest_samples) = (samples(&first[0]["item_id"]), samples(&rest[0]["item_id"]));
        if by == "commit" {
            assert_eq!(
                (&taken[0]["item_id"], &rest[2]["previous_item_id"]),
                (&first[0]["item_id"], &taken[0]["item_id"])
            );
            assert_eq!(taken_samples + rest_samples, (until - from) * 16, "no gap, and nothing twice");
        } else {
            assert_eq!((types(&taken), taken_samples), (vec!["input_audio_buffer.cleared"], 0));
            assert!((until - CUT_MS) * 16 <= rest_samples && rest_samples <= (until - begins) * 16);
        }
    }
}

/// A client usually commits when the candidate has just stopped: silence is not another turn.
#[test]
fn the_silence_after_a_commit_by_hand_is_no_turn() {
    let mut it = socket(&json!({}));
    append(&mut it, 0, 1_190);
    it.client(r#"{"type":"input_audio_buffer.commit"}"#);
    it.listen(&[0; 16_000 * 3]);
    let all = events(&mut it);
    assert_eq!(types(&all).iter().filter(|it| **it == "input_audio_buffer.committed").count(), 1, "{:?}", types(&all));
    assert!(!types(&all).contains(&"response.created"));
}

#[test]
fn a_minute_is_kept_and_nothing_older() {
    let mut it = socket(&json!({ "audio": { "input": { "turn_detection": null } } }));
    for _ in 0..90 {
        it.listen(&[7; 16_000]);
    }
    it.client(r#"{"type":"input_audio_buffer.commit"}"#);
    let id = events(&mut it)[0]["item_id"].as_str().unwrap().to_owned();
    assert_eq!(it.conversation.sound(&id).unwrap().len(), 60 * 16_000);
    assert_eq!(it.conversation.heard_ms(), 90_000);
}

#[test]
fn a_call_keeps_no_sound_and_a_socket_does() {
    for (transport, kept) in [(Transport::Call, None), (Transport::Socket, Some(700 * 16))] {
        let mut it = socket(&json!({}));
        it.transport = transport;
        it.listen(&[0; 16_000]);
        it.heard(Heard::Started { start_ms: 200 });
        it.heard(Heard::Stopped { end_ms: 900 });
        let all = events(&mut it);
        let committed = all.iter().find(|it| it["type"] == "input_audio_buffer.committed").unwrap();
        let id = committed["item_id"].as_str().unwrap().to_owned();
        assert_eq!(it.conversation.sound(&id).map(<[i16]>::len), kept);
        it.client(&json!({ "type": "conversation.item.retrieve", "item_id": id }).to_string());
        let content = events(&mut it).pop().unwrap()["item"]["content"][0].clone();
        assert_eq!((&content["transcript"], content["audio"].is_string()), (&Value::Null, kept.is_some()));
    }
}

/// What is echoed on a call has to fit into one message of a data channel.
#[test]
fn an_event_is_no_larger_than_its_transport_carries() {
    for (transport, kib, fits) in [
        (Transport::Call, 99, true),
        (Transport::Call, 101, false),
        (Transport::Socket, 101, true),
        (Transport::Socket, 257, false),
    ] {
        let mut it = socket(&json!({}));
        it.transport = transport;
        let text = "x".repeat(kib * 1024 - 200);
        let padding = "y".repeat(200);
        let event = json!({ "type": "conversation.item.create", "event_id": padding,
            "item": { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] } });
        it.client(&event.to_string());
        let all = events(&mut it);
        assert_eq!(all[0]["type"] == "conversation.item.added", fits, "{transport:?}: {kib} KiB");
        assert!(fits || all[0]["error"]["code"] == "invalid_event");
    }
    let large = SessionConfig::new("s", 0).updated(&json!({ "instructions": "x".repeat(110_000) })).unwrap();
    assert!(Transport::Socket.carries(&large).is_ok());
    assert_eq!(Transport::Call.carries(&large).unwrap_err().param, "session");
}

#[test]
fn a_session_holds_no_more_than_its_share() {
    let mut it = socket(&json!({}));
    let text = "x".repeat(200_000);
    let create = json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user",
        "content": [{ "type": "input_text", "text": text }] } })
    .to_string();
    let mut refused = 0;
    for _ in 0..40 {
        it.client(&create);
        refused += events(&mut it).iter().filter(|it| it["error"]["param"] == "item").count();
    }
    assert!((18..22).contains(&refused), "{refused} of 40 times 200 kB did not fit into 4 MiB");
    let mut refusals = 0;
    let text = "x".repeat(220_000);
    let tool = json!({ "type": "function", "name": "f", "description": text, "parameters": { "type": "object" } });
    for patch in [
        json!({ "instructions": text }),
        json!({ "tools": [tool] }),
        json!({ "prompt": { "id": text } }),
        json!({ "tracing": { "workflow_name": text, "group_id": "g", "metadata": {} } }),
        json!({ "audio": { "input": { "transcription": { "model": "m", "prompt": text } } } }),
    ] {
        it.client(&json!({ "type": "session.update", "session": patch }).to_string());
        refusals += events(&mut it).iter().filter(|it| it["error"]["param"] == "session").count();
    }
    assert_eq!(refusals, 1, "four of five fit into 1 MiB");
}
