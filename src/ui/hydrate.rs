//! What happens when the browser part arrives.

use leptos::prelude::*;

use super::app::App;
use super::use_room::page;
use crate::engine::address::Address;

/// Takes over the interview. Any other page is complete as it is: there the browser part only gets ready for the next.
pub fn take_over() {
    match Address::of(&page::path()) {
        Address::Interview { application_id } => leptos::mount::hydrate_body(move || view! { <App application_id /> }),
        Address::Start | Address::BadApplication | Address::NotFound => page::hydrated(),
    }
}
