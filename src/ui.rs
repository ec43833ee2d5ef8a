//! The page.

pub mod app;
pub mod derived;
#[cfg(feature = "hydrate")]
pub mod hydrate;
pub mod pages;
pub mod parts;
pub mod press;
#[cfg(feature = "ssr")]
pub mod shell;
pub mod use_room;
