//! `Escape`: microphone and sound are silent at once, and a dialog asks whether this was the end (S002-41).

use leptos::ev;
use leptos::prelude::*;

use crate::ui::derived::effect;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::{change, press};
use crate::ui::use_room::Room;
use crate::ui::use_room::page::show_dialog;

/// Listens for `Escape` as long as the room is shown.
#[component]
pub fn HushDialog(room: Room) -> impl IntoView {
    effect(move || {
        let listener = window_event_listener(ev::keydown, move |event| {
            if event.key() == "Escape" && !event.repeat() {
                // The dialog follows the signal; the browser's own closing would go past it.
                event.prevent_default();
                room.hush.run(!room.hushed.get_untracked());
            }
        });
        on_cleanup(move || listener.remove());
    });
    effect(move || show_dialog(room.hushed.get()));
    let go_back = move || {
        if room.hushed.get_untracked() {
            room.hush.run(false);
        }
    };
    view! {
        <dialog
            class="hush"
            aria-labelledby="hush-title"
            aria-describedby="hush-text"
            on:cancel=change(move |event| {
                event.prevent_default();
                go_back();
            })
            on:close=change(move |_| go_back())
        >
            <h2 id="hush-title">"Everything is silent"</h2>
            <p id="hush-text">
                "Your microphone and the interviewer are off. What you said so far is kept. Do you want to end the interview?"
            </p>
            <div class="actions">
                <button type="button" class="end" on:click=press(move || room.end.run(()))>
                    <Icon sign=Sign::Leave />
                    "End interview"
                </button>
                <button type="button" on:click=press(go_back)>
                    "Go back"
                </button>
            </div>
            <p class="soft">
                <kbd>"Enter"</kbd>
                " ends, "
                <kbd>"Esc"</kbd>
                " goes back."
            </p>
        </dialog>
    }
    .into_any()
}
