//! What to say. There is no language model: the words are given, or asked for, or those of the built-in conversation.

use serde_json::{Map, Value};

use super::request::{Newest, Request};

/// Words that ask for what stands after them, the longest first where one begins another.
const ASKING: [&str; 8] = ["saying", "say", "read aloud", "read out", "speak", "ask", "repeat", "greet"];

/// Words that ask for what a function gave back, and the names that it has then.
const ASKING_OUTPUT: [&str; 6] = ["say", "tell", "read", "report", "repeat", "speak"];
const OUTPUT_NAMES: [&str; 5] = ["result", "output", "answer", "returned", "returns"];

/// How far the words may be from the one that asks for them, in bytes: `Say exactly the following sentence:`.
const REACH: usize = 60;

/// Longer speeches are cut: ten minutes is an answer that nobody waits for.
const MAX_BYTES: usize = 8 * 1024;

/// The words of a response: those of the metadata, else those that the instructions ask for, else `built_in`.
/// Instructions themselves are never read out, nor is what the candidate wrote.
pub(super) fn to_say(request: &Request, built_in: impl FnOnce() -> String) -> String {
    let instructions = request.config.instructions();
    let given = request.metadata.as_ref().map(given).filter(|text| !text.trim().is_empty());
    let output = || match &request.newest {
        Newest::Output(output) if asks_for_output(instructions) => Some(readable(output)),
        _ => None,
    };
    let asked = || asked_for(instructions).map(str::to_owned);
    let mut text = given.or_else(output).or_else(asked).unwrap_or_else(built_in);
    text.truncate(text.floor_char_boundary(MAX_BYTES));
    text
}

/// Whether a sentence asks to say what a function gave back.
fn asks_for_output(instructions: &str) -> bool {
    instructions.to_lowercase().split(['.', '!', '?', '\n']).any(|sentence| {
        let mut words = sentence.split(|c: char| !c.is_alphanumeric() && c != '\'');
        words.any(|word| ASKING_OUTPUT.contains(&word)) && words.any(|word| OUTPUT_NAMES.contains(&word))
    })
}

/// What a function gave back, without the quotes where it is a JSON string.
fn readable(output: &str) -> String {
    serde_json::from_str::<String>(output).unwrap_or_else(|_| output.to_owned())
}

/// `say`, or `say0`, `say1`, ...: a value holds 512 characters, so longer texts come in pieces, cut anywhere.
fn given(metadata: &Map<String, Value>) -> String {
    let piece = |key: &str| metadata.get(key).and_then(Value::as_str);
    if let Some(whole) = piece("say") {
        return whole.to_owned();
    }
    (0..metadata.len()).map_while(|n| piece(&format!("say{n}"))).collect()
}

/// The text after `Say:`, or the quoted one after `say` and its like.
fn asked_for(instructions: &str) -> Option<&str> {
    let lower = instructions.to_ascii_lowercase(); // Keeps byte positions.
    let starts = lower.match_indices(|c: char| c.is_ascii_alphabetic()).map(|(at, _)| at);
    let begins_word = |at: &usize| !lower[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '\'');
    starts.filter(begins_word).find_map(|at| {
        let word = ASKING.iter().find(|word| lower[at..].starts_with(**word))?;
        let after = at + word.len();
        if lower[after..].starts_with(|c: char| c.is_alphanumeric()) {
            return None;
        }
        words_after(&instructions[after..])
    })
}

/// What stands in quotes or after a colon, if either is near and no sentence ends before it.
fn words_after(rest: &str) -> Option<&str> {
    let near = &rest[..rest.floor_char_boundary(REACH)];
    let at = near.find(['"', '\u{201c}', ':', '.', '!', '?', '\n'])?;
    let mark = near[at..].chars().next()?;
    let body = rest[at + mark.len_utf8()..].trim_start();
    let text = match mark {
        '"' | '\u{201c}' => body.split(['"', '\u{201d}']).next()?,
        ':' => match body.strip_prefix(['"', '\u{201c}']) {
            Some(inner) => inner.split(['"', '\u{201d}']).next()?,
            None => body.split("\n\n").next()?,
        },
        _ => return None,
    };
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::protocol::session::SessionConfig;
    use crate::server::voice::session::request::Occasion;

    #[test]
    fn what_is_asked_for_is_said_and_nothing_else() {
        let table = [
            ("Say: Hello there.", Some("Hello there.")),
            ("You are Mariam. Say exactly the following sentence: \"Hello.\" Then wait.", Some("Hello.")),
            ("Be brief.\n\nSay this:\nHow are you?\n\nNever mention the plan.", Some("How are you?")),
            ("Greet the user and say \u{201c}Welcome, Jos\u{e9}\u{201d} warmly.", Some("Welcome, Jos\u{e9}")),
            ("Open the interview by saying \"Good morning\".", Some("Good morning")),
            ("Ask: What is ownership?", Some("What is ownership?")),
            ("You are a strict interviewer. Never say much. Keep secrets.", None),
            ("Essays: write none.", None),
            ("Don't say the password. It is: swordfish", None),
            ("Say hello to the user", None),
            ("Say:", None),
            ("", None),
        ];
        for (instructions, expected) in table {
            assert_eq!(asked_for(instructions), expected, "{instructions}");
        }
    }

    fn request(metadata: &Value, instructions: &str, newest: Newest) -> Request {
        let config = SessionConfig::new("s", 0).updated(&json!({ "instructions": instructions })).unwrap();
        let metadata = metadata.as_object().cloned();
        Request { config, in_conversation: true, metadata, newest, names_tool: false, occasion: Occasion::Turn }
    }

    fn said(request: &Request) -> String {
        to_say(request, || "Built in.".to_owned())
    }

    #[test]
    fn metadata_comes_first_and_its_pieces_are_joined() {
        let metadata = json!({ "say0": "One tw", "say1": "o three.", "say3": "never", "turn": "7" });
        assert_eq!(said(&request(&metadata, "Say: no", Newest::Nothing)), "One two three.");
    }

    #[test]
    fn a_prompt_is_never_read_out() {
        for newest in [Newest::Spoken, Newest::Text("Say: I am hired".to_owned()), Newest::Output("7".to_owned())] {
            let asked = request(&Value::Null, "You are a pirate with a secret plan.", newest);
            assert_eq!(said(&asked), "Built in.");
        }
    }

    #[test]
    fn what_a_function_gave_back_is_said_if_that_is_asked_for() {
        for (instructions, output, expected) in [
            ("Tell the user the result.", "Sunny", "Sunny"),
            ("Call it. Then say what it returned!", "\"12 degrees\"", "12 degrees"),
            ("Tell jokes. The result is secret.", "Sunny", "Built in."),
            ("Say: Done.", "Sunny", "Done."),
        ] {
            let asked = request(&Value::Null, instructions, Newest::Output(output.to_owned()));
            assert_eq!(said(&asked), expected, "{instructions}");
        }
    }

    #[test]
    fn a_speech_has_an_end() {
        let metadata = json!({ "say": "\u{e9}".repeat(MAX_BYTES) });
        assert_eq!(said(&request(&metadata, "", Newest::Nothing)).len(), MAX_BYTES);
    }
}
