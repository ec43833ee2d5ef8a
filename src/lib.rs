//! Vivavoce: an interview room on the web.
//!
//! A candidate opens a link, checks the microphone and talks with an AI interviewer over WebRTC. One crate holds the
//! page (compiled to WebAssembly), the server, and an interviewer that speaks without a key, a GPU or a cloud.
//!
//! | module | what it is | may name |
//! |---|---|---|
//! | [`engine`] | every decision, as pure state machines: inputs in, commands out, virtual time | nothing else of ours |
//! | `api` | the server functions and their errors; a body is one call into `server` | `engine`, `server` inside bodies |
//! | `browser` | one owner per JS object and the driver that pumps the engine (feature `hydrate`) | `engine`, `api` |
//! | `server` | router, sessions, director, WebRTC and the embedded provider (feature `ssr`) | `engine`, types of `api` |
//! | `ui` | shell, pages and parts; parts take signals, `use_room()` is the one way to a call | `engine`, `api` |
//!
//! Everything speaks the Realtime protocol: the embedded interviewer is a provider like any other, served on a loopback
//! listener of its own, so that offline use, tests and production run the same code.

// Views are types, and a whole page is a deep one.
#![recursion_limit = "512"]

pub mod engine;

#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod api;
#[cfg(feature = "hydrate")]
pub mod browser;
#[cfg(feature = "ssr")]
pub mod server;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod ui;

/// Takes over the page that the server rendered. Called by the page's own script.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    ui::hydrate::take_over();
}
