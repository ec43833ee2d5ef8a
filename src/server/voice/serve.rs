//! The face of the embedded provider over HTTP: the Realtime endpoints of the OpenAI API reference.
//!
//! `PATCH /v1/realtime/calls/{id}` is an extension of ours: a new offer for a running call, which restarts ICE.

mod auth;
mod calls;
mod connect;
mod error;
mod models;
mod secrets;
mod sideband;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware;
use axum::routing::{get, patch, post};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use self::error::ServeError;
use super::Provider;

/// An offer and a session of 64 KiB each, and what is around them.
const MAX_BODY_BYTES: usize = 160 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All routes. Every one of them wants a key. Pages of any origin may call them, because the key is all there is to
/// have: no cookie is read here.
pub fn router(provider: Provider) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PATCH])
        // What libraries send changes from version to version.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([LOCATION, REQUEST_ID]);
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/realtime", get(connect::connect).post(calls::preview))
        .route("/v1/realtime/client_secrets", post(secrets::create))
        .route("/v1/realtime/calls", post(calls::create))
        .route("/v1/realtime/calls/{id}", patch(calls::restart))
        .route("/v1/realtime/calls/{id}/hangup", post(calls::hang_up))
        .fallback(async || ServeError::NoRoute)
        .method_not_allowed_fallback(async || ServeError::Method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(provider.clone(), auth::require_key))
        .layer(SetResponseHeaderLayer::overriding(REQUEST_ID, request_id))
        .layer(cors)
        .with_state(provider)
}

fn request_id<T>(_: &T) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("req_{:032x}", rand::random::<u128>())).ok()
}
