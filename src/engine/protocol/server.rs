//! What a Realtime server says.
//!
//! Source: OpenAI Realtime API reference, "Server events". Parsing also understands the names of the retired preview;
//! what we emit always carries the GA names. A field of the wrong type counts as one that is not there, and nearly all
//! may be missing: other servers leave many out.

mod mend;
mod parts;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use parts::{Content, ContentAt, Conversation, ErrorBody, Item, ItemMore, Part, RateLimit, Response};

/// A server event with its id. Every event of ours has one; some foreign servers leave it out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerMessage {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub event_id: String,
    #[serde(flatten)]
    pub event: ServerEvent,
}

impl<'de> Deserialize<'de> for ServerMessage {
    /// Fails only for what is no object with a `type`. An event that lacks what it is about, such as a transcript
    /// without its item, is [`ServerEvent::Unknown`].
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(from)?;
        mend::event(&mut value);
        if !value["type"].is_string() {
            return Err(D::Error::missing_field("type"));
        }
        let event_id = value["event_id"].as_str().unwrap_or_default().to_owned();
        Ok(Self { event_id, event: serde_json::from_value(value).unwrap_or(ServerEvent::Unknown) })
    }
}

/// One server event. A type that we do not know is [`ServerEvent::Unknown`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ServerEvent {
    #[serde(rename = "session.created", alias = "transcription_session.created")]
    SessionCreated {
        #[serde(default)]
        session: Value,
    },
    #[serde(rename = "session.updated", alias = "transcription_session.updated")]
    SessionUpdated {
        #[serde(default)]
        session: Value,
    },
    /// In the reference and from some servers; never seen from OpenAI.
    #[serde(rename = "conversation.created")]
    ConversationCreated {
        #[serde(default)]
        conversation: Conversation,
    },
    #[serde(rename = "conversation.item.added", alias = "conversation.item.created")]
    ItemAdded {
        #[serde(default)]
        item: Item,
        #[serde(default)]
        previous_item_id: Option<String>,
    },
    #[serde(rename = "conversation.item.done")]
    ItemDone {
        #[serde(default)]
        item: Item,
        #[serde(default)]
        previous_item_id: Option<String>,
    },
    #[serde(rename = "conversation.item.retrieved")]
    ItemRetrieved {
        #[serde(default)]
        item: Item,
    },
    #[serde(rename = "conversation.item.truncated")]
    ItemTruncated {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        audio_end_ms: u64,
    },
    #[serde(rename = "conversation.item.deleted")]
    ItemDeleted { item_id: String },
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    InputTranscriptDelta {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        #[serde(default)]
        delta: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        logprobs: Option<Value>,
    },
    /// Cumulative: the whole text so far. No event of OpenAI's; xAI sends it where others send deltas.
    #[serde(rename = "conversation.item.input_audio_transcription.updated")]
    InputTranscriptUpdated {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        transcript: String,
    },
    /// May come several times for an item: the last one counts.
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    InputTranscriptCompleted {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        #[serde(default)]
        transcript: String,
        #[serde(default)]
        usage: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        logprobs: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        languages: Option<Value>,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.failed")]
    InputTranscriptFailed {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        #[serde(default)]
        error: ErrorBody,
    },
    /// Of transcription models that tell speakers apart. `start` and `end` are seconds.
    #[serde(rename = "conversation.item.input_audio_transcription.segment")]
    InputTranscriptSegment {
        item_id: String,
        #[serde(default)]
        content_index: u32,
        #[serde(default)]
        id: String,
        #[serde(default)]
        text: String,
        #[serde(default)]
        speaker: String,
        #[serde(default)]
        start: f64,
        #[serde(default)]
        end: f64,
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
    InputTimeout {
        #[serde(default)]
        item_id: String,
        #[serde(default)]
        audio_start_ms: u64,
        #[serde(default)]
        audio_end_ms: u64,
    },
    /// A key was pressed on a telephone. The only event that has no `event_id`. `received_at`: seconds since the Unix epoch.
    #[serde(rename = "input_audio_buffer.dtmf_event_received")]
    DtmfReceived {
        #[serde(default)]
        event: String,
        #[serde(default)]
        received_at: u64,
    },
    #[serde(rename = "output_audio_buffer.started")]
    OutputStarted {
        #[serde(default)]
        response_id: String,
    },
    #[serde(rename = "output_audio_buffer.stopped")]
    OutputStopped {
        #[serde(default)]
        response_id: String,
    },
    #[serde(rename = "output_audio_buffer.cleared")]
    OutputCleared {
        #[serde(default)]
        response_id: String,
    },
    #[serde(rename = "response.created")]
    ResponseCreated {
        #[serde(default)]
        response: Response,
    },
    #[serde(rename = "response.done")]
    ResponseDone {
        #[serde(default)]
        response: Response,
    },
    #[serde(rename = "response.output_item.added")]
    OutputItemAdded {
        #[serde(default)]
        response_id: String,
        #[serde(default)]
        output_index: u32,
        #[serde(default)]
        item: Item,
    },
    #[serde(rename = "response.output_item.done")]
    OutputItemDone {
        #[serde(default)]
        response_id: String,
        #[serde(default)]
        output_index: u32,
        #[serde(default)]
        item: Item,
    },
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
    FunctionArgumentsDelta {
        #[serde(default)]
        response_id: String,
        item_id: String,
        #[serde(default)]
        output_index: u32,
        #[serde(default)]
        call_id: String,
        delta: String,
    },
    #[serde(rename = "response.function_call_arguments.done")]
    FunctionArgumentsDone {
        #[serde(default)]
        response_id: String,
        item_id: String,
        #[serde(default)]
        output_index: u32,
        #[serde(default)]
        call_id: String,
        #[serde(default)]
        name: String,
        arguments: String,
    },
    #[serde(rename = "response.mcp_call_arguments.delta")]
    McpArgumentsDelta {
        #[serde(default)]
        response_id: String,
        item_id: String,
        #[serde(default)]
        output_index: u32,
        delta: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obfuscation: Option<String>,
    },
    #[serde(rename = "response.mcp_call_arguments.done")]
    McpArgumentsDone {
        #[serde(default)]
        response_id: String,
        item_id: String,
        #[serde(default)]
        output_index: u32,
        arguments: String,
    },
    #[serde(rename = "response.mcp_call.in_progress")]
    McpCallStarted {
        item_id: String,
        #[serde(default)]
        output_index: u32,
    },
    #[serde(rename = "response.mcp_call.completed")]
    McpCallCompleted {
        item_id: String,
        #[serde(default)]
        output_index: u32,
    },
    #[serde(rename = "response.mcp_call.failed")]
    McpCallFailed {
        item_id: String,
        #[serde(default)]
        output_index: u32,
    },
    #[serde(rename = "mcp_list_tools.in_progress")]
    McpToolsStarted { item_id: String },
    #[serde(rename = "mcp_list_tools.completed")]
    McpToolsCompleted { item_id: String },
    #[serde(rename = "mcp_list_tools.failed")]
    McpToolsFailed { item_id: String },
    #[serde(rename = "rate_limits.updated")]
    RateLimits {
        #[serde(default)]
        rate_limits: Vec<RateLimit>,
    },
    #[serde(rename = "error")]
    Error {
        #[serde(default)]
        error: ErrorBody,
    },
    #[serde(other)]
    Unknown,
}
