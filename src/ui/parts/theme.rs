//! The switch for the page's colours.

use leptos::prelude::*;

use super::icon::{Icon, Sign};
use crate::engine::theme::Theme;
use crate::ui::use_room::page::{stored_theme, wear};

/// The colours that the page wears.
#[derive(Clone, Copy, Debug)]
pub struct Wearing(pub RwSignal<Theme>);

/// Gives all parts below the colours. What an earlier visit chose is known only in the browser.
pub fn provide() {
    let theme = RwSignal::new(Theme::System);
    provide_context(Wearing(theme));
    Effect::new(move |_| theme.set(stored_theme()));
}

/// System, light or dark.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let theme = use_context::<Wearing>().map_or_else(|| RwSignal::new(Theme::System), |it| it.0);
    let choice = move |it: Theme| {
        view! {
            <label title=it.label()>
                <input
                    type="radio"
                    name="theme"
                    value=it.name()
                    prop:checked=move || theme.get() == it
                    on:change=move |_| {
                        theme.set(it);
                        wear(it);
                    }
                />
                <Icon sign=match it {
                    Theme::System => Sign::Screen,
                    Theme::Light => Sign::Sun,
                    Theme::Dark => Sign::Moon,
                } />
                <span class="unseen">{it.label()}</span>
            </label>
        }
    };
    view! {
        <fieldset class="theme">
            <legend class="unseen">"Colours"</legend>
            {Theme::ALL.map(choice).collect_view()}
        </fieldset>
    }
    .into_any()
}
