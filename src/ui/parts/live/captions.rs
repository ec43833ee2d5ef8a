//! Live captions of both sides, growing word by word for the eyes and line by line for the ears.

use leptos::html::Div;
use leptos::prelude::*;

use crate::engine::interview::Speaker;
use crate::engine::interview::report::clock;
use crate::engine::transcript::Line;
use crate::engine::wording;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::use_room::Room;

/// Scrolled back further than this, the newest line is out of sight. CSS pixels.
const READING_BACK_PX: i32 = 40;

/// The captions. The box scrolls from its end (`column-reverse`): the newest line stays in view by itself, and whoever
/// reads back is not moved.
#[component]
pub fn Captions(room: Room, persona: Signal<String>) -> impl IntoView {
    let scroller = NodeRef::<Div>::new();
    let reading_back = RwSignal::new(false);
    let ids = Memo::new(move |_| room.lines.with(|it| it.iter().map(|it| it.item_id.clone()).collect::<Vec<_>>()));
    let finished = Memo::new(move |_| {
        let lines = room.lines.get();
        let count = wording::finished(&lines);
        lines.iter().take(count).map(|it| (it.item_id.clone(), it.speaker, wording::line(it))).collect::<Vec<_>>()
    });
    let on_scroll = move |_| {
        let back = scroller.get_untracked().is_some_and(|it| it.scroll_top() < -READING_BACK_PX);
        if back != reading_back.get_untracked() {
            reading_back.set(back);
        }
    };
    let to_newest = move |_| {
        if let Some(scroller) = scroller.get_untracked() {
            scroller.set_scroll_top(0);
        }
    };
    view! {
        <section class="captions" aria-labelledby="captions-title">
            <h2 id="captions-title">"Captions"</h2>
            <div
                class="scroller"
                node_ref=scroller
                role="log"
                aria-label="Captions"
                aria-live="polite"
                aria-relevant="additions"
                tabindex="0"
                data-testid="captions"
                on:scroll=on_scroll
            >
                // The growing words are for the eyes alone.
                <ol class="lines" aria-hidden="true">
                    <For each=move || ids.get() key=Clone::clone let:id>
                        <CaptionLine room persona id />
                    </For>
                </ol>
                <ol class="unseen">
                    <For each=move || finished.get() key=|it| it.0.clone() let:done>
                        <li>{format!("{}: {}", name(done.1, &persona.get_untracked()), done.2)}</li>
                    </For>
                </ol>
            </div>
            <Show when=move || ids.read().is_empty()>
                <p class="empty soft">"What is said appears here as it is spoken."</p>
            </Show>
            <Show when=move || reading_back.get()>
                <button type="button" class="newest" on:click=to_newest>
                    <Icon sign=Sign::ArrowDown />
                    "Newest line"
                </button>
            </Show>
        </section>
    }
    .into_any()
}

#[component]
fn CaptionLine(room: Room, persona: Signal<String>, id: String) -> impl IntoView {
    let line = Memo::new(move |_| room.lines.with(|it| it.iter().find(|it| it.item_id == id).cloned()));
    let get = move |pick: fn(&Line) -> bool| line.read().as_ref().is_some_and(pick).to_string();
    let speaker = move || line.read().as_ref().map_or(Speaker::Interviewer, |it| it.speaker);
    let state = move || {
        let line = line.read();
        let line = line.as_ref()?;
        let growing = room.lines.with(|it| it.last().is_some_and(|it| it.item_id == line.item_id));
        match (line.interrupted, line.solid, growing) {
            (true, _, _) => Some("interrupted"),
            (false, true, _) => None,
            (false, false, true) => Some("speaking"),
            (false, false, false) => Some("not saved yet"),
        }
    };
    let at = move || clock(line.read().as_ref().map_or(0, |it| it.at_ms) / 1_000 * 1_000);
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
                <span class="figures soft">{at}</span>
                {move || state().map(|it| view! { <span class="state">{it}</span> })}
            </p>
            <p class="words">{move || line.read().as_ref().map(wording::line)}</p>
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
