//! What only a browser can show, with real devices (Chromium's fake ones), real peers and real elements.

mod driver;
mod microphone;
mod owners;
mod page;
mod peers;
mod reload;
mod routes;
mod shown;
mod sound;
mod string;
mod words;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gloo_timers::future::sleep;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test_configure;
use web_sys::{BlobEvent, MediaRecorder, MediaStreamTrack, MediaStreamTrackState};

use super::clock::now;
use super::mic::Mic;
use super::{BrowserError, Listener};

wasm_bindgen_test_configure!(run_in_browser);

/// Waits until `condition` holds. Fails after half a minute, saying `what` was waited for.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let give_up = now().after(Duration::from_secs(30));
    while !condition() {
        assert!(now() < give_up, "waited in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Lets everything happen that is on its way.
async fn settle() {
    sleep(Duration::from_millis(60)).await;
}

/// Long enough for the browser's encoder to have something of each recording under way: one that begins now has.
async fn speak_on() -> Result<(), BrowserError> {
    let refused = |error| BrowserError::from_js("MediaRecorder", &error);
    let mic = Mic::open(None).await?;
    let recorder = MediaRecorder::new_with_media_stream(mic.stream()).map_err(refused)?;
    let encoded = Rc::new(Cell::new(false));
    let listener = {
        let encoded = Rc::clone(&encoded);
        Listener::new(recorder.unchecked_ref(), "dataavailable", move |event: BlobEvent| {
            encoded.set(encoded.get() || event.data().is_some_and(|blob| blob.size() > 0.0));
        })?
    };
    recorder.start_with_time_slice(20).map_err(refused)?;
    until("something encoded", || encoded.get()).await;
    settle().await;
    drop((listener, mic));
    Ok(())
}

fn is_live(track: &MediaStreamTrack) -> bool {
    track.ready_state() == MediaStreamTrackState::Live
}

/// The audio elements of the page.
fn audio_elements() -> Vec<web_sys::HtmlMediaElement> {
    let body = web_sys::window().and_then(|it| it.document()).and_then(|it| it.body());
    let mut next = body.and_then(|body| body.first_element_child());
    let mut found = Vec::new();
    while let Some(element) = next {
        next = element.next_element_sibling();
        found.extend(element.dyn_into().ok());
    }
    found
}
