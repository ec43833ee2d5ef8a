//! Whether the server lives, and whether it can conduct an interview: for whoever starts, restarts and sends traffic.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::server::App;

/// The process answers, at once and whatever is broken; that is named as far as it is known.
pub async fn live(State(app): State<App>) -> Json<serde_json::Value> {
    Json(json!({ "status": "ok", "broken": app.health.known(&app) }))
}

/// Everything that an interview needs is there; else 503 and the names of what is broken.
pub async fn ready(State(app): State<App>) -> Response {
    let broken = app.health.broken(&app).await;
    let status = if broken.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": broken.is_empty(), "broken": broken }))).into_response()
}
