//! What parts may ask of the browser besides the call. The same functions in both builds; on the server nothing happens,
//! and nothing calls them there but effects and event handlers, which do not run.

#[cfg(not(feature = "hydrate"))]
mod inert;

#[cfg(feature = "hydrate")]
pub use crate::browser::page::{
    clear, copy, draw_string, every, focus_heading, forced_route, forget_interview, house, hydrated, kept_choice, path,
    reduced_motion, save, scroll_to_start, scrolled_px, set_title, show_dialog,
};
#[cfg(not(feature = "hydrate"))]
pub use inert::{
    copy, draw_string, every, focus_heading, forced_route, forget_interview, hydrated, kept_choice, reduced_motion,
    save, scroll_to_start, scrolled_px, set_title, show_dialog,
};
