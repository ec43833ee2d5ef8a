//! What is left of an interview: the report that the candidate reads and downloads.

use serde::{Deserialize, Serialize};

use super::{EndReason, Tier};
use crate::engine::transcript::Line;

/// The whole report. Times are milliseconds of the interview's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub session_id: String,
    #[serde(default)]
    pub application_id: Option<String>,
    /// The interviewer's name.
    pub persona: String,
    /// Milliseconds since the Unix epoch.
    pub started_at: u64,
    pub duration_ms: u64,
    pub ended: Option<EndReason>,
    pub questions: Vec<QuestionReport>,
    pub transcript: Vec<Line>,
}

/// One question and what was answered to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionReport {
    pub idx: u32,
    pub domain: String,
    #[serde(rename = "difficultyTier")]
    pub tier: Tier,
    pub text: String,
    pub asked: bool,
    pub answers: Vec<Answer>,
}

/// One turn of the candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub at_ms: u64,
    pub spoken_ms: u64,
    /// None for a spoken answer that nobody transcribed.
    pub text: Option<String>,
    /// The answer to a follow-up.
    pub follow_up: bool,
}

/// `0:34`, or `1:02:03` from an hour on.
#[must_use]
pub fn clock(ms: u64) -> String {
    let s = ms / 1_000;
    if s >= 3_600 {
        format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
    } else {
        format!("{}:{:02}", s / 60, s % 60)
    }
}

impl Answer {
    /// The answer in words: its text, or honestly that it was spoken and how long.
    #[must_use]
    pub fn words(&self) -> String {
        self.text.clone().unwrap_or_else(|| format!("Spoken answer, {}", clock(self.spoken_ms)))
    }
}

impl Report {
    /// The questions that were answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.questions.iter().filter(|it| !it.answers.is_empty()).count()
    }

    /// The report as plain text, for copying and for the download.
    #[must_use]
    pub fn to_text(&self) -> String {
        use super::Speaker;
        use std::fmt::Write as _;

        let mut text = format!("Interview report\nSession: {}\n", self.session_id);
        if let Some(id) = &self.application_id {
            _ = writeln!(text, "Application: {id}");
        }
        _ = writeln!(text, "Interviewer: {} (AI)\nDuration: {}", self.persona, clock(self.duration_ms));
        if let Some(ended) = self.ended {
            _ = writeln!(text, "{}", ended.label());
        }
        text.push_str("\nQuestions\n");
        for question in &self.questions {
            _ = writeln!(
                text,
                "\n{}. [{} - {}] {}",
                question.idx + 1,
                question.domain,
                question.tier.label(),
                question.text
            );
            if question.answers.is_empty() {
                text.push_str(if question.asked { "   Not answered.\n" } else { "   Not asked.\n" });
            }
            for answer in &question.answers {
                let follow_up = if answer.follow_up { " (follow-up)" } else { "" };
                _ = writeln!(text, "   {}{follow_up}: {}", clock(answer.at_ms), answer.words());
            }
        }
        text.push_str("\nTranscript\n\n");
        for line in &self.transcript {
            let who = match line.speaker {
                Speaker::Interviewer => self.persona.as_str(),
                Speaker::Candidate => "You",
            };
            let words = line.text.clone().unwrap_or_else(|| format!("(spoken answer, {})", clock(line.spoken_ms)));
            let cut = if line.interrupted { " (interrupted)" } else { "" };
            _ = writeln!(text, "{} {who}: {words}{cut}", clock(line.at_ms));
        }
        text
    }
}
