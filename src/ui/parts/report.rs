//! The report: what was asked and answered, how the line was, and everything to take home.

pub mod answers;
pub mod charts;
pub mod tools;
pub mod transcript;

use leptos::prelude::*;

use self::answers::Answers;
use self::charts::Charts;
use self::tools::Tools;
use self::transcript::Transcript;
use super::arrival;
use super::icon::{Icon, Sign};
use crate::engine::interview::report::{Report, clock};
use crate::engine::link::Phase;
use crate::ui::use_room::Room;

/// The report, or in words that it is on its way.
#[component]
pub fn ReportPage(room: Room) -> impl IntoView {
    arrival::focus_when_shown();
    let why = move || match room.phase.get() {
        Phase::Ended(reason) => reason.label(),
        _ => "The interview is over.",
    };
    view! {
        <div class="report" data-testid="report" data-ready=move || room.report.with(Option::is_some).to_string()>
            <header>
                <h1 data-heading tabindex="-1">
                    "Your interview"
                </h1>
                <p class="lead">{why}</p>
            </header>
            {move || match room.report.get() {
                Some(report) => view! { <Ready room report /> }.into_any(),
                None => view! { <OnItsWay room /> }.into_any(),
            }}
        </div>
    }
    .into_any()
}

#[component]
fn OnItsWay(room: Room) -> impl IntoView {
    view! {
        <p class="waiting" role="status">
            <Icon sign=Sign::Turning />
            "Your report is being put together. Everything you said up to the end is in it."
        </p>
        {move || {
            room.notice
                .get()
                .map(|it| {
                    view! {
                        <p class="notice caution" role="alert">
                            <Icon sign=Sign::Caution />
                            <span>{it}</span>
                        </p>
                    }
                })
        }}
    }
    .into_any()
}

#[component]
fn Ready(room: Room, report: Report) -> impl IntoView {
    let summary = [
        ("Length", clock(report.duration_ms)),
        ("Answered", format!("{} of {} questions", report.answered(), report.questions.len())),
        ("Interviewer", format!("{} (AI)", report.persona)),
    ];
    let application = report.application_id.clone().map(|it| ("Application", it));
    let pair = |(name, value): (&'static str, String)| {
        view! {
            <div>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let report = StoredValue::new(report);
    view! {
        <dl class="summary">{summary.into_iter().chain(application).map(pair).collect_view()}</dl>
        <Tools room report />
        <Answers room report />
        <Charts room report />
        <Transcript report />
        <p class="again">
            // A whole new page: the call, its devices and the recordings of this one are let go.
            <a class="button" href="/interview" rel="external">
                <Icon sign=Sign::Repeat />
                "Start another interview"
            </a>
        </p>
    }
    .into_any()
}
