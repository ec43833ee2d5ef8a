//! Two choices with a good default: a recording that stays here, and how the sound travels.

use leptos::prelude::*;

use super::Choices;
use crate::engine::link::choice::Choice;
use crate::ui::press::change;

/// Whether this page keeps the answers as sound, for the candidate alone.
#[component]
pub fn RecordChoice(choices: Choices) -> impl IntoView {
    let record = choices.record;
    view! {
        <section class="check" aria-labelledby="recording">
            <h2 id="recording">"Recording"</h2>
            <div>
                <label class="agree">
                    <input
                        type="checkbox"
                        aria-describedby="recording-note"
                        prop:checked=move || record.get()
                        on:change=change(move |event| record.show(event_target_checked(&event)))
                    />
                    <span>"Record my answers in this page's memory"</span>
                </label>
                <p id="recording-note" class="soft indent">
                    "So that you can listen to them in the report. The recording never leaves this device and is gone when you close the page."
                </p>
            </div>
        </section>
    }
    .into_any()
}

/// How the sound travels.
#[component]
pub fn ConnectionChoice(choices: Choices) -> impl IntoView {
    let chosen = choices.choice;
    view! {
        <section class="check" aria-labelledby="connection">
            <h2 id="connection">"Connection"</h2>
            <div>
                <fieldset class="choices" role="radiogroup" aria-labelledby="connection">
                    {Choice::offered(choices.house.fallback)
                        .map(|it| {
                            view! {
                                <label class="choice">
                                    <input
                                        type="radio"
                                        name="connection"
                                        value=it.name()
                                        prop:checked=move || chosen.get() == it
                                        checked=it == chosen.get_untracked()
                                        on:change=change(move |_| chosen.show(it))
                                    />
                                    <span>{it.label()}</span>
                                    <small>{it.meaning()}</small>
                                </label>
                            }.into_any()
                        })
                        .collect_view()}
                </fieldset>
            </div>
        </section>
    }
    .into_any()
}
