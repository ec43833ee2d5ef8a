//! What the driver shows: one signal for each thing that the page may read. Only the driver writes.

use leptos::prelude::*;

use crate::engine::device::{Device, Mic, Support};
use crate::engine::interview::report::Report;
use crate::engine::interview::{Question, Snapshot};
use crate::engine::link::steps::Steps;
use crate::engine::link::view::{Clock, Recording};
use crate::engine::link::{Phase, Route};
use crate::engine::protocol::room::AiState;
use crate::engine::quality::{Measured, Quality};
use crate::engine::transcript::Line;

/// The signals. Owned by the component that made them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    pub support: RwSignal<Support>,
    pub mic: RwSignal<Mic>,
    pub inputs: RwSignal<Vec<Device>>,
    pub outputs: RwSignal<Vec<Device>>,
    pub input_id: RwSignal<Option<String>>,
    pub output_id: RwSignal<Option<String>>,
    pub testing_speaker: RwSignal<bool>,
    pub phase: RwSignal<Phase>,
    pub steps: RwSignal<Steps>,
    pub route: RwSignal<Route>,
    pub snapshot: RwSignal<Option<Snapshot>>,
    pub question: RwSignal<Option<Question>>,
    pub ai: RwSignal<AiState>,
    pub hearing: RwSignal<bool>,
    pub lines: RwSignal<Vec<Line>>,
    pub clock: RwSignal<Clock>,
    pub muted: RwSignal<bool>,
    pub sound_blocked: RwSignal<bool>,
    pub hushed: RwSignal<bool>,
    pub quality: RwSignal<Quality>,
    pub notice: RwSignal<Option<String>>,
    pub report: RwSignal<Option<Report>>,
    pub measured: RwSignal<Measured>,
    pub recordings: RwSignal<Vec<Recording>>,
}

/// Shows `value` if it is news. Nothing happens once the page is gone.
pub fn show<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.try_with_untracked(|shown| *shown != value).unwrap_or(false) {
        signal.set(value);
    }
}
