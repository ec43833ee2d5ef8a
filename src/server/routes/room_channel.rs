//! The room channel, `WS /ws/interview`: numbered room events out, words of the page in, and sound both ways where the call
//! is on the Socket route.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::api::ApiError;
use crate::engine::protocol::room::{PageMessage, RoomEvent, RoomMessage};
use crate::engine::time::Epoch;
use crate::server::App;
use crate::server::auth::{self, From};
use crate::server::faults;
use crate::server::room::{PageLane, Seen};

/// The largest message of a page.
const MAX_MESSAGE_BYTES: usize = 32 * 1024;
/// What may wait for a page that reads slowly.
const MAX_WRITE_BYTES: usize = 256 * 1024;
/// Messages that a page may send in a second, and in a burst of ten.
const MESSAGES_PER_SECOND: u32 = 50;
/// Frames of sound that are read in a second, and in a burst of ten. Ten times as many as anybody speaks: what is beyond
/// real time is dropped later, and this is beyond every excuse.
const FRAMES_PER_SECOND: u32 = 500;
/// A page that says nothing for so long is gone: it answers a ping every ten seconds.
const SILENCE: Duration = Duration::from_secs(35);
/// For one message to be taken by the network.
const SEND: Duration = Duration::from_secs(10);
/// For the page's half of a good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Close codes: RFC 6455 section 7.4.1.
pub(super) mod code {
    pub(in crate::server::routes) const UNSUPPORTED: u16 = 1_003;
    pub(in crate::server::routes) const POLICY: u16 = 1_008;
    pub(in crate::server::routes) const RESTART: u16 = 1_012;
    // Our own: a page sees a close code, but not the status of an upgrade that was refused.
    pub(in crate::server::routes) const NOT_YOURS: u16 = 4_401;
    pub(in crate::server::routes) const REPLACED: u16 = 4_409;
    pub(in crate::server::routes) const OVER: u16 = 4_410;
}

/// Which session the page means, and how far it has seen the events.
#[derive(Debug, Deserialize)]
pub struct Which {
    session_id: String,
    epoch: Option<u32>,
    after: Option<u64>,
}

impl Which {
    fn seen(&self) -> Option<Seen> {
        Some(Seen { epoch: Epoch(self.epoch?), after: self.after? })
    }
}

/// Opens the channel of a session that the cookie owns. A newer page replaces an older one.
pub async fn join(
    State(app): State<App>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if auth::origin(&headers, &app.config) == From::Foreign {
        return ApiError::Origin.into_response();
    }
    let cookie = auth::cookie(&headers);
    let lane = app.rooms.join(&which.session_id, cookie.as_deref(), which.seen()).await;
    limited(upgrade, MAX_MESSAGE_BYTES).on_upgrade(move |socket| {
        app.tasks.clone().track_future(async move {
            match lane {
                Ok(lane) => run(socket, lane, app).await,
                Err(error) => turn_away(socket, &app, &error).await,
            }
        })
    })
}

/// The limits of a socket of a page.
pub(super) fn limited(upgrade: WebSocketUpgrade, max_message_bytes: usize) -> WebSocketUpgrade {
    upgrade
        .max_message_size(max_message_bytes)
        .max_frame_size(max_message_bytes)
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BYTES)
}

/// Tells a page why it has no way to this session: it sees a close code, and not the status of an upgrade.
pub(super) async fn turn_away(socket: WebSocket, app: &App, error: &ApiError) {
    let (code, reason) = match error {
        ApiError::Over => over(app),
        _ => (code::NOT_YOURS, "this interview is not open in this browser"),
    };
    close(socket, code, reason).await;
}

/// How a page is told that its session is gone: for good, unless the whole server goes.
pub(super) fn over(app: &App) -> (u16, &'static str) {
    if app.shutdown.is_cancelled() {
        (code::RESTART, "the server restarts")
    } else {
        (code::OVER, "the interview is over")
    }
}

/// Says good-bye, and waits a little for the answer: closing with unread messages would take our last word back.
pub(super) async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    if deliver(&mut socket, Message::Close(Some(frame))).await {
        _ = timeout(CLOSE_WITHIN, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
    }
}

async fn run(mut socket: WebSocket, mut lane: PageLane, app: App) {
    let mut flood = Flood::new(Instant::now(), MESSAGES_PER_SECOND);
    let mut frames = Flood::new(Instant::now(), FRAMES_PER_SECOND);
    let mut heard = Instant::now();
    let farewell = loop {
        tokio::select! {
            event = lane.events.recv() => match event {
                Some(event) if send(&mut socket, &event).await => {}
                Some(_) => break None,
                None if lane.is_replaced() => {
                    break Some((code::REPLACED, "the interview goes on in another tab"));
                }
                // The page read too slowly, or the session ends with the server: it may come back.
                None => break Some((code::RESTART, "the room opens again")),
            },
            frame = lane.sound.to_page.pop() => if !deliver(&mut socket, Message::Binary(frame)).await {
                break None;
            },
            message = socket.recv() => {
                let Some(Ok(message)) = message else { break None };
                heard = Instant::now();
                let admitted = match &message {
                    Message::Binary(_) => frames.admit(heard),
                    _ => flood.admit(heard),
                };
                if !admitted {
                    _ = send(&mut socket, &complaint("flood", "Too many messages.")).await;
                    break Some((code::POLICY, "too many messages"));
                }
                match message {
                    Message::Text(text) => match serde_json::from_str::<PageMessage>(&text) {
                        Ok(message) => {
                            if !lane.send(message).await {
                                break Some(over(&app));
                            }
                        }
                        Err(_) => {
                            if !send(&mut socket, &complaint("invalid_event", "This is no message of the room.")).await {
                                break None;
                            }
                        }
                    },
                    Message::Binary(frame) => lane.sound.from_page.push(frame),
                    Message::Close(_) => break None,
                    Message::Ping(_) | Message::Pong(_) => {}
                }
            }
            () = tokio::time::sleep_until(heard + SILENCE) => break Some((code::POLICY, "no sign of life")),
            () = faults::room() => break None,
            () = app.shutdown.cancelled() => break Some((code::RESTART, "the server restarts")),
        }
    };
    lane.leave().await;
    if let Some((code, reason)) = farewell {
        close(socket, code, reason).await;
    }
}

async fn send(socket: &mut WebSocket, event: &RoomMessage) -> bool {
    let Ok(text) = serde_json::to_string(event) else { return true };
    deliver(socket, Message::Text(text.into())).await
}

async fn deliver(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(SEND, socket.send(message)).await, Ok(Ok(())))
}

fn complaint(code: &str, message: &str) -> RoomMessage {
    let event = RoomEvent::Error { code: code.to_owned(), message: message.to_owned() };
    RoomMessage { n: 0, ts: crate::server::clock::unix_ms(), event }
}

/// A bucket that fills by so many in a second and holds ten seconds' worth.
pub(super) struct Flood {
    rate: f64,
    left: f64,
    at: Instant,
}

impl Flood {
    pub(super) fn new(now: Instant, per_second: u32) -> Self {
        let rate = f64::from(per_second);
        Self { rate, left: rate * 10.0, at: now }
    }

    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let earned = now.duration_since(self.at).as_secs_f64() * self.rate;
        self.left = (self.left + earned).min(self.rate * 10.0) - 1.0;
        self.at = now;
        self.left >= 0.0
    }
}
