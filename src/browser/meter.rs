//! The levels of both voices.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use wasm_bindgen::JsCast as _;
use web_sys::{AnalyserNode, AudioContext, AudioContextOptions, AudioContextState, MediaStream};
use web_sys::{MediaStreamAudioSourceNode, VisibilityState};

use super::clock::{now, window};
use super::{BrowserError, Listener};
use crate::engine::time::Tick;

/// Samples that a level is taken over: 43 ms at 48 kHz, a little less than two looks lie apart.
const WINDOW: u32 = 2_048;
/// A context whose time has not moved for so long starves, whatever it says of its state: its samples are old.
const STARVED: Duration = Duration::from_millis(100);

/// Whose voice it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    Candidate,
    Interviewer,
}

/// Measures the levels. Listens to streams without owning them. Dropping it closes its audio context.
#[derive(Debug)]
pub struct Meter {
    context: AudioContext,
    taps: RefCell<[Option<Tap>; 2]>,
    samples: RefCell<Vec<f32>>,
    /// The context's time in seconds, and when it was first seen.
    moved: Cell<(f64, Tick)>,
    /// A hidden tab may suspend the context (S003-36).
    visible: Option<Listener>,
}

#[derive(Debug)]
struct Tap {
    source: MediaStreamAudioSourceNode,
    analyser: AnalyserNode,
}

impl Tap {
    fn new(context: &AudioContext, stream: &MediaStream) -> Result<Self, BrowserError> {
        let refused = |error| BrowserError::from_js("createMediaStreamSource", &error);
        let analyser = context.create_analyser().map_err(refused)?;
        analyser.set_fft_size(WINDOW);
        let source = context.create_media_stream_source(stream).map_err(refused)?;
        source.connect_with_audio_node(&analyser).map_err(refused)?;
        Ok(Self { source, analyser })
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        _ = self.source.disconnect();
        _ = self.analyser.disconnect();
    }
}

impl Meter {
    /// Opens an audio context with the least delay. To be called while handling a click, or the browser holds it back.
    ///
    /// # Errors
    /// [`BrowserError`] where there is no audio.
    pub fn new() -> Result<Self, BrowserError> {
        let options = AudioContextOptions::new();
        options.set_latency_hint(&0.into());
        let context = AudioContext::new_with_context_options(&options)
            .map_err(|error| BrowserError::from_js("AudioContext", &error))?;
        let document = window()?.document().ok_or(BrowserError::Missing("document"))?;
        let listener = {
            let (context, document) = (context.clone(), document.clone());
            Listener::new(&document.clone(), "visibilitychange", move |_: web_sys::Event| {
                if document.visibility_state() == VisibilityState::Visible {
                    _ = context.resume();
                }
            })?
        };
        Ok(Self {
            context,
            taps: RefCell::default(),
            samples: RefCell::new(vec![0.0; WINDOW as usize]),
            moved: Cell::new((-1.0, now())),
            visible: Some(listener),
        })
    }

    #[must_use]
    pub const fn context(&self) -> &AudioContext {
        &self.context
    }

    /// Wakes the context, after the candidate pressed something.
    pub fn resume(&self) {
        _ = self.context.resume();
    }

    /// Whether the context runs: it may be suspended in a visible tab too, by a phone call for example.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.context.state() == AudioContextState::Running
    }

    fn starves(&self) -> bool {
        let (time, now) = (self.context.current_time(), now());
        let (seen, at) = self.moved.get();
        if time > seen {
            self.moved.set((time, now));
            return false;
        }
        now >= at.after(STARVED)
    }

    /// Listens to `stream` as this voice from here on; None stops listening.
    ///
    /// # Errors
    /// [`BrowserError::Call`]
    pub fn listen(&self, voice: Voice, stream: Option<&MediaStream>) -> Result<(), BrowserError> {
        let tap = stream.map(|stream| Tap::new(&self.context, stream)).transpose()?;
        self.taps.borrow_mut()[voice as usize] = tap;
        Ok(())
    }

    /// The level of this moment, RMS of full scale. None while nothing can be measured.
    #[must_use]
    pub fn rms(&self, voice: Voice) -> Option<f32> {
        if !self.runs() || self.starves() {
            return None;
        }
        let taps = self.taps.borrow();
        let tap = taps[voice as usize].as_ref()?;
        let mut samples = self.samples.borrow_mut();
        tap.analyser.get_float_time_domain_data(&mut samples);
        let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
        #[expect(clippy::cast_precision_loss, reason = "2048")]
        let mean = energy / WINDOW as f32;
        Some(mean.sqrt())
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.visible = None;
        self.taps.take();
        _ = self.context.close();
    }
}

impl AsRef<web_sys::BaseAudioContext> for Meter {
    fn as_ref(&self) -> &web_sys::BaseAudioContext {
        self.context.unchecked_ref()
    }
}
