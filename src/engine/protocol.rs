//! The OpenAI Realtime protocol (GA shape), and the events of our own room channel.
//!
//! Parsers are lenient: unknown keys are ignored, unknown event types become `Unknown`. What we emit carries every field
//! that strict clients check.

pub mod client;
pub mod room;
pub mod server;
pub mod session;
