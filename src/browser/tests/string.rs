//! How often the string is drawn: a frame costs the main thread, which the voices need.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gloo_timers::future::sleep;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::HtmlCanvasElement;

use super::super::BrowserError;
use super::super::clock::{now, window};
use super::super::string::StringCanvas;
use super::{settle, until};
use crate::engine::string::Scene;

#[wasm_bindgen(module = "/src/browser/tests/string.js")]
extern "C" {
    type Frames;
    #[wasm_bindgen(constructor)]
    fn new() -> Frames;
    #[wasm_bindgen(method)]
    fn asked(this: &Frames) -> u32;
    #[wasm_bindgen(method)]
    fn drawn(this: &Frames) -> u32;
    #[wasm_bindgen(method)]
    fn pause_ms(this: &Frames) -> f64;
    #[wasm_bindgen(method)]
    fn free(this: &Frames);
}

/// The frames that a second and a half at rest may take: one for each look-up of colours and size, and as many for a
/// frame that bears a time just before one is due.
const AT_REST: u32 = 6;

fn canvas() -> Result<HtmlCanvasElement, BrowserError> {
    let refused = |error| BrowserError::from_js("canvas", &error);
    let document = window()?.document().ok_or(BrowserError::Missing("document"))?;
    let canvas = document.create_element("canvas").map_err(refused)?;
    document.body().ok_or(BrowserError::Missing("body"))?.append_child(&canvas).map_err(refused)?;
    canvas.dyn_into().map_err(|_| BrowserError::Missing("canvas"))
}

/// Waits for a second and a half with hardly a frame. A machine that stalls makes them fewer, never more.
async fn rest(frames: &Frames) {
    let give_up = now().after(Duration::from_secs(30));
    loop {
        let before = frames.asked();
        sleep(Duration::from_millis(1_500)).await;
        let asked = frames.asked() - before;
        if asked <= AT_REST {
            return;
        }
        assert!(now() < give_up, "{asked} frames at rest");
    }
}

/// S003-24: no frames at rest, frames with a pause between them while it moves, and none once it is gone.
#[wasm_bindgen_test]
async fn s003_24_the_string_takes_frames_only_while_it_moves() -> Result<(), BrowserError> {
    let (frames, canvas, level) = (Frames::new(), canvas()?, Rc::new(Cell::new(0.0)));
    let string = {
        let level = Rc::clone(&level);
        StringCanvas::start(canvas.clone(), move || Scene { interviewer: level.get(), ..Scene::default() })
    };
    let string = string.ok_or(BrowserError::Missing("2d canvas"))?;
    until("a first picture", || frames.drawn() > 0).await;
    rest(&frames).await;
    level.set(0.8);
    let (asked, drawn) = (frames.asked(), frames.drawn());
    until("motion", || frames.asked() > asked + AT_REST && frames.drawn() > drawn + AT_REST).await;
    level.set(0.0);
    rest(&frames).await;
    // A timer may be a millisecond early; without one it is no time at all.
    assert!(frames.pause_ms() > 15.0, "{} ms after a frame the next is asked for", frames.pause_ms());
    drop(string);
    let asked = frames.asked();
    settle().await;
    assert_eq!(frames.asked(), asked, "nobody draws any more");
    frames.free();
    canvas.remove();
    Ok(())
}
