//! Live captions of both sides, growing word by word for the eyes and line by line for the ears.

use std::sync::Arc;

use leptos::prelude::*;

use crate::engine::interview::Speaker;
use crate::engine::interview::report::clock;
use crate::engine::link::Phase;
use crate::engine::transcript::Line;
use crate::engine::wording;
use crate::ui::derived::Derived;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::{change, press};
use crate::ui::use_room::page::{scroll_to_start, scrolled_px};
use crate::ui::use_room::{Room, Watch};

/// Scrolled back further than this, the newest line is out of sight. CSS pixels.
const READING_BACK_PX: i32 = 40;

/// What scrolls.
const SCROLLER: &str = ".captions .scroller";

/// The captions. The box scrolls from its end (`column-reverse`): the newest line stays in view by itself, and whoever
/// reads back is not moved.
#[component]
pub fn Captions(room: Room, persona: Derived<String>) -> impl IntoView {
    let reading_back = Watch::new(false);
    let ids = Derived::new(move || room.lines.with(|it| it.iter().map(|it| it.item_id.clone()).collect::<Vec<_>>()));
    let finished = Derived::new(move || {
        let count = room.lines.with(|it| wording::finished(it));
        ids.with(|it| it.iter().take(count).cloned().collect::<Vec<_>>())
    });
    let growing = move |id| view! { <CaptionLine room persona id /> }.into_any();
    // It is read aloud as it is when it is finished, and never again.
    let said = move |id: String| {
        let line = room.lines.get_untracked().into_iter().find(|it| it.item_id == id);
        let words = line.map(|it| format!("{}: {}", name(it.speaker, &persona.get_untracked()), wording::line(&it)));
        view! { <li>{words}</li> }.into_any()
    };
    let none = Derived::new(move || ids.with(Vec::is_empty));
    view! {
        <section class="captions" aria-labelledby="captions-title">
            <h2 id="captions-title">"Captions"</h2>
            <div
                class="scroller"
                role="log"
                aria-label="Captions"
                aria-live="polite"
                aria-relevant="additions"
                tabindex="0"
                data-testid="captions"
                on:scroll=change(move |_| reading_back.show(scrolled_px(SCROLLER) < -READING_BACK_PX))
            >
                // The growing words are for the eyes alone.
                <ol class="lines" aria-hidden="true">
                    {each(ids, Arc::new(growing))}
                </ol>
                <ol class="unseen">
                    {each(finished, Arc::new(said))}
                </ol>
            </div>
            {move || {
                none.get().then(|| view! { <p class="empty soft">"What is said appears here as it is spoken."</p> }.into_any())
            }}
            {move || {
                reading_back
                    .get()
                    .then(|| {
                        view! {
                            <button type="button" class="newest" on:click=press(|| scroll_to_start(SCROLLER))>
                                <Icon sign=Sign::ArrowDown />
                                "Newest line"
                            </button>
                        }.into_any()
                    })
            }}
        </section>
    }
    .into_any()
}

/// A view for each line, kept as long as the line is there.
fn each(ids: Derived<Vec<String>>, view: Arc<dyn Fn(String) -> AnyView + Send + Sync>) -> AnyView {
    view! { <For each=move || ids.get() key=Clone::clone children=move |id| view(id) /> }.into_any()
}

#[component]
fn CaptionLine(room: Room, persona: Derived<String>, id: String) -> impl IntoView {
    let line = Derived::new(move || room.lines.with(|it| it.iter().find(|it| it.item_id == id).cloned()));
    let get = move |pick: fn(&Line) -> bool| line.with(|it| it.as_ref().is_some_and(pick)).to_string();
    let speaker = move || line.with(|it| it.as_ref().map_or(Speaker::Interviewer, |it| it.speaker));
    let state = move || {
        let line = line.get()?;
        let growing = room.lines.with(|it| it.last().is_some_and(|it| it.item_id == line.item_id));
        match (line.interrupted, line.solid, growing) {
            (true, _, _) => Some("interrupted"),
            (false, true, _) => None,
            // Before the call nobody speaks: the answer waits to be gone on with.
            (false, false, true) if room.phase.with(|it| *it == Phase::Lobby) => None,
            (false, false, true) => Some("speaking"),
            (false, false, false) => Some("not saved yet"),
        }
    };
    let at = move || clock(line.with(|it| it.as_ref().map_or(0, |it| it.at_ms)) / 1_000 * 1_000);
    let untold = |it: &Line| it.text.is_none();
    view! {
        <li
            data-testid="caption"
            data-speaker=move || match speaker() {
                Speaker::Interviewer => "interviewer",
                Speaker::Candidate => "candidate",
            }
            data-solid=move || get(|it| it.solid)
            data-interrupted=move || get(|it| it.interrupted)
            data-untold=move || get(untold)
        >
            <p class="who">
                <span class="name">{move || name(speaker(), &persona.get())}</span>
                <span class="figures soft">{move || at()}</span>
                {move || state().map(|it| view! { <span class="state">{it}</span> }.into_any())}
            </p>
            <p class="words">{move || line.with(|it| it.as_ref().map(wording::line))}</p>
        </li>
    }
    .into_any()
}

fn name(speaker: Speaker, persona: &str) -> String {
    match speaker {
        Speaker::Interviewer => persona.to_owned(),
        Speaker::Candidate => "You".to_owned(),
    }
}
