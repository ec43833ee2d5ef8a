//! The one facade between the page and a call. The same type in both builds; the server renders an idle room.

pub mod page;

use leptos::prelude::*;

use crate::engine::device::{Device, Mic, Support};
use crate::engine::interview::report::Report;
use crate::engine::interview::{Question, Snapshot};
use crate::engine::link::steps::Steps;
use crate::engine::link::view::{Clock, Levels, Recording, StartOptions};
use crate::engine::link::{Phase, Route};
use crate::engine::protocol::room::AiState;
use crate::engine::quality::{Measured, Quality};
use crate::engine::transcript::Line;

/// What a component may see of a call, and do with it. [`ReadSignal`] and not `Signal`, which would bring the code of a memo
/// and of a derived signal along for each type.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    // The lobby.
    pub support: ReadSignal<Support>,
    pub mic: ReadSignal<Mic>,
    pub inputs: ReadSignal<Vec<Device>>,
    pub outputs: ReadSignal<Vec<Device>>,
    pub input_id: ReadSignal<Option<String>>,
    pub output_id: ReadSignal<Option<String>>,
    /// The test tone sounds.
    pub testing_speaker: ReadSignal<bool>,
    // Connecting.
    pub phase: ReadSignal<Phase>,
    pub steps: ReadSignal<Steps>,
    pub route: ReadSignal<Route>,
    // The room.
    pub snapshot: ReadSignal<Option<Snapshot>>,
    pub question: ReadSignal<Option<Question>>,
    pub ai: ReadSignal<AiState>,
    /// The candidate is heard speaking.
    pub hearing: ReadSignal<bool>,
    pub lines: ReadSignal<Vec<Line>>,
    pub clock: ReadSignal<Clock>,
    pub muted: ReadSignal<bool>,
    /// The browser blocks sound until the candidate presses something.
    pub sound_blocked: ReadSignal<bool>,
    /// `Escape` was pressed: microphone and sound are silent and the dialog is open.
    pub hushed: ReadSignal<bool>,
    pub quality: ReadSignal<Quality>,
    /// Something important happened that the candidate should read: what happened, what is kept, what to do.
    pub notice: ReadSignal<Option<String>>,
    // Afterwards.
    pub report: ReadSignal<Option<Report>>,
    pub measured: ReadSignal<Measured>,
    pub recordings: ReadSignal<Vec<Recording>>,
    // What can be done.
    pub ask_microphone: Callback<()>,
    pub choose_input: Callback<String>,
    pub choose_output: Callback<String>,
    pub test_speaker: Callback<()>,
    pub start: Callback<StartOptions>,
    /// Try again after a fault, with the same session where there is one.
    pub retry: Callback<()>,
    pub mute: Callback<bool>,
    pub repeat: Callback<()>,
    pub start_sound: Callback<()>,
    pub hush: Callback<bool>,
    pub end: Callback<()>,
    /// The levels of this moment.
    pub levels: Callback<(), Levels>,
}

/// The server renders the idle room. Nothing there can click.
#[cfg(not(feature = "hydrate"))]
#[must_use]
pub fn use_room() -> Room {
    Room::idle()
}

/// The room of this page. Dropping its owner ends the call.
#[cfg(feature = "hydrate")]
#[must_use]
pub fn use_room() -> Room {
    use crate::browser::{Driver, Screen};

    let screen = Screen::default();
    // JS objects are bound to this thread. The owner drops the driver with the component, and the driver ends the call.
    let driver = StoredValue::new_local(None::<Driver>);
    // What a browser can do is known after the first render, which has to be the server's.
    Effect::new(move |_| driver.set_value(Some(Driver::new(screen))));
    // Out of the store first: what a driver does may lead back here.
    let with = move |act: &dyn Fn(&Driver)| {
        if let Some(driver) = driver.try_get_value().flatten() {
            act(&driver);
        }
    };
    Room {
        support: screen.support.read_only(),
        mic: screen.mic.read_only(),
        inputs: screen.inputs.read_only(),
        outputs: screen.outputs.read_only(),
        input_id: screen.input_id.read_only(),
        output_id: screen.output_id.read_only(),
        testing_speaker: screen.testing_speaker.read_only(),
        phase: screen.phase.read_only(),
        steps: screen.steps.read_only(),
        route: screen.route.read_only(),
        snapshot: screen.snapshot.read_only(),
        question: screen.question.read_only(),
        ai: screen.ai.read_only(),
        hearing: screen.hearing.read_only(),
        lines: screen.lines.read_only(),
        clock: screen.clock.read_only(),
        muted: screen.muted.read_only(),
        sound_blocked: screen.sound_blocked.read_only(),
        hushed: screen.hushed.read_only(),
        quality: screen.quality.read_only(),
        notice: screen.notice.read_only(),
        report: screen.report.read_only(),
        measured: screen.measured.read_only(),
        recordings: screen.recordings.read_only(),
        ask_microphone: Callback::new(move |()| with(&Driver::ask_microphone)),
        choose_input: Callback::new(move |id: String| with(&|it| it.choose_input(&id))),
        choose_output: Callback::new(move |id: String| with(&|it| it.choose_output(&id))),
        test_speaker: Callback::new(move |()| with(&Driver::test_speaker)),
        start: Callback::new(move |options: StartOptions| with(&|it| it.start(options.clone()))),
        retry: Callback::new(move |()| with(&Driver::retry)),
        mute: Callback::new(move |muted| with(&|it| it.mute(muted))),
        repeat: Callback::new(move |()| with(&Driver::repeat)),
        start_sound: Callback::new(move |()| with(&Driver::start_sound)),
        hush: Callback::new(move |hushed| with(&|it| it.hush(hushed))),
        end: Callback::new(move |()| with(&Driver::end)),
        levels: Callback::new(move |()| {
            driver.try_get_value().flatten().map_or_else(Levels::default, |it| it.levels())
        }),
    }
}

impl Room {
    /// A room in which nothing happens.
    #[must_use]
    pub fn idle() -> Self {
        Self {
            support: still(Support::Unknown),
            mic: still(Mic::Off),
            inputs: still(Vec::new()),
            outputs: still(Vec::new()),
            input_id: still(None),
            output_id: still(None),
            testing_speaker: still(false),
            phase: still(Phase::Lobby),
            steps: still(Steps::default()),
            route: still(Route::Direct),
            snapshot: still(None),
            question: still(None),
            ai: still(AiState::Listening),
            hearing: still(false),
            lines: still(Vec::new()),
            clock: still(Clock::default()),
            muted: still(false),
            sound_blocked: still(false),
            hushed: still(false),
            quality: still(Quality::default()),
            notice: still(None),
            report: still(None),
            measured: still(Measured::default()),
            recordings: still(Vec::new()),
            ask_microphone: Callback::new(|()| {}),
            choose_input: Callback::new(|_| {}),
            choose_output: Callback::new(|_| {}),
            test_speaker: Callback::new(|()| {}),
            start: Callback::new(|_| {}),
            retry: Callback::new(|()| {}),
            mute: Callback::new(|_| {}),
            repeat: Callback::new(|()| {}),
            start_sound: Callback::new(|()| {}),
            hush: Callback::new(|_| {}),
            end: Callback::new(|()| {}),
            levels: Callback::new(|()| Levels::default()),
        }
    }
}

/// A value that stays as it is.
fn still<T: Send + Sync + 'static>(value: T) -> ReadSignal<T> {
    RwSignal::new(value).read_only()
}

#[cfg(all(test, feature = "hydrate"))]
mod tests {
    use leptos::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::{Room, use_room};
    use crate::engine::device::{Mic, Support};

    async fn until(condition: impl Fn() -> bool) {
        for _ in 0..500 {
            if condition() {
                return;
            }
            gloo_timers::future::TimeoutFuture::new(10).await;
        }
        assert!(condition(), "waited in vain");
    }

    /// S003-40: the component goes, and its driver with all it holds.
    #[wasm_bindgen_test]
    async fn the_driver_goes_with_its_component() -> Result<(), &'static str> {
        let sounds = || document().query_selector("audio").ok().flatten().is_some();
        let room = StoredValue::new(None::<Room>);
        let body = document().body().ok_or("no body")?;
        let page = leptos::mount::mount_to(body, move || {
            room.set_value(Some(use_room()));
        });
        let room = room.get_value().unwrap_or_else(Room::idle);
        assert_eq!(room.support.get_untracked(), Support::Unknown, "the first render is the server's");
        until(|| room.support.get_untracked() == Support::Full).await;
        room.ask_microphone.run(());
        until(|| matches!(room.mic.get_untracked(), Mic::On(_))).await;
        assert!(sounds());
        drop(page);
        until(|| !sounds()).await;
        Ok(())
    }
}
