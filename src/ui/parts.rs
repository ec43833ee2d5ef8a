//! The parts that pages are made of. They take signals, never JS objects.
//!
//! In a view stands `{move || text()}`, not `{text}`: a closure that is written out there shares its machinery with all others of
//! the same result (`erase_components`), and one that is named brings its own.

pub mod arrival;
pub mod bootstrap;
pub mod choice;
pub mod connecting;
pub mod figure;
pub mod icon;
pub mod live;
pub mod lobby;
pub mod masthead;
pub mod notice;
pub mod report;
pub mod theme;
