//! The face of the embedded provider over HTTP: the Realtime endpoints of the OpenAI API reference.
//!
//! `PATCH /v1/realtime/calls/{id}` is an extension of ours: a new offer for a running call, which restarts ICE.

mod auth;
mod calls;
mod error;
mod sideband;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use self::error::ServeError;
use super::Provider;

/// An offer and a session of 64 KiB each, and what is around them.
const MAX_BODY_BYTES: usize = 160 * 1024;

/// All routes. Every one of them wants the key.
pub fn router(provider: Provider) -> Router {
    Router::new()
        .route("/v1/realtime", get(sideband::attach))
        .route("/v1/realtime/calls", post(calls::create))
        .route("/v1/realtime/calls/{id}", axum::routing::patch(calls::restart))
        .route("/v1/realtime/calls/{id}/hangup", post(calls::hang_up))
        .fallback(async || ServeError::NoRoute)
        .method_not_allowed_fallback(async || ServeError::Method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(provider.clone(), auth::require_key))
        .with_state(provider)
}
