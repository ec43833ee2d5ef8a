//! The application: routes and providers.

use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::{
    components::{Route, Router, Routes},
    path,
};

/// The root of the page.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Effect::new(|| {
        if let Some(root) = document().document_element() {
            _ = root.set_attribute("data-hydrated", "true");
        }
    });
    view! {
        <Router>
            <Routes fallback=|| view! { <h1>"There is no such page"</h1> }>
                <Route path=path!("/") view=|| view! { <h1>"Vivavoce"</h1> } />
                <Route path=path!("/interview") view=|| view! { <h1>"Interview"</h1> } />
                <Route path=path!("/interview/new/:application_id") view=|| view! { <h1>"Interview"</h1> } />
            </Routes>
        </Router>
    }
}
