//! Each question with its answers, and their recordings if the candidate wanted them.

use leptos::prelude::*;

use crate::engine::interview::report::{Answer, QuestionReport, Report, clock};
use crate::engine::link::view::Recording;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::use_room::Room;

/// All questions, asked or not.
#[component]
pub fn Answers(room: Room, report: StoredValue<Report>) -> impl IntoView {
    let questions = report.with_value(|it| it.questions.clone());
    view! {
        <section class="answers" aria-labelledby="answers">
            <h2 id="answers">"Questions and answers"</h2>
            <ol>{questions.into_iter().map(|question| view! { <Asked room question /> }).collect_view()}</ol>
        </section>
    }
    .into_any()
}

#[component]
fn Asked(room: Room, question: QuestionReport) -> impl IntoView {
    let idx = question.idx;
    let recordings = move || {
        let of_question = room.recordings.get().into_iter().filter(move |it| it.question == idx);
        of_question.map(|it| view! { <Sound recording=it /> }).collect_view()
    };
    let none = question.answers.is_empty().then_some(if question.asked {
        "Asked, not answered."
    } else {
        "Not asked: the interview was over before."
    });
    view! {
        <li data-testid="report-question">
            <p class="kind">{format!("Question {} · {} · {}", question.idx + 1, question.domain, question.tier.label())}</p>
            <h3>{question.text}</h3>
            {question.answers.iter().map(answer).collect_view()}
            {none.map(|it| view! { <p class="soft">{it}</p> })}
            {recordings}
        </li>
    }
    .into_any()
}

fn answer(answer: &Answer) -> impl IntoView + use<> {
    let told = answer.text.is_some();
    let follow_up = if answer.follow_up { ", to the follow-up" } else { "" };
    view! {
        <div class="answer" data-untold=(!told).to_string()>
            <p class="who">
                <span class="name">"You"</span>
                <span class="figures soft">{clock(answer.at_ms)}</span>
                <span class="soft">{told.then(|| format!("{} spoken", clock(answer.spoken_ms)))} {follow_up}</span>
            </p>
            <p class="words">{answer.words()}</p>
        </div>
    }
}

/// An answer as it was recorded on this page.
#[component]
fn Sound(recording: Recording) -> impl IntoView {
    let number = recording.question + 1;
    view! {
        <div class="sound" data-testid="recording">
            <audio
                controls
                preload="metadata"
                src=recording.url.clone()
                aria-label=format!("Your answer to question {number}, {}", clock(recording.spoken_ms))
            ></audio>
            <a class="button" href=recording.url download=format!("answer-{number}.webm")>
                <Icon sign=Sign::Download />
                "Save recording"
                <span class="unseen">{format!(" of question {number}")}</span>
            </a>
        </div>
    }
    .into_any()
}
