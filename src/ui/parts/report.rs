//! The report: what was asked and answered, how the line was, and everything to take home.
//!
//! It is read, not used: all but its buttons is written as HTML, by functions that escape whatever they are told.

mod answers;
mod charts;
mod summary;
#[cfg(test)]
mod tests;
mod tools;
mod transcript;

use leptos::prelude::*;

use super::arrival;
use super::icon::{Icon, Sign};
use crate::engine::interview::report::Report;
use crate::engine::link::Phase;
use crate::ui::press::press;
use crate::ui::use_room::page::forget_interview;
use crate::ui::use_room::{Room, Watch};

/// The report, or in words that it is on its way.
#[component]
pub fn ReportPage(room: Room) -> impl IntoView {
    arrival::focus_when_shown();
    let copied = Watch::new(None);
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
                <p class="lead">{move || why()}</p>
            </header>
            {move || match room.report.get() {
                Some(report) => ready(room, &report, copied),
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
                    }.into_any()
                })
        }}
    }
    .into_any()
}

/// The report itself. A recording may come after it: what is the same as before is left as it stands.
fn ready(room: Room, report: &Report, copied: Watch<Option<bool>>) -> AnyView {
    let section = |name: &'static str, html: String| {
        view! { <section class=name aria-labelledby=name inner_html=html></section> }.into_any()
    };
    view! {
        <dl class="summary" inner_html=summary::write(report)></dl>
        {tools::tools(room, copied)}
        {section("answers", room.recordings.with(|it| answers::write(report, it)))}
        {section("charts", room.measured.with(|it| charts::write(report, it)))}
        {section("transcript", transcript::write(report))}
        <p class="again">
            // A whole new page: the call, its devices and the recordings of this one are let go.
            <a class="button" href="/interview" rel="external" on:click=press(forget_interview)>
                <Icon sign=Sign::Repeat />
                "Start another interview"
            </a>
        </p>
    }
    .into_any()
}
