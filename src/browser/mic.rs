//! The microphone.

use js_sys::Reflect;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MediaDevices, MediaStream, MediaStreamConstraints, MediaStreamTrack, MediaStreamTrackState};

use super::clock::window;
use super::{BrowserError, Listener};
use crate::engine::device::MicGiven;

/// 24 kHz and mono where the device can, cleaned up by the browser (S003-04).
const AUDIO: &str = r#"{"channelCount":{"ideal":1},"sampleRate":{"ideal":24000},"echoCancellation":true,"noiseSuppression":true,"autoGainControl":true}"#;

/// An open microphone. Dropping it turns the browser's recording indicator off.
#[derive(Debug)]
pub struct Mic {
    stream: MediaStream,
    track: MediaStreamTrack,
    ended: Option<Listener>,
}

/// `navigator.mediaDevices`.
///
/// # Errors
/// [`BrowserError::Missing`] on insecure pages, where browsers hide it.
pub fn media_devices() -> Result<MediaDevices, BrowserError> {
    const MISSING: BrowserError = BrowserError::Missing("navigator.mediaDevices");
    let devices = window()?.navigator().media_devices().map_err(|_| MISSING)?;
    if devices.is_undefined() { Err(MISSING) } else { Ok(devices) }
}

impl Mic {
    /// Asks for the microphone: 24 kHz mono where the device can (S003-04), and of the device `id` where it is there.
    ///
    /// # Errors
    /// [`BrowserError::mic_fault`] says why there is none.
    pub async fn open(id: Option<&str>) -> Result<Self, BrowserError> {
        let audio = js_sys::JSON::parse(AUDIO).map_err(|error| BrowserError::from_js("JSON.parse", &error))?;
        if let Some(id) = id {
            // A bare value is an ideal one: a device that has gone does not stop us.
            _ = Reflect::set(&audio, &JsValue::from_str("deviceId"), &JsValue::from_str(id));
        }
        let constraints = MediaStreamConstraints::new();
        constraints.set_audio(&audio);
        let asked = media_devices()?
            .get_user_media_with_constraints(&constraints)
            .map_err(|error| BrowserError::from_js("getUserMedia", &error))?;
        let stream = JsFuture::from(asked).await.map_err(|error| BrowserError::from_js("getUserMedia", &error))?;
        Self::from_stream(stream.unchecked_into())
    }

    /// Takes over a stream with an audio track: it is stopped when the microphone is dropped.
    ///
    /// # Errors
    /// [`BrowserError::Missing`] without an audio track.
    pub fn from_stream(stream: MediaStream) -> Result<Self, BrowserError> {
        let track = stream.get_audio_tracks().get(0);
        let track = track.dyn_into().map_err(|_| BrowserError::Missing("audio track"))?;
        Ok(Self { stream, track, ended: None })
    }

    /// Calls `on_ended` when the device goes away.
    ///
    /// # Errors
    /// [`BrowserError::Call`]
    pub fn watch(&mut self, on_ended: impl Fn() + 'static) -> Result<(), BrowserError> {
        self.ended = Some(Listener::new(&self.track, "ended", move |_: web_sys::Event| on_ended())?);
        Ok(())
    }

    #[must_use]
    pub const fn stream(&self) -> &MediaStream {
        &self.stream
    }

    #[must_use]
    pub const fn track(&self) -> &MediaStreamTrack {
        &self.track
    }

    /// Whether its device is still there.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.track.ready_state() == MediaStreamTrackState::Live
    }

    /// A disabled microphone sends silence: the path stays warm and nothing is heard.
    pub fn set_enabled(&self, enabled: bool) {
        self.track.set_enabled(enabled);
    }

    /// What the device really gave.
    #[must_use]
    pub fn given(&self) -> MicGiven {
        let settings: JsValue = self.track.get_settings().into();
        let field = |name: &str| Reflect::get(&settings, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sample rate in Hz, a count")]
        let number = |name| field(name).as_f64().map(|number| number as u32);
        MicGiven {
            label: self.track.label(),
            sample_rate_hz: number("sampleRate"),
            channels: number("channelCount"),
            echo_cancellation: field("echoCancellation").as_bool(),
            noise_suppression: field("noiseSuppression").as_bool(),
        }
    }

    /// The id of the device in use.
    #[must_use]
    pub fn device_id(&self) -> Option<String> {
        let settings: JsValue = self.track.get_settings().into();
        Reflect::get(&settings, &JsValue::from_str("deviceId")).ok()?.as_string().filter(|id| !id.is_empty())
    }
}

impl Drop for Mic {
    fn drop(&mut self) {
        // Detach first: stopping must not be told as a loss.
        self.ended = None;
        for track in self.stream.get_tracks() {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
    }
}
