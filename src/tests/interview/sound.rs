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
use vivavoce::engine::audio::{Backlog, rms};
use vivavoce::engine::time::Epoch;

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

/// A microphone that sends 20 ms every 20 ms: what it is given to play, or silence. What a broken line has not delivered is
/// kept, as by a page.
pub(crate) struct Mic {
    waiting: Arc<Mutex<VecDeque<i16>>>,
    line: Arc<Mutex<Line>>,
    stalled: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

struct Line {
    backlog: Backlog,
    mouth: Mouth,
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
        let line = Arc::new(Mutex::new(Line { backlog: Backlog::default(), mouth }));
        line.lock().unwrap().backlog.begin(Epoch(epoch), None);
        let (pcm, stall, to) = (Arc::clone(&waiting), Arc::clone(&stalled), Arc::clone(&line));
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
                let header = Header { seq, epoch: 0, timestamp: seq.wrapping_mul(480) };
                let (mouth, frames) = {
                    let mut line = to.lock().unwrap();
                    line.backlog.add(header.frame(&piece));
                    let frames: Vec<_> =
                        std::iter::from_fn(|| line.backlog.next(0).map(|it| Message::binary(it.to_vec()))).collect();
                    (line.mouth.clone(), frames)
                };
                for frame in frames {
                    // A line that breaks is replaced, or the whole microphone is.
                    _ = mouth.say(frame).await;
                }
            }
        });
        Self { waiting, line, stalled, task }
    }

    pub(crate) fn stall(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::SeqCst);
    }

    pub(crate) fn play(&self, pcm: &[i16]) {
        self.waiting.lock().unwrap().extend(pcm);
    }

    /// How much of what it was given is not said yet, in samples.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    /// The line is gone: from here on what is said is kept.
    pub(crate) fn hold(&self) {
        self.line.lock().unwrap().backlog.hold();
    }

    /// There is another line, to a call that has heard everything before the frame `from`.
    pub(crate) fn go_on(&self, mouth: Mouth, epoch: u32, from: Option<u32>) {
        let mut line = self.line.lock().unwrap();
        line.mouth = mouth;
        line.backlog.begin(Epoch(epoch), from);
    }
}
