//! The application: routes and providers.

use leptos::prelude::*;

/// The root of the page.
#[component]
pub fn App() -> impl IntoView {
    view! { <p>"Vivavoce"</p> }
}
