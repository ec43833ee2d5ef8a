//! Every decision of a voice session, as pure state machines.
//!
//! Inputs go in with the time they happened, commands come out, and each machine arms at most one deadline. Nothing here
//! reads a clock, awaits, or knows a browser or a server; both shells use the same code.

pub mod address;
pub mod audio;
pub mod chart;
pub mod device;
pub mod export;
pub mod floor;
pub mod html;
pub mod interview;
pub mod link;
pub mod playout;
pub mod protocol;
pub mod quality;
pub mod remembered;
pub mod response;
pub mod room_view;
pub mod sdp;
pub mod string;
pub mod time;
pub mod transcript;
pub mod wording;
