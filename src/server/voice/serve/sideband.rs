//! `WS /v1/realtime?call_id=`: a control socket on a running call.

use std::time::Instant;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::sync::mpsc;

use crate::server::voice::call::{Command, Farewell, Sideband, SidebandFeed};
use crate::server::voice::flood::Flood;
use crate::server::voice::socket::{self, End};

/// Attaches to a call.
pub(super) fn attach(call: mpsc::Sender<Command>, upgrade: WebSocketUpgrade) -> Response {
    socket::without_sound(upgrade).on_upgrade(move |socket| serve(socket, call))
}

async fn serve(mut socket: WebSocket, call: mpsc::Sender<Command>) {
    let (sideband, mut feed) = Sideband::new();
    let end = match call.send(Command::Attach(sideband)).await {
        Ok(()) => relay(&mut socket, &mut feed, &call).await,
        Err(_) => End::Over,
    };
    socket::close(socket, end).await;
}

/// Carries events both ways until one side has enough.
async fn relay(socket: &mut WebSocket, feed: &mut SidebandFeed, call: &mpsc::Sender<Command>) -> End {
    let mut flood = Flood::new(Instant::now());
    loop {
        tokio::select! {
            event = feed.recv() => {
                let Some(event) = event else {
                    return match feed.farewell() {
                        Farewell::Over => End::Over,
                        Farewell::Expired => End::Expired,
                        Farewell::GivenUp => End::TooSlow,
                    };
                };
                if let Err(end) = socket::send(socket, Message::Text(event)).await {
                    return end;
                }
            }
            message = socket.recv() => match message {
                // A ping costs as much to read as an event.
                Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) if !flood.allows(Instant::now()) => {
                    return End::Flooded;
                }
                Some(Ok(Message::Text(text))) => {
                    if call.send(Command::Client(text)).await.is_err() {
                        return End::Over;
                    }
                }
                Some(Ok(Message::Binary(_))) => return End::NotText,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return End::Left,
                Some(Err(error)) => return End::of(&error),
            }
        }
    }
}
