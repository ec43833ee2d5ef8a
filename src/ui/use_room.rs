//! The one facade between the page and a call. The same type in both builds; the server renders an idle room.

#[cfg(not(feature = "hydrate"))]
mod inert;
pub mod page;

use leptos::prelude::*;

use crate::engine::device::{Device, Mic, Support};
use crate::engine::interview::report::Report;
use crate::engine::interview::{Question, Snapshot};
use crate::engine::link::choice::Choice;
use crate::engine::link::steps::Steps;
use crate::engine::link::view::{Clock, Levels, Recording, StartOptions};
use crate::engine::link::{Phase, Route};
use crate::engine::protocol::room::AiState;
use crate::engine::quality::{Measured, Quality};
use crate::engine::transcript::Line;

#[cfg(feature = "hydrate")]
pub use crate::browser::Watch;
#[cfg(not(feature = "hydrate"))]
pub use inert::Watch;

/// What a component may see of a call, and do with it.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    // The lobby.
    pub support: Watch<Support>,
    pub mic: Watch<Mic>,
    pub inputs: Watch<Vec<Device>>,
    pub outputs: Watch<Vec<Device>>,
    pub input_id: Watch<Option<String>>,
    pub output_id: Watch<Option<String>>,
    /// The test tone sounds.
    pub testing_speaker: Watch<bool>,
    // Connecting.
    pub phase: Watch<Phase>,
    pub steps: Watch<Steps>,
    pub route: Watch<Route>,
    /// What the candidate chose of the routes.
    pub choice: Watch<Choice>,
    // The room.
    pub snapshot: Watch<Option<Snapshot>>,
    /// Another tab of this browser is or was in an interview that this one may go on with.
    pub elsewhere: Watch<bool>,
    pub question: Watch<Option<Question>>,
    pub ai: Watch<AiState>,
    /// Whoever asks for the question again is heard, and gets it.
    pub can_repeat: Watch<bool>,
    /// The candidate is heard speaking.
    pub hearing: Watch<bool>,
    pub lines: Watch<Vec<Line>>,
    pub clock: Watch<Clock>,
    pub muted: Watch<bool>,
    /// The browser blocks sound until the candidate presses something.
    pub sound_blocked: Watch<bool>,
    /// `Escape` was pressed: microphone and sound are silent and the dialog is open.
    pub hushed: Watch<bool>,
    pub quality: Watch<Quality>,
    /// Something important happened that the candidate should read: what happened, what is kept, what to do.
    pub notice: Watch<Option<String>>,
    // Afterwards.
    pub report: Watch<Option<Report>>,
    pub measured: Watch<Measured>,
    pub recordings: Watch<Vec<Recording>>,
    // What can be done.
    pub ask_microphone: Callback<()>,
    pub choose_input: Callback<String>,
    pub choose_output: Callback<String>,
    pub test_speaker: Callback<()>,
    pub start: Callback<StartOptions>,
    /// Go on with the interview that this tab was in before it was loaded anew, or that another tab is or was in.
    pub resume: Callback<StartOptions>,
    /// Take another route, in the next pause.
    pub choose_route: Callback<Choice>,
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
    use super::derived::effect;
    use crate::browser::{Driver, Screen};

    let screen = Screen::default();
    // JS objects are bound to this thread. The owner drops the driver with the component, and the driver ends the call.
    let driver = StoredValue::new_local(None::<Driver>);
    // What a browser can do is known after the first render, which has to be the server's.
    effect(move || driver.set_value(Some(Driver::new(screen))));
    // Out of the store first: what a driver does may lead back here.
    let with = move |act: &dyn Fn(&Driver)| {
        if let Some(driver) = driver.try_get_value().flatten() {
            act(&driver);
        }
    };
    Room {
        support: screen.support,
        mic: screen.mic,
        inputs: screen.inputs,
        outputs: screen.outputs,
        input_id: screen.input_id,
        output_id: screen.output_id,
        testing_speaker: screen.testing_speaker,
        phase: screen.phase,
        steps: screen.steps,
        route: screen.route,
        choice: screen.choice,
        snapshot: screen.snapshot,
        elsewhere: screen.elsewhere,
        question: screen.question,
        ai: screen.ai,
        can_repeat: screen.can_repeat,
        hearing: screen.hearing,
        lines: screen.lines,
        clock: screen.clock,
        muted: screen.muted,
        sound_blocked: screen.sound_blocked,
        hushed: screen.hushed,
        quality: screen.quality,
        notice: screen.notice,
        report: screen.report,
        measured: screen.measured,
        recordings: screen.recordings,
        ask_microphone: Callback::new(move |()| with(&Driver::ask_microphone)),
        choose_input: Callback::new(move |id: String| with(&|it| it.choose_input(&id))),
        choose_output: Callback::new(move |id: String| with(&|it| it.choose_output(&id))),
        test_speaker: Callback::new(move |()| with(&Driver::test_speaker)),
        start: Callback::new(move |options: StartOptions| with(&|it| it.start(options.clone()))),
        resume: Callback::new(move |options: StartOptions| with(&|it| it.resume(options.clone()))),
        choose_route: Callback::new(move |choice| with(&|it| it.choose_route(choice))),
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
            support: Watch::new(Support::Unknown),
            mic: Watch::new(Mic::Off),
            inputs: Watch::new(Vec::new()),
            outputs: Watch::new(Vec::new()),
            input_id: Watch::new(None),
            output_id: Watch::new(None),
            testing_speaker: Watch::new(false),
            phase: Watch::new(Phase::Lobby),
            steps: Watch::new(Steps::default()),
            route: Watch::new(Route::Direct),
            choice: Watch::new(Choice::Automatic),
            snapshot: Watch::new(None),
            elsewhere: Watch::new(false),
            question: Watch::new(None),
            ai: Watch::new(AiState::Listening),
            can_repeat: Watch::new(false),
            hearing: Watch::new(false),
            lines: Watch::new(Vec::new()),
            clock: Watch::new(Clock::default()),
            muted: Watch::new(false),
            sound_blocked: Watch::new(false),
            hushed: Watch::new(false),
            quality: Watch::new(Quality::default()),
            notice: Watch::new(None),
            report: Watch::new(None),
            measured: Watch::new(Measured::default()),
            recordings: Watch::new(Vec::new()),
            ask_microphone: Callback::new(|()| {}),
            choose_input: Callback::new(|_| {}),
            choose_output: Callback::new(|_| {}),
            test_speaker: Callback::new(|()| {}),
            start: Callback::new(|_| {}),
            resume: Callback::new(|_| {}),
            choose_route: Callback::new(|_| {}),
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
