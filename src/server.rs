//! The server: router, sessions, the director that conducts an interview, WebRTC, and the embedded provider.

pub mod auth;
pub mod config;
pub mod headers;
pub mod limit;
pub mod listen;
pub mod provider;
pub mod room;
pub mod router;
pub mod routes;
pub mod rtc;
pub mod site;
pub mod voice;
