//! The door of the API: what passes here is a JSON request of a page of ours, of bounded size and rate.
//!
//! Leptos answers malformed input with 500 and redirects plain forms to their referer; neither gets that far.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tower_governor::errors::GovernorError;
use tower_governor::key_extractor::KeyExtractor;

use super::App;
use super::auth::{self, From, client_ip};
use super::config::Config;
use super::routes::OFFER;
use crate::api::ApiError;

/// The longest body: an offer of 64 KiB, escaped as JSON, with room to spare.
pub const MAX_BODY_BYTES: usize = 160 * 1024;

impl axum::response::IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self)).into_response()
    }
}

/// Guards every path below `/api/`, and offers of relayed calls; all others pass.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/api/") && path != OFFER {
        return next.run(request).await;
    }
    let from = auth::origin(request.headers(), &app.config);
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match (request.method(), from) {
        (_, From::Foreign) => ApiError::Origin.into_response(),
        (&Method::OPTIONS, _) => StatusCode::NO_CONTENT.into_response(),
        (&Method::POST, _) => admit(request, next).await,
        _ => refuse(StatusCode::METHOD_NOT_ALLOWED, "this address takes POST"),
    };
    if let (From::Listed, Some(origin)) = (from, origin) {
        allow(response.headers_mut(), origin);
    }
    response
}

/// Reads the whole body before the server function sees the request, so that its errors are ours.
async fn admit(request: Request, next: Next) -> Response {
    let json = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).is_some_and(|it| {
        it.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "this address takes application/json");
    }
    let (mut parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
    };
    if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).is_err() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "the request is not a JSON object");
    }
    // With these, Leptos would answer with a redirect to wherever the request says it came from.
    parts.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::REFERER);
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(ApiError::Invalid(why.to_owned()))).into_response()
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
}

/// Counts requests by the client's address, behind a proxy too.
#[derive(Clone, Debug)]
pub struct ByClient(pub std::sync::Arc<Config>);

impl KeyExtractor for ByClient {
    type Key = std::net::IpAddr;

    fn extract<T>(&self, request: &axum::http::Request<T>) -> Result<Self::Key, GovernorError> {
        let ConnectInfo(peer) =
            request.extensions().get::<ConnectInfo<SocketAddr>>().ok_or(GovernorError::UnableToExtractKey)?;
        Ok(client_ip(request.headers(), *peer, &self.0))
    }
}

/// The answer to a client that is too quick.
#[must_use]
pub fn too_quick(error: &GovernorError) -> Response {
    match error {
        GovernorError::TooManyRequests { wait_time, .. } => {
            let retry_after_s = u32::try_from(*wait_time).unwrap_or(u32::MAX).max(1);
            let mut response = ApiError::Busy { retry_after_s }.into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
            response
        }
        GovernorError::UnableToExtractKey | GovernorError::Other { .. } => ApiError::Internal.into_response(),
    }
}
