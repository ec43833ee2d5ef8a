//! The headers that every answer carries.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};

use super::App;

/// Two years, as the preload list wants it.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains; preload");

const FIXED: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("microphone=(self), camera=(), display-capture=(), geolocation=()"),
    ),
];

/// Adds what an answer lacks. The outermost layer, so that refusals and failures carry it too.
pub async fn complete(State(app): State<App>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.extend(FIXED);
    if app.config.public_url.as_ref().is_some_and(|it| it.is_https()) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    set_default(headers, header::CACHE_CONTROL, || Some(HeaderValue::from_static("no-store")));
    set_default(headers, header::CONTENT_SECURITY_POLICY, || content_security_policy(None, None));
    response
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: impl FnOnce() -> Option<HeaderValue>) {
    if !headers.contains_key(&name)
        && let Some(value) = value()
    {
        headers.insert(name, value);
    }
}

/// The policy of a page whose own inline script carries `nonce`. `reload_port` admits cargo-leptos' reload socket.
///
/// `'self'` stays beside the nonce because audio worklet modules are fetched by URL and cannot carry one. It also covers
/// WebSockets to this host. None if the nonce cannot stand in a header.
#[must_use]
pub fn content_security_policy(nonce: Option<&str>, reload_port: Option<u16>) -> Option<HeaderValue> {
    let nonce = nonce.map_or_else(String::new, |nonce| format!(" 'nonce-{nonce}'"));
    let reload = reload_port.map_or_else(String::new, |port| format!(" ws://localhost:{port} ws://127.0.0.1:{port}"));
    let policy = format!(
        "default-src 'none'; script-src 'self'{nonce} 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; media-src 'self' blob:; connect-src 'self'{reload}; worker-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
}
