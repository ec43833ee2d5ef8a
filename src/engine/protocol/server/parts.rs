//! The objects inside the events of a Realtime server.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

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

/// The object of `conversation.created`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    pub id: String,
    pub object: String,
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
    /// What few items have. `None` where nothing of it is there.
    #[serde(flatten, skip_serializing_if = "Option::is_none", deserialize_with = "some_more")]
    pub more: Option<Box<ItemMore>>,
}

/// The fields of rare items, kept apart so that the others stay small.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemMore {
    /// `commentary` or `final_answer`, on messages of newer models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    // Items of MCP: tool lists, calls, and the approval of calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

fn some_more<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<ItemMore>>, D::Error> {
    let more = ItemMore::deserialize(from)?;
    Ok((more != ItemMore::default()).then(|| Box::new(more)))
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// How closely to look at the image: `auto`, `low`, `high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
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
#[serde(default)]
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
