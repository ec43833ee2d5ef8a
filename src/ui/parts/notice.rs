//! A fault in plain words: what happened, what to do, and the buttons that do it.

use leptos::prelude::*;

use super::icon::{Icon, Sign};

/// The box for it, announced as an alert.
pub fn fault(sign: Sign, what: &'static str, cure: String, actions: AnyView) -> AnyView {
    view! {
        <div class="notice bad" role="alert">
            <Icon sign />
            <div>
                <p>
                    <strong>{what}</strong>
                </p>
                <p>{cure}</p>
                <p class="actions">{actions}</p>
            </div>
        </div>
    }
    .into_any()
}
