//! The application: what takes over in the browser. Everything else of the site is plain HTML.

use leptos::prelude::*;

use super::derived::effect;
use super::pages::interview::Interview;
use super::parts::arrival;
use super::use_room::page::hydrated;
use super::use_room::use_room;
use crate::engine::interview::plan::House;

/// The interview, from the lobby to the report.
#[component]
pub fn App(application_id: Option<String>, house: House) -> impl IntoView {
    arrival::provide();
    // Effects run in the browser only: from here on every button has its handler.
    effect(hydrated);
    view! {
        <SkipLink />
        <Interview room=use_room() application_id house />
    }
}

/// For the keyboard: past everything that every page has.
#[component]
pub fn SkipLink() -> impl IntoView {
    view! {
        <a class="skip" href="#main">
            "Skip to the content"
        </a>
    }
}
