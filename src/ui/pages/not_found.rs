//! Addresses that lead nowhere.

use leptos::prelude::*;

use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::parts::masthead::{Colophon, Masthead};

/// Nothing has this address.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <DeadEnd
            title="There is nothing at this address"
            text="The link may be incomplete, or it may have been meant for another server. Nothing was started and nothing was recorded."
        />
    }
    .into_any()
}

/// The id in the address cannot be that of an application.
#[component]
pub fn BadApplication() -> impl IntoView {
    view! {
        <DeadEnd
            title="This interview link is not complete"
            text="The last part of the address names your application: up to 64 letters, digits, hyphens and underscores. Copy the whole link from your invitation and open it again."
        />
    }
    .into_any()
}

#[component]
fn DeadEnd(title: &'static str, text: &'static str) -> impl IntoView {
    view! {
        <div class="page">
            <Masthead />
            <main id="main" class="dead-end" tabindex="-1">
                <svg class="loose" viewBox="0 0 600 80" aria-hidden="true" focusable="false">
                    <path class="mark-left" d="M4 40H236c22 0 26 10 30 24" />
                    <path class="mark-right" d="M596 40H372c-18 0-26-6-34-20" />
                </svg>
                <h1 data-heading tabindex="-1">
                    {title}
                </h1>
                <p class="lead">{text}</p>
                <p>
                    <a href="/interview" class="button primary">
                        "Start a practice interview"
                        <Icon sign=Sign::Arrow />
                    </a>
                </p>
            </main>
            <Colophon />
        </div>
    }
    .into_any()
}
