//! `GET /v1/models`: what a client may name. Every other name is taken too, and echoed.

use axum::Json;
use serde_json::{Value, json};

/// The one model that there is.
pub(super) async fn list() -> Json<Value> {
    let model = json!({ "id": "vivavoce", "object": "model", "created": 0, "owned_by": "vivavoce" });
    Json(json!({ "object": "list", "data": [model] }))
}
