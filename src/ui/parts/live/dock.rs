//! The buttons of the room, under the thumb on a phone.

use leptos::prelude::*;

use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::press;
use crate::ui::use_room::Room;

/// Mute, repeat, end.
#[component]
pub fn Dock(room: Room) -> impl IntoView {
    let muted = room.muted;
    let repeat = move || {
        if room.can_repeat.get_untracked() {
            room.repeat.run(());
        }
    };
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
            <button
                type="button"
                class="repeat"
                aria-disabled=move || (!room.can_repeat.get()).to_string()
                aria-describedby="repeat-reason"
                on:click=press(repeat)
            >
                <Icon sign=Sign::Repeat />
                <span>"Repeat question"</span>
            </button>
            <span id="repeat-reason" class="unseen">
                {move || if room.can_repeat.get() { "" } else { "Possible as soon as the interviewer listens to you." }}
            </span>
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

#[cfg(all(test, feature = "hydrate"))]
mod tests {
    use leptos::mount::mount_to;
    use leptos::prelude::*;
    use leptos::task::tick;
    use wasm_bindgen::{JsCast as _, JsValue};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::Dock;
    use crate::ui::use_room::{Room, Watch};

    /// What cannot be done now says so, keeps the focus, and does nothing.
    #[wasm_bindgen_test]
    async fn the_question_is_asked_for_only_when_somebody_hears_it() -> Result<(), JsValue> {
        let owner = Owner::new();
        let (idle, asked) = owner.with(|| (Room::idle(), Watch::new(0)));
        let repeat = owner.with(|| Callback::new(move |()| asked.show(asked.get_untracked() + 1)));
        let room = Room { repeat, ..idle };
        let body = document().body().ok_or("no body")?;
        let page = mount_to(body, move || view! { <Dock room /> });
        let button = document().query_selector(".repeat")?.ok_or("no button")?;
        let button: web_sys::HtmlElement = button.unchecked_into();
        let reason = document().query_selector("#repeat-reason")?.ok_or("no reason")?;
        for (can, times) in [(false, 0), (true, 1), (false, 1)] {
            room.can_repeat.show(can);
            tick().await;
            button.click();
            assert_eq!(button.get_attribute("aria-disabled"), Some((!can).to_string()));
            assert_eq!(reason.text_content().is_some_and(|it| it.contains("listens")), !can);
            assert_eq!(asked.get_untracked(), times);
        }
        drop(page);
        Ok(())
    }
}
