//! One session over a WebSocket: a task that carries events both ways and makes sound faster than it is played.

use std::borrow::Cow;
use std::error::Error as _;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use bytes::Bytes;
use tokio::time::{Instant as Tick, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;

use super::flood::{Flood, Throttle};
use super::session::{MAX_EVENT_BYTES, Session};
use super::transcribe::Desk;
use crate::engine::protocol::server::ServerMessage;

/// The largest message: sound in base64, and what is around it.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024 + 1024;

/// The library's default is 128 KiB a socket; events are small.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// A retrieved item with a minute of sound is the largest thing that we say.
const MAX_WRITE_BYTES: usize = 8 * 1024 * 1024;

/// A socket that takes no byte for so long is dead.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// For the far end's half of a good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Sound is generated this often, in pieces of so many frames of 20 ms: five times as fast as it is played.
const BEAT: Duration = Duration::from_millis(40);
const BEAT_FRAMES: u32 = 10;

/// How often a silent far end is asked whether it is there, and when it is taken for gone.
const PING: Duration = Duration::from_secs(20);
const GONE: Duration = Duration::from_secs(70);

/// Said with the close code 1001 when the session was too long.
pub const EXPIRED: &str = "Your session hit the maximum duration of 60 minutes.";

/// Sets the limits of a WebSocket of ours. Whoever offers subprotocols gets `realtime` and none that carries a key.
fn limited(upgrade: WebSocketUpgrade, max_message_bytes: usize) -> WebSocketUpgrade {
    upgrade
        .max_message_size(max_message_bytes)
        .max_frame_size(max_message_bytes)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BYTES)
        .protocols(["realtime"])
}

/// The limits of a socket that carries sound.
pub fn with_sound(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    limited(upgrade, MAX_MESSAGE_BYTES)
}

/// The limits of a socket that carries none.
pub fn without_sound(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    limited(upgrade, MAX_EVENT_BYTES)
}

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed it, or went without a word: there is nobody to tell.
    Left,
    /// What the socket belonged to is over.
    Over,
    Expired,
    Flooded,
    /// The far end does not take what it is sent.
    TooSlow,
    /// Text that is not UTF-8.
    NotUtf8,
    NotText,
    TooLarge,
    Stopping,
}

impl End {
    /// What a broken read means.
    #[must_use]
    pub fn of(error: &axum::Error) -> Self {
        match error.source().and_then(|it| it.downcast_ref::<tungstenite::Error>()) {
            Some(tungstenite::Error::Utf8(_)) => Self::NotUtf8,
            Some(tungstenite::Error::Capacity(_)) => Self::TooLarge,
            _ => Self::Left,
        }
    }

    fn close(self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::Left => return None,
            Self::Over => (close_code::NORMAL, ""),
            Self::Expired => (close_code::AWAY, EXPIRED),
            Self::Flooded => (close_code::POLICY, "too many events"),
            Self::TooSlow => (close_code::POLICY, "too slow"),
            Self::NotUtf8 => (close_code::INVALID, "events are UTF-8"),
            Self::NotText => (close_code::UNSUPPORTED, "events are text"),
            Self::TooLarge => (close_code::SIZE, "message too large"),
            Self::Stopping => (close_code::AWAY, "the server is stopping"),
        })
    }
}

/// Says good-bye, and waits a little for the answer: closing with unread messages would drop our last words.
pub async fn close(mut socket: WebSocket, end: End) {
    let farewell = async {
        if let Some((code, reason)) = end.close() {
            let frame = CloseFrame { code, reason: Utf8Bytes::from(Cow::Borrowed(reason).as_ref()) };
            // The far end may be gone already, which is what we are about to say.
            _ = socket.send(Message::Close(Some(frame))).await;
        }
        while let Some(Ok(_)) = socket.recv().await {}
        if end == End::TooLarge {
            // The rest of the message is never read, and closing now would take our reason back.
            std::future::pending::<()>().await;
        }
    };
    _ = timeout(CLOSE_WITHIN, farewell).await;
}

/// Sends one message, or finds out that nobody takes it.
///
/// # Errors
/// [`End`].
pub async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(SEND_WITHIN, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Left),
        Err(_) => Err(End::TooSlow),
    }
}

/// Serves a session until one side has enough, at most for `limit`.
pub async fn serve(mut socket: WebSocket, session: Session, desk: Desk, limit: Duration, stop: CancellationToken) {
    let began = Instant::now();
    let mut line = Line { session, desk, flood: Flood::new(began), throttle: Throttle::new(began), read_from: began };
    let id = line.session.id().to_owned();
    tracing::info!(session = %id, "socket session begins");
    let Err(end) = line.run(&mut socket, began + limit, &stop).await;
    tracing::info!(session = %id, ?end, seconds = began.elapsed().as_secs(), "socket session ends");
    close(socket, end).await;
}

struct Line {
    session: Session,
    desk: Desk,
    flood: Flood,
    throttle: Throttle,
    /// The far end sent much sound: nothing is read before this.
    read_from: Instant,
}

/// Runs for ever or ends with a reason.
enum Never {}

impl Line {
    async fn run(&mut self, socket: &mut WebSocket, expires: Instant, stop: &CancellationToken) -> Result<Never, End> {
        let created = self.session.created();
        send(socket, text(&created)).await?;
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ping = interval(PING);
        let mut heard = Instant::now();
        loop {
            let waits = self.read_from > Instant::now();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(End::Stopping),
                () = sleep_until(Tick::from_std(expires)) => {
                    self.session.expire();
                    self.tell(socket).await?;
                    return Err(End::Expired);
                }
                _ = ping.tick() => {
                    if heard.elapsed() > GONE {
                        return Err(End::Left);
                    }
                    send(socket, Message::Ping(Bytes::new())).await?;
                }
                _ = beat.tick(), if self.session.is_generating() => self.session.generate(BEAT_FRAMES),
                Some(written) = self.desk.next() => written.tell(&mut self.session),
                () = sleep_until(Tick::from_std(self.read_from)), if waits => {}
                message = socket.recv(), if !waits => {
                    heard = Instant::now();
                    match message {
                        None | Some(Ok(Message::Close(_))) => return Err(End::Left),
                        Some(Ok(message)) => self.message(&message, heard, socket).await?,
                        Some(Err(error)) => return Err(End::of(&error)),
                    }
                }
            }
            self.desk.take(&mut self.session);
            self.tell(socket).await?;
        }
    }

    async fn message(&mut self, message: &Message, now: Instant, socket: &mut WebSocket) -> Result<(), End> {
        let is_sound = match message {
            Message::Text(text) => self.session.client(text.as_str()),
            Message::Binary(_) => {
                self.session.not_text();
                false
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => false,
        };
        if is_sound {
            // Faster than it is played is welcome; what is much faster waits in the network.
            self.read_from = self.throttle.take(message_len(message), now);
        } else if !self.flood.allows(now) {
            self.session.flooded();
            self.tell(socket).await?;
            return Err(End::Flooded);
        }
        Ok(())
    }

    async fn tell(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        while let Some(message) = self.session.poll() {
            send(socket, text(&message)).await?;
        }
        Ok(())
    }
}

fn message_len(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}

fn text(message: &ServerMessage) -> Message {
    // Strings and numbers always have a JSON form; an empty message would be ignored by every client.
    Message::text(serde_json::to_string(message).unwrap_or_default())
}
