//! Owners of JS objects and the driver that pumps the engine. Knows the engine and the API, not the page.
//!
//! Every owner cleans up in `Drop`: what is dropped holds no listener, no open microphone and no connection.

pub mod announce;
pub mod clock;
pub mod devices;
pub mod download;
pub mod driver;
pub mod error;
pub mod listener;
pub mod meter;
pub mod mic;
pub mod page;
pub mod peer;
pub mod recorder;
pub mod room_socket;
pub mod screen;
pub mod signal;
pub mod socket_audio;
pub mod speaker;
pub mod stats;
pub mod storage;
pub mod string;
pub mod tone;
pub mod wake;
pub mod watch;

pub use driver::Driver;
pub use error::BrowserError;
pub use listener::Listener;
pub use screen::Screen;
pub use watch::Watch;

#[cfg(test)]
mod tests;
