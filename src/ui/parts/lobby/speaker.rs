//! The loudspeaker: a choice and a test sound.

use leptos::prelude::*;

use super::CheckHeading;
use super::microphone::Picker;
use crate::ui::derived::Derived;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::press;
use crate::ui::use_room::{Room, Watch};

/// The loudspeaker's section. Passed once the test sound was played.
#[component]
pub fn SpeakerCheck(room: Room) -> impl IntoView {
    let tested = Watch::new(false);
    let many = Derived::new(move || !room.outputs.with(Vec::is_empty));
    view! {
        <section class="check" aria-labelledby="speaker">
            <CheckHeading id="speaker" title="Sound" passed=Derived::new(move || tested.get()) />
            <div>
                <div class="row">
                    <button
                        type="button"
                        on:click=press(move || {
                            tested.show(true);
                            room.test_speaker.run(());
                        })
                    >
                        <Icon sign=Sign::Speaker />
                        {move || if room.testing_speaker.get() { "Playing" } else { "Play a test sound" }}
                    </button>
                    <p class="reason" role="status">
                        {move || {
                            if room.testing_speaker.get() {
                                "You should hear two soft tones now."
                            } else if tested.get() {
                                "Heard nothing? Turn the volume up or choose another speaker. Headphones are best."
                            } else {
                                "Headphones keep the interviewer's voice out of your microphone."
                            }
                        }}
                    </p>
                </div>
                {move || {
                    many.get()
                        .then(|| {
                            view! {
                                <Picker
                                    id="output"
                                    label="Speaker in use"
                                    devices=room.outputs
                                    chosen=room.output_id
                                    choose=room.choose_output
                                />
                            }.into_any()
                        })
                }}
            </div>
        </section>
    }
    .into_any()
}
