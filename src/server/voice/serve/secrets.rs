//! `POST /v1/realtime/client_secrets`: ephemeral keys.

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::{Extension, Json};
use bytes::Bytes;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::auth::Credential;
use super::error::ServeError;
use crate::server::voice::Provider;

/// How long a key is good for, in seconds: the protocol's bounds and its default.
const SECONDS: std::ops::RangeInclusive<u64> = 10..=7_200;
const DEFAULT_SECONDS: u64 = 600;

/// Makes a key for a session.
pub(super) async fn create(
    State(provider): State<Provider>,
    Extension(credential): Extension<Credential>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ServeError> {
    credential.standard()?;
    let body = body.map_err(|rejection| ServeError::Body(rejection.status()))?;
    let request: Value = match body.trim_ascii() {
        [] => json!({}),
        text => serde_json::from_slice(text).map_err(|_| ServeError::Json)?,
    };
    let seconds = seconds(&request["expires_after"])?;
    let session = match &request["session"] {
        Value::Null => &json!({}),
        session => session,
    };
    let minted = provider.mint(session, seconds)?;
    Ok(Json(json!({
        "value": minted.value.expose_secret(), "expires_at": minted.expires_at, "session": minted.session,
    })))
}

fn seconds(after: &Value) -> Result<u64, ServeError> {
    if after["anchor"].as_str().unwrap_or("created_at") != "created_at" {
        return Err(ServeError::Invalid("expires_after.anchor"));
    }
    match &after["seconds"] {
        Value::Null => Ok(DEFAULT_SECONDS),
        seconds => {
            let seconds = seconds.as_u64().filter(|it| SECONDS.contains(it));
            seconds.ok_or(ServeError::Invalid("expires_after.seconds"))
        }
    }
}
