//! `WS /v1/realtime`: a session of its own (`?model=`, `?intent=`), or a control socket on a running call (`?call_id=`).

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::auth::Credential;
use super::error::ServeError;
use super::sideband;
use crate::server::voice::session::Transport;
use crate::server::voice::{CallError, Provider, socket};

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    model: Option<String>,
    intent: Option<String>,
    call_id: Option<String>,
}

/// Refuses with HTTP what can be refused before the upgrade.
pub(super) async fn connect(
    State(provider): State<Provider>,
    Extension(credential): Extension<Credential>,
    target: Result<Query<Target>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ServeError> {
    let Query(target) = target.map_err(|_| ServeError::Invalid("model"))?;
    let upgrade = upgrade.map_err(|_| ServeError::NoUpgrade);
    let start = match target {
        Target { model: None, intent: None, call_id: Some(id) } => {
            // A key that starts a session controls none.
            credential.standard().map_err(|_| CallError::Unknown)?;
            return Ok(sideband::attach(provider.call(&id)?, upgrade?));
        }
        Target { model: Some(model), intent: None, call_id: None } => json!({ "type": "realtime", "model": model }),
        Target { model: None, intent: Some(intent), call_id: None } if intent == "transcription" => {
            json!({ "type": "transcription" })
        }
        Target { model: None, intent: Some(_), call_id: None } => return Err(ServeError::Invalid("intent")),
        // What it starts is in the key.
        Target { model: None, intent: None, call_id: None } if credential.standard().is_err() => json!({}),
        Target { model: None, intent: None, call_id: None } => return Err(ServeError::Missing("model")),
        Target { .. } => return Err(ServeError::Invalid("model")),
    };
    let upgrade = upgrade?;
    let serve = provider.open(&|| credential.session(&provider, &start, Transport::Socket))?;
    Ok(socket::with_sound(upgrade).on_upgrade(serve))
}
