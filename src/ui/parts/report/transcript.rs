//! The whole talk, turn by turn.

use leptos::prelude::*;

use crate::engine::interview::Speaker;
use crate::engine::interview::report::{Report, clock};
use crate::engine::transcript::Line;
use crate::engine::wording;

/// The transcript with its times.
#[component]
pub fn Transcript(report: StoredValue<Report>) -> impl IntoView {
    let (persona, lines) = report.with_value(|it| (it.persona.clone(), it.transcript.clone()));
    let turn = |line: Line| {
        let (speaker, name) = match line.speaker {
            Speaker::Interviewer => ("interviewer", persona.clone()),
            Speaker::Candidate => ("candidate", "You".to_owned()),
        };
        view! {
            <li data-speaker=speaker data-untold=line.text.is_none().to_string()>
                <p class="who">
                    <span class="name">{name}</span>
                    <span class="figures soft">{clock(line.at_ms)}</span>
                    {line.interrupted.then(|| view! { <span class="state">"interrupted"</span> })}
                </p>
                <p class="words">{wording::line(&line)}</p>
            </li>
        }
    };
    let empty = lines.is_empty().then(|| view! { <p class="soft">"Nothing was said."</p> });
    view! {
        <section class="transcript" aria-labelledby="transcript">
            <h2 id="transcript">"Transcript"</h2>
            {empty}
            <ol class="lines">{lines.into_iter().map(turn).collect_view()}</ol>
        </section>
    }
    .into_any()
}
