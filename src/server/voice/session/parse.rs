//! From a client's text to an event, or to an error that says which field is wrong.

use serde_json::Value;

use super::ids::Ids;
use crate::engine::protocol::client::{ClientEvent, ClientMessage};
use crate::engine::protocol::server::{ErrorBody, Item};

/// Longer ids are cut off by no one, so they are refused.
const MAX_ID_CHARS: usize = 32;

/// Longer event ids are not echoed.
const MAX_EVENT_ID_BYTES: usize = 512;

/// Why an event was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) param: Option<String>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: &'static str, param: Option<&str>, message: &str) -> Self {
        Self { code, param: param.map(str::to_owned), message: message.to_owned() }
    }

    pub(super) fn invalid(param: &str, message: &str) -> Self {
        Self::new("invalid_value", Some(param), message)
    }

    pub(super) fn no_item(code: &'static str) -> Self {
        Self::new(code, Some("item_id"), "There is no such item in the conversation.")
    }

    pub(super) fn into_body(self, event_id: Option<String>) -> ErrorBody {
        ErrorBody {
            kind: "invalid_request_error".to_owned(),
            code: Some(self.code.to_owned()),
            message: self.message,
            param: self.param,
            event_id,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Count,
    Object,
}

/// The fields that an event cannot do without.
const REQUIRED: &[(&str, &[(&str, Kind)])] = &[
    ("session.update", &[("session", Kind::Object)]),
    ("input_audio_buffer.append", &[("audio", Kind::Text)]),
    ("conversation.item.create", &[("item", Kind::Object)]),
    ("conversation.item.retrieve", &[("item_id", Kind::Text)]),
    ("conversation.item.delete", &[("item_id", Kind::Text)]),
    (
        "conversation.item.truncate",
        &[("item_id", Kind::Text), ("content_index", Kind::Count), ("audio_end_ms", Kind::Count)],
    ),
];

/// Reads one message. On failure the event id comes along, for the answer to carry.
pub(super) fn message(text: &str) -> Result<ClientMessage, (Fault, Option<String>)> {
    let invalid = || (Fault::new("invalid_event", None, "The message is not a JSON object."), None);
    let mut value: Value = serde_json::from_str(text).map_err(|_| invalid())?;
    let fields = value.as_object().ok_or_else(invalid)?;
    let event_id = fields.get("event_id").and_then(Value::as_str).filter(|id| id.len() <= MAX_EVENT_ID_BYTES);
    let event_id = event_id.map(str::to_owned);
    let event = event(&mut value).map_err(|fault| (fault, event_id.clone()))?;
    Ok(ClientMessage { event_id, event })
}

fn event(value: &mut Value) -> Result<ClientEvent, Fault> {
    let missing = |name: &str| Fault::new("missing_required_parameter", Some(name), "A required parameter is missing.");
    let kind = match value.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(_) => return Err(Fault::invalid("type", "The type of an event is a string.")),
        None => return Err(missing("type")),
    };
    let required = REQUIRED.iter().find(|(name, _)| *name == kind.as_str()).map_or(&[][..], |(_, fields)| fields);
    for (name, shape) in required {
        let field = value.get_mut(name).filter(|field| !field.is_null()).ok_or_else(|| missing(name))?;
        if let Kind::Count = shape {
            whole(field);
        }
        let fits = match shape {
            Kind::Text => field.is_string(),
            Kind::Count => field.is_u64(),
            Kind::Object => field.is_object(),
        };
        if !fits {
            return Err(Fault::invalid(name, "The parameter has the wrong type."));
        }
    }
    // What is left to be wrong is inside the one object that the event carries.
    let param = match kind.as_str() {
        "conversation.item.create" => "item",
        "response.create" => "response",
        _ => "type",
    };
    serde_json::from_value(value.take()).map_err(|_| Fault::invalid(param, "The parameter has the wrong shape."))
}

/// Clocks of clients count in fractions: only what is whole of it counts.
fn whole(field: &mut Value) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not below zero")]
    if let Some(count) = field.as_f64().filter(|it| field.is_f64() && *it >= 0.0) {
        *field = Value::from(count as u64);
    }
}

/// Checks an item of a client and completes it: id, status.
pub(super) fn item(mut item: Item, ids: &mut Ids) -> Result<Item, Fault> {
    match item.kind.as_str() {
        "message" => {
            let allowed: &[&str] = match item.role.as_deref() {
                Some("system") => &["input_text"],
                Some("user") => &["input_text", "input_audio", "input_image"],
                Some("assistant") => &["output_text", "output_audio", "text", "audio"],
                _ => return Err(Fault::invalid("item.role", "A message is from 'user', 'assistant' or 'system'.")),
            };
            let content = item.content.get_or_insert_default();
            for (index, part) in content.iter_mut().enumerate() {
                if !allowed.contains(&part.kind.as_str()) {
                    let param = format!("item.content[{index}].type");
                    return Err(Fault::invalid(&param, "This role cannot have such content."));
                }
                if part.kind == "text" || part.kind == "audio" {
                    part.kind = format!("output_{}", part.kind); // The preview's name.
                }
            }
            item.status = Some("completed".to_owned());
        }
        "function_call" => {
            require(item.name.as_deref(), "item.name")?;
            item.call_id.get_or_insert_with(|| ids.next("call"));
            item.arguments.get_or_insert_default();
            item.status = Some("completed".to_owned());
        }
        // Echoed without a status, as the service does.
        "function_call_output" => {
            require(item.call_id.as_deref(), "item.call_id")?;
            require(item.output.as_deref(), "item.output")?;
        }
        "" => return Err(Fault::new("missing_required_parameter", Some("item.type"), "An item needs a type.")),
        _ => return Err(Fault::invalid("item.type", "Items of this type are not supported.")),
    }
    match item.id.as_deref() {
        Some(id) if id.is_empty() || id.chars().count() > MAX_ID_CHARS => {
            Err(Fault::invalid("item.id", "An id has 1 to 32 characters."))
        }
        Some(_) => Ok(item),
        None => {
            item.id = Some(ids.next("item"));
            Ok(item)
        }
    }
}

fn require(value: Option<&str>, param: &str) -> Result<(), Fault> {
    let missing = || Fault::new("missing_required_parameter", Some(param), "A required parameter is missing.");
    value.map(|_| ()).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_event_is_refused_with_its_field_and_its_id() {
        let table = [
            ("", "invalid_event", None),
            ("[]", "invalid_event", None),
            ("{}", "missing_required_parameter", Some("type")),
            (r#"{"type":7}"#, "invalid_value", Some("type")),
            (r#"{"type":"session.update"}"#, "missing_required_parameter", Some("session")),
            (r#"{"type":"session.update","session":null}"#, "missing_required_parameter", Some("session")),
            (r#"{"type":"session.update","session":1}"#, "invalid_value", Some("session")),
            (
                r#"{"type":"conversation.item.truncate","item_id":"a","content_index":0}"#,
                "missing_required_parameter",
                Some("audio_end_ms"),
            ),
            (
                r#"{"type":"conversation.item.truncate","item_id":"a","content_index":0,"audio_end_ms":-1}"#,
                "invalid_value",
                Some("audio_end_ms"),
            ),
            (
                r#"{"type":"conversation.item.truncate","item_id":"a","content_index":0,"audio_end_ms":-0.5}"#,
                "invalid_value",
                Some("audio_end_ms"),
            ),
            (r#"{"type":"response.create","response":[7]}"#, "invalid_value", Some("response")),
            (
                r#"{"type":"conversation.item.create","item":{"type":"message","content":7}}"#,
                "invalid_value",
                Some("item"),
            ),
        ];
        for (text, code, param) in table {
            let (fault, _) = message(text).unwrap_err();
            assert_eq!((fault.code, fault.param.as_deref()), (code, param), "{text}");
        }
        let fraction = r#"{"type":"conversation.item.truncate","item_id":"a","content_index":0.0,"audio_end_ms":12.5}"#;
        let whole =
            ClientEvent::ConversationItemTruncate { item_id: "a".to_owned(), content_index: 0, audio_end_ms: 12 };
        assert_eq!(message(fraction).unwrap().event, whole);
        let (_, event_id) = message(r#"{"type":"session.update","event_id":"mine"}"#).unwrap_err();
        assert_eq!(event_id.as_deref(), Some("mine"));
    }

    #[test]
    fn every_event_without_fields_is_read() {
        for kind in ["response.create", "response.cancel", "input_audio_buffer.commit", "output_audio_buffer.clear"] {
            let text = format!(r#"{{"type":"{kind}","event_id":"e"}}"#);
            let read = message(&text).unwrap();
            assert_ne!(read.event, ClientEvent::Unknown, "{kind}");
            assert_eq!(read.event_id.as_deref(), Some("e"));
        }
        assert_eq!(message(r#"{"type":"session.jump"}"#).unwrap().event, ClientEvent::Unknown);
    }
}
