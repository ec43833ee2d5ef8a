//! The interview: its plan, the log it is a fold of, and the policy that conducts it.

pub mod asks;
pub mod cost;
pub mod director;
pub mod plan;
pub mod record;
pub mod report;

use serde::{Deserialize, Serialize};

use super::protocol::room::{AiState, RoomEvent};
use super::time::Epoch;
use super::transcript::Line;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    Interviewer,
    Candidate,
}

/// How hard a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    Warmup,
    Core,
    Stretch,
}

impl Tier {
    /// The tier in words.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Warmup => "Warm-up",
            Self::Core => "Core",
            Self::Stretch => "Stretch",
        }
    }
}

/// The payload of `question.ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Counts from zero.
    pub idx: u32,
    pub total: u32,
    pub domain: String,
    #[serde(rename = "difficultyTier")]
    pub tier: Tier,
    pub text: String,
    /// This asks for more on the question before it, under the same number.
    #[serde(default)]
    pub follow_up: bool,
}

/// Why an interview is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Every question was asked and answered.
    Completed,
    /// The candidate ended it.
    Finished,
    TimeUp,
    /// Nobody was there for as long as a session waits.
    Idle,
    /// The session, or this day, has cost as much as it may.
    Budget,
    /// The candidate's side changed the call again and again.
    Tampered,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Completed, Self::Finished, Self::TimeUp, Self::Idle, Self::Budget, Self::Tampered];

    /// Its name in logs and metrics, as it travels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Finished => "finished",
            Self::TimeUp => "time_up",
            Self::Idle => "idle",
            Self::Budget => "budget",
            Self::Tampered => "tampered",
        }
    }

    /// The reason in plain words.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Completed => "All questions were asked.",
            Self::Finished => "You ended the interview.",
            Self::TimeUp => "The time was up.",
            Self::Idle => "Nobody was in the room for a while, so it was closed.",
            Self::Budget => {
                "The service had reached its limit, so the interview was closed. Everything up to there is kept."
            }
            Self::Tampered => "The call was changed from this browser, so the interview was closed.",
        }
    }
}

/// Everything that a page needs to draw the room: sent when it enters, and when it comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub session_id: String,
    #[serde(default)]
    pub application_id: Option<String>,
    /// The interviewer's name.
    pub persona: String,
    /// How many questions there are.
    pub total: u32,
    pub minutes: u32,
    #[serde(default)]
    pub question: Option<Question>,
    #[serde(default)]
    pub lines: Vec<Line>,
    #[serde(default)]
    pub ai: AiState,
    #[serde(default)]
    pub elapsed_ms: u64,
    #[serde(default)]
    pub left_ms: u64,
    /// Whether the candidate's words are written down. Without that a turn is a "spoken answer".
    #[serde(default)]
    pub transcribes: bool,
    #[serde(default)]
    pub ended: Option<EndReason>,
    /// Names the numbering of the room's events. A page that comes back names it, and gets what it missed.
    #[serde(default)]
    pub epoch: Epoch,
}

impl Snapshot {
    /// The state of the room as the events that lead to it, for those who were not there (S003-63).
    #[must_use]
    pub fn events(&self) -> Vec<RoomEvent> {
        let question = self.question.clone().map(RoomEvent::QuestionReady);
        question.into_iter().chain([RoomEvent::AiState { state: self.ai }]).collect()
    }
}
