//! The session object of a Realtime server: its defaults, the sparse patch of `session.update`, and the full echo.
//!
//! Source: OpenAI Realtime API reference, "Session object". The object is kept as the tree that is echoed, so that every
//! key is always there (null where unset): clients read the echo to learn how the session behaves. Preview-style flat
//! fields are understood; keys that we do not know are ignored.

mod fields;

use serde_json::{Map, Value, json};

use super::server::ErrorBody;

/// A session's configuration, complete at any time.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionConfig(Map<String, Value>);

/// How the server takes turns by itself. Read from `audio.input.turn_detection`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurnDetection {
    /// Probability of speech that counts, 0 to 1.
    pub threshold: f32,
    /// Audio before the speech that belongs to it.
    pub prefix_padding_ms: u64,
    /// Silence that ends the speech.
    pub silence_duration_ms: u64,
    /// Whether the end of speech starts a response.
    pub create_response: bool,
    /// Whether the start of speech stops the response that is being spoken.
    pub interrupt_response: bool,
}

/// Why a patch was refused. The session stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: &'static str,
    pub param: String,
    pub message: String,
}

impl Refusal {
    fn invalid(param: &str, wanted: &str) -> Self {
        let message = format!("Invalid value for '{param}': expected {wanted}.");
        Self { code: "invalid_value", param: param.to_owned(), message }
    }

    /// The body of the `error` event that tells the client.
    #[must_use]
    pub fn into_body(self, event_id: Option<String>) -> ErrorBody {
        ErrorBody {
            kind: "invalid_request_error".to_owned(),
            code: Some(self.code.to_owned()),
            message: self.message,
            param: Some(self.param),
            event_id,
        }
    }
}

impl SessionConfig {
    /// A realtime session with every default, ending at `expires_at` (seconds since the Unix epoch).
    #[must_use]
    pub fn new(id: &str, expires_at: u64) -> Self {
        let format = json!({ "type": "audio/pcm", "rate": 24_000 });
        let fields = json!({
            "type": "realtime",
            "object": "realtime.session",
            "id": id,
            "model": "vivavoce",
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": null,
            "truncation": "auto",
            "prompt": null,
            "reasoning": null,
            "parallel_tool_calls": null,
            "expires_at": expires_at,
            "include": null,
            "audio": {
                "input": {
                    "format": format,
                    "transcription": null,
                    "noise_reduction": null,
                    "turn_detection": fields::server_vad(),
                },
                "output": { "format": format, "voice": "marin", "speed": 1.0 },
            },
        });
        Self(fields.as_object().cloned().unwrap_or_default())
    }

    /// The configuration that a call starts with: like an update, but the model may be named.
    ///
    /// # Errors
    /// A [`Refusal`] that names the field at fault.
    pub fn started_with(mut self, start: &Value) -> Result<Self, Refusal> {
        match start.get("model") {
            Some(Value::String(model)) if !model.is_empty() => self.set(&["model"], Value::from(model.as_str())),
            None | Some(Value::Null) => {}
            Some(_) => return Err(Refusal::invalid("session.model", "a name")),
        }
        self.updated(start)
    }

    /// This configuration with a sparse patch applied. `null` clears a field; the model never changes.
    ///
    /// # Errors
    /// A [`Refusal`] that names the field at fault.
    pub fn updated(&self, patch: &Value) -> Result<Self, Refusal> {
        let patch = patch.as_object().ok_or_else(|| Refusal::invalid("session", "an object"))?;
        let mut next = self.clone();
        fields::apply(&mut next, patch)?;
        Ok(next)
    }

    /// The whole session as it is sent to the client.
    #[must_use]
    pub fn echo(&self) -> Value {
        Value::Object(self.0.clone())
    }

    #[must_use]
    pub fn id(&self) -> &str {
        self.text(&["id"])
    }

    #[must_use]
    pub fn instructions(&self) -> &str {
        self.text(&["instructions"])
    }

    /// The name of the voice; an object's `id` where the client sent one.
    #[must_use]
    pub fn voice(&self) -> &str {
        let voice = self.get(&["audio", "output", "voice"]);
        voice.as_str().or_else(|| voice.get("id")?.as_str()).unwrap_or_default()
    }

    /// How fast to speak: 0.25 to 1.5, 1 is normal.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.get(&["audio", "output", "speed"]).as_f64().unwrap_or(1.0)
    }

    /// Whether responses are spoken. The other choice is text.
    #[must_use]
    pub fn speaks(&self) -> bool {
        speaks(self.get(&["output_modalities"]))
    }

    /// The format and voice of the output, as a response echoes them.
    #[must_use]
    pub fn output_audio(&self) -> Value {
        let output = self.get(&["audio", "output"]);
        json!({ "output": { "format": output["format"], "voice": output["voice"] } })
    }

    #[must_use]
    pub fn output_modalities(&self) -> Vec<String> {
        let names = self.get(&["output_modalities"]).as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    #[must_use]
    pub fn max_output_tokens(&self) -> Value {
        self.get(&["max_output_tokens"]).clone()
    }

    /// How turns are taken, or `None` where the client takes them by hand.
    #[must_use]
    pub fn turn_detection(&self) -> Option<TurnDetection> {
        let it = self.get(&["audio", "input", "turn_detection"]).as_object()?;
        let number = |key: &str, default: u64| it.get(key).and_then(Value::as_u64).unwrap_or(default);
        let flag = |key: &str| it.get(key).and_then(Value::as_bool).unwrap_or(true);
        // semantic_vad has no numbers: eagerness is how little silence is enough.
        let eagerness = match it.get("eagerness").and_then(Value::as_str) {
            Some("low") => 1_200,
            Some("high") => 300,
            _ => 600,
        };
        let semantic = it.get("type").and_then(Value::as_str) == Some("semantic_vad");
        #[expect(clippy::cast_possible_truncation, reason = "a probability loses nothing that counts")]
        let threshold = it.get("threshold").and_then(Value::as_f64).unwrap_or(0.5) as f32;
        Some(TurnDetection {
            threshold,
            prefix_padding_ms: number("prefix_padding_ms", 300),
            silence_duration_ms: if semantic { eagerness } else { number("silence_duration_ms", 200) },
            create_response: flag("create_response"),
            interrupt_response: flag("interrupt_response"),
        })
    }

    fn get(&self, path: &[&str]) -> &Value {
        const NONE: &Value = &Value::Null;
        let mut keys = path.iter();
        let Some(first) = keys.next().and_then(|key| self.0.get(*key)) else { return NONE };
        keys.fold(first, |at, key| at.get(key).unwrap_or(NONE))
    }

    fn text(&self, path: &[&str]) -> &str {
        self.get(path).as_str().unwrap_or_default()
    }

    fn set(&mut self, path: &[&str], value: Value) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut at = &mut self.0;
        for key in parents {
            let Some(next) = at.get_mut(*key).and_then(Value::as_object_mut) else { return };
            at = next;
        }
        at.insert((*last).to_owned(), value);
    }
}

/// Whether a list of modalities asks for sound. Preview clients name both; the service then speaks.
#[must_use]
pub fn speaks(modalities: &Value) -> bool {
    modalities.as_array().is_none_or(|names| names.iter().any(|name| name == "audio"))
}

#[cfg(test)]
mod tests {
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
        let patch = json!({ "audio": { "input": { "turn_detection": { "silence_duration_ms": 400, "create_response": false } } } });
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
        let next = start.unwrap().updated(
            &json!({ "model": "other", "instructions": null, "audio": { "input": { "turn_detection": null } } }),
        );
        let next = next.unwrap();
        assert_eq!(next.instructions(), "");
        assert_eq!(next.turn_detection(), None);
        assert_eq!(next.echo()["model"], "gpt-realtime-2.1");
        // Switched on again, it starts from the defaults.
        let again =
            next.updated(&json!({ "audio": { "input": { "turn_detection": { "type": "server_vad" } } } })).unwrap();
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
    fn unknown_keys_are_tolerated() {
        let next =
            session().updated(&json!({ "tracing": "auto", "wings": 2, "audio": { "input": { "smell": 1 } } })).unwrap();
        assert_eq!(next.echo()["tracing"], "auto");
        assert!(next.echo().get("wings").is_none());
    }

    #[test]
    fn a_tool_without_description_gets_an_explicit_null() {
        let next =
            session().updated(&json!({ "tools": [{ "type": "function", "name": "f", "parameters": {} }] })).unwrap();
        assert_eq!(next.echo()["tools"][0]["description"], Value::Null);
    }
}
