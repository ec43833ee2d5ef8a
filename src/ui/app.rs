//! The application: routes and providers.

use leptos::prelude::*;
use leptos_meta::{Html, Meta, Title, provide_meta_context};
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
        <Meta
            name="description"
            content="A quiet room on the web in which you practise a job interview by voice with an AI interviewer."
        />
        <Meta property="og:title" content="Vivavoce: practise the interview out loud" />
        <Meta property="og:image" content="/social.png" />
        <Meta name="theme-color" attr:media="(prefers-color-scheme: light)" content="#fbf9f6" />
        <Meta name="theme-color" attr:media="(prefers-color-scheme: dark)" content="#11151c" />
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
