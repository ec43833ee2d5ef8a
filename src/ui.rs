//! The page.

pub mod app;
pub mod pages;
pub mod parts;
pub mod shell;
pub mod use_room;
