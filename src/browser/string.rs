//! The canvas on which the string moves: one `requestAnimationFrame`, no layout work.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::prelude::*;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::engine::string::{NODES, Scene, Shape, faded};

/// How often colours and size are looked up again, in frames: a theme or a window may have changed.
const LOOK_UP_FRAMES: u32 = 45;
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
    frames: Cell<u32>,
    last_ms: Cell<f64>,
    tick: RefCell<Option<Tick>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("frames", &self.frames).finish_non_exhaustive()
    }
}

/// What the browser calls each frame, with its time in milliseconds.
type Tick = Closure<dyn FnMut(f64)>;
/// Picks one voice of the two.
type Pick = fn((f32, f32)) -> f32;

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
    /// Starts to draw on `canvas` what `scene` says, once a frame. None where there is no 2D canvas: the text beside it
    /// says the same.
    pub fn start(canvas: HtmlCanvasElement, scene: impl Fn() -> Scene + 'static) -> Option<Self> {
        let context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        let inner = Rc::new(Inner {
            canvas,
            context,
            scene: Box::new(scene),
            shape: RefCell::default(),
            look: RefCell::default(),
            frame: Cell::new(0),
            frames: Cell::new(0),
            last_ms: Cell::new(0.0),
            tick: RefCell::new(None),
        });
        // Weak: the closure lives in what it draws.
        let weak: Weak<Inner> = Rc::downgrade(&inner);
        *inner.tick.borrow_mut() = Some(Closure::new(move |now_ms: f64| {
            if let Some(inner) = weak.upgrade() {
                inner.draw(now_ms);
                inner.request();
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

    fn draw(&self, now_ms: f64) {
        let dt_s = ((now_ms - self.last_ms.replace(now_ms)) / 1_000.0) as f32;
        let scene = (self.scene)();
        let looked = self.frames.get().is_multiple_of(LOOK_UP_FRAMES) && self.look_up();
        self.frames.set(self.frames.get().wrapping_add(1));
        let mut shape = self.shape.borrow_mut();
        let still = shape.at_rest(&scene);
        shape.advance(&scene, dt_s);
        // A straight line that is drawn already stays as it is; dots may have come or gone once a look-up.
        if !still || looked || self.frames.get().is_multiple_of(LOOK_UP_FRAMES) {
            self.paint(&shape, &scene);
        }
    }

    /// Looks up size and colours. Says whether anything changed; then the canvas is blank.
    fn look_up(&self) -> bool {
        let Some(window) = web_sys::window() else { return false };
        let Ok(Some(style)) = window.get_computed_style(&self.canvas) else { return false };
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
            return false;
        }
        self.canvas.set_width((look.width * look.ratio) as u32);
        self.canvas.set_height((look.height * look.ratio) as u32);
        _ = self.context.scale(look.ratio, look.ratio);
        *self.look.borrow_mut() = look;
        true
    }

    fn paint(&self, shape: &Shape, scene: &Scene) {
        let look = self.look.borrow();
        let c = &self.context;
        c.clear_rect(0.0, 0.0, look.width, look.height);
        c.set_line_cap("round");
        c.set_line_join("round");
        let last = ((NODES - 1) as f32 * shape.drawn()) as usize;
        // A string that swings is seen where it is and, fainter, where it was.
        for (factor, width, alpha) in [(-0.45, 1.25, 0.28), (0.5, 1.25, 0.4), (1.0, 2.25, 1.0)] {
            let half = if scene.muted { last.min((NODES - 1) / 2) } else { last };
            self.trace(shape, &look, 0, half, factor);
            c.set_line_width(width);
            c.set_stroke_style_str(&faded(&look.line, alpha * 0.75));
            c.stroke();
            self.stroke_voices(shape, &look, width + 0.5, alpha);
            if half < last {
                self.trace(shape, &look, half, last, factor);
                self.dots(true);
                c.stroke();
                self.stroke_voices(shape, &look, width + 0.5, alpha);
                self.dots(false);
            }
        }
    }

    /// Colours the path that was just traced by who moves it.
    fn stroke_voices(&self, shape: &Shape, look: &Look, width: f64, alpha: f32) {
        let strength = |pick: Pick, node| (pick(shape.strengths(node)) * 2.2).min(1.0);
        let voices: [(&str, Pick); 2] = [(&look.interviewer, |it| it.0), (&look.candidate, |it| it.1)];
        self.context.set_line_width(width);
        for (colour, pick) in voices {
            if (0..NODES).step_by(4).all(|it| strength(pick, it) < 0.01) {
                continue;
            }
            let gradient = self.context.create_linear_gradient(0.0, 0.0, look.width, 0.0);
            for node in (0..NODES).step_by(6) {
                let at = node as f32 / (NODES - 1) as f32;
                _ = gradient.add_color_stop(at, &faded(colour, strength(pick, node) * alpha));
            }
            self.context.set_stroke_style_canvas_gradient(&gradient);
            self.context.stroke();
        }
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
