//! What the driver shows: one watch for each thing that the page may read. Only the driver writes.

use super::watch::Watch;
use crate::engine::device::{Device, Mic, Support};
use crate::engine::interview::report::Report;
use crate::engine::interview::{Question, Snapshot};
use crate::engine::link::choice::Choice;
use crate::engine::link::steps::Steps;
use crate::engine::link::view::{Clock, Recording};
use crate::engine::link::{Phase, Route};
use crate::engine::protocol::room::AiState;
use crate::engine::quality::{Measured, Quality};
use crate::engine::transcript::Line;

/// The watches. Owned by the component that made them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    pub support: Watch<Support>,
    pub mic: Watch<Mic>,
    pub inputs: Watch<Vec<Device>>,
    pub outputs: Watch<Vec<Device>>,
    pub input_id: Watch<Option<String>>,
    pub output_id: Watch<Option<String>>,
    pub testing_speaker: Watch<bool>,
    pub phase: Watch<Phase>,
    pub steps: Watch<Steps>,
    pub route: Watch<Route>,
    pub choice: Watch<Choice>,
    pub snapshot: Watch<Option<Snapshot>>,
    pub elsewhere: Watch<bool>,
    pub question: Watch<Option<Question>>,
    pub ai: Watch<AiState>,
    pub can_repeat: Watch<bool>,
    pub hearing: Watch<bool>,
    pub lines: Watch<Vec<Line>>,
    pub clock: Watch<Clock>,
    pub muted: Watch<bool>,
    pub sound_blocked: Watch<bool>,
    pub hushed: Watch<bool>,
    pub quality: Watch<Quality>,
    pub notice: Watch<Option<String>>,
    pub report: Watch<Option<Report>>,
    pub measured: Watch<Measured>,
    pub recordings: Watch<Vec<Recording>>,
}
