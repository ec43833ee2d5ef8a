//! `Escape`: microphone and sound are silent at once, and a dialog asks whether this was the end (S002-41).

use leptos::ev;
use leptos::html::{Button, Dialog};
use leptos::prelude::*;

use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::use_room::Room;

/// Listens for `Escape` as long as the room is shown.
#[component]
pub fn HushDialog(room: Room) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    let end = NodeRef::<Button>::new();
    Effect::new(move |_| {
        let listener = window_event_listener(ev::keydown, move |event| {
            if event.key() == "Escape" && !event.repeat() {
                // The dialog follows the signal; the browser's own closing would go past it.
                event.prevent_default();
                room.hush.run(!room.hushed.get_untracked());
            }
        });
        on_cleanup(move || listener.remove());
    });
    Effect::new(move |_| {
        let (Some(dialog), hushed) = (dialog.get(), room.hushed.get()) else { return };
        if hushed && !dialog.open() {
            _ = dialog.show_modal();
            if let Some(end) = end.get_untracked() {
                _ = end.focus();
            }
        } else if !hushed && dialog.open() {
            // Closing gives the focus back to where it was.
            dialog.close();
        }
    });
    let go_back = move || {
        if room.hushed.get_untracked() {
            room.hush.run(false);
        }
    };
    view! {
        <dialog
            class="hush"
            node_ref=dialog
            aria-labelledby="hush-title"
            aria-describedby="hush-text"
            on:cancel=move |event: ev::Event| {
                event.prevent_default();
                go_back();
            }
            on:close=move |_| go_back()
        >
            <h2 id="hush-title">"Everything is silent"</h2>
            <p id="hush-text">
                "Your microphone and the interviewer are off. What you said so far is kept. Do you want to end the interview?"
            </p>
            <div class="actions">
                <button type="button" class="end" node_ref=end on:click=move |_| room.end.run(())>
                    <Icon sign=Sign::Leave />
                    "End interview"
                </button>
                <button type="button" on:click=move |_| go_back()>
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
