//! Copy and download. Nothing leaves the page but into the candidate's own hands.

use leptos::prelude::*;

use crate::engine::export::{Export, file_name};
use crate::engine::interview::report::Report;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::use_room::Room;
use crate::ui::use_room::page::{copy, save};

/// The buttons above the report.
#[component]
pub fn Tools(room: Room, report: StoredValue<Report>) -> impl IntoView {
    let copied = RwSignal::new(None::<bool>);
    let text = move || report.with_value(Report::to_text);
    let name = move |ending: &str| format!("{}.{ending}", report.with_value(file_name));
    let copy_text = move |_| copy(&text(), move |worked| copied.set(Some(worked)));
    let save_text = move |_| save(&name("txt"), "text/plain;charset=utf-8", &text());
    let save_json = move |_| {
        let export = Export { report: report.get_value(), measured: room.measured.get_untracked() };
        save(&name("json"), "application/json", &export.to_json());
    };
    view! {
        <div class="tools">
            <button type="button" on:click=copy_text>
                <Icon sign=Sign::Copy />
                "Copy as text"
            </button>
            <button type="button" on:click=save_text>
                <Icon sign=Sign::Download />
                "Download text"
            </button>
            <button type="button" on:click=save_json>
                <Icon sign=Sign::Download />
                "Download JSON"
            </button>
            <p class="reason" role="status">
                {move || match copied.get() {
                    None => "",
                    Some(true) => "Copied.",
                    Some(false) => "The browser did not allow copying. Use \u{201c}Download text\u{201d}.",
                }}
            </p>
        </div>
    }
    .into_any()
}
