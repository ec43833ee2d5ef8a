//! The lobby: what will happen, consent, then microphone and sound, then the start.

pub mod choices;
pub mod comeback;
pub mod consent;
pub mod microphone;
pub mod speaker;

use leptos::prelude::*;

use self::choices::{ConnectionChoice, RecordChoice};
use self::comeback::Comeback;
use self::consent::WhatHappens;
use self::microphone::MicrophoneCheck;
use self::speaker::SpeakerCheck;
use super::arrival;
use super::bootstrap::RealtimeSessionBootstrap;
use super::icon::{Icon, Sign};
use crate::engine::device::Support;
use crate::engine::interview::plan::{House, lengths};
use crate::engine::link::Route;
use crate::engine::link::choice::{Choice, Routes};
use crate::engine::link::view::StartOptions;
use crate::ui::derived::Derived;
use crate::ui::use_room::page::{forced_route, kept_choice};
use crate::ui::use_room::{Room, Watch};

/// What the candidate chooses here. Outlives the lobby: a second try asks nothing again.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    pub consent: Watch<bool>,
    pub house: House,
    /// The length of the interview.
    pub minutes: Watch<u32>,
    /// Record the answers in this page's memory.
    pub record: Watch<bool>,
    /// How the sound travels.
    pub choice: Watch<Choice>,
    /// The route that the page's address asks for.
    forced: Option<Route>,
    /// The room announced `permissions_ready`.
    pub permitted: Watch<bool>,
}

impl Choices {
    /// The choices before anything is chosen: the standard length, or the longest below it that this server allows.
    #[must_use]
    pub fn new(house: House) -> Self {
        let standard = lengths(house.longest).into_iter().map(|it| it.0).rfind(|minutes| *minutes <= 10);
        let forced = forced_route().filter(|route| !(house.sealed && *route == Route::Direct));
        let choice = match forced {
            None => house.preselect(kept_choice()),
            Some(Route::Direct | Route::Relay) => Choice::WebRtc,
            Some(Route::Socket) => Choice::WebSocket,
        };
        Self {
            choice: Watch::new(choice),
            forced,
            consent: Watch::new(false),
            house,
            minutes: Watch::new(standard.unwrap_or(house.longest)),
            record: Watch::new(false),
            permitted: Watch::new(false),
        }
    }

    fn routes(&self, choice: Choice) -> Routes {
        let mut routes = Routes::new(choice, self.house.fallback).pinned(self.forced);
        routes.told(self.house.webrtc);
        routes
    }

    /// What the interview is to be started with.
    #[must_use]
    pub fn options(&self, application_id: Option<String>) -> StartOptions {
        StartOptions {
            minutes: self.minutes.get_untracked(),
            application_id,
            routes: self.routes(self.choice.get_untracked()),
            record: self.record.get_untracked(),
        }
    }

    /// What the browser can do, as far as it is needed: without WebRTC there is still the Socket.
    #[must_use]
    pub fn support(&self, room: Room) -> Support {
        match room.support.get() {
            Support::NoWebRtc if self.routes(self.choice.get()).can_do_without_webrtc() => Support::Full,
            support => support,
        }
    }
}

/// Everything before the call.
#[component]
pub fn Lobby(room: Room, choices: Choices, application_id: Watch<Option<String>>) -> impl IntoView {
    arrival::focus_when_shown();
    view! {
        <div class="lobby">
            <header>
                <h1 data-heading tabindex="-1">
                    "Before you start"
                </h1>
                <p class="lead">"Take your time here. The clock starts with the greeting, not before."</p>
                {move || {
                    application_id
                        .get()
                        .map(|it| view! { <p class="soft">"Application " <span class="code">{it}</span></p> }.into_any())
                }}
            </header>
            <Comeback room choices application_id />
            <Unsupported room choices />
            <WhatHappens choices />
            <MicrophoneCheck room choices />
            <SpeakerCheck room />
            <RecordChoice choices />
            <ConnectionChoice choices />
            <RealtimeSessionBootstrap room choices application_id />
        </div>
    }
    .into_any()
}

/// Says what this browser cannot do, and where to go instead.
#[component]
fn Unsupported(room: Room, choices: Choices) -> impl IntoView {
    let words = move || match room.support.get() {
        Support::Unknown | Support::Full => None,
        // Good to know, and nothing to be afraid of.
        Support::NoWebRtc if choices.support(room) == Support::Full => Some((
            "notice caution",
            "status",
            "This browser has no WebRTC, and does not need it here.",
            "The sound takes another way, over a WebSocket. For you nothing changes, and there is nothing to do.",
        )),
        Support::NoWebRtc => Some((
            "notice bad",
            "alert",
            "This browser cannot carry a call.",
            "Open this page in a current Chrome, Edge, Firefox or Safari. If this is one of them, an extension or a policy has switched WebRTC off.",
        )),
        Support::NoMicrophone => Some((
            "notice bad",
            "alert",
            "This browser has no way to a microphone.",
            "Open this page in a current Chrome, Edge, Firefox or Safari, not inside another app.",
        )),
        Support::Insecure => Some((
            "notice bad",
            "alert",
            "This page was opened over an insecure address.",
            "Browsers give a microphone only to https pages and to http://localhost. Open the same address with https, or on the computer that runs the server.",
        )),
    };
    view! {
        <noscript>
            <p class="notice bad">"The room needs JavaScript. Switch it on for this page and load it again."</p>
        </noscript>
        {move || {
            words()
                .map(|(class, role, what, cure)| {
                    view! {
                        <div class=class role=role data-testid="unsupported">
                            <Icon sign=Sign::Caution />
                            <div>
                                <p>
                                    <strong>{what}</strong>
                                </p>
                                <p>{cure}</p>
                            </div>
                        </div>
                    }.into_any()
                })
        }}
    }
    .into_any()
}

/// The heading of a check, with its tick once it is passed.
#[component]
fn CheckHeading(id: &'static str, title: &'static str, passed: Derived<bool>) -> impl IntoView {
    view! {
        <h2 id=id>
            {title}
            <span class="tick" data-on=move || passed.get().to_string()>
                <Icon sign=Sign::Check />
                <span class="unseen">{move || if passed.get() { "done" } else { "" }}</span>
            </span>
        </h2>
    }
    .into_any()
}
