//! Owners of JS objects and the driver that pumps the engine. Knows the engine and the API, not the page.

pub mod download;
pub mod page;
pub mod string;
