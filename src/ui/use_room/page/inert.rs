//! The functions of the page, where there is no browser.

use crate::engine::link::Route;
use crate::engine::link::choice::Choice;
use crate::engine::string::Scene;

pub fn copy(_text: &str, _done: impl FnOnce(bool) + 'static) {}

pub fn draw_string(_scene: impl Fn() -> Scene + 'static) {}

pub fn every(_period_ms: u32, _tick: impl FnMut() + 'static) {}

pub fn focus_heading() {}

pub fn forget_interview() {}

#[must_use]
pub const fn forced_route() -> Option<Route> {
    None
}

#[must_use]
pub const fn kept_choice() -> Option<Choice> {
    None
}

#[must_use]
pub fn reduced_motion() -> bool {
    false
}

pub fn save(_name: &str, _media_type: &str, _text: &str) {}

pub fn hydrated() {}

pub fn scroll_to_start(_selector: &str) {}

#[must_use]
pub fn scrolled_px(_selector: &str) -> i32 {
    0
}

pub fn show_dialog(_shown: bool) {}

pub fn set_title(_title: &str) {}
