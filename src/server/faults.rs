//! Faults on demand, for tests. This module is in a binary with the feature `faults` only; any other has `inert`, in which
//! nothing ever goes wrong.
//!
//! `POST /faults`, from this machine, orders one; `/faults.js` gives the page switches of its own, `window.__faults`. The
//! orders hold for the whole process.

use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::App;
use crate::api::ApiError;
use crate::engine::link::upstream::UpstreamFault;

/// What a page runs before everything else.
pub const SCRIPT: Option<&str> = Some("/faults.js");

/// What can be ordered.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
enum Order {
    /// No datagram of any call comes in or goes out, for so many seconds or for good.
    Udp { seconds: Option<f64> },
    /// Every exchange of descriptions waits, and is refused if a fault is named.
    Exchange {
        #[serde(default)]
        delay_ms: u64,
        refuse: Option<UpstreamFault>,
    },
    /// Every room channel breaks off.
    Room,
    /// Every connection to the provider breaks off.
    Upstream,
    /// Everything works again.
    None,
}

#[derive(Debug, Default)]
struct Ordered {
    udp: Mutex<Option<Cut>>,
    exchange: Mutex<Option<(Duration, Option<UpstreamFault>)>>,
    room: Notify,
    upstream: Notify,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Until(Instant),
    ForGood,
}

static ORDERED: LazyLock<Ordered> = LazyLock::new(Ordered::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds the two addresses.
pub fn add_to(router: Router<App>) -> Router<App> {
    router.route("/faults", post(order)).route("/faults.js", get(script))
}

async fn order(ConnectInfo(peer): ConnectInfo<SocketAddr>, Json(order): Json<Order>) -> Response {
    if !peer.ip().is_loopback() {
        return StatusCode::NOT_FOUND.into_response();
    }
    tracing::warn!(?order, "a fault was ordered");
    match order {
        Order::Udp { seconds } => {
            let cut = match seconds.map(Duration::try_from_secs_f64) {
                Some(Ok(time)) => Cut::Until(Instant::now() + time),
                Some(Err(_)) => return StatusCode::UNPROCESSABLE_ENTITY.into_response(),
                None => Cut::ForGood,
            };
            *lock(&ORDERED.udp) = Some(cut);
        }
        Order::Exchange { delay_ms, refuse } => {
            *lock(&ORDERED.exchange) = Some((Duration::from_millis(delay_ms), refuse));
        }
        Order::Room => ORDERED.room.notify_waiters(),
        Order::Upstream => ORDERED.upstream.notify_waiters(),
        Order::None => {
            *lock(&ORDERED.udp) = None;
            *lock(&ORDERED.exchange) = None;
        }
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript")], include_str!("faults/page.js")).into_response()
}

/// Whether datagrams are lost now.
#[must_use]
pub fn udp_is_cut() -> bool {
    match *lock(&ORDERED.udp) {
        Some(Cut::Until(end)) => Instant::now() < end,
        Some(Cut::ForGood) => true,
        None => false,
    }
}

/// Holds an exchange of descriptions up.
///
/// # Errors
/// What was ordered.
pub async fn exchange() -> Result<(), ApiError> {
    let ordered = *lock(&ORDERED.exchange);
    let Some((delay, refuse)) = ordered else { return Ok(()) };
    sleep(delay).await;
    refuse.map_or(Ok(()), |fault| Err(ApiError::Upstream { fault, retry_after_s: 0 }))
}

/// Resolves when room channels are to break off. It counts from this call on: whoever asks anew in each round of a loop
/// misses what is ordered in between.
pub fn room() -> impl Future<Output = ()> {
    ORDERED.room.notified()
}

/// The same for connections to the provider.
pub fn upstream() -> impl Future<Output = ()> {
    ORDERED.upstream.notified()
}
