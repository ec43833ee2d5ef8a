//! The switch for the page's colours. Static: `public/theme.js` remembers and applies the choice on every page, before
//! the first paint and without the browser part.

use leptos::prelude::*;

use super::icon::{Icon, Sign};

/// As it is remembered and the value of `html[data-theme]`, as the switch says it, and its icon.
const THEMES: [(&str, &str, Sign); 3] = [
    ("system", "Colours of the system", Sign::Screen),
    ("light", "Light colours", Sign::Sun),
    ("dark", "Dark colours", Sign::Moon),
];

/// System, light or dark.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let choice = |(name, label, sign): (&'static str, &'static str, Sign)| {
        view! {
            <label title=label>
                <input type="radio" name="theme" value=name />
                <Icon sign />
                <span class="unseen">{label}</span>
            </label>
        }
        .into_any()
    };
    view! {
        <fieldset class="theme">
            <legend class="unseen">"Colours"</legend>
            {THEMES.map(choice).collect_view()}
        </fieldset>
    }
    .into_any()
}
