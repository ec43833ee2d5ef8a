//! Which function to call, and with what. There is no model to choose: a function is called when `tool_choice` says so,
//! or when somebody asks for it by its name.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value, json};

use super::request::{Newest, Request};

/// Words that ask for what they stand before.
const ASKING: [&str; 6] = ["call", "use", "invoke", "run", "execute", "trigger"];

/// Words that turn a wish round.
const NOT: [&str; 6] = ["not", "never", "don't", "don\u{2019}t", "cannot", "without"];

/// Schemas go no deeper in the arguments that we make up.
const MAX_DEPTH: usize = 8;

/// The function to call, with its arguments as JSON; `None` where something is to be said instead.
pub(super) fn wanted(request: &Request) -> Option<(String, String)> {
    // What a function gave back is answered with words, or a session that must call would call for ever.
    if matches!(request.newest, Newest::Output(_)) && !request.names_tool {
        return None;
    }
    let choice = request.config.tool_choice();
    let function = match (choice.as_str(), request.chosen_tool()) {
        (Some("none"), _) => None,
        (_, Some(name)) => request.functions().find(|(it, _)| *it == name),
        (Some("required"), None) => asked_for(request).or_else(|| request.functions().next()),
        _ => asked_for(request),
    };
    function.map(|(name, tool)| (name.to_owned(), arguments(&tool["parameters"])))
}

fn asked_for(request: &Request) -> Option<(&str, &Value)> {
    let says = request.metadata.as_ref().is_some_and(|it| it.contains_key("say") || it.contains_key("say0"));
    if says || matches!(request.newest, Newest::Output(_)) {
        return None;
    }
    let text = if let Newest::Text(text) = &request.newest { text.as_str() } else { "" };
    let names: HashSet<&str> = request.functions().map(|(name, _)| name).collect();
    let mut asked = asks(text, &names);
    asked.extend(asks(request.config.instructions(), &names));
    request.functions().find(|(name, _)| asked.contains(name))
}

/// Those of `names` that a sentence of `text` asks to call. Each word is looked at once, however many there are.
fn asks<'a>(text: &'a str, names: &HashSet<&str>) -> HashSet<&'a str> {
    let mut found = HashSet::new();
    for sentence in text.split_inclusive(['.', '!', '?', '\n', ';']) {
        let mut asked = false;
        for word in sentence.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '\'' | '\u{2019}'))) {
            if asked && names.contains(word) {
                found.insert(word);
            }
            let word = word.to_lowercase();
            if NOT.contains(&word.as_str()) {
                break;
            }
            asked |= ASKING.contains(&word.as_str());
        }
    }
    found
}

/// Arguments that a JSON schema accepts, in most cases: what is required, with its first or plainest value.
fn arguments(schema: &Value) -> String {
    let made = made_up(schema, 0);
    if made.is_object() { made.to_string() } else { "{}".to_owned() }
}

fn made_up(schema: &Value, depth: usize) -> Value {
    let first = |key: &str| schema[key].as_array().and_then(|it| it.first()).cloned();
    let known = schema.get("const").or_else(|| schema.get("default")).cloned();
    if let Some(value) = known.or_else(|| first("enum")).or_else(|| first("examples")) {
        return value;
    }
    if depth >= MAX_DEPTH {
        return Value::Null;
    }
    if let Some(one) = first("anyOf").or_else(|| first("oneOf")).or_else(|| first("allOf")) {
        return made_up(&one, depth + 1);
    }
    let kind = schema["type"].as_str().map(str::to_owned).or_else(|| Some(first("type")?.as_str()?.to_owned()));
    match kind.as_deref() {
        Some("string") => json!(""),
        Some("number" | "integer") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("null") => Value::Null,
        _ => {
            let made = required(schema).into_iter();
            let made = made.map(|name| (name.to_owned(), made_up(&schema["properties"][name], depth + 1)));
            Value::Object(made.collect::<Map<_, _>>())
        }
    }
}

/// The names that a schema requires, each once: repeated ones would multiply from level to level.
fn required(schema: &Value) -> BTreeSet<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_asked_for_by_its_name_and_a_word_that_asks() {
        for (text, expected) in [
            ("Call get_weather.", true),
            ("When the user asks for the weather, use the get_weather tool. Be brief.", true),
            ("Please run `get_weather` now", true),
            ("You have get_weather. Call nobody.", false),
            ("Never call get_weather.", false),
            ("Don't use get_weather", false),
            ("Call get_weather_now", false),
            ("What is the weather?", false),
            ("", false),
        ] {
            assert_eq!(!asks(text, &HashSet::from(["get_weather"])).is_empty(), expected, "{text}");
        }
    }

    /// Hours if every word were held against all before it, for each tool.
    #[test]
    fn a_long_sentence_is_read_once_for_all_tools() {
        let names: Vec<_> = (0..2_000).map(|n| format!("tool_{n}")).collect();
        let text = format!("Use {}tool_7 and tool_1999, then tool_2000", "a ".repeat(100_000));
        let asked = asks(&text, &names.iter().map(String::as_str).collect());
        assert_eq!(asked, HashSet::from(["tool_7", "tool_1999"]));
    }

    #[test]
    fn arguments_follow_the_schema() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "required": ["city", "unit", "days", "night", "tags", "place", "kind", "hour"],
            "properties": {
                "city": { "type": "string" }, "unit": { "type": "string", "enum": ["C", "F"] },
                "days": { "type": "integer", "default": 3 }, "night": { "type": "boolean" },
                "tags": { "type": "array" }, "hour": { "type": ["number", "null"], "minimum": 1 },
                "place": { "type": "object", "required": ["lat"], "properties": { "lat": { "type": "number" } } },
                "kind": { "anyOf": [{ "const": "now" }, { "type": "null" }] }, "not": { "type": "string" },
            },
        });
        let made: Value = serde_json::from_str(&arguments(&schema)).unwrap();
        let expected = json!({
            "city": "", "unit": "C", "days": 3, "night": false, "tags": [], "place": { "lat": 0 }, "kind": "now", "hour": 1,
        });
        assert_eq!(made, expected);
        for empty in [json!(null), json!({}), json!({ "type": "string" }), json!([1])] {
            assert_eq!(arguments(&empty), "{}", "{empty}");
        }
    }

    /// Without end if each repetition were made up anew: a hundred to the power of eight.
    #[test]
    fn a_name_that_is_required_again_and_again_is_made_up_once() {
        let mut schema = json!({ "type": "string" });
        for _ in 0..MAX_DEPTH {
            schema = json!({ "type": "object", "required": vec!["a"; 100], "properties": { "a": schema } });
        }
        assert_eq!(required(&schema).len(), 1);
        let made = arguments(&schema);
        assert_eq!((made.matches("\"a\"").count(), made.len()), (MAX_DEPTH, MAX_DEPTH * 6 + 4), "{made}");
    }
}
