//! What will happen, how long it takes, what is kept; and the candidate's agreement to it.

use leptos::prelude::*;

use super::{CheckHeading, Choices};
use crate::engine::interview::plan::lengths;
use crate::ui::derived::Derived;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::change;

/// Everything that one should know before agreeing.
#[component]
pub fn WhatHappens(choices: Choices) -> impl IntoView {
    let Choices { consent, minutes, house, .. } = choices;
    let written = if house.transcribes { ", and your words as text" } else { ". Your words are not written down" };
    let questions = move || lengths(house.longest).iter().find(|it| it.0 == minutes.get()).map_or(0, |it| it.1);
    view! {
        <section class="check" aria-labelledby="what">
            <CheckHeading id="what" title="What happens" passed=Derived::new(move || consent.get()) />
            <div>
                <fieldset class="choices" role="radiogroup" aria-labelledby="length">
                    <legend id="length">"Length"</legend>
                    {lengths(house.longest)
                        .into_iter()
                        .map(|(length, count, word)| {
                            view! {
                                <label class="choice">
                                    <input
                                        type="radio"
                                        name="length"
                                        value=length.to_string()
                                        prop:checked=move || minutes.get() == length
                                        checked=length == minutes.get_untracked()
                                        on:change=change(move |_| minutes.show(length))
                                    />
                                    <span>{word}</span>
                                    <small>{format!("{length} min, {count} questions")}</small>
                                </label>
                            }.into_any()
                        })
                        .collect_view()}
                </fieldset>
                <ul class="promises">
                    <li>
                        <Icon sign=Sign::Person />
                        <p>
                            <strong>"You talk with an AI."</strong>
                            " The interviewer is a computer voice. No person listens in."
                        </p>
                    </li>
                    <li>
                        <Icon sign=Sign::Clock />
                        <p>
                            <strong>
                                {move || questions()} " questions in at most " {move || minutes.get()} " minutes."
                            </strong>
                            " Pauses are fine. The clock waits while the line is down."
                        </p>
                    </li>
                    <li>
                        <Icon sign=Sign::Page />
                        <p>
                            <strong>"Kept on the server:"</strong>
                            " the questions, when and how long you spoke"
                            {written}
                            ". Your voice goes to the voice service during the call; the sound is not stored."
                        </p>
                    </li>
                </ul>
                <label class="agree">
                    <input
                        type="checkbox"
                        prop:checked=move || consent.get()
                        on:change=change(move |event| consent.show(event_target_checked(&event)))
                    />
                    <span>"I understand and agree"</span>
                </label>
            </div>
        </section>
    }
    .into_any()
}
