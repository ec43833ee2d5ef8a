//! The functions of the page, where there is no browser.

use leptos::html::Canvas;
use leptos::prelude::*;

use crate::engine::string::Scene;

pub fn copy(_text: &str, _done: impl FnOnce(bool) + 'static) {}

pub fn draw_string(_canvas: NodeRef<Canvas>, _scene: impl Fn() -> Scene + 'static) {}

pub fn every(_period_ms: u32, _tick: impl FnMut() + 'static) {}

pub fn focus_heading() {}

#[must_use]
pub fn reduced_motion() -> bool {
    false
}

pub fn save(_name: &str, _media_type: &str, _text: &str) {}

pub fn hydrated() {}

pub fn set_title(_title: &str) {}
