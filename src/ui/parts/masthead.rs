//! What stands above and below every page.

use leptos::prelude::*;

use super::theme::ThemeSwitch;
use crate::engine::string::Shape;

/// The name of the house, and the switch for its colours.
#[component]
pub fn Masthead() -> impl IntoView {
    view! {
        <header class="masthead">
            <a href="/" class="wordmark">
                <svg viewBox="0 0 48 24" aria-hidden="true" focusable="false">
                    <path class="mark-left" d="M2 12c3 0 3.5-7 7-7s4 14 7.5 14 3.5-7 7.5-7" />
                    <path class="mark-right" d="M24 12c4 0 4-5 7-5s3.5 10 6.5 10 3.5-5 8.5-5" />
                </svg>
                "Vivavoce"
            </a>
            <ThemeSwitch />
        </header>
    }
    .into_any()
}

/// The small print.
#[component]
pub fn Colophon() -> impl IntoView {
    view! {
        <footer class="colophon">
            <p>"Vivavoce. The interviewer is a computer and says so. Open source, MIT or Apache 2.0."</p>
        </footer>
    }
    .into_any()
}

/// The string with both voices on it, as a still picture.
#[component]
pub fn StillString() -> impl IntoView {
    let shape = Shape::portrait();
    let stroke = |factor: f32, class: &'static str| {
        view! { <path class=class d=shape.path(1_200.0, 200.0, factor) stroke="url(#voices)" /> }.into_any()
    };
    view! {
        <svg class="still" viewBox="0 0 1200 200" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <defs>
                <linearGradient id="voices" gradientUnits="userSpaceOnUse" x1="0" y1="0" x2="1200" y2="0">
                    <stop class="stop-left" offset="0" />
                    <stop class="stop-left" offset="0.42" />
                    <stop class="stop-rest" offset="0.54" />
                    <stop class="stop-right" offset="0.66" />
                    <stop class="stop-right" offset="1" />
                </linearGradient>
            </defs>
            {stroke(-0.45, "ghost")}
            {stroke(0.5, "ghost")}
            {stroke(1.0, "string")}
        </svg>
    }
    .into_any()
}
