//! The application: routes and providers.

use leptos::prelude::*;
use leptos_meta::{Html, Title, provide_meta_context};
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::path;

use super::pages::interview::InterviewPage;
use super::pages::not_found::NotFound;
use super::pages::start::Start;
use super::parts::arrival;
use super::parts::theme;

/// The root of the page.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    theme::provide();
    arrival::provide();
    // Effects run in the browser only: from here on every button has its handler.
    let hydrated = RwSignal::new(false);
    Effect::new(move |_| hydrated.set(true));
    view! {
        <Html {..} data-hydrated=move || hydrated.get().to_string() />
        <Title formatter=|title: String| format!("{title} · Vivavoce") />
        <Router>
            <a class="skip" href="#main" rel="external">
                "Skip to the content"
            </a>
            <FlatRoutes fallback=NotFound>
                <Route path=path!("") view=Start />
                <Route path=path!("/interview") view=InterviewPage />
                <Route path=path!("/interview/new/:application_id") view=InterviewPage />
            </FlatRoutes>
        </Router>
    }
}
