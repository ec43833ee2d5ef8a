//! What a response is asked to be: the session's configuration with the overrides of `response.create`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::conversation::{Conversation, MAX_ITEMS};
use super::ids::Ids;
use super::parse::{self, Fault};
use crate::engine::protocol::client::ResponseParams;
use crate::engine::protocol::server::Item;
use crate::engine::protocol::session::{Refusal, SessionConfig};

/// Limits of the protocol for `metadata`.
const MAX_METADATA_KEYS: usize = 16;
const MAX_METADATA_CHARS: usize = 512;

/// What is not a setting of the session, whatever it is called there.
const NOT_SETTINGS: [&str; 3] = ["type", "model", "input"];

/// What a response follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A turn, or the wish of the client.
    Turn,
    /// Nobody said anything for long.
    Silence,
}

/// The newest thing that a response may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Newest {
    Nothing,
    /// A turn without words that we know.
    Spoken,
    Text(String),
    /// What a function gave back.
    Output(String),
}

/// A response to make.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) config: SessionConfig,
    /// Not so for a response out of band.
    pub(super) in_conversation: bool,
    pub(super) metadata: Option<Map<String, Value>>,
    pub(super) newest: Newest,
    /// The response itself says which tool to take, so it is meant for this one.
    pub(super) names_tool: bool,
    pub(super) occasion: Occasion,
}

impl Request {
    pub(super) fn read(
        params: ResponseParams,
        session: &SessionConfig,
        conversation: &Conversation,
        ids: &mut Ids,
    ) -> Result<Self, Fault> {
        let in_conversation = match params.conversation.as_deref() {
            None | Some("auto") => true,
            Some("none") => false,
            Some(_) => return Err(Fault::invalid("response.conversation", "The conversation is 'auto' or 'none'.")),
        };
        let fits = |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= MAX_METADATA_CHARS);
        if params.metadata.as_ref().is_some_and(|it| it.len() > MAX_METADATA_KEYS || !it.values().all(fits)) {
            return Err(Fault::invalid("response.metadata", "Metadata is 16 strings of at most 512 characters."));
        }
        let newest = match params.rest.get("input") {
            None | Some(Value::Null) => newest(conversation.items()),
            Some(Value::Array(input)) => newest(given(input, conversation, ids)?.iter().map(AsRef::as_ref)),
            Some(_) => return Err(Fault::invalid("response.input", "The input is a list of items.")),
        };
        let names_tool = params.rest.get("tool_choice").is_some_and(|it| !it.is_null());
        let config = overridden(session, params.rest, params.instructions, params.output_modalities)?;
        let (metadata, occasion) = (params.metadata, Occasion::Turn);
        let request = Self { config, in_conversation, metadata, newest, names_tool, occasion };
        match request.chosen_tool() {
            Some(name) if names_tool && !request.functions().any(|(it, _)| it == name) => {
                Err(Fault::invalid("response.tool_choice", "There is no tool of this name."))
            }
            _ => Ok(request),
        }
    }

    /// Name and definition of every function that can be called.
    pub(super) fn functions(&self) -> impl Iterator<Item = (&str, &Value)> {
        let functions = self.config.tools().iter().filter(|tool| tool["type"] == "function");
        functions.filter_map(|tool| Some((tool["name"].as_str()?, tool)))
    }

    /// The function that `tool_choice` names.
    pub(super) fn chosen_tool(&self) -> Option<&str> {
        let choice = self.config.tool_choice();
        // The older API nests the name.
        choice.get("name").or_else(|| choice.get("function")?.get("name"))?.as_str()
    }
}

/// The session with the settings of one response. The reader of `session.update` reads them, so that a setting means the
/// same in both places.
fn overridden(
    session: &SessionConfig,
    mut patch: Map<String, Value>,
    instructions: Option<String>,
    modalities: Option<Vec<String>>,
) -> Result<SessionConfig, Fault> {
    patch.retain(|key, value| !NOT_SETTINGS.contains(&key.as_str()) && !value.is_null());
    if let Some(instructions) = instructions.filter(|text| !text.is_empty()) {
        patch.insert("instructions".to_owned(), instructions.into());
    }
    if let Some(modalities) = modalities {
        patch.insert("output_modalities".to_owned(), modalities.into());
    }
    session.updated(&Value::Object(patch)).map_err(|Refusal { code, param, message }| Fault {
        code,
        param: Some(param.replacen("session", "response", 1)),
        message: message.replacen("session", "response", 1),
    })
}

/// The items of an input. One that the conversation has is not copied: a few bytes can name a large one again and again.
fn given<'a>(input: &[Value], conversation: &'a Conversation, ids: &mut Ids) -> Result<Vec<Cow<'a, Item>>, Fault> {
    if input.len() > MAX_ITEMS {
        let message = format!("The input has at most {MAX_ITEMS} items.");
        return Err(Fault::invalid("response.input", &message));
    }
    let mut items = Vec::new();
    for (index, value) in input.iter().enumerate() {
        let param = format!("response.input[{index}]");
        let item = if value["type"] == "item_reference" {
            let found = value["id"].as_str().and_then(|id| conversation.get(id));
            Cow::Borrowed(found.ok_or_else(|| Fault::invalid(&format!("{param}.id"), "There is no such item."))?)
        } else {
            let item = serde_json::from_value(value.clone()).map_err(|_| Fault::invalid(&param, "This is no item."))?;
            let item = parse::item(item, ids);
            Cow::Owned(
                item.map_err(|fault| Fault { param: fault.param.map(|it| it.replacen("item", &param, 1)), ..fault })?,
            )
        };
        items.push(item);
    }
    Ok(items)
}

/// What stands last, our own words and calls left out.
fn newest<'a>(items: impl DoubleEndedIterator<Item = &'a Item>) -> Newest {
    for item in items.rev() {
        match (item.kind.as_str(), item.role.as_deref()) {
            ("function_call_output", _) => return Newest::Output(item.output.clone().unwrap_or_default()),
            ("message", Some("user")) => {
                let texts = item.content.iter().flatten().filter_map(|part| part.text.as_deref());
                let text = texts.collect::<Vec<_>>().join("\n");
                return if text.is_empty() { Newest::Spoken } else { Newest::Text(text) };
            }
            _ => {}
        }
    }
    Newest::Nothing
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Two gigabytes if each were a copy: 7,000 names of one item fit into one event.
    #[test]
    fn what_an_input_refers_to_is_not_copied() {
        let (mut conversation, mut ids) = (Conversation::default(), Ids::new(7));
        let item = json!({ "id": "big", "type": "message", "role": "user", "content": [] });
        conversation.push(serde_json::from_value(item).unwrap());
        let reference = json!({ "type": "item_reference", "id": "big" });
        let input = vec![reference; MAX_ITEMS + 1];
        let items = given(&input[..MAX_ITEMS], &conversation, &mut ids).unwrap();
        assert!(items.len() == MAX_ITEMS && items.iter().all(|it| matches!(it, Cow::Borrowed(_))));
        let refused = given(&input, &conversation, &mut ids).unwrap_err();
        assert_eq!((refused.code, refused.param.as_deref()), ("invalid_value", Some("response.input")));
    }
}
