//! A page that was loaded anew in the middle of an interview, or opened in place of another: where it stood, and the way
//! back.

use leptos::prelude::*;

use super::Choices;
use crate::engine::wording;
use crate::ui::derived::Derived;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::parts::live::captions::Captions;
use crate::ui::parts::live::persona;
use crate::ui::press::press;
use crate::ui::use_room::{Room, Watch};

/// Shown as soon as our server knows the interview of this tab, or where another tab has left one.
#[component]
pub fn Comeback(room: Room, choices: Choices, application_id: Watch<Option<String>>) -> impl IntoView {
    let back = Derived::new(move || room.elsewhere.get() || room.snapshot.with(Option::is_some));
    move || back.get().then(|| view! { <Continue room choices application_id /> }.into_any())
}

#[component]
fn Continue(room: Room, choices: Choices, application_id: Watch<Option<String>>) -> impl IntoView {
    let here = Derived::new(move || room.snapshot.with(Option::is_some));
    let waits = move || {
        if here.get() {
            "What was said is kept, and the clock stands still. Below you can start a new one instead."
        } else {
            "What was said is kept. If another tab is in it still, it moves here. Below you can start a new one instead."
        }
    };
    let number = move || here.get().then(|| room.question.with(|it| wording::question_number(it.as_ref())));
    let text = move || room.question.get().map(|it| it.text);
    view! {
        <section class="check" aria-labelledby="continue" data-testid="continue">
            <h2 id="continue">"Your interview"</h2>
            <div>
                <p role="status">
                    <strong>"It waits for you. "</strong>
                    {move || waits()}
                </p>
                <div class="row">
                    <button
                        type="button"
                        class="primary"
                        on:click=press(move || room.resume.run(choices.options(application_id.get_untracked())))
                    >
                        "Continue your interview"
                        <Icon sign=Sign::Arrow />
                    </button>
                    <p class="reason">{move || number()}</p>
                </div>
                <p class="waits" data-testid="question">{move || text()}</p>
                // Of an interview that another tab has, nothing is known yet.
                {move || here.get().then(|| view! { <Captions room persona=Derived::new(move || persona(room)) /> }.into_any())}
            </div>
        </section>
    }
    .into_any()
}
