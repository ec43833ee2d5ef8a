//! What parts may ask of the browser besides the call. The same functions in both builds; on the server nothing happens,
//! and nothing calls them there but effects and event handlers, which do not run.

#[cfg(feature = "hydrate")]
pub use crate::browser::page::{
    announce, copy, draw_string, every, focus_heading, reduced_motion, save, stored_theme, wear,
};
#[cfg(not(feature = "hydrate"))]
pub use inert::{announce, copy, draw_string, every, focus_heading, reduced_motion, save, stored_theme, wear};

#[cfg(not(feature = "hydrate"))]
mod inert {
    use leptos::html::{Canvas, Main};
    use leptos::prelude::*;

    use crate::engine::string::Scene;
    use crate::engine::theme::Theme;

    pub fn announce(_root: NodeRef<Main>, _event: &str) {}
    pub fn copy(_text: &str, _done: impl FnOnce(bool) + 'static) {}
    pub fn draw_string(_canvas: NodeRef<Canvas>, _scene: impl Fn() -> Scene + 'static) {}
    pub fn every(_period_ms: u32, _tick: impl FnMut() + 'static) {}
    pub fn focus_heading() {}
    #[must_use]
    pub fn reduced_motion() -> bool {
        false
    }
    pub fn save(_name: &str, _media_type: &str, _text: &str) {}
    #[must_use]
    pub fn stored_theme() -> Theme {
        Theme::System
    }
    pub fn wear(_theme: Theme) {}
}
