//! The canvas on which the string moves: one `requestAnimationFrame`, no layout work.
//!
//! A frame costs the main thread far more than what is drawn in it. So the string moves about thirty times a second on
//! whatever screen, and while it rests there are none but for a look at size and colours (S003-24).

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use wasm_bindgen::prelude::*;
use web_sys::{CanvasGradient, CanvasRenderingContext2d, HtmlCanvasElement};

use super::clock;
use crate::engine::string::{NODES, Scene, Shape, faded};

/// How long no frame is asked for after one that moved: the second after it is the next, at 60 frames in a second.
const MOVING_MS: u32 = 28;
/// How often a string at rest looks whether there is something to show.
const RESTING_MS: u32 = 100;
/// How often colours and size are looked up again: a theme or a window may have changed.
const LOOK_UP_MS: f64 = 750.0;
/// How much of the string is seen where no voice colours it.
const LINE_ALPHA: f64 = 0.86;
/// In CSS pixels.
const LINE_WIDTH: f64 = 2.25;
const ECHO_WIDTH: f64 = 1.25;
/// A voice's colour is exact at every so many nodes, and runs on between them.
const NODES_PER_STOP: usize = 8;
/// The share of the height that the widest swing takes.
const SWING: f64 = 0.46;

/// A string on a canvas. Dropping it cancels the frame that is under way; the canvas belongs to the page.
#[must_use = "dropping the string stops it"]
#[derive(Debug)]
pub struct StringCanvas(Rc<Inner>);

struct Inner {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    scene: Box<dyn Fn() -> Scene>,
    shape: RefCell<Shape>,
    look: RefCell<Look>,
    frame: Cell<i32>,
    pause: RefCell<Option<Timeout>>,
    last_ms: Cell<f64>,
    looked_ms: Cell<f64>,
    tick: RefCell<Option<Tick>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("last_ms", &self.last_ms).finish_non_exhaustive()
    }
}

/// What the browser calls each frame, with its time in milliseconds.
type Tick = Closure<dyn FnMut(f64)>;

/// Size in CSS pixels, and colours as the browser computed them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Look {
    width: f64,
    height: f64,
    ratio: f64,
    line: String,
    interviewer: String,
    candidate: String,
}

impl StringCanvas {
    /// Starts to draw on `canvas` what `scene` says. None where there is no 2D canvas: the text beside it says the same.
    pub fn start(canvas: HtmlCanvasElement, scene: impl Fn() -> Scene + 'static) -> Option<Self> {
        let context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        let inner = Rc::new(Inner {
            canvas,
            context,
            scene: Box::new(scene),
            shape: RefCell::default(),
            look: RefCell::default(),
            frame: Cell::new(0),
            pause: RefCell::new(None),
            last_ms: Cell::new(0.0),
            looked_ms: Cell::new(f64::NEG_INFINITY),
            tick: RefCell::new(None),
        });
        // Weak: the closure lives in what it draws.
        let weak: Weak<Inner> = Rc::downgrade(&inner);
        *inner.tick.borrow_mut() = Some(Closure::new(move |now_ms: f64| {
            if let Some(inner) = weak.upgrade() {
                let still = inner.draw(now_ms);
                Inner::pause(&inner, if still { RESTING_MS } else { MOVING_MS });
            }
        }));
        inner.request();
        Some(Self(inner))
    }
}

impl Drop for StringCanvas {
    fn drop(&mut self) {
        if let Some(window) = web_sys::window() {
            // A destructor never fails: a frame that is gone needs no cancelling.
            _ = window.cancel_animation_frame(self.0.frame.get());
        }
    }
}

impl Inner {
    fn request(&self) {
        let tick = self.tick.borrow();
        let (Some(window), Some(tick)) = (web_sys::window(), tick.as_ref()) else { return };
        if let Ok(frame) = window.request_animation_frame(tick.as_ref().unchecked_ref()) {
            self.frame.set(frame);
        }
    }

    /// Asks for the next frame after some time, if there is something to show.
    fn pause(inner: &Rc<Self>, time_ms: u32) {
        let weak = Rc::downgrade(inner);
        let over = move || {
            let Some(inner) = weak.upgrade() else { return };
            let still = inner.shape.borrow().at_rest(&(inner.scene)());
            if still && !inner.is_look_due(clock::now().0.as_secs_f64() * 1_000.0) {
                Self::pause(&inner, RESTING_MS);
            } else {
                inner.request();
            }
        };
        *inner.pause.borrow_mut() = Some(Timeout::new(time_ms, over));
    }

    fn is_look_due(&self, now_ms: f64) -> bool {
        now_ms - self.looked_ms.get() >= LOOK_UP_MS
    }

    /// Says whether nothing moves.
    fn draw(&self, now_ms: f64) -> bool {
        let dt_s = ((now_ms - self.last_ms.replace(now_ms)) / 1_000.0) as f32;
        let scene = (self.scene)();
        let looks = self.is_look_due(now_ms);
        if looks {
            self.looked_ms.set(now_ms);
            self.look_up();
        }
        let mut shape = self.shape.borrow_mut();
        let still = shape.at_rest(&scene);
        shape.advance(&scene, dt_s);
        // A straight line that is drawn already stays as it is; dots may have come or gone once a look-up.
        if !still || looks {
            self.paint(&shape, &scene);
        }
        still
    }

    /// Looks up size and colours. The canvas is blank if anything changed.
    fn look_up(&self) {
        let Some(window) = web_sys::window() else { return };
        let Ok(Some(style)) = window.get_computed_style(&self.canvas) else { return };
        let value = |name: &str| style.get_property_value(name).unwrap_or_default();
        let look = Look {
            width: f64::from(self.canvas.client_width()),
            height: f64::from(self.canvas.client_height()),
            ratio: window.device_pixel_ratio().clamp(1.0, 3.0),
            line: value("color"),
            // The style sheet gives the canvas the voices' colours as those of its ends.
            interviewer: value("border-left-color"),
            candidate: value("border-right-color"),
        };
        if *self.look.borrow() == look {
            return;
        }
        self.canvas.set_width((look.width * look.ratio) as u32);
        self.canvas.set_height((look.height * look.ratio) as u32);
        _ = self.context.scale(look.ratio, look.ratio);
        *self.look.borrow_mut() = look;
    }

    fn paint(&self, shape: &Shape, scene: &Scene) {
        let look = self.look.borrow();
        let c = &self.context;
        c.clear_rect(0.0, 0.0, look.width, look.height);
        c.set_line_cap("round");
        c.set_line_join("round");
        let last = ((NODES - 1) as f32 * shape.drawn()) as usize;
        let half = if scene.muted { last.min((NODES - 1) / 2) } else { last };
        let voices = [
            self.colours(&look.interviewer, look.width, |node| shape.strengths(node).0),
            self.colours(&look.candidate, look.width, |node| shape.strengths(node).1),
        ];
        let stroke = |first, last, factor, alpha, line: Option<f64>| {
            self.trace(shape, &look, first, last, factor);
            if let Some(width) = line {
                c.set_line_width(width);
                c.set_global_alpha(LINE_ALPHA);
                c.set_stroke_style_str(&look.line);
                c.stroke();
            }
            // A voice covers the line.
            c.set_line_width(line.unwrap_or(ECHO_WIDTH) + 0.5);
            c.set_global_alpha(alpha);
            for voice in voices.iter().flatten() {
                c.set_stroke_style_canvas_gradient(voice);
                c.stroke();
            }
        };
        let string = |factor, alpha, line| {
            stroke(0, half, factor, alpha, line);
            if half < last {
                self.dots(true);
                stroke(half, last, factor, alpha, line);
                self.dots(false);
            }
        };
        // A string that swings is seen where it is and, fainter, where it was.
        if voices.iter().any(Option::is_some) {
            string(-0.45, 0.28, None);
            string(0.5, 0.4, None);
        }
        string(1.0, 1.0, Some(LINE_WIDTH));
    }

    /// A voice's colour along the string, as strong as the voice moves it. None if it does not.
    fn colours(&self, colour: &str, width: f64, strength: impl Fn(usize) -> f32) -> Option<CanvasGradient> {
        let strength = |node| (strength(node) * 2.2).min(1.0);
        if (0..NODES).step_by(4).all(|it| strength(it) < 0.01) {
            return None;
        }
        let gradient = self.context.create_linear_gradient(0.0, 0.0, width, 0.0);
        for node in (0..NODES).step_by(NODES_PER_STOP) {
            let at = node as f32 / (NODES - 1) as f32;
            _ = gradient.add_color_stop(at, &faded(colour, strength(node)));
        }
        Some(gradient)
    }

    fn trace(&self, shape: &Shape, look: &Look, first: usize, last: usize, factor: f64) {
        let at = |node: usize| {
            // Two pixels of room for the round ends.
            let x = 2.0 + (look.width - 4.0) * node as f64 / (NODES - 1) as f64;
            (x, look.height * (0.5 - SWING * factor * f64::from(shape.offset(node))))
        };
        self.context.begin_path();
        let (x, y) = at(first);
        self.context.move_to(x, y);
        for node in first..last {
            let ((x, y), (next_x, next_y)) = (at(node), at(node + 1));
            self.context.quadratic_curve_to(x, y, f64::midpoint(x, next_x), f64::midpoint(y, next_y));
        }
        let (x, y) = at(last);
        self.context.line_to(x, y);
    }

    fn dots(&self, on: bool) {
        let pattern = js_sys::Array::new();
        if on {
            pattern.push(&JsValue::from_f64(0.1));
            pattern.push(&JsValue::from_f64(9.0));
        }
        _ = self.context.set_line_dash(&pattern);
    }
}
