//! The fields of a session one by one: what each accepts and how it is written in the echo.

use serde_json::{Map, Value, json};

use super::{Refusal, SessionConfig};

/// The default way of taking turns.
pub(super) fn server_vad() -> Value {
    json!({
        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
        "idle_timeout_ms": null, "create_response": true, "interrupt_response": true,
    })
}

fn semantic_vad() -> Value {
    json!({ "type": "semantic_vad", "eagerness": "auto", "create_response": true, "interrupt_response": true })
}

/// Reads a field: the old value, the new one, and the name for the refusal.
type Read = fn(&Value, &Value, &str) -> Result<Value, Refusal>;

/// Where a field may stand in a patch (GA name first), where it lives, and how it is read.
const FIELDS: &[(&[&str], &[&str], Read)] = &[
    (&["instructions"], &["instructions"], instructions),
    (&["output_modalities", "modalities"], &["output_modalities"], modalities),
    (&["tools"], &["tools"], tools),
    (&["tool_choice"], &["tool_choice"], or_auto),
    (&["max_output_tokens", "max_response_output_tokens"], &["max_output_tokens"], max_tokens),
    (&["truncation"], &["truncation"], or_auto),
    (&["tracing"], &["tracing"], as_it_is),
    (&["include"], &["include"], as_it_is),
    (&["prompt"], &["prompt"], as_it_is),
    (&["reasoning"], &["reasoning"], as_it_is),
    (&["parallel_tool_calls"], &["parallel_tool_calls"], as_it_is),
    (&["audio.input.format", "input_audio_format"], &["audio", "input", "format"], format),
    (&["audio.input.transcription", "input_audio_transcription"], &["audio", "input", "transcription"], transcription),
    (&["audio.input.noise_reduction", "input_audio_noise_reduction"], &["audio", "input", "noise_reduction"], object),
    (&["audio.input.turn_detection", "turn_detection"], &["audio", "input", "turn_detection"], turn_detection),
    (&["audio.output.format", "output_audio_format"], &["audio", "output", "format"], format),
    (&["audio.output.voice", "voice"], &["audio", "output", "voice"], voice),
    (&["audio.output.speed", "speed"], &["audio", "output", "speed"], speed),
];

/// Applies a patch field by field.
pub(super) fn apply(session: &mut SessionConfig, patch: &Map<String, Value>) -> Result<(), Refusal> {
    let kind = session.text(&["type"]);
    if patch.get("type").is_some_and(|it| !it.is_null() && it != kind) {
        return Err(Refusal::invalid("session.type", &format!("'{kind}'")));
    }
    for group in ["audio", "audio.input", "audio.output"] {
        if find(patch, group).is_some_and(|it| !it.is_object() && !it.is_null()) {
            return Err(Refusal::invalid(&format!("session.{group}"), "an object"));
        }
    }
    for (names, home, read) in FIELDS {
        for name in *names {
            if let Some(value) = find(patch, name) {
                let next = read(session.get(home), value, &format!("session.{name}"))?;
                session.set(home, next);
                break;
            }
        }
    }
    Ok(())
}

fn find<'a>(patch: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut keys = path.split('.');
    let first = patch.get(keys.next()?)?;
    keys.try_fold(first, |at, key| at.get(key))
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all readers")]
fn as_it_is(_: &Value, new: &Value, _: &str) -> Result<Value, Refusal> {
    Ok(new.clone())
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all readers")]
fn or_auto(_: &Value, new: &Value, _: &str) -> Result<Value, Refusal> {
    Ok(if new.is_null() { Value::from("auto") } else { new.clone() })
}

fn object(_: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    if new.is_null() || new.is_object() { Ok(new.clone()) } else { Err(Refusal::invalid(name, "an object or null")) }
}

fn instructions(_: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    match new {
        Value::Null => Ok(Value::from("")),
        Value::String(_) => Ok(new.clone()),
        _ => Err(Refusal::invalid(name, "a string")),
    }
}

fn modalities(_: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    let wrong = || Refusal::invalid(name, "['audio'] or ['text']");
    let names = new.as_array().filter(|names| !names.is_empty()).ok_or_else(wrong)?;
    if !names.iter().all(|it| it == "audio" || it == "text") {
        return Err(wrong());
    }
    Ok(if super::speaks(new) { json!(["audio"]) } else { json!(["text"]) })
}

fn tools(_: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    let wrong = || Refusal::invalid(name, "a list of tools, functions with a name");
    if new.is_null() {
        return Ok(json!([]));
    }
    let mut tools = new.as_array().ok_or_else(wrong)?.clone();
    for tool in &mut tools {
        let tool = tool.as_object_mut().ok_or_else(wrong)?;
        if tool.get("type").is_some_and(|kind| kind == "function") {
            tool.get("name").and_then(Value::as_str).ok_or_else(wrong)?;
            tool.entry("description").or_insert(Value::Null);
        }
    }
    Ok(Value::Array(tools))
}

fn max_tokens(_: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    match new {
        Value::Null => Ok(Value::from("inf")),
        it if it == "inf" || it.as_u64().is_some_and(|count| (1..=4096).contains(&count)) => Ok(it.clone()),
        _ => Err(Refusal::invalid(name, "1 to 4096, or 'inf'")),
    }
}

fn format(_: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    let kind = new.as_str().or_else(|| new.get("type")?.as_str());
    match kind {
        Some("pcm16" | "audio/pcm") if new.get("rate").is_none_or(|rate| rate == 24_000) => {
            Ok(json!({ "type": "audio/pcm", "rate": 24_000 }))
        }
        Some("g711_ulaw" | "audio/pcmu") => Ok(json!({ "type": "audio/pcmu" })),
        Some("g711_alaw" | "audio/pcma") => Ok(json!({ "type": "audio/pcma" })),
        _ if new.is_null() => Ok(json!({ "type": "audio/pcm", "rate": 24_000 })),
        _ => Err(Refusal::invalid(name, "audio/pcm at 24000, audio/pcmu or audio/pcma")),
    }
}

fn transcription(_: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    let mut next = object(&Value::Null, new, name)?;
    if let Some(it) = next.as_object_mut() {
        for key in ["model", "language", "prompt"] {
            it.entry(key).or_insert(Value::Null);
        }
    }
    Ok(next)
}

fn turn_detection(old: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    if new.is_null() {
        return Ok(Value::Null);
    }
    let patch = new.as_object().ok_or_else(|| Refusal::invalid(name, "an object or null"))?;
    let kind = patch.get("type").or_else(|| old.get("type")).and_then(Value::as_str).unwrap_or("server_vad");
    let defaults = match kind {
        "server_vad" => server_vad(),
        "semantic_vad" => semantic_vad(),
        _ => return Err(Refusal::invalid(&format!("{name}.type"), "'server_vad' or 'semantic_vad'")),
    };
    // A change of kind starts over; otherwise the patch is sparse like the rest.
    let mut next = if old.get("type").is_some_and(|it| it == kind) { old.clone() } else { defaults };
    let Some(fields) = next.as_object_mut() else { return Ok(Value::Null) };
    for (key, value) in patch {
        let Some(field) = fields.get_mut(key) else { continue };
        let valid = match key.as_str() {
            "type" => true,
            "threshold" => value.as_f64().is_some_and(|it| (0.0..=1.0).contains(&it)),
            "prefix_padding_ms" | "silence_duration_ms" => value.as_u64().is_some_and(|ms| ms <= 60_000),
            "idle_timeout_ms" => value.is_null() || value.as_u64().is_some_and(|ms| (5_000..=30_000).contains(&ms)),
            "eagerness" => ["low", "medium", "high", "auto"].iter().any(|it| value == it),
            _ => value.is_boolean(),
        };
        if !valid {
            return Err(Refusal::invalid(&format!("{name}.{key}"), "a value in range"));
        }
        *field = value.clone();
    }
    Ok(next)
}

fn voice(old: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    let named = new.as_str().or_else(|| new.get("id")?.as_str()).is_some_and(|it| !it.is_empty());
    match new {
        Value::Null => Ok(old.clone()),
        it if named => Ok(it.clone()),
        _ => Err(Refusal::invalid(name, "the name of a voice")),
    }
}

fn speed(_: &Value, new: &Value, name: &str) -> Result<Value, Refusal> {
    match new {
        Value::Null => Ok(Value::from(1.0)),
        it if it.as_f64().is_some_and(|speed| (0.25..=1.5).contains(&speed)) => Ok(it.clone()),
        _ => Err(Refusal::invalid(name, "0.25 to 1.5")),
    }
}
