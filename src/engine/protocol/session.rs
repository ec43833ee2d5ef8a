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
    /// Silence after our last sound that counts as a turn of its own.
    pub idle_timeout_ms: Option<u64>,
}

/// How sound is written in events: one channel, one of three formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioFormat {
    /// Signed 16 bit, little-endian, 24 kHz.
    Pcm,
    /// G.711 mu-law, 8 kHz.
    Ulaw,
    /// G.711 A-law, 8 kHz.
    Alaw,
}

impl AudioFormat {
    /// Samples in a second.
    #[must_use]
    pub const fn rate_hz(self) -> u32 {
        match self {
            Self::Pcm => 24_000,
            Self::Ulaw | Self::Alaw => 8_000,
        }
    }

    fn of(format: &Value) -> Self {
        match format["type"].as_str() {
            Some("audio/pcmu") => Self::Ulaw,
            Some("audio/pcma") => Self::Alaw,
            _ => Self::Pcm,
        }
    }
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
        if start.get("type").is_some_and(|kind| kind == "transcription") {
            self.set(&["type"], Value::from("transcription"));
            self.set(&["object"], Value::from("realtime.transcription_session"));
        }
        self.updated(start)
    }

    /// This configuration for a session that ends at `expires_at` (seconds since the Unix epoch).
    #[must_use]
    pub fn expiring_at(mut self, expires_at: u64) -> Self {
        self.set(&["expires_at"], Value::from(expires_at));
        self
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

    /// The whole session as it is sent to the client. One that only listens has no more than its ears.
    #[must_use]
    pub fn echo(&self) -> Value {
        if self.only_listens() {
            let input = self.get(&["audio", "input"]);
            return json!({
                "type": self.get(&["type"]), "object": self.get(&["object"]), "id": self.id(),
                "expires_at": self.get(&["expires_at"]), "include": self.get(&["include"]), "audio": { "input": input },
            });
        }
        Value::Object(self.0.clone())
    }

    /// Whether it is a session of the type `transcription`: there are no responses in it.
    #[must_use]
    pub fn only_listens(&self) -> bool {
        self.text(&["type"]) == "transcription"
    }

    /// Whether the candidate's turns are to be written down.
    #[must_use]
    pub fn transcribes(&self) -> bool {
        self.get(&["audio", "input", "transcription"]).is_object()
    }

    /// What the client says about the candidate's words: the language (ISO 639-1), and words that are likely to come.
    #[must_use]
    pub fn transcription_hints(&self) -> (Option<&str>, Option<&str>) {
        let hint = |key: &str| self.get(&["audio", "input", "transcription", key]).as_str();
        (hint("language"), hint("prompt"))
    }

    /// How the client writes its sound.
    #[must_use]
    pub fn input_format(&self) -> AudioFormat {
        AudioFormat::of(self.get(&["audio", "input", "format"]))
    }

    /// How our sound is to be written.
    #[must_use]
    pub fn output_format(&self) -> AudioFormat {
        AudioFormat::of(self.get(&["audio", "output", "format"]))
    }

    /// The tools that can be called: objects with `type`, `name`, `description`, `parameters`.
    #[must_use]
    pub fn tools(&self) -> &[Value] {
        self.get(&["tools"]).as_array().map_or(&[], Vec::as_slice)
    }

    /// `auto`, `none`, `required`, or an object that names a tool.
    #[must_use]
    pub fn tool_choice(&self) -> &Value {
        self.get(&["tool_choice"])
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
            idle_timeout_ms: it.get("idle_timeout_ms").and_then(Value::as_u64),
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
mod tests;
