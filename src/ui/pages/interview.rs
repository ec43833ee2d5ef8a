//! `/interview` and `/interview/new/:application_id`: the interview, from the lobby to the report.

use leptos::ev;
use leptos::prelude::*;

use crate::engine::device::Mic;
use crate::engine::interview::plan::House;
use crate::engine::link::Phase;
use crate::ui::derived::{Derived, effect};
use crate::ui::parts::connecting::Connecting;
use crate::ui::parts::live::Live;
use crate::ui::parts::lobby::{Choices, Lobby};
use crate::ui::parts::masthead::{Colophon, Masthead};
use crate::ui::parts::report::ReportPage;
use crate::ui::use_room::page::set_title;
use crate::ui::use_room::{Room, Watch};

/// What is on the screen: several phases share one, so that nothing is rebuilt when the line wobbles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Screen {
    #[default]
    Lobby,
    Connecting,
    Live,
    Report,
}

impl Screen {
    const fn of(phase: &Phase) -> Self {
        match phase {
            Phase::Lobby => Self::Lobby,
            Phase::Connecting | Phase::Failed(_) => Self::Connecting,
            Phase::Live | Phase::Recovering => Self::Live,
            Phase::Ending | Phase::Ended(_) => Self::Report,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Lobby => "lobby",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Report => "report",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Lobby => "Before you start",
            Self::Connecting => "Connecting",
            Self::Live => "Interview",
            Self::Report => "Your report",
        }
    }
}

/// The room with everything in it.
#[component]
pub fn Interview(room: Room, application_id: Option<String>, house: House) -> impl IntoView {
    let choices = Choices::new(house);
    let application_id = Watch::new(application_id);
    let screen = Derived::new(move || room.phase.with(Screen::of));
    // The driver announces a grant as an event of the page, for this and for other parts of it (S003-58). A microphone
    // that went away takes the permission with it.
    effect(move || {
        if !room.mic.with(|it| matches!(it, Mic::On(_) | Mic::Asking)) {
            choices.permitted.show(false);
        }
    });
    effect(move || set_title(screen.get().title()));
    view! {
        <div class="page" data-screen=move || screen.get().name()>
            <Masthead />
            <main
                id="main"
                class="room"
                tabindex="-1"
                data-testid="room"
                data-phase=move || room.phase.with(Phase::name)
                data-route=move || room.route.get().name()
                data-ai=move || room.ai.get().name()
                data-question=move || room.question.get().map(|it| (it.idx + 1).to_string())
                on:permissions_ready=move |_: ev::CustomEvent| choices.permitted.show(true)
            >
                {move || match screen.get() {
                    Screen::Lobby => view! { <Lobby room choices application_id /> }.into_any(),
                    Screen::Connecting => view! { <Connecting room /> }.into_any(),
                    Screen::Live => view! { <Live room fallback=house.fallback /> }.into_any(),
                    Screen::Report => view! { <ReportPage room /> }.into_any(),
                }}
            </main>
            <Colophon />
        </div>
    }
    .into_any()
}
