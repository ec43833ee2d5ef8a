//! What the page shows of a running call, and what it asks for.

use super::choice::Routes;

/// What the candidate chose in the lobby.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartOptions {
    pub minutes: u32,
    pub application_id: Option<String>,
    pub routes: Routes,
    /// Record the answers in this page's memory, for the report.
    pub record: bool,
}

/// The interview's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    pub elapsed_ms: u64,
    pub left_ms: u64,
    /// It stands still while we are at fault.
    pub running: bool,
}

/// An answer recorded in this page's memory: the number of its question, and an object URL to play and download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    pub question: u32,
    pub url: String,
    pub spoken_ms: u64,
}

/// The sound levels of this moment, 0 to 1, for the string. Read once a frame; not signals, so that nothing re-renders.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    pub interviewer: f32,
    pub candidate: f32,
}
