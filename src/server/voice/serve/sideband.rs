//! `WS /v1/realtime?call_id=`: a control socket on a running call.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::error::ServeError;
use crate::server::voice::Provider;
use crate::server::voice::call::{Command, Sideband, SidebandFeed};
use crate::server::voice::flood::Flood;

/// The largest event that a client may send.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// The library's default is 128 KiB a socket; events are small.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// A socket that takes no byte for so long is dead.
const SEND_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    call_id: Option<String>,
}

/// Attaches to a call, or answers 404 before the upgrade.
pub(super) async fn attach(
    State(provider): State<Provider>,
    target: Result<Query<Target>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ServeError> {
    let Query(target) = target.map_err(|_| ServeError::Invalid("call_id"))?;
    let call = provider.call(&target.call_id.ok_or(ServeError::Missing("call_id"))?)?;
    let upgrade = upgrade.map_err(|_| ServeError::NoUpgrade)?;
    let upgrade = upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MAX_MESSAGE_BYTES)
        .protocols(["realtime"]);
    Ok(upgrade.on_upgrade(move |socket| serve(socket, call)))
}

async fn serve(mut socket: WebSocket, call: mpsc::Sender<Command>) {
    let (sideband, mut feed) = Sideband::new();
    let close = if call.send(Command::Attach(sideband)).await.is_ok() {
        relay(&mut socket, &mut feed, &call).await
    } else {
        Some((close_code::NORMAL, ""))
    };
    if let Some((code, reason)) = close {
        let frame = CloseFrame { code, reason: Utf8Bytes::from(Cow::Borrowed(reason).as_ref()) };
        // The far end may be gone already, which is what we are about to say.
        _ = timeout(SEND_WITHIN, socket.send(Message::Close(Some(frame)))).await;
    }
}

/// Carries events both ways. Answers with the close code to send, or `None` where nobody is left to read it.
async fn relay(
    socket: &mut WebSocket,
    feed: &mut SidebandFeed,
    call: &mpsc::Sender<Command>,
) -> Option<(u16, &'static str)> {
    let mut flood = Flood::new(Instant::now());
    loop {
        tokio::select! {
            event = feed.recv() => {
                let Some(event) = event else {
                    let too_slow = feed.was_too_slow();
                    return Some(if too_slow { (close_code::POLICY, "too slow") } else { (close_code::NORMAL, "") });
                };
                timeout(SEND_WITHIN, socket.send(Message::Text(event))).await.ok()?.ok()?;
            }
            message = socket.recv() => match message? {
                Ok(Message::Text(_)) if !flood.allows(Instant::now()) => {
                    return Some((close_code::POLICY, "too many events"));
                }
                Ok(Message::Text(text)) => {
                    if call.send(Command::Client(text)).await.is_err() {
                        return Some((close_code::NORMAL, ""));
                    }
                }
                Ok(Message::Binary(_)) => return Some((close_code::UNSUPPORTED, "events are text")),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(_)) => return None,
                Err(error) => {
                    tracing::debug!(%error, "control socket broke");
                    return Some((close_code::SIZE, "unreadable message"));
                }
            }
        }
    }
}
