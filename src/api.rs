//! The server functions: how a page gets a session, exchanges descriptions, ends, and reads its report.
//!
//! Every one authenticates and limits itself and answers a typed error with a 4xx status for what the caller did wrong.

pub mod error;

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

pub use error::ApiError;

use crate::engine::interview::report::Report;
use crate::engine::link::Route;

/// One entry of `RTCConfiguration.iceServers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// A session and a ticket for one exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub session_id: String,
    /// Single use. Not a provider key.
    pub client_secret: String,
    /// Seconds since the Unix epoch.
    pub expires_at: u64,
    pub ice_servers: Vec<IceServer>,
    /// `RTCConfiguration.iceTransportPolicy`: "all" or "relay".
    pub ice_policy: String,
    pub route: Route,
}

/// The answer to an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanged {
    /// SDP.
    pub answer: String,
    /// Counts the calls of this session, from 1. An ICE restart keeps the number.
    pub call: u32,
}

/// What the first page and the lobby may know about this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether the voice is the one inside this server.
    pub embedded: bool,
    /// Milliseconds that connecting may take as a whole.
    pub connect_timeout_ms: u32,
    /// Milliseconds after which an interview is over in which nobody is.
    pub idle_ms: u32,
}

/// Says whether the server and its provider are ready. The step "API connection" of the page.
///
/// # Errors
/// [`ApiError::Upstream`] while the provider does not answer or does not accept our key.
#[server(prefix = "/api", endpoint = "interview/ready", input = Json)]
pub async fn ready() -> Result<Readiness, ApiError> {
    crate::server::routes::interview::ready().await
}

/// Creates a session, or with `session_id` gives a fresh ticket for the one that the cookie owns (S003-47, S001-15).
///
/// The same `request_id` gets the first answer again.
///
/// # Errors
/// [`ApiError::Consent`] without consent, [`ApiError::Busy`] when the house is full, [`ApiError::Session`] for a session
/// that the cookie does not own, [`ApiError::Invalid`] for bad fields.
#[server(prefix = "/api", endpoint = "interview/ephemeral-token", input = Json)]
pub async fn ephemeral_token(
    request_id: String,
    minutes: u32,
    consent: bool,
    #[server(default)] session_id: Option<String>,
    #[server(default)] application_id: Option<String>,
) -> Result<Ticket, ApiError> {
    crate::server::routes::interview::ephemeral_token(request_id, minutes, consent, session_id, application_id).await
}

/// Exchanges an offer for the provider's answer (S003-48, S001-08). With `restart` the running call restarts ICE.
///
/// # Errors
/// [`ApiError::Ticket`] for a secret that is unknown, expired, spent or another session's, [`ApiError::Offer`] for an
/// offer that is out of bounds, [`ApiError::NoRestart`] when the provider cannot restart, [`ApiError::Upstream`].
#[server(prefix = "/api", endpoint = "interview/sdp-exchange", input = Json)]
pub async fn sdp_exchange(
    request_id: String,
    session_id: String,
    client_secret: String,
    offer: String,
    #[server(default)] restart: bool,
) -> Result<Exchanged, ApiError> {
    crate::server::routes::interview::sdp_exchange(request_id, session_id, client_secret, offer, restart).await
}

/// Ends the interview and frees its call.
///
/// # Errors
/// [`ApiError::Session`] for a session that the cookie does not own.
#[server(prefix = "/api", endpoint = "interview/finish", input = Json)]
pub async fn finish(request_id: String, session_id: String) -> Result<Report, ApiError> {
    crate::server::routes::interview::finish(request_id, session_id).await
}

/// The report as far as the interview has come.
///
/// # Errors
/// [`ApiError::Session`] for a session that the cookie does not own.
#[server(prefix = "/api", endpoint = "interview/report", input = Json)]
pub async fn read_report(session_id: String) -> Result<Report, ApiError> {
    crate::server::routes::interview::report(session_id).await
}
