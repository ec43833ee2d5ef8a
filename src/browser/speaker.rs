//! The one hidden `<audio>` element that a voice is played by (S003-68).

use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlAudioElement, MediaStream, VisibilityState};

use super::clock::window;
use super::{BrowserError, Listener};

/// An audio element in the page. Dropping it silences and removes it. The stream it plays belongs to its peer.
#[derive(Debug)]
pub struct Speaker {
    audio: HtmlAudioElement,
    listeners: Vec<Listener>,
}

impl Speaker {
    /// Puts an element into the page.
    ///
    /// # Errors
    /// [`BrowserError`] outside a page.
    pub fn new(test_id: &str) -> Result<Self, BrowserError> {
        let document = window()?.document().ok_or(BrowserError::Missing("document"))?;
        let element =
            document.create_element("audio").map_err(|error| BrowserError::from_js("createElement", &error))?;
        let audio: HtmlAudioElement = element.unchecked_into();
        audio.set_autoplay(true);
        audio.set_hidden(true);
        _ = audio.set_attribute("data-testid", test_id);
        let body = document.body().ok_or(BrowserError::Missing("body"))?;
        body.append_child(&audio).map_err(|error| BrowserError::from_js("appendChild", &error))?;
        Ok(Self { audio, listeners: Vec::new() })
    }

    /// Calls `on_pause` when somebody else has paused the sound, as a phone does for a call, and whenever the page is shown
    /// and the sound is paused still: then with `true`.
    ///
    /// # Errors
    /// [`BrowserError`] outside a page.
    pub fn watch(&mut self, on_pause: impl Fn(bool) + Clone + 'static) -> Result<(), BrowserError> {
        let document = window()?.document().ok_or(BrowserError::Missing("document"))?;
        let audio = self.audio.clone();
        let check = move |shown| {
            // A stream that has ended is not paused.
            if audio.paused() && !audio.ended() && audio.src_object().is_some() {
                on_pause(shown);
            }
        };
        let shown = {
            let (check, document) = (check.clone(), document.clone());
            move |_: web_sys::Event| {
                if document.visibility_state() == VisibilityState::Visible {
                    check(true);
                }
            }
        };
        self.listeners.push(Listener::new(&document, "visibilitychange", shown)?);
        self.listeners.push(Listener::new(&self.audio, "pause", move |_: web_sys::Event| check(false))?);
        Ok(())
    }

    /// Attaches a stream. At once, even before it may sound: packets that nobody plays pile up as delay.
    pub fn attach(&self, stream: &MediaStream) {
        self.audio.set_src_object(Some(stream));
    }

    /// Starts to play. Resolves once it does.
    ///
    /// # Errors
    /// [`BrowserError::is_blocked`] when the browser wants the candidate to press something first.
    pub fn play(&self) -> impl Future<Output = Result<(), BrowserError>> + use<> {
        let asked = self.audio.play();
        async move {
            let refused = |error| BrowserError::from_js("play", &error);
            JsFuture::from(asked.map_err(refused)?).await.map_err(refused)?;
            Ok(())
        }
    }

    pub fn set_muted(&self, muted: bool) {
        self.audio.set_muted(muted);
    }

    /// Plays through the output device `id`, where the browser can choose (Audio Output Devices API).
    pub fn set_output(&self, id: &str) -> impl Future<Output = Result<(), BrowserError>> + use<> {
        const CALL: &str = "setSinkId";
        let function = js_sys::Reflect::get(&self.audio, &CALL.into()).unwrap_or(JsValue::UNDEFINED);
        let asked = function.dyn_ref::<js_sys::Function>().map(|it| it.call1(&self.audio, &id.into()));
        async move {
            let asked = asked.ok_or(BrowserError::Missing(CALL))?;
            let promise: js_sys::Promise = asked.map_err(|error| BrowserError::from_js(CALL, &error))?.unchecked_into();
            JsFuture::from(promise).await.map_err(|error| BrowserError::from_js(CALL, &error))?;
            Ok(())
        }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        // Detach first: it is we who pause now.
        self.listeners.clear();
        _ = self.audio.pause();
        self.audio.set_src_object(None);
        self.audio.remove();
    }
}
