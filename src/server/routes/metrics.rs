//! `GET /metrics`, for Prometheus: beside the page behind a bearer token, or on an address of its own.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use secrecy::{ExposeSecret as _, SecretString};

use crate::server::App;
use crate::server::auth::Hash;

/// Prometheus' own name of its text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Beside the page. Without a token that could open it there is nothing.
pub async fn beside_the_page(State(app): State<App>, headers: HeaderMap) -> Response {
    match &app.config.metrics_token {
        Some(token) => admit(&app, token, &headers),
        None => (StatusCode::NOT_FOUND, "not found").into_response(),
    }
}

/// The whole of what `METRICS_ADDR` answers. A token that is set is wanted here too.
pub fn alone(app: App) -> Router {
    Router::new().route("/metrics", get(whoever_comes)).with_state(app)
}

async fn whoever_comes(State(app): State<App>, headers: HeaderMap) -> Response {
    match &app.config.metrics_token {
        Some(token) => admit(&app, token, &headers),
        None => show(&app),
    }
}

fn admit(app: &App, token: &SecretString, headers: &HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
    if given.is_some_and(|given| Hash::of(given).is(&Hash::of(token.expose_secret()))) {
        show(app)
    } else {
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "a token is needed").into_response()
    }
}

fn show(app: &App) -> Response {
    let open = u32::try_from(app.rooms.open_sessions()).unwrap_or(u32::MAX);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], app.metrics.render(open)).into_response()
}
