//! Makes an event of a foreign server fit the types: what has another shape is turned into the right one where that is
//! plain, and else taken out, so that one odd field never costs the event.

use serde_json::{Map, Value};

/// What a field must look like.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    /// A whole number up to a limit. Fractions are cut off.
    Count(u64),
    Number,
    Flag,
    Object,
    List,
    /// A list of nothing but texts.
    Texts,
}

const INDEX: Shape = Shape::Count(u32::MAX as u64);
const MS: Shape = Shape::Count(u64::MAX);

type Fields = [(&'static str, Shape)];

const EVENT: &Fields = &[
    ("event_id", Shape::Text),
    ("item_id", Shape::Text),
    ("previous_item_id", Shape::Text),
    ("response_id", Shape::Text),
    ("call_id", Shape::Text),
    ("id", Shape::Text),
    ("name", Shape::Text),
    ("arguments", Shape::Text),
    ("delta", Shape::Text),
    ("text", Shape::Text),
    ("transcript", Shape::Text),
    ("speaker", Shape::Text),
    ("event", Shape::Text),
    ("obfuscation", Shape::Text),
    ("content_index", INDEX),
    ("output_index", INDEX),
    ("audio_start_ms", MS),
    ("audio_end_ms", MS),
    ("received_at", MS),
    ("start", Shape::Number),
    ("end", Shape::Number),
    ("item", Shape::Object),
    ("part", Shape::Object),
    ("response", Shape::Object),
    ("conversation", Shape::Object),
    ("error", Shape::Object),
    ("rate_limits", Shape::List),
];

const ITEM: &Fields = &[
    ("id", Shape::Text),
    ("type", Shape::Text),
    ("status", Shape::Text),
    ("role", Shape::Text),
    ("call_id", Shape::Text),
    ("name", Shape::Text),
    ("arguments", Shape::Text),
    ("output", Shape::Text),
    ("phase", Shape::Text),
    ("server_label", Shape::Text),
    ("approval_request_id", Shape::Text),
    ("reason", Shape::Text),
    ("approve", Shape::Flag),
    ("content", Shape::List),
];

const PIECE: &Fields = &[
    ("type", Shape::Text),
    ("text", Shape::Text),
    ("audio", Shape::Text),
    ("transcript", Shape::Text),
    ("image_url", Shape::Text),
    ("detail", Shape::Text),
];

const RESPONSE: &Fields = &[
    ("object", Shape::Text),
    ("id", Shape::Text),
    ("status", Shape::Text),
    ("conversation_id", Shape::Text),
    ("output_modalities", Shape::Texts),
    ("output", Shape::List),
    ("metadata", Shape::Object),
];

const ERROR: &Fields = &[
    ("type", Shape::Text),
    ("code", Shape::Text),
    ("message", Shape::Text),
    ("param", Shape::Text),
    ("event_id", Shape::Text),
];

const CONVERSATION: &Fields = &[("id", Shape::Text), ("object", Shape::Text)];

const RATE_LIMIT: &Fields =
    &[("name", Shape::Text), ("limit", MS), ("remaining", MS), ("reset_seconds", Shape::Number)];

/// What events about the candidate's words begin with.
const WORDS: &str = "conversation.item.input_audio_transcription";

/// Mends a whole event in place. What is no object stays as it is.
pub(super) fn event(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    if let Some(Value::String(message)) = fields.get("error") {
        let body = Map::from_iter([("message".to_owned(), Value::from(message.as_str()))]);
        fields.insert("error".to_owned(), Value::Object(body));
    }
    // xAI's: the whole text so far of a turn that goes on.
    let grows = fields.get("status").is_some_and(|it| it == "in_progress");
    if grows && fields.get("type").is_some_and(|it| it == &*format!("{WORDS}.completed")) {
        fields.insert("type".to_owned(), format!("{WORDS}.updated").into());
    }
    mend(fields, EVENT);
    inside(fields, "item", item);
    inside(fields, "response", |response| {
        mend(response, RESPONSE);
        each(response, "output", item);
    });
    inside(fields, "part", |part| mend(part, PIECE));
    inside(fields, "conversation", |it| mend(it, CONVERSATION));
    inside(fields, "error", |error| mend(error, ERROR));
    each(fields, "rate_limits", |limit| mend(limit, RATE_LIMIT));
}

fn item(item: &mut Map<String, Value>) {
    mend(item, ITEM);
    let ours = item.get("role").is_some_and(|role| role == "assistant");
    each(item, "content", |piece| {
        // A transcript that is not there yet is null, which is not the same as none at all.
        let pending = piece.get("transcript").is_some_and(Value::is_null);
        mend(piece, PIECE);
        if pending {
            piece.insert("transcript".to_owned(), Value::Null);
        }
        // The preview's names for what the assistant says.
        let renamed = match piece.get("type").and_then(Value::as_str) {
            Some("text") if ours => "output_text",
            Some("audio") if ours => "output_audio",
            _ => return,
        };
        piece.insert("type".to_owned(), Value::from(renamed));
    });
}

fn inside(fields: &mut Map<String, Value>, name: &str, mend: impl FnOnce(&mut Map<String, Value>)) {
    if let Some(object) = fields.get_mut(name).and_then(Value::as_object_mut) {
        mend(object);
    }
}

/// Mends every object of a list; what is none is left out of it.
fn each(fields: &mut Map<String, Value>, name: &str, mend: impl Fn(&mut Map<String, Value>)) {
    if let Some(list) = fields.get_mut(name).and_then(Value::as_array_mut) {
        list.retain(Value::is_object);
        list.iter_mut().filter_map(Value::as_object_mut).for_each(mend);
    }
}

fn mend(fields: &mut Map<String, Value>, known: &Fields) {
    for (name, shape) in known {
        if let Some(value) = fields.get_mut(*name)
            && !fit(value, *shape)
        {
            fields.remove(*name);
        }
    }
}

/// Whether the value has the shape, or has it now.
fn fit(value: &mut Value, shape: Shape) -> bool {
    match shape {
        Shape::Text => value.is_string(),
        Shape::Number => value.is_number(),
        Shape::Flag => value.is_boolean(),
        Shape::Object => value.is_object(),
        Shape::List => value.is_array(),
        Shape::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        Shape::Count(limit) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
            let Some(count) = value.as_u64().or_else(|| value.as_f64().map(|it| it as u64)) else { return false };
            *value = Value::from(count.min(limit));
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// S002-35: words that grow decide nothing yet, whatever their event is called.
    #[test]
    fn words_that_are_not_complete_are_not_taken_for_the_last() {
        for (name, status, expected) in [
            ("completed", json!("in_progress"), "updated"),
            ("completed", json!("completed"), "completed"),
            ("completed", Value::Null, "completed"),
            ("delta", json!("in_progress"), "delta"),
        ] {
            let mut value = json!({ "type": format!("{WORDS}.{name}"), "item_id": "i", "status": status });
            event(&mut value);
            assert_eq!(value["type"], format!("{WORDS}.{expected}"), "{status}");
        }
    }
}
