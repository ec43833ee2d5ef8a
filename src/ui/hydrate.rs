//! What happens when the browser part arrives.
//!
//! The server has drawn the page already, so it can be read at once and without scripts. Where the page does something,
//! the browser part draws the same view again and swaps it in, in one task and so without a flicker. Leptos could adopt
//! the server's nodes one by one instead, but the code for that is a tenth of the browser part, and every candidate would
//! wait for it to arrive.

use leptos::prelude::*;

use super::app::App;
use super::use_room::page;
use crate::engine::address::Address;

/// Takes over the interview. Any other page is complete as it is: there the browser part only gets ready for the next.
pub fn take_over() {
    match Address::of(&page::path()) {
        Address::Interview { application_id } => {
            page::clear();
            let house = page::house();
            leptos::mount::mount_to_body(move || view! { <App application_id house /> });
        }
        Address::Start | Address::BadApplication | Address::NotFound => page::hydrated(),
    }
}
