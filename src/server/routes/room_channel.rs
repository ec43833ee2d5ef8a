//! The room channel, `WS /ws/interview`: numbered room events out, words of the page in, and sound both ways where the call
//! is on the Socket route.

use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::time::Instant;

use super::page_socket::{End, Flood, SLOW, close, code, deliver, limited, over, turn_away};
use crate::api::ApiError;
use crate::engine::protocol::room::{PageMessage, RoomEvent, RoomMessage};
use crate::engine::time::Epoch;
use crate::server::App;
use crate::server::auth::{self, From};
use crate::server::faults;
use crate::server::room::{PageLane, Seen};

/// The largest message of a page.
const MAX_MESSAGE_BYTES: usize = 32 * 1024;
/// Messages that a page may send in a second, and in a burst of ten.
const MESSAGES_PER_SECOND: u32 = 50;
/// Frames of sound that are read in a second, and in a burst of ten. Ten times as many as anybody speaks: what is beyond
/// real time is dropped later, and this is beyond every excuse.
const FRAMES_PER_SECOND: u32 = 500;
/// A page that says nothing for so long is gone: it answers a ping every ten seconds.
const SILENCE: Duration = Duration::from_secs(35);

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

async fn run(mut socket: WebSocket, mut lane: PageLane, app: App) {
    let mut floods = (Flood::new(Instant::now(), MESSAGES_PER_SECOND), Flood::new(Instant::now(), FRAMES_PER_SECOND));
    let mut heard = Instant::now();
    let mut fault = pin!(faults::room());
    let end = loop {
        let done = tokio::select! {
            event = lane.events.recv() => match event {
                Some(event) => send(&mut socket, &event).await,
                None if lane.is_replaced() => Err(Some((code::REPLACED, "the interview goes on in another tab"))),
                None if lane.is_over() => Err(over(&app)),
                // More waits for this page than is kept.
                None => Err(SLOW),
            },
            frame = lane.sound.to_page.pop() => deliver(&mut socket, Message::Binary(frame)).await,
            message = socket.recv() => {
                heard = Instant::now();
                match message {
                    Some(Ok(message)) => page_says(&mut socket, &lane, message, &mut floods, &app).await,
                    Some(Err(_)) | None => Err(None),
                }
            }
            () = tokio::time::sleep_until(heard + SILENCE) => Err(Some((code::POLICY, "no sign of life"))),
            () = fault.as_mut() => Err(None),
            () = app.shutdown.cancelled() => Err(over(&app)),
        };
        if let Err(end) = done {
            break end;
        }
    };
    lane.leave().await;
    close(socket, end).await;
}

/// Takes a message of the page. `floods`: of texts, and of frames of sound.
async fn page_says(
    socket: &mut WebSocket,
    lane: &PageLane,
    message: Message,
    floods: &mut (Flood, Flood),
    app: &App,
) -> Result<(), End> {
    let flood = if matches!(message, Message::Binary(_)) { &mut floods.1 } else { &mut floods.0 };
    if !flood.admit(Instant::now()) {
        send(socket, &complaint("flood", "Too many messages.")).await?;
        return Err(Some((code::POLICY, "too many messages")));
    }
    match message {
        Message::Text(text) => match serde_json::from_str::<PageMessage>(&text) {
            Ok(message) => lane.send(message).await.then_some(()).ok_or_else(|| over(app)),
            Err(_) => send(socket, &complaint("invalid_event", "This is no message of the room.")).await,
        },
        Message::Binary(frame) => {
            lane.sound.from_page.push(frame);
            Ok(())
        }
        Message::Close(_) => Err(None),
        Message::Ping(_) | Message::Pong(_) => Ok(()),
    }
}

async fn send(socket: &mut WebSocket, event: &RoomMessage) -> Result<(), End> {
    // Every event has a JSON form.
    let Ok(text) = serde_json::to_string(event) else { return Ok(()) };
    deliver(socket, Message::Text(text.into())).await
}

fn complaint(code: &str, message: &str) -> RoomMessage {
    let event = RoomEvent::Error { code: code.to_owned(), message: message.to_owned() };
    RoomMessage { n: 0, ts: crate::server::clock::unix_ms(), event }
}
