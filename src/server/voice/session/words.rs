//! What to say. There is no language model: the words are given, or asked for, or one of a few of our own.

use serde_json::{Map, Value};

/// Said when nobody says what to say.
const REMARKS: [&str; 4] = [
    "Thank you. Please go on when you are ready.",
    "I see. Could you tell me a little more about that?",
    "Thank you, that is helpful. Is there anything that you would like to add?",
    "All right. Could you give me a concrete example?",
];

/// Words that ask for what stands after them, the longest first where one begins another.
const ASKING: [&str; 8] = ["saying", "say", "read aloud", "read out", "speak", "ask", "repeat", "greet"];

/// How far the words may be from the one that asks for them, in bytes: `Say exactly the following sentence:`.
const REACH: usize = 60;

/// Longer speeches are cut: ten minutes is an answer that nobody waits for.
const MAX_BYTES: usize = 8 * 1024;

/// The words of a response: those of the metadata, else those that the instructions ask for, else a polite remark.
/// Instructions themselves are never read out.
pub(super) fn to_say(metadata: Option<&Map<String, Value>>, instructions: &[&str], remark: usize) -> String {
    let given = metadata.map(given).filter(|text| !text.trim().is_empty());
    let asked = || instructions.iter().find_map(|text| asked_for(text)).map(str::to_owned);
    let mut text = given.or_else(asked).unwrap_or_else(|| REMARKS[remark % REMARKS.len()].to_owned());
    text.truncate(text.floor_char_boundary(MAX_BYTES));
    text
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

    #[test]
    fn metadata_comes_first_and_its_pieces_are_joined() {
        let metadata = json!({ "say0": "One tw", "say1": "o three.", "say3": "never", "turn": "7" });
        let said = to_say(metadata.as_object(), &["Say: no"], 0);
        assert_eq!(said, "One two three.");
    }

    #[test]
    fn without_words_a_polite_remark_is_made_and_never_an_echo() {
        for remark in 0..9 {
            let said = to_say(None, &["You are a pirate with a secret plan."], remark);
            assert!(REMARKS.contains(&said.as_str()));
        }
        assert_ne!(to_say(None, &[], 0), to_say(None, &[], 1));
    }

    #[test]
    fn a_speech_has_an_end() {
        let metadata = json!({ "say": "\u{e9}".repeat(MAX_BYTES) });
        assert_eq!(to_say(metadata.as_object(), &[], 0).len(), MAX_BYTES);
    }
}
