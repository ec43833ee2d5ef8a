//! The embedded provider: a Realtime server with a voice and ears of its own, and no language model.

pub mod codec;
pub mod ears;
pub mod jitter;
pub mod lexicon;
pub mod persona;
pub mod serve;
pub mod session;
pub mod speech;
