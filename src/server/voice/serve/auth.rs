//! Who may speak to the provider.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::error::ServeError;
use crate::server::voice::Provider;

/// Lets a request pass that carries the standard key.
pub(super) async fn require_key(
    State(provider): State<Provider>,
    request: Request,
    next: Next,
) -> Result<Response, ServeError> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, key) = header.split_once(' ').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") && is_key(key.trim(), provider.0.settings.key.expose_secret()) {
        Ok(next.run(request).await)
    } else {
        Err(ServeError::Key)
    }
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
}
