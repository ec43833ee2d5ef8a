//! What connects: the button that starts the interview once the microphone is granted (S003-49, S003-58).

use leptos::prelude::*;

use super::icon::{Icon, Sign};
use super::lobby::Choices;
use crate::engine::wording;
use crate::ui::derived::Derived;
use crate::ui::press::press;
use crate::ui::use_room::{Room, Watch};

/// Connects on the candidate's click. `choices.permitted` is set by the room's `permissions_ready` event; before that the
/// button says what is missing instead of being silently dead.
#[component]
pub fn RealtimeSessionBootstrap(room: Room, choices: Choices, application_id: Watch<Option<String>>) -> impl IntoView {
    let missing = Derived::new(move || {
        wording::missing(choices.support(room), choices.consent.get(), &room.mic.get(), choices.permitted.get())
    });
    let start = move || {
        if missing.get_untracked().is_none() {
            room.start.run(choices.options(application_id.get_untracked()));
        }
    };
    view! {
        <div class="start">
            <button
                type="button"
                class="primary large"
                aria-disabled=move || missing.get().is_some().to_string()
                aria-describedby="start-reason"
                on:click=press(start)
            >
                "Start interview"
                <Icon sign=Sign::Arrow />
            </button>
            <p id="start-reason" class="reason" role="status">
                {move || missing.get().unwrap_or("Everything is ready. The clock starts with the greeting.")}
            </p>
        </div>
    }
    .into_any()
}
