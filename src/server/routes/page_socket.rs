//! What the sockets of a page have in common: their limits, how much a page may say, and how each of them ends.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use tokio::time::{Instant, timeout};

use crate::api::ApiError;
use crate::server::App;

/// What may wait for a page that reads slowly.
const MAX_WRITE_BYTES: usize = 256 * 1024;
/// For one message to be taken by the network.
const SEND: Duration = Duration::from_secs(10);
/// For the page's half of a good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Close codes: RFC 6455 section 7.4.1.
pub(super) mod code {
    pub(in crate::server::routes) const UNSUPPORTED: u16 = 1_003;
    pub(in crate::server::routes) const POLICY: u16 = 1_008;
    pub(in crate::server::routes) const RESTART: u16 = 1_012;
    /// "Try again later", in IANA's registry of close codes.
    pub(in crate::server::routes) const AGAIN: u16 = 1_013;
    // Our own: a page sees a close code, but not the status of an upgrade that was refused.
    pub(in crate::server::routes) const NOT_YOURS: u16 = 4_401;
    pub(in crate::server::routes) const REPLACED: u16 = 4_409;
    pub(in crate::server::routes) const OVER: u16 = 4_410;
}

/// Why a page is not listened to any more: a close code and its reason, unless the page is gone.
pub(super) type End = Option<(u16, &'static str)>;

/// A page that does not read what it is told. It may come back, and is told what it missed.
pub(super) const SLOW: End = Some((code::AGAIN, "this page reads too slowly"));

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
    let end = match error {
        ApiError::Over => over(app),
        _ => Some((code::NOT_YOURS, "this interview is not open in this browser")),
    };
    close(socket, end).await;
}

/// How a page is told that its session is gone: for good, unless the whole server goes.
pub(super) fn over(app: &App) -> End {
    Some(if app.shutdown.is_cancelled() {
        (code::RESTART, "the server restarts")
    } else {
        (code::OVER, "the interview is over")
    })
}

/// Says something to a page.
///
/// # Errors
/// [`End`] when the page is gone, or does not read.
pub(super) async fn deliver(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(SEND, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(SLOW),
    }
}

/// Says good-bye, and waits a little for the answer: closing with unread messages would take our last word back.
pub(super) async fn close(mut socket: WebSocket, end: End) {
    let Some((code, reason)) = end else { return };
    let frame = CloseFrame { code, reason: reason.into() };
    if deliver(&mut socket, Message::Close(Some(frame))).await.is_ok() {
        _ = timeout(CLOSE_WITHIN, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
    }
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
