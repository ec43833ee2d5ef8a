//! Both voices of a call on the room channel: the microphone as frames, and frames as sound.
//!
//! The work is done by two audio worklets (`public/worklets`), on the thread that the sound is on: a page that is busy for a
//! moment neither cuts a word nor delays one. How much is kept to bridge the jitter is decided there too, for the same
//! reason. They are fetched when the first call of this kind begins.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Int16Array, Uint8Array, Uint32Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioContext, AudioWorkletNode, MediaStream, MediaStreamAudioDestinationNode};
use web_sys::{MediaStreamAudioSourceNode, MessageEvent, MessagePort};

use super::{BrowserError, Listener};
use crate::engine::audio::frame::Header;

/// The modules. Each registers the one processor that it is named after.
const MODULES: [&str; 2] = ["/worklets/capture.mjs", "/worklets/playback.mjs"];

/// How far the interviewer's sound has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// The playout that was heard last.
    pub epoch: u32,
    /// How many of its samples were heard.
    pub samples: u32,
    /// The playout that is heard from now on.
    pub current: u32,
    /// How often the sound stopped because nothing had come in time, since the call began.
    pub gaps: u32,
    /// What is kept to bridge the jitter, in milliseconds.
    pub delay_ms: u32,
}

/// Captures the one voice and plays the other. Dropping it stops both. Context and streams belong to whoever gave them; a
/// context that a hidden tab suspended is woken by its owner, the meter (S003-36).
#[derive(Debug)]
pub struct SocketAudio {
    context: AudioContext,
    source: RefCell<MediaStreamAudioSourceNode>,
    capture: Node,
    playback: Node,
    out: MediaStreamAudioDestinationNode,
    played: Rc<Cell<Played>>,
    /// The playout that began with the last cut.
    begun: Cell<u32>,
}

impl SocketAudio {
    /// Sends the sound of `mic` to `on_frame` from here on, as numbered frames, 50 a second. Of which call they are is for
    /// whoever sends them to say.
    ///
    /// # Errors
    /// [`BrowserError`] where the browser has no audio worklets, or cannot fetch ours.
    pub async fn start(
        context: &AudioContext,
        mic: &MediaStream,
        on_frame: impl Fn(Vec<u8>) + 'static,
    ) -> Result<Self, BrowserError> {
        fetch(context).await?;
        let next = Cell::new(Header::default());
        let capture = Node::new(context, "capture", move |data| {
            let pcm = Int16Array::new(data).to_vec();
            let header = next.get();
            next.set(Header {
                seq: header.seq.wrapping_add(1),
                timestamp: header.timestamp.wrapping_add(pcm.len() as u32),
                ..header
            });
            on_frame(header.frame(&pcm));
        })?;
        let played = Rc::new(Cell::new(Played::default()));
        let told = Rc::clone(&played);
        let playback = Node::new(context, "playback", move |data| {
            if let [epoch, samples, current, gaps, delay_ms] = Uint32Array::new(data).to_vec()[..] {
                told.set(Played { epoch, samples, current, gaps, delay_ms });
            }
        })?;
        let refused = |error| BrowserError::from_js("audio graph", &error);
        let out = context.create_media_stream_destination().map_err(refused)?;
        playback.node.connect_with_audio_node(&out).map_err(refused)?;
        // Silent. A node that leads nowhere is not run everywhere.
        capture.node.connect_with_audio_node(&context.destination()).map_err(refused)?;
        let source = RefCell::new(listen(context, mic, &capture)?);
        Ok(Self { context: context.clone(), source, capture, playback, out, played, begun: Cell::new(0) })
    }

    /// Plays a frame of the room channel after those before it. What is no frame, or older than the last cut, is not heard.
    pub fn push(&self, frame: &[u8]) {
        if Header::read(frame).is_some() {
            let buffer = Uint8Array::from(frame).buffer();
            _ = self.playback.port.post_message_with_transferable(&buffer, &Array::of1(&buffer));
        }
    }

    /// The playout `epoch` begins: what is older goes silent within a few milliseconds. How much of it was heard is in
    /// [`SocketAudio::played`] once the cut [is settled](SocketAudio::is_settled), and stays there until the new one sounds.
    pub fn cut(&self, epoch: u32) {
        self.begun.set(epoch);
        _ = self.playback.port.post_message(&f64::from(epoch).into());
    }

    /// How far the sound has got, as it was told last: at least ten times a second while it sounds, and at each cut.
    #[must_use]
    pub fn played(&self) -> Played {
        self.played.get()
    }

    /// Whether it is known how much was heard before the last cut.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        // Epochs wrap; a frame of a newer playout may have come before the word of it.
        self.played.get().current.wrapping_sub(self.begun.get()).cast_signed() >= 0
    }

    /// The interviewer's voice, for a speaker and for a meter.
    #[must_use]
    pub fn stream(&self) -> MediaStream {
        self.out.stream()
    }

    /// Goes on with another microphone. The one before is captured until then.
    ///
    /// # Errors
    /// [`BrowserError::Call`]: then the one before is still captured.
    pub fn replace_mic(&self, mic: &MediaStream) -> Result<(), BrowserError> {
        let source = listen(&self.context, mic, &self.capture)?;
        _ = self.source.replace(source).disconnect();
        Ok(())
    }
}

impl Drop for SocketAudio {
    fn drop(&mut self) {
        _ = self.source.borrow().disconnect();
    }
}

/// Fetches both modules at once. A context that has them does not fetch them again.
async fn fetch(context: &AudioContext) -> Result<(), BrowserError> {
    let refused = |error| BrowserError::from_js("addModule", &error);
    let worklet = context.audio_worklet().map_err(refused)?;
    for asked in MODULES.map(|module| worklet.add_module(module)) {
        JsFuture::from(asked.map_err(refused)?).await.map_err(refused)?;
    }
    Ok(())
}

fn listen(
    context: &AudioContext,
    mic: &MediaStream,
    capture: &Node,
) -> Result<MediaStreamAudioSourceNode, BrowserError> {
    let refused = |error| BrowserError::from_js("createMediaStreamSource", &error);
    let source = context.create_media_stream_source(mic).map_err(refused)?;
    source.connect_with_audio_node(&capture.node).map_err(refused)?;
    Ok(source)
}

/// A worklet at work. Dropping it ends it.
#[derive(Debug)]
struct Node {
    node: AudioWorkletNode,
    port: MessagePort,
    told: Option<Listener>,
}

impl Node {
    fn new(context: &AudioContext, name: &str, on_data: impl Fn(&JsValue) + 'static) -> Result<Self, BrowserError> {
        let refused = |error| BrowserError::from_js("AudioWorkletNode", &error);
        let node = AudioWorkletNode::new(context, name).map_err(refused)?;
        let port = node.port().map_err(refused)?;
        let told = Listener::new(&port, "message", move |event: MessageEvent| on_data(&event.data()))?;
        port.start();
        Ok(Self { node, port, told: Some(told) })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.told = None;
        // A processor runs until it says itself that it is done.
        _ = self.port.post_message(&JsValue::NULL);
        _ = self.node.disconnect();
    }
}
