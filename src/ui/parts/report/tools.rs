//! Copy and download. Nothing leaves the page but into the candidate's own hands.

use leptos::prelude::*;

use crate::engine::export::{Export, file_name};
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::press;
use crate::ui::use_room::page::{copy, save};
use crate::ui::use_room::{Room, Watch};

/// What a button does.
#[derive(Clone, Copy)]
enum Act {
    Copy,
    SaveText,
    SaveJson,
}

/// The buttons above the report, and in `copied` what became of the copy.
pub(super) fn tools(room: Room, copied: Watch<Option<bool>>) -> AnyView {
    let button = |(sign, words, it): (Sign, &'static str, Act)| {
        view! {
            <button type="button" on:click=press(move || act(room, copied, it))>
                <Icon sign />
                {words}
            </button>
        }
        .into_any()
    };
    let buttons = [
        (Sign::Copy, "Copy as text", Act::Copy),
        (Sign::Download, "Download text", Act::SaveText),
        (Sign::Download, "Download JSON", Act::SaveJson),
    ];
    view! {
        <div class="tools">
            {buttons.map(button).collect_view()}
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

fn act(room: Room, copied: Watch<Option<bool>>, act: Act) {
    let Some(report) = room.report.get_untracked() else { return };
    let name = |ending: &str| file_name(&report) + ending;
    match act {
        Act::Copy => copy(&report.to_text(), move |worked| copied.show(Some(worked))),
        Act::SaveText => save(&name(".txt"), "text/plain;charset=utf-8", &report.to_text()),
        Act::SaveJson => {
            let name = name(".json");
            let export = Export { report, measured: room.measured.get_untracked() };
            save(&name, "application/json", &export.to_json());
        }
    }
}
