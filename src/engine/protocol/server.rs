//! What a Realtime server says.
//!
//! Source: OpenAI Realtime API reference, "Server events". Parsing also understands the names of the retired preview;
//! what we emit always carries the GA names.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A server event with its id. Every event of ours has one; some foreign servers leave it out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerMessage {
    #[serde(default)]
    pub event_id: String,
    #[serde(flatten)]
    pub event: ServerEvent,
}

/// One server event. A type that we do not know is [`ServerEvent::Unknown`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ServerEvent {
    #[serde(rename = "session.created")]
    SessionCreated { session: Value },
    #[serde(rename = "session.updated")]
    SessionUpdated { session: Value },
    #[serde(rename = "conversation.item.added", alias = "conversation.item.created")]
    ItemAdded {
        item: Item,
        #[serde(default)]
        previous_item_id: Option<String>,
    },
    #[serde(rename = "conversation.item.done")]
    ItemDone {
        item: Item,
        #[serde(default)]
        previous_item_id: Option<String>,
    },
    #[serde(rename = "conversation.item.retrieved")]
    ItemRetrieved { item: Item },
    #[serde(rename = "conversation.item.truncated")]
    ItemTruncated { item_id: String, content_index: u32, audio_end_ms: u64 },
    #[serde(rename = "conversation.item.deleted")]
    ItemDeleted { item_id: String },
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    InputTranscriptDelta {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        #[serde(default)]
        delta: String,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    InputTranscriptCompleted {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        #[serde(default)]
        transcript: String,
        #[serde(default)]
        usage: Value,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.failed")]
    InputTranscriptFailed {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        error: ErrorBody,
    },
    #[serde(rename = "input_audio_buffer.committed")]
    InputCommitted {
        item_id: String,
        #[serde(default)]
        previous_item_id: Option<String>,
    },
    #[serde(rename = "input_audio_buffer.cleared")]
    InputCleared,
    #[serde(rename = "input_audio_buffer.speech_started")]
    SpeechStarted {
        #[serde(default)]
        audio_start_ms: u64,
        #[serde(default)]
        item_id: String,
    },
    #[serde(rename = "input_audio_buffer.speech_stopped")]
    SpeechStopped {
        #[serde(default)]
        audio_end_ms: u64,
        #[serde(default)]
        item_id: String,
    },
    #[serde(rename = "input_audio_buffer.timeout_triggered")]
    InputTimeout { item_id: String, audio_start_ms: u64, audio_end_ms: u64 },
    #[serde(rename = "output_audio_buffer.started")]
    OutputStarted { response_id: String },
    #[serde(rename = "output_audio_buffer.stopped")]
    OutputStopped { response_id: String },
    #[serde(rename = "output_audio_buffer.cleared")]
    OutputCleared { response_id: String },
    #[serde(rename = "response.created")]
    ResponseCreated { response: Response },
    #[serde(rename = "response.done")]
    ResponseDone { response: Response },
    #[serde(rename = "response.output_item.added")]
    OutputItemAdded { response_id: String, output_index: u32, item: Item },
    #[serde(rename = "response.output_item.done")]
    OutputItemDone { response_id: String, output_index: u32, item: Item },
    #[serde(rename = "response.content_part.added")]
    ContentPartAdded {
        #[serde(flatten)]
        at: ContentAt,
        #[serde(default)]
        part: Part,
    },
    #[serde(rename = "response.content_part.done")]
    ContentPartDone {
        #[serde(flatten)]
        at: ContentAt,
        #[serde(default)]
        part: Part,
    },
    #[serde(rename = "response.output_text.delta", alias = "response.text.delta")]
    OutputTextDelta {
        #[serde(flatten)]
        at: ContentAt,
        delta: String,
    },
    #[serde(rename = "response.output_text.done", alias = "response.text.done")]
    OutputTextDone {
        #[serde(flatten)]
        at: ContentAt,
        text: String,
    },
    #[serde(rename = "response.output_audio_transcript.delta", alias = "response.audio_transcript.delta")]
    OutputTranscriptDelta {
        #[serde(flatten)]
        at: ContentAt,
        delta: String,
    },
    #[serde(rename = "response.output_audio_transcript.done", alias = "response.audio_transcript.done")]
    OutputTranscriptDone {
        #[serde(flatten)]
        at: ContentAt,
        transcript: String,
    },
    /// WebSocket only: base64 of PCM16 or G.711.
    #[serde(rename = "response.output_audio.delta", alias = "response.audio.delta")]
    OutputAudioDelta {
        #[serde(flatten)]
        at: ContentAt,
        delta: String,
    },
    #[serde(rename = "response.output_audio.done", alias = "response.audio.done")]
    OutputAudioDone {
        #[serde(flatten)]
        at: ContentAt,
    },
    #[serde(rename = "response.function_call_arguments.delta")]
    FunctionArgumentsDelta { response_id: String, item_id: String, output_index: u32, call_id: String, delta: String },
    #[serde(rename = "response.function_call_arguments.done")]
    FunctionArgumentsDone {
        response_id: String,
        item_id: String,
        output_index: u32,
        call_id: String,
        #[serde(default)]
        name: String,
        arguments: String,
    },
    #[serde(rename = "rate_limits.updated")]
    RateLimits { rate_limits: Vec<RateLimit> },
    #[serde(rename = "error")]
    Error { error: ErrorBody },
    #[serde(other)]
    Unknown,
}

/// Where in a response a piece of content belongs. Key by `item_id` and `content_index`, never by arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentAt {
    #[serde(default)]
    pub response_id: String,
    pub item_id: String,
    #[serde(default)]
    pub output_index: u32,
    #[serde(default)]
    pub content_index: u32,
}

/// A content part in `response.content_part.*`: its types are `text` and `audio`, not the item's `output_*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
}

/// An item of the conversation: message, function call or function output. GA items carry no `object`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `message`, `function_call`, `function_call_output`, ...
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<Content>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// One piece of an item's content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// `input_text`, `input_audio`, `input_image`, `output_text`, `output_audio`.
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<String>,
    /// `Some(None)` is an explicit null, as the service sends for audio that is not transcribed yet.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "explicit_null")]
    pub transcript: Option<Option<String>>,
}

/// A response: the object of `response.created` and `response.done`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    #[serde(default)]
    pub object: String,
    #[serde(default)]
    pub id: String,
    /// `in_progress`, `completed`, `cancelled`, `failed`, `incomplete`.
    #[serde(default)]
    pub status: String,
    /// Null or an object; some servers send a string.
    #[serde(default)]
    pub status_details: Value,
    #[serde(default)]
    pub output: Vec<Item>,
    #[serde(default)]
    pub conversation_id: Option<String>,
    #[serde(default)]
    pub output_modalities: Vec<String>,
    #[serde(default)]
    pub max_output_tokens: Value,
    #[serde(default)]
    pub audio: Value,
    /// Null until the response is done.
    #[serde(default)]
    pub usage: Value,
    #[serde(default)]
    pub metadata: Option<Map<String, Value>>,
}

/// One row of `rate_limits.updated`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    pub name: String,
    pub limit: u64,
    pub remaining: u64,
    pub reset_seconds: f64,
}

/// The body of an `error` event, and of a REST failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// `invalid_request_error` or `server_error`.
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub param: Option<String>,
    /// The `event_id` of the client event at fault.
    #[serde(default)]
    pub event_id: Option<String>,
}

impl ErrorBody {
    /// Whether this tells of a race that somebody lost and nobody needs to know of: what was to be stopped had stopped, what
    /// was asked for was under way, what was to be cut had been cut.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        let harmless = [
            "response_cancel_not_active",
            "conversation_already_has_active_response",
            "item_truncate_invalid_item_id",
            "item_retrieve_invalid_item_id",
        ];
        self.code.as_deref().is_some_and(|code| harmless.contains(&code))
    }
}

/// `transcript: null` differs from no transcript: strict clients look for the key on audio content.
mod explicit_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, clippy::option_option, reason = "the signature that serde's `with` asks for")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Option<String>>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(to)
    }

    #[expect(clippy::option_option, reason = "absent, null and present are three things here")]
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
        Option::deserialize(from).map(Some)
    }
}
