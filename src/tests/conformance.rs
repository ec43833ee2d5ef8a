//! The protocol types against the list of events of the OpenAI Realtime API, and against whatever else may arrive.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "conformance/arbitrary.rs"]
mod arbitrary;
#[path = "conformance/events.rs"]
mod events;
