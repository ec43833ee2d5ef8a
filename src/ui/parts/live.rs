//! The room while the interview runs: top line, stage, captions, dock.

pub mod captions;
pub mod dock;
pub mod hush;
pub mod notices;
pub mod topline;

use std::sync::Arc;

use leptos::prelude::*;

use self::captions::Captions;
use self::dock::Dock;
use self::hush::HushDialog;
use self::notices::Notices;
use self::topline::TopLine;
use super::arrival;
use super::figure::StringFigure;
use crate::engine::link::Phase;
use crate::engine::protocol::room::AiState;
use crate::engine::string::Scene;
use crate::engine::wording;
use crate::ui::derived::Derived;
use crate::ui::use_room::Room;

/// A question of more letters than this is set smaller, so that it is read without scrolling.
const LONG: usize = 160;

/// The room. `fallback`: the link may go on over a WebSocket by itself.
#[component]
pub fn Live(room: Room, fallback: bool) -> impl IntoView {
    arrival::focus_when_shown();
    let persona = Derived::new(move || persona(room));
    let recovering = Derived::new(move || room.phase.with(|it| matches!(it, Phase::Recovering)));
    let words = Derived::new(move || {
        let muted = room.muted.get() || room.hushed.get();
        wording::floor(&room.phase.get(), room.ai.get(), room.hearing.get(), muted, &persona.get())
    });
    let scene = Arc::new(move || {
        let levels = room.levels.run(());
        let lost = recovering.get_untracked();
        Scene {
            interviewer: if lost { 0.0 } else { levels.interviewer },
            candidate: if lost { 0.0 } else { levels.candidate },
            thinking: lost || room.ai.get_untracked() == AiState::Thinking,
            muted: room.muted.get_untracked() || room.hushed.get_untracked(),
            drawn: 1.0,
        }
    });
    view! {
        <div class="live" data-recovering=move || recovering.get().to_string()>
            <TopLine room fallback />
            <section class="stage" aria-label="Stage">
                <StringFigure scene words />
                <p class="floor" data-testid="floor" data-muted=move || room.muted.get().to_string()>
                    {move || words.get()}
                </p>
                <QuestionCard room />
                <Notices room />
            </section>
            <Captions room persona />
            <Dock room />
            <HushDialog room />
        </div>
    }
    .into_any()
}

/// The interviewer's name, once it is known.
pub(in crate::ui) fn persona(room: Room) -> String {
    room.snapshot.with(|it| it.as_ref().map_or_else(|| wording::INTERVIEWER.to_owned(), |it| it.persona.clone()))
}

/// The question that is being asked or answered.
#[component]
fn QuestionCard(room: Room) -> impl IntoView {
    let kind = move || {
        room.question.get().map(|it| {
            let follow_up = if it.follow_up { " · Follow-up" } else { "" };
            format!("{} · {}{follow_up}", it.domain, it.tier.label())
        })
    };
    let text = move || {
        room.question
            .get()
            .map_or_else(|| "Lean back for a moment. The interviewer introduces itself first.".to_owned(), |it| it.text)
    };
    view! {
        <article
            class="question"
            data-testid="question"
            data-none=move || room.question.with(Option::is_none).to_string()
            data-long=move || room.question.with(|it| it.as_ref().is_some_and(|it| it.text.len() > LONG)).to_string()
        >
            <p class="kind">{move || kind()}</p>
            <h1 data-heading tabindex="-1">
                {move || text()}
            </h1>
        </article>
    }
    .into_any()
}
