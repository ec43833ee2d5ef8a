//! Sound on the room channel, as a page sends and hears it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::SinkExt as _;
use futures::stream::SplitSink;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use vivavoce::engine::audio::frame::{self, FRAME_SAMPLES, Header};
use vivavoce::engine::audio::rms;

type Sink = SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Message>;

/// A frame that came from the server.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) at: Instant,
    pub(crate) header: Header,
    pub(crate) pcm: Vec<i16>,
}

impl Frame {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let (header, pcm) = Header::read(bytes).unwrap();
        Self { at: Instant::now(), header, pcm: frame::samples(pcm) }
    }

    pub(crate) fn is_loud(&self) -> bool {
        rms(&self.pcm) > 0.01
    }
}

/// Says things on a room channel. Several may have it.
#[derive(Clone)]
pub(crate) struct Mouth(Arc<tokio::sync::Mutex<Sink>>);

impl Mouth {
    pub(crate) fn new(sink: Sink) -> Self {
        Self(Arc::new(tokio::sync::Mutex::new(sink)))
    }

    pub(crate) async fn say(&self, message: Message) -> Result<(), Error> {
        self.0.lock().await.send(message).await
    }
}

/// A microphone that sends 20 ms every 20 ms: what it is given to play, or silence.
pub(crate) struct Mic {
    waiting: Arc<Mutex<VecDeque<i16>>>,
    stalled: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Mic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mic {
    pub(crate) fn open(mouth: Mouth, epoch: u32) -> Self {
        let waiting = Arc::<Mutex<VecDeque<i16>>>::default();
        let stalled = Arc::<AtomicBool>::default();
        let (pcm, stall) = (Arc::clone(&waiting), Arc::clone(&stalled));
        let task = tokio::spawn(async move {
            let mut beat = interval(Duration::from_millis(20));
            beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for seq in 0.. {
                beat.tick().await;
                while stall.load(Ordering::SeqCst) {
                    beat.tick().await;
                }
                let piece: Vec<i16> = {
                    let mut waiting = pcm.lock().unwrap();
                    let count = waiting.len().min(FRAME_SAMPLES);
                    let spoken = waiting.drain(..count);
                    spoken.chain(std::iter::repeat_n(0, FRAME_SAMPLES - count)).collect()
                };
                let header = Header { seq, epoch, timestamp: seq * 480 };
                if mouth.say(Message::binary(header.frame(&piece))).await.is_err() {
                    break;
                }
            }
        });
        Self { waiting, stalled, task }
    }

    pub(crate) fn stall(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::SeqCst);
    }

    pub(crate) fn play(&self, pcm: &[i16]) {
        self.waiting.lock().unwrap().extend(pcm);
    }
}
