//! The buttons of the room, under the thumb on a phone.

use leptos::prelude::*;

use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::press;
use crate::ui::use_room::Room;

/// Mute, repeat, end.
#[component]
pub fn Dock(room: Room) -> impl IntoView {
    let muted = room.muted;
    view! {
        <div class="dock" role="group" aria-label="Controls">
            <button
                type="button"
                class="mute"
                aria-pressed=move || muted.get().to_string()
                on:click=press(move || room.mute.run(!muted.get_untracked()))
            >
                {move || view! { <Icon sign=if muted.get() { Sign::MicrophoneOff } else { Sign::Microphone } /> }.into_any()}
                <span>{move || if muted.get() { "Unmute" } else { "Mute" }}</span>
            </button>
            <button type="button" on:click=press(move || room.repeat.run(()))>
                <Icon sign=Sign::Repeat />
                <span>"Repeat question"</span>
            </button>
            <span class="hint">
                <kbd>"Esc"</kbd>
                " silences everything"
            </span>
            <button type="button" class="end" on:click=press(move || room.end.run(()))>
                <Icon sign=Sign::Leave />
                <span>"End interview"</span>
            </button>
        </div>
    }
    .into_any()
}
