use super::*;

fn session() -> SessionConfig {
    SessionConfig::new("sess_1", 1_800_000_000)
}

#[test]
fn the_echo_names_every_key_of_the_protocol() {
    let echo = session().echo();
    let wanted = [
        "type",
        "object",
        "id",
        "model",
        "output_modalities",
        "instructions",
        "tools",
        "tool_choice",
        "tracing",
        "max_output_tokens",
        "truncation",
        "prompt",
        "expires_at",
        "include",
        "audio",
    ];
    for key in wanted {
        assert!(echo.get(key).is_some(), "{key}");
    }
    assert_eq!(echo["audio"]["input"]["transcription"], Value::Null);
    assert_eq!(echo["audio"]["input"]["turn_detection"]["idle_timeout_ms"], Value::Null);
    assert_eq!(echo["audio"]["input"]["turn_detection"]["silence_duration_ms"], 200);
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let patch =
        json!({ "audio": { "input": { "turn_detection": { "silence_duration_ms": 400, "create_response": false } } } });
    let next = session().updated(&patch).unwrap();
    let turn = next.turn_detection().unwrap();
    assert_eq!((turn.silence_duration_ms, turn.create_response, turn.interrupt_response), (400, false, true));
    assert_eq!(turn.prefix_padding_ms, 300);
    let mut rest = next.echo();
    rest["audio"]["input"]["turn_detection"] = session().echo()["audio"]["input"]["turn_detection"].clone();
    assert_eq!(rest, session().echo());
}

#[test]
fn null_clears_and_the_model_stays() {
    let start =
        session().started_with(&json!({ "type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Hi" }));
    let next = start
        .unwrap()
        .updated(&json!({ "model": "other", "instructions": null, "audio": { "input": { "turn_detection": null } } }));
    let next = next.unwrap();
    assert_eq!(next.instructions(), "");
    assert_eq!(next.turn_detection(), None);
    assert_eq!(next.echo()["model"], "gpt-realtime-2.1");
    // Switched on again, it starts from the defaults.
    let again = next.updated(&json!({ "audio": { "input": { "turn_detection": { "type": "server_vad" } } } })).unwrap();
    assert_eq!(again.turn_detection(), session().turn_detection());
}

#[test]
fn preview_style_fields_are_understood() {
    let next = session()
        .updated(&json!({
            "modalities": ["text", "audio"], "voice": "echo", "input_audio_format": "g711_ulaw",
            "output_audio_format": "pcm16", "turn_detection": { "type": "semantic_vad", "eagerness": "high" },
            "input_audio_transcription": { "model": "whisper-1" }, "max_response_output_tokens": 100, "temperature": 0.8,
        }))
        .unwrap();
    let echo = next.echo();
    assert_eq!(next.voice(), "echo");
    assert_eq!(echo["output_modalities"], json!(["audio"]));
    assert_eq!(echo["audio"]["input"]["format"], json!({ "type": "audio/pcmu" }));
    assert_eq!(echo["audio"]["output"]["format"], json!({ "type": "audio/pcm", "rate": 24000 }));
    assert_eq!(
        echo["audio"]["input"]["transcription"],
        json!({ "model": "whisper-1", "language": null, "prompt": null })
    );
    assert_eq!(echo["max_output_tokens"], 100);
    assert_eq!(next.turn_detection().unwrap().silence_duration_ms, 300);
    assert!(echo.get("temperature").is_none());
}

#[test]
fn a_bad_value_is_refused_by_name() {
    let table = [
        (json!([]), "session"),
        (json!({ "type": "other" }), "session.type"),
        (json!({ "instructions": 7 }), "session.instructions"),
        (json!({ "output_modalities": ["smell"] }), "session.output_modalities"),
        (json!({ "audio": { "input": { "format": { "type": "audio/mp3" } } } }), "session.audio.input.format"),
        (
            json!({ "audio": { "input": { "turn_detection": { "type": "x" } } } }),
            "session.audio.input.turn_detection.type",
        ),
        (
            json!({ "audio": { "input": { "turn_detection": { "threshold": 2 } } } }),
            "session.audio.input.turn_detection.threshold",
        ),
        (json!({ "audio": { "output": { "speed": 9 } } }), "session.audio.output.speed"),
        (json!({ "audio": { "output": { "voice": 1 } } }), "session.audio.output.voice"),
        (json!({ "audio": 1 }), "session.audio"),
        (json!({ "max_output_tokens": 0 }), "session.max_output_tokens"),
        (json!({ "tools": {} }), "session.tools"),
        (json!({ "tools": [{ "type": "function" }] }), "session.tools"),
    ];
    for (patch, param) in table {
        let refusal = session().updated(&patch).unwrap_err();
        assert_eq!((refusal.code, refusal.param.as_str()), ("invalid_value", param), "{patch}");
    }
}

#[test]
fn a_session_that_only_listens_says_so_and_has_no_voice() {
    let start = json!({ "type": "transcription", "audio": { "input": { "transcription": { "model": "whisper-1" } } } });
    let session = session().started_with(&start).unwrap().expiring_at(7);
    let echo = session.echo();
    assert!(session.only_listens());
    assert_eq!((&echo["type"], &echo["expires_at"]), (&json!("transcription"), &json!(7)));
    assert_eq!(echo["audio"]["input"]["transcription"]["model"], "whisper-1");
    assert_eq!(echo["audio"]["output"], Value::Null);
    // The type stays what it was at the start.
    for (session, other) in [(session, "realtime"), (self::session(), "transcription")] {
        assert_eq!(session.updated(&json!({ "type": other })).unwrap_err().param, "session.type");
    }
}

#[test]
fn unknown_keys_are_tolerated() {
    let next =
        session().updated(&json!({ "tracing": "auto", "wings": 2, "audio": { "input": { "smell": 1 } } })).unwrap();
    assert_eq!(next.echo()["tracing"], "auto");
    assert!(next.echo().get("wings").is_none());
}

#[test]
fn a_tool_without_description_gets_an_explicit_null() {
    let next = session().updated(&json!({ "tools": [{ "type": "function", "name": "f", "parameters": {} }] })).unwrap();
    assert_eq!(next.echo()["tools"][0]["description"], Value::Null);
}
