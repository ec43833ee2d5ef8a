//! What the page says in words: who has the floor, what was spoken, how long something took.

use super::device::{Mic, Support};
use super::interview::report::clock;
use super::interview::{Question, Speaker};
use super::link::Phase;
use super::link::steps::{Step, StepState, Steps};
use super::protocol::room::AiState;
use super::quality::{Quality, Verdict};
use super::transcript::Line;

/// What the interviewer is called before the room has told its name.
pub const INTERVIEWER: &str = "The interviewer";

/// What is going on, in one short sentence: the text that says the same as the string.
#[must_use]
pub fn floor(phase: &Phase, ai: AiState, hearing: bool, muted: bool, persona: &str) -> String {
    match (phase, ai) {
        (Phase::Recovering, _) => "Reconnecting".to_owned(),
        (_, AiState::Speaking) => format!("{persona} is speaking"),
        (_, AiState::Thinking) => format!("{persona} is thinking"),
        (_, AiState::Listening) if muted => "You are muted".to_owned(),
        (_, AiState::Listening) if hearing => "You are speaking".to_owned(),
        (_, AiState::Listening) => format!("{persona} is listening"),
    }
}

/// `Question 2 of 5`, or what comes before the first.
#[must_use]
pub fn question_number(question: Option<&Question>) -> String {
    question.map_or_else(|| "Welcome".to_owned(), |it| format!("Question {} of {}", it.idx + 1, it.total))
}

/// The words of a line: its text, or honestly that it was spoken and how long.
#[must_use]
pub fn line(line: &Line) -> String {
    match &line.text {
        Some(text) => text.clone(),
        None if line.speaker == Speaker::Candidate => format!("Spoken answer, {}", clock(line.spoken_ms)),
        None => String::new(),
    }
}

/// How many of the lines, from the first, are finished and may be read aloud. A growing line is announced once, when it
/// stands: not word by word.
#[must_use]
pub fn finished(lines: &[Line]) -> usize {
    let growing = lines.last().is_some_and(|it| !it.solid && !it.interrupted);
    lines.len() - usize::from(growing)
}

/// `126 ms`, `1.4 ms` below ten, `1.4 s` from a second on.
#[must_use]
pub fn duration(ms: f64) -> String {
    match ms {
        ..10.0 if ms.fract() != 0.0 => format!("{ms:.1} ms"),
        ..1_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1_000.0),
    }
}

/// How a step of connecting stands, in words.
#[must_use]
pub fn step(state: StepState) -> String {
    match state {
        StepState::Pending => "waiting".to_owned(),
        StepState::Active => "now".to_owned(),
        StepState::Done { ms } => duration(f64::from(ms)),
        StepState::Failed => "failed".to_owned(),
    }
}

/// How much of the connection stands, 0 to 1. A step under way counts half.
#[must_use]
pub fn connected(steps: &Steps) -> f32 {
    let halves: u8 = Step::ALL
        .into_iter()
        .map(|it| match steps.state(it) {
            StepState::Done { .. } => 2,
            StepState::Active => 1,
            StepState::Pending | StepState::Failed => 0,
        })
        .sum();
    f32::from(halves) / 10.0
}

/// The line's quality for the badge, without figures: they change too often to be read aloud.
#[must_use]
pub fn quality(quality: &Quality) -> &'static str {
    match quality.verdict() {
        Verdict::Unknown => "measuring the line",
        Verdict::Good => "good line",
        Verdict::Fair => "fair line",
        Verdict::Poor => "poor line",
    }
}

/// What keeps the interview from being started, with what to do about it. None: it can start.
#[must_use]
pub fn missing(support: Support, consent: bool, mic: &Mic, permitted: bool) -> Option<&'static str> {
    let reason = match support {
        Support::Unknown => "One moment: the page is getting ready.",
        Support::NoWebRtc => "This browser cannot carry the call. Use a current Chrome, Edge, Firefox or Safari.",
        Support::NoMicrophone => {
            "This browser gives no page a microphone. Use a current Chrome, Edge, Firefox or Safari."
        }
        Support::Insecure => "The microphone needs a secure page. Open this address with https.",
        Support::Full if !consent => "To start, read what happens above and agree to it.",
        Support::Full => match mic {
            Mic::Off => "To start, turn on the microphone.",
            Mic::Asking => "To start, allow the microphone in your browser's question.",
            Mic::Failed(_) => "To start, bring the microphone back: what to do is said beside it.",
            Mic::On(_) if permitted => return None,
            Mic::On(_) => "One moment: the microphone is getting ready.",
        },
    };
    Some(reason)
}

/// Whether `id` can be the id of an application: up to 64 of `[A-Za-z0-9_-]`.
#[must_use]
pub fn is_application_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_' || it == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::device::{MicFault, MicGiven};

    #[test]
    fn mute_never_hides_what_the_interviewer_does() {
        let live = Phase::Live;
        for (ai, muted, hearing, expected) in [
            (AiState::Speaking, true, false, "Mariam is speaking"),
            (AiState::Thinking, true, false, "Mariam is thinking"),
            (AiState::Listening, true, true, "You are muted"),
            (AiState::Listening, false, true, "You are speaking"),
            (AiState::Listening, false, false, "Mariam is listening"),
        ] {
            assert_eq!(floor(&live, ai, hearing, muted, "Mariam"), expected);
        }
        assert_eq!(floor(&Phase::Recovering, AiState::Speaking, false, false, "Mariam"), "Reconnecting");
    }

    #[test]
    fn a_growing_line_is_not_read_aloud_until_it_stands() {
        let mut lines = vec![
            Line { solid: true, ..Line::spoken("a", Speaker::Interviewer, "Hello.") },
            Line::spoken("b", Speaker::Interviewer, "Tell me"),
        ];
        assert_eq!(finished(&lines), 1);
        lines[1].interrupted = true;
        assert_eq!(finished(&lines), 2);
        lines.push(Line::spoken("c", Speaker::Interviewer, "And"));
        assert_eq!(finished(&lines), 2);
        assert_eq!(finished(&[]), 0);
    }

    #[test]
    fn an_answer_without_text_is_said_honestly() {
        let answer = Line { text: None, spoken_ms: 34_200, ..Line::spoken("u", Speaker::Candidate, "") };
        assert_eq!(line(&answer), "Spoken answer, 0:34");
    }

    #[test]
    fn the_string_is_drawn_in_by_the_steps() {
        let mut steps = Steps::default();
        assert!(connected(&steps).abs() < f32::EPSILON);
        steps.set(Step::Microphone, StepState::Done { ms: 12 });
        steps.set(Step::Api, StepState::Active);
        assert!((connected(&steps) - 0.3).abs() < 1e-6);
        for it in Step::ALL {
            steps.set(it, StepState::Done { ms: 1 });
        }
        assert!((connected(&steps) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn s003_50_application_ids_are_bounded() {
        for good in ["a", "APP-2026_11", &"x".repeat(64)] {
            assert!(is_application_id(good), "{good}");
        }
        for bad in ["", "a b", "ä", "../etc", &"x".repeat(65)] {
            assert!(!is_application_id(bad), "{bad}");
        }
    }

    #[test]
    fn a_start_that_cannot_be_pressed_says_why() {
        let on = Mic::On(MicGiven::default());
        for support in [Support::Unknown, Support::NoWebRtc, Support::NoMicrophone, Support::Insecure] {
            assert!(missing(support, true, &on, true).is_some(), "{support:?}");
        }
        assert!(missing(Support::Full, false, &on, true).is_some_and(|it| it.contains("agree")));
        for mic in [Mic::Off, Mic::Asking, Mic::Failed(MicFault::Busy)] {
            assert!(missing(Support::Full, true, &mic, false).is_some(), "{mic:?}");
        }
        // S003-58: the grant alone is not enough, the event that announces it must have come.
        assert!(missing(Support::Full, true, &on, false).is_some());
        assert_eq!(missing(Support::Full, true, &on, true), None);
    }

    #[test]
    fn durations_are_read_easily() {
        for (ms, words) in [(126.4, "126 ms"), (1_440.0, "1.4 s"), (1.44, "1.4 ms"), (3.0, "3 ms"), (0.0, "0 ms")] {
            assert_eq!(duration(ms), words);
        }
    }
}
