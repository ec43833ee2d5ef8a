//! Who may speak to the provider.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::error::ServeError;
use crate::engine::protocol::session::SessionConfig;
use crate::server::voice::keys::PREFIX;
use crate::server::voice::session::Transport;
use crate::server::voice::{CallError, Provider};

/// A browser cannot set a header on a WebSocket: its key travels in a subprotocol behind this.
const SUBPROTOCOL: &str = "openai-insecure-api-key.";

/// What a request is allowed to do.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// The server's own key: everything.
    Standard,
    /// To start the one session that the key was made for.
    Ephemeral(SecretString),
}

impl Credential {
    /// # Errors
    /// [`ServeError::Key`] for an ephemeral key.
    pub(super) fn standard(&self) -> Result<(), ServeError> {
        match self {
            Self::Standard => Ok(()),
            Self::Ephemeral(_) => Err(ServeError::Key),
        }
    }

    /// The session that may be started: as `start` says, or as the key says, which is used up by it.
    pub(super) fn session(
        &self,
        provider: &Provider,
        start: &Value,
        transport: Transport,
    ) -> Result<SessionConfig, CallError> {
        match self {
            Self::Standard => provider.configure(start),
            Self::Ephemeral(key) => provider.redeem(key.expose_secret(), transport),
        }
    }
}

/// Lets a request pass that carries a key, and notes which.
pub(super) async fn require_key(
    State(provider): State<Provider>,
    mut request: Request,
    next: Next,
) -> Result<Response, ServeError> {
    let key = given(request.headers()).ok_or(ServeError::Key)?;
    let credential = if is_key(key, provider.0.settings.key.expose_secret()) {
        Credential::Standard
    } else if key.starts_with(PREFIX) {
        provider.check(key).map_err(CallError::Key)?;
        Credential::Ephemeral(key.into())
    } else {
        return Err(ServeError::Key);
    };
    request.extensions_mut().insert(credential);
    Ok(next.run(request).await)
}

/// The bearer key, or the one among the subprotocols.
fn given(headers: &HeaderMap) -> Option<&str> {
    if let Some(header) = headers.get(AUTHORIZATION) {
        let (scheme, key) = header.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| key.trim());
    }
    let lists = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|it| it.to_str().ok());
    lists.flat_map(|list| list.split(',')).find_map(|it| it.trim().strip_prefix(SUBPROTOCOL))
}

/// Compares digests, so that neither the time taken nor the length tells anything.
fn is_key(given: &str, ours: &str) -> bool {
    !ours.is_empty() && bool::from(Sha256::digest(given).ct_eq(&Sha256::digest(ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_is_the_key() {
        assert!(is_key("secret", "secret"));
        for wrong in ["", "secre", "secrets", "Secret"] {
            assert!(!is_key(wrong, "secret"), "{wrong}");
        }
        assert!(!is_key("", ""), "no key set means nobody");
    }

    #[test]
    fn a_key_comes_as_header_or_as_subprotocol() {
        for (name, value, expected) in [
            ("authorization", "Bearer sk-1", Some("sk-1")),
            ("authorization", "bearer  ek_1 ", Some("ek_1")),
            ("authorization", "Basic sk-1", None),
            ("authorization", "sk-1", None),
            ("sec-websocket-protocol", "realtime, openai-insecure-api-key.ek_1, other", Some("ek_1")),
            ("sec-websocket-protocol", "realtime", None),
            ("x-key", "sk-1", None),
        ] {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(given(&headers), expected, "{name}: {value}");
        }
    }
}
