//! The microphone: asked for only after consent, shown with its level, and cured when it fails.

use leptos::prelude::*;

use super::{CheckHeading, Choices};
use crate::engine::device::{Device, Mic, MicFault, MicGiven};
use crate::ui::derived::{Derived, effect};
use crate::ui::parts::choice::option;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::parts::notice;
use crate::ui::press::{change, press};
use crate::ui::use_room::page::{every, reduced_motion};
use crate::ui::use_room::{Room, Watch};

/// Bars of the level meter.
const BARS: u8 = 24;
/// From this level on somebody speaks.
const SPEECH: f32 = 0.12;

/// The microphone's section.
#[component]
pub fn MicrophoneCheck(room: Room, choices: Choices) -> impl IntoView {
    let on = Derived::new(move || room.mic.with(|it| matches!(it, Mic::On(_))));
    // A level or a label that changes must not rebuild the meter.
    let kind = Derived::new(move || match room.mic.get() {
        Mic::Off => Kind::Off,
        Mic::Asking => Kind::Asking,
        Mic::On(_) => Kind::On,
        Mic::Failed(fault) => Kind::Failed(fault),
    });
    view! {
        <section class="check" aria-labelledby="microphone" data-testid="microphone" data-mic=move || kind.get().name()>
            <CheckHeading id="microphone" title="Microphone" passed=on />
            <div>
                {move || match kind.get() {
                    Kind::Off => view! { <Ask room choices /> }.into_any(),
                    Kind::Asking => {
                        view! {
                            <p class="waiting" role="status">
                                <Icon sign=Sign::Turning />
                                "Your browser is asking. Choose \u{201c}Allow\u{201d}."
                            </p>
                        }
                            .into_any()
                    }
                    Kind::On => view! { <Open room /> }.into_any(),
                    Kind::Failed(fault) => view! { <Fault room fault /> }.into_any(),
                }}
            </div>
        </section>
    }
    .into_any()
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Off,
    Asking,
    On,
    Failed(MicFault),
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Asking => "asking",
            Self::On => "on",
            Self::Failed(_) => "failed",
        }
    }
}

#[component]
fn Ask(room: Room, choices: Choices) -> impl IntoView {
    let ask = move || {
        if choices.consent.get_untracked() {
            room.ask_microphone.run(());
        }
    };
    view! {
        <div class="row">
            <button
                type="button"
                aria-disabled=move || (!choices.consent.get()).to_string()
                aria-describedby="microphone-reason"
                on:click=press(ask)
            >
                <Icon sign=Sign::Microphone />
                "Turn on the microphone"
            </button>
            <p id="microphone-reason" class="reason">
                {move || {
                    if choices.consent.get() {
                        "Your browser asks you for permission."
                    } else {
                        "It stays off until you have agreed above."
                    }
                }}
            </p>
        </div>
    }
    .into_any()
}

#[component]
fn Fault(room: Room, fault: MicFault) -> impl IntoView {
    let actions = view! {
        <button type="button" on:click=press(move || room.ask_microphone.run(()))>
            <Icon sign=Sign::Repeat />
            "Try again"
        </button>
    };
    notice::fault(Sign::MicrophoneOff, fault.what(), fault.cure().to_owned(), actions.into_any())
}

#[component]
fn Open(room: Room) -> impl IntoView {
    let given = move || match room.mic.get() {
        Mic::On(given) => given,
        Mic::Off | Mic::Asking | Mic::Failed(_) => MicGiven::default(),
    };
    view! {
        <LevelMeter room />
        <Picker
            id="input"
            label="Microphone in use"
            devices=room.inputs
            chosen=room.input_id
            choose=room.choose_input
        />
        <details class="fold">
            <summary>"Details"</summary>
            <dl class="facts-list">{move || facts(&given())}</dl>
        </details>
    }
    .into_any()
}

/// The level, with a word once the voice was heard.
#[component]
fn LevelMeter(room: Room) -> impl IntoView {
    let level = Watch::new(0.0_f32);
    let heard = Watch::new(false);
    effect(move || {
        let period_ms = if reduced_motion() { 250 } else { 66 };
        let mut loud = 0_u32;
        every(period_ms, move || {
            let now = room.levels.run(()).candidate.clamp(0.0, 1.0);
            level.show(now);
            loud = if now > SPEECH { loud + period_ms } else { 0 };
            if loud >= 200 && !heard.get_untracked() {
                heard.show(true);
            }
        });
    });
    let lit = Derived::new(move || (level.get() * f32::from(BARS)).round() as u8);
    view! {
        <div class="meter">
            <div
                class="meter-bars"
                role="meter"
                aria-label="Microphone level"
                aria-valuemin="0"
                aria-valuemax=BARS.to_string()
                aria-valuenow=move || lit.get().to_string()
            >
                {(0..BARS).map(|it| view! { <i data-on=move || (lit.get() > it).to_string()></i> }.into_any()).collect_view()}
            </div>
            <p role="status" data-testid="heard">
                {move || if heard.get() { "We hear you. Your microphone works." } else { "Say a few words: the bars should move." }}
            </p>
        </div>
    }
    .into_any()
}

/// A list of devices to choose from.
#[component]
pub fn Picker(
    id: &'static str,
    label: &'static str,
    devices: Watch<Vec<Device>>,
    chosen: Watch<Option<String>>,
    choose: Callback<String>,
) -> impl IntoView {
    let options = move || {
        let chosen = chosen.get();
        let is_chosen = |it: &Device| chosen.as_ref() == Some(&it.id);
        devices.get().into_iter().map(|it| option(it.id.clone(), it.label.clone(), is_chosen(&it))).collect_view()
    };
    view! {
        <label class="picker" for=id>
            <span>{label}</span>
            <select id=id on:change=change(move |event| choose.run(event_target_value(&event)))>
                {move || options()}
            </select>
        </label>
    }
    .into_any()
}

/// What the device gave, as it differs from what was asked for.
fn facts(given: &MicGiven) -> impl IntoView + use<> {
    let yes_no = |it: Option<bool>| match it {
        Some(true) => "on",
        Some(false) => "off",
        None => "not told",
    };
    let rate = given.sample_rate_hz.map_or_else(|| "not told".to_owned(), |it| format!("{it} Hz"));
    let channels = given.channels.map_or_else(|| "not told".to_owned(), |it| it.to_string());
    [
        ("Device", if given.label.is_empty() { "not named".to_owned() } else { given.label.clone() }),
        ("Sample rate (24000 Hz asked for)", rate),
        ("Channels (1 asked for)", channels),
        ("Echo cancellation", yes_no(given.echo_cancellation).to_owned()),
        ("Noise suppression", yes_no(given.noise_suppression).to_owned()),
    ]
    .map(|(name, value)| {
        view! {
            <div>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
        .into_any()
    })
    .collect_view()
}
