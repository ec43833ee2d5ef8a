//! What a new provider session is told of the interview so far.
//!
//! A provider forgets everything with its session. Every way back (a broken line, a planned new call, another server)
//! replays the same finished turns from the log, as text: there is no sound to give back, and text is a tenth of the
//! price. The embedded provider gets them too. It has no use for them, but then there is one way back and not two.

use crate::engine::interview::Speaker;
use crate::engine::interview::record::State;
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::server::{Content, Item};
use crate::engine::transcript::Line;

/// What a replay may cost, with four characters to a token.
const TOKENS: usize = 2_000;
const CHARS_PER_TOKEN: usize = 4;
/// Role and framing of an item.
const TOKENS_PER_ITEM: usize = 4;
/// One turn that fills the replay alone would leave nothing of what it answers.
const TOKENS_PER_TURN: usize = 400;
/// A sideband takes so many events at once, with room for what else is said.
const TURNS: usize = 40;

/// What every replayed item's id begins with.
const ID: &str = "vv_turn_";

const BREAK: &str = "The connection was renewed in the middle of this interview. What was said so far follows. Go on from \
                     there: do not greet again, and do not repeat what was said.";

/// The events that tell a fresh provider session what was said, oldest first: one line of the system about the break, then
/// the newest finished turns that fit. Nothing for a session that has not got beyond its greeting, which is said anew.
#[must_use]
pub fn rejoin(state: &State) -> Vec<ClientEvent> {
    if state.asked.is_none() {
        return Vec::new();
    }
    let mut left = TOKENS - tokens(BREAK);
    let mut turns = Vec::new();
    for line in state.lines.iter().rev().take(TURNS) {
        let text = words(line);
        let Some(rest) = left.checked_sub(tokens(&text)) else { break };
        left = rest;
        turns.push(match line.speaker {
            Speaker::Interviewer => ("assistant", "output_text", text),
            Speaker::Candidate => ("user", "input_text", text),
        });
    }
    turns.push(("system", "input_text", BREAK.to_owned()));
    turns.into_iter().rev().enumerate().map(|(n, (role, kind, text))| create(n, role, kind, text)).collect()
}

fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARS_PER_TOKEN) + TOKENS_PER_ITEM
}

/// A line in words. What was spoken without anybody writing it down is said to be just that, never made up.
fn words(line: &Line) -> String {
    let cut = if line.interrupted { " (interrupted)" } else { "" };
    let Some(text) = &line.text else {
        return format!("(spoken answer, {} s, no transcript)", line.spoken_ms.div_ceil(1_000));
    };
    let most = TOKENS_PER_TURN * CHARS_PER_TOKEN;
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}...{cut}", &text[..at]),
        None => format!("{text}{cut}"),
    }
}

fn create(n: usize, role: &str, kind: &str, text: String) -> ClientEvent {
    let content = Content { kind: kind.to_owned(), text: Some(text), ..Content::default() };
    let item = Item {
        id: Some(format!("{ID}{n}")),
        kind: "message".to_owned(),
        role: Some(role.to_owned()),
        content: Some(vec![content]),
        ..Item::default()
    };
    ClientEvent::ConversationItemCreate { item, previous_item_id: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::interview::plan::Plan;
    use crate::engine::interview::record::Record;

    fn state(lines: Vec<Line>) -> State {
        let opened = Record::Opened { plan: Plan::practice(5), application_id: None, started_at: 0 };
        let asked = Record::Asked { idx: 0, follow_up: false, at_ms: 0 };
        let records: Vec<_> =
            [opened, asked].into_iter().chain(lines.into_iter().map(|line| Record::Said { line })).collect();
        State::fold("s", &records)
    }

    /// Role and words of what is replayed, and the size of all of it.
    fn replayed(state: &State) -> (Vec<(String, String)>, usize) {
        let items = rejoin(state).into_iter().map(|event| match event {
            ClientEvent::ConversationItemCreate { item, previous_item_id: None } => item,
            other => panic!("{other:?}"),
        });
        let words: Vec<_> =
            items.map(|it| (it.role.unwrap(), it.content.unwrap().remove(0).text.unwrap_or_default())).collect();
        let size = words.iter().map(|(_, text)| tokens(text)).sum();
        (words, size)
    }

    #[test]
    fn finished_turns_come_back_as_text_after_one_line_about_the_break() {
        let mut spoken = Line { text: None, spoken_ms: 33_400, ..Line::spoken("b", Speaker::Candidate, "") };
        let lines = vec![
            Line::spoken("a", Speaker::Interviewer, "Why?"),
            spoken.clone(),
            Line { interrupted: true, ..Line::spoken("c", Speaker::Interviewer, "And then") },
            Line::spoken("d", Speaker::Candidate, "Because."),
        ];
        let (words, _) = replayed(&state(lines));
        let expected = [
            ("assistant", "Why?"),
            ("user", "(spoken answer, 34 s, no transcript)"),
            ("assistant", "And then (interrupted)"),
            ("user", "Because."),
        ];
        assert_eq!((words[0].0.as_str(), words[0].1.contains("do not greet again")), ("system", true));
        assert_eq!(words[1..].iter().map(|(role, text)| (role.as_str(), text.as_str())).collect::<Vec<_>>(), expected);
        spoken.text = Some("Late words.".to_owned());
        assert_eq!(replayed(&state(vec![spoken])).0[1].1, "Late words.");
    }

    #[test]
    fn a_session_that_has_not_got_beyond_its_greeting_is_told_nothing() {
        let opened = Record::Opened { plan: Plan::practice(5), application_id: None, started_at: 0 };
        let greeting = Line { interrupted: true, ..Line::spoken("a", Speaker::Interviewer, "Hello, I am") };
        for records in [vec![opened.clone()], vec![opened.clone(), Record::Said { line: greeting }]] {
            assert!(rejoin(&State::fold("s", &records)).is_empty());
        }
    }

    /// S003-35: the newest turns within the budget, whatever was said.
    #[test]
    fn a_long_interview_is_replayed_within_its_budget() {
        let said = |n: usize, chars: usize| {
            let speaker = if n.is_multiple_of(2) { Speaker::Interviewer } else { Speaker::Candidate };
            Line::spoken(&n.to_string(), speaker, &format!("{n:04} {}", "\u{e9}".repeat(chars)))
        };
        for (turns, chars, most) in [(300, 5, TURNS), (300, 500, TURNS), (30, 20_000, 4)] {
            let (words, size) = replayed(&state((0..turns).map(|n| said(n, chars)).collect()));
            assert!(size <= TOKENS && words.len() <= most + 1, "{} items of {size} tokens", words.len());
            assert!(words.len() > 3, "{} items", words.len());
            assert!(words.last().unwrap().1.starts_with(&format!("{:04}", turns - 1)), "the newest is the last");
        }
    }

    #[test]
    fn ids_are_short_and_differ() {
        let lines = (0..60).map(|n| Line::spoken(&n.to_string(), Speaker::Interviewer, "So.")).collect();
        let events = serde_json::to_value(rejoin(&state(lines))).unwrap();
        let mut ids: Vec<_> = events.as_array().unwrap().iter().map(|it| it["item"]["id"].as_str().unwrap()).collect();
        assert!(ids.iter().all(|id| id.len() <= 32));
        ids.dedup();
        assert_eq!(ids.len(), TURNS + 1);
    }
}
