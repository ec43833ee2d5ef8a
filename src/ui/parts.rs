//! The parts that pages are made of. They take signals, never JS objects.

pub mod arrival;
pub mod bootstrap;
pub mod connecting;
pub mod figure;
pub mod icon;
pub mod live;
pub mod lobby;
pub mod masthead;
pub mod notice;
pub mod report;
pub mod theme;
