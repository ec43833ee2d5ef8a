//! What a client reads when a request failed.

use axum::Json;
use axum::extract::multipart::MultipartError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::server::voice::CallError;
use crate::server::voice::keys::KeyError;

/// Why a request was refused. The body is the API's `{"error": {message, type, code, param}}`.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    #[error("Incorrect API key provided.")]
    Key,
    #[error("There is nothing at this address.")]
    NoRoute,
    #[error("This address does not take this method.")]
    Method,
    #[error("The body is neither multipart/form-data nor application/sdp.")]
    ContentType,
    #[error("The form cannot be read.")]
    Form(#[from] MultipartError),
    #[error("The body cannot be read.")]
    Body(StatusCode),
    #[error("The body is not valid JSON.")]
    Json,
    #[error("Missing required parameter: '{0}'.")]
    Missing(&'static str),
    #[error("Invalid value for '{0}'.")]
    Invalid(&'static str),
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("A WebSocket is expected here.")]
    NoUpgrade,
}

impl ServeError {
    fn parts(&self) -> (StatusCode, &'static str, Option<&str>) {
        match self {
            Self::Key => (StatusCode::UNAUTHORIZED, "invalid_api_key", None),
            Self::NoRoute => (StatusCode::NOT_FOUND, "unknown_url", None),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", None),
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", None),
            Self::Form(error) => (error.status(), "invalid_form", None),
            Self::Body(status) => (*status, "invalid_body", None),
            Self::Json => (StatusCode::BAD_REQUEST, "invalid_json", None),
            Self::Missing(param) => (StatusCode::BAD_REQUEST, "missing_required_parameter", Some(param)),
            Self::Invalid(param) => (StatusCode::BAD_REQUEST, "invalid_value", Some(param)),
            Self::NoUpgrade => (StatusCode::UPGRADE_REQUIRED, "websocket_expected", None),
            Self::Call(CallError::Offer(_)) => (StatusCode::BAD_REQUEST, "invalid_offer", Some("sdp")),
            Self::Call(CallError::Session(refusal)) => {
                (StatusCode::BAD_REQUEST, refusal.code, Some(refusal.param.as_str()))
            }
            Self::Call(CallError::Busy) => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", None),
            Self::Call(CallError::Stopping) => (StatusCode::SERVICE_UNAVAILABLE, "server_is_overloaded", None),
            Self::Call(CallError::Key(error)) => match error {
                KeyError::Unknown => (StatusCode::UNAUTHORIZED, "invalid_api_key", None),
                KeyError::Expired => (StatusCode::UNAUTHORIZED, "ephemeral_token_expired", None),
                KeyError::Used => (StatusCode::UNAUTHORIZED, "ephemeral_token_already_used", None),
                KeyError::Full => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", None),
            },
            Self::Call(CallError::Unknown) => (StatusCode::NOT_FOUND, "call_id_not_found", Some("")),
        }
    }
}

impl IntoResponse for ServeError {
    fn into_response(self) -> Response {
        let (status, code, param) = self.parts();
        let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let body = json!({ "error": { "message": self.to_string(), "type": kind, "code": code, "param": param } });
        (status, Json(body)).into_response()
    }
}
