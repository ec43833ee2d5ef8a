//! The protocol types against the list of events of the OpenAI Realtime API, and against whatever else may arrive.

#[path = "conformance/arbitrary.rs"]
mod arbitrary;
#[path = "conformance/events.rs"]
mod events;
