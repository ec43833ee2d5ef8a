//! What a client of a Realtime server may say.
//!
//! Source: OpenAI Realtime API reference, "Client events". `event_id` is optional everywhere and comes back only as
//! `error.event_id`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::server::Item;

/// A client event with its optional id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientMessage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    #[serde(flatten)]
    pub event: ClientEvent,
}

impl From<ClientEvent> for ClientMessage {
    fn from(event: ClientEvent) -> Self {
        Self { event_id: None, event }
    }
}

/// One client event. A type that we do not know is [`ClientEvent::Unknown`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ClientEvent {
    /// A sparse patch of the session.
    #[serde(rename = "session.update", alias = "transcription_session.update")]
    SessionUpdate { session: Value },
    #[serde(rename = "input_audio_buffer.append")]
    InputAudioBufferAppend { audio: String },
    #[serde(rename = "input_audio_buffer.commit")]
    InputAudioBufferCommit,
    #[serde(rename = "input_audio_buffer.clear")]
    InputAudioBufferClear,
    /// `previous_item_id`: `"root"` is the front, absent is the end.
    #[serde(rename = "conversation.item.create")]
    ConversationItemCreate {
        item: Item,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_item_id: Option<String>,
    },
    #[serde(rename = "conversation.item.retrieve")]
    ConversationItemRetrieve { item_id: String },
    #[serde(rename = "conversation.item.truncate")]
    ConversationItemTruncate { item_id: String, content_index: u32, audio_end_ms: u64 },
    #[serde(rename = "conversation.item.delete")]
    ConversationItemDelete { item_id: String },
    #[serde(rename = "response.create")]
    ResponseCreate {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response: Option<ResponseParams>,
    },
    #[serde(rename = "response.cancel")]
    ResponseCancel {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response_id: Option<String>,
    },
    /// Over WebRTC only: drop the sound that is queued.
    #[serde(rename = "output_audio_buffer.clear")]
    OutputAudioBufferClear,
    #[serde(other)]
    Unknown,
}

/// Overrides of the session for one response. Unset fields are the session's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResponseParams {
    /// `auto`, or `none` for a response out of band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_modalities: Option<Vec<String>>,
    /// Sixteen keys of at most 512 characters. Echoed in `response.created` and `response.done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// What we do not use ourselves: `input`, `tools`, `tool_choice`, `audio`, `max_output_tokens`, ...
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
