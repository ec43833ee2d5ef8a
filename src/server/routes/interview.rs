//! The interview API behind the server functions: checks what was sent, then makes one call into the rooms.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

use super::set_status;
use crate::api::{ApiError, Exchanged, Readiness, Ticket};
use crate::engine::interview::report::Report;
use crate::engine::link::Route;
use crate::engine::sdp::Offer;
use crate::server::App;
use crate::server::auth;
use crate::server::room::{Start, To};

/// What a server function needs of its request.
struct Caller {
    app: App,
    cookie: Option<String>,
    ip: IpAddr,
}

impl Caller {
    fn of_request() -> Result<Self, ApiError> {
        let (Some(app), Some(parts)) = (use_context::<App>(), use_context::<Parts>()) else {
            return Err(ApiError::Internal);
        };
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().ok_or(ApiError::Internal)?.0;
        let headers: &HeaderMap = &parts.headers;
        let ip = auth::client_ip(headers, peer, &app.config);
        Ok(Self { cookie: auth::cookie(headers), ip, app })
    }
}

/// The one way out of a server function: an error gets its status, and ours is logged once. A provider's fault was logged
/// where it was met, with what it said.
fn answer<T>(result: Result<T, ApiError>) -> Result<T, ApiError> {
    if let Err(error) = &result {
        if error.status() >= 500 && !matches!(error, ApiError::Upstream { .. }) {
            tracing::error!(%error, "an API request failed");
        }
        set_status(error);
    }
    result
}

pub async fn ready() -> Result<Readiness, ApiError> {
    answer(readiness().await)
}

async fn readiness() -> Result<Readiness, ApiError> {
    let caller = Caller::of_request()?;
    let provider = caller.app.rooms.provider();
    provider.probe().await.map_err(|error| error.logged())?;
    Ok(Readiness {
        embedded: provider.is_embedded(),
        connect_timeout_ms: u32::from(caller.app.config.connect_timeout) * 1_000,
        idle_ms: u32::from(caller.app.config.idle_minutes) * 60_000,
    })
}

pub async fn ephemeral_token(
    request_id: String,
    minutes: u32,
    consent: bool,
    session_id: Option<String>,
    application_id: Option<String>,
) -> Result<Ticket, ApiError> {
    answer(token(request_id, minutes, consent, session_id, application_id))
}

fn token(
    request_id: String,
    minutes: u32,
    consent: bool,
    session_id: Option<String>,
    application_id: Option<String>,
) -> Result<Ticket, ApiError> {
    let caller = Caller::of_request()?;
    check_id("request_id", &request_id)?;
    if let Some(session_id) = session_id {
        return caller.app.rooms.renew(request_id, &session_id, caller.cookie.as_deref(), caller.ip);
    }
    if let Some(id) = &application_id {
        check_id("application_id", id)?;
    }
    if !consent {
        return Err(ApiError::Consent);
    }
    let longest = u32::from(caller.app.config.session_minutes);
    if !(1..=longest).contains(&minutes) {
        return Err(ApiError::Invalid(format!("minutes must be 1 to {longest}")));
    }
    if !caller.app.config.open_start() {
        return Err(ApiError::Closed);
    }
    let start = Start { request_id, minutes, application_id, cookie: caller.cookie, ip: caller.ip };
    let (ticket, secret) = caller.app.rooms.start(start)?;
    if let (Some(response), Some(cookie)) =
        (use_context::<ResponseOptions>(), auth::set_cookie(&secret, &caller.app.config))
    {
        response.append_header(header::SET_COOKIE, cookie);
    }
    Ok(ticket)
}

pub async fn sdp_exchange(
    request_id: String,
    session_id: String,
    client_secret: String,
    offer: String,
    restart: bool,
) -> Result<Exchanged, ApiError> {
    answer(exchange(&request_id, &session_id, &client_secret, &offer, restart).await)
}

async fn exchange(
    request_id: &str,
    session_id: &str,
    client_secret: &str,
    offer: &str,
    restart: bool,
) -> Result<Exchanged, ApiError> {
    let caller = Caller::of_request()?;
    check_id("request_id", request_id)?;
    let offer = Offer::parse(offer).map_err(|error| ApiError::Offer(error.to_string()))?;
    let to = To { route: Route::Direct, restart };
    caller.app.rooms.exchange(request_id, session_id, client_secret, offer, to).await
}

pub async fn finish(request_id: String, session_id: String) -> Result<Report, ApiError> {
    answer(end(&request_id, &session_id).await)
}

async fn end(request_id: &str, session_id: &str) -> Result<Report, ApiError> {
    let caller = Caller::of_request()?;
    check_id("request_id", request_id)?;
    caller.app.rooms.finish(session_id, caller.cookie.as_deref()).await
}

pub async fn report(session_id: String) -> Result<Report, ApiError> {
    answer(read(&session_id).await)
}

async fn read(session_id: &str) -> Result<Report, ApiError> {
    let caller = Caller::of_request()?;
    caller.app.rooms.report(session_id, caller.cookie.as_deref()).await
}

/// An id that a page chose: up to 64 of `[A-Za-z0-9_-]`.
pub(super) fn check_id(name: &str, id: &str) -> Result<(), ApiError> {
    let plain = id.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-'));
    if plain && (1..=64).contains(&id.len()) {
        Ok(())
    } else {
        Err(ApiError::Invalid(format!("{name} must be 1 to 64 letters, digits, '_' or '-'")))
    }
}
