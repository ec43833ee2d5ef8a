//! What the candidate should read now: what happened, what is kept, what to do.

use leptos::prelude::*;

use crate::engine::link::Phase;
use crate::ui::derived::Derived;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::press;
use crate::ui::use_room::Room;

/// Said while the line is mended and nobody has said it better.
const RECOVERING: &str =
    "The line dropped for a moment. What you said is kept and the clock waits. Reconnecting; you need not do anything.";

/// At most one notice at a time, the most pressing one. Its place is kept free, so that nothing moves.
#[component]
pub fn Notices(room: Room) -> impl IntoView {
    let notice = Derived::new(move || match (room.phase.get(), room.notice.get()) {
        (_, Some(notice)) => Some(notice),
        (Phase::Recovering, None) => Some(RECOVERING.to_owned()),
        _ => None,
    });
    let muted = Derived::new(move || {
        room.muted.get() && !room.hushed.get() && notice.with(Option::is_none) && !room.sound_blocked.get()
    });
    view! {
        <div class="notices">
            <div role="alert">
                {move || {
                    notice
                        .get()
                        .map(|it| {
                            view! {
                                <p class="notice caution" data-testid="notice">
                                    <Icon sign=Sign::Caution />
                                    <span>{it}</span>
                                </p>
                            }.into_any()
                        })
                }}
            </div>
            {move || {
                room.sound_blocked
                    .get()
                    .then(|| {
                        view! {
                            <div class="notice caution" role="alert" data-testid="sound-blocked">
                                <Icon sign=Sign::Speaker />
                                <div>
                                    <p>"Your browser holds the sound back until you press something."</p>
                                    <p class="actions">
                                        <button type="button" class="primary" on:click=press(move || room.start_sound.run(()))>
                                            "Turn sound on"
                                        </button>
                                    </p>
                                </div>
                            </div>
                        }.into_any()
                    })
            }}
            {move || {
                muted
                    .get()
                    .then(|| {
                        view! {
                            <p class="notice own" data-testid="muted">
                                <Icon sign=Sign::MicrophoneOff />
                                <span>"You are muted. Nobody hears you until you choose \u{201c}Unmute\u{201d}."</span>
                            </p>
                        }.into_any()
                    })
            }}
        </div>
    }
    .into_any()
}
