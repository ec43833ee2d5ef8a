//! Recordings of the candidate's answers, in this page's memory only.

use wasm_bindgen::JsCast as _;
use web_sys::{Blob, BlobEvent, MediaRecorder, MediaStream, RecordingState, Url};

use super::{BrowserError, Listener};

/// An object URL. Dropping it frees the recording.
#[derive(Debug)]
pub struct ObjectUrl(String);

impl ObjectUrl {
    fn new(blob: &Blob) -> Result<Self, BrowserError> {
        let url = Url::create_object_url_with_blob(blob);
        Ok(Self(url.map_err(|error| BrowserError::from_js("createObjectURL", &error))?))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for ObjectUrl {
    fn drop(&mut self) {
        _ = Url::revoke_object_url(&self.0);
    }
}

/// One recording under way. Dropping it before it told its data throws it away. The stream belongs to the microphone.
#[derive(Debug)]
pub struct Take {
    recorder: MediaRecorder,
    data: Option<Listener>,
}

impl Take {
    /// Records `stream` until [`Take::stop`], which brings about `on_done`.
    ///
    /// # Errors
    /// [`BrowserError`] where the browser cannot record.
    pub fn start(stream: &MediaStream, on_done: impl Fn(ObjectUrl) + 'static) -> Result<Self, BrowserError> {
        let refused = |error| BrowserError::from_js("MediaRecorder", &error);
        let recorder = MediaRecorder::new_with_media_stream(stream).map_err(refused)?;
        let data = Listener::new(recorder.unchecked_ref(), "dataavailable", move |event: BlobEvent| {
            let url = event.data().filter(|blob| blob.size() > 0.0).and_then(|blob| ObjectUrl::new(&blob).ok());
            if let Some(url) = url {
                on_done(url);
            }
        })?;
        recorder.start().map_err(refused)?;
        Ok(Self { recorder, data: Some(data) })
    }

    /// Ends the recording. Its data comes a moment later, so the take has to be kept until then.
    pub fn stop(&self) {
        if self.recorder.state() != RecordingState::Inactive {
            _ = self.recorder.stop();
        }
    }
}

impl Drop for Take {
    fn drop(&mut self) {
        self.data = None;
        self.stop();
    }
}
