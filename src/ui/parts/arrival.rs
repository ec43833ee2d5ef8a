//! Where the focus goes when the page changes under the candidate.

use leptos::prelude::*;

use crate::ui::derived::effect;
use crate::ui::use_room::page::focus_heading;

#[derive(Clone, Copy)]
struct Arrived(StoredValue<bool>);

/// Remembers for all parts below whether anything was shown before.
pub fn provide() {
    provide_context(Arrived(StoredValue::new(false)));
}

/// Moves the focus to this part's heading when it appears, so that keyboard and screen reader are where the eyes are.
/// The first thing of a visit leaves the focus where the browser put it.
pub fn focus_when_shown() {
    let Some(Arrived(arrived)) = use_context::<Arrived>() else { return };
    effect(move || {
        if arrived.get_value() {
            focus_heading();
        } else {
            arrived.set_value(true);
        }
    });
}
