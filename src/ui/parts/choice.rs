//! One thing in a list to choose from.

use leptos::prelude::*;

/// An option of a list. Whether it is `selected` is its state: the attribute of that name would count for nothing once the
/// candidate has picked the option.
pub fn option(value: String, label: String, selected: bool) -> AnyView {
    view! {
        <option value=value prop:selected=selected>
            {label}
        </option>
    }
    .into_any()
}
