//! Sound on its way through this server, whoever speaks and listens at its end: the codec, the reorder window, and both
//! together.

pub mod codec;
pub mod hearing;
pub mod jitter;
