//! From where the API and the room channel may be called.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};

use crate::{EXCHANGES, HOST, ORIGIN, Server, TOKEN, TOKENS, start};

/// S10: foreign and missing origins are refused on every POST and on the room channel.
#[tokio::test]
async fn foreign_and_missing_origins_are_refused() {
    let server = Server::new(&[]);
    for origin in
        [None, Some("null"), Some("https://localhost:3000"), Some("http://localhost"), Some("http://evil.example")]
    {
        for path in TOKENS.into_iter().chain(EXCHANGES) {
            let mut request = Request::post(path).header("host", HOST).header("content-type", "application/json");
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let answer = server.send(request.body(Body::from(start("r1").to_string())).unwrap()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {origin:?}");
        }
    }
}

/// S002-20: listed origins may call, preflight included; the others stay 4xx.
#[tokio::test]
async fn cors_is_for_those_on_the_list() {
    let server = Server::new(&[("CORS_ORIGINS", "https://partner.example")]);
    for (origin, allowed) in [("https://partner.example", true), ("https://other.example", false)] {
        for method in [Method::OPTIONS, Method::POST] {
            let request = Request::builder()
                .method(method.clone())
                .uri(TOKEN)
                .header("host", HOST)
                .header("origin", origin)
                .header("content-type", "application/json")
                .header("access-control-request-method", "POST");
            let answer = server.send(request.body(Body::from(start("r1").to_string())).unwrap()).await;
            assert_eq!(answer.status.is_success(), allowed, "{method} {origin}");
            assert_eq!(answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{method} {origin}");
        }
    }
}

/// The room channel refuses foreign origins and nonsense before it upgrades.
#[tokio::test]
async fn the_room_channel_is_for_pages_of_ours() {
    let server = Server::new(&[]);
    for (origin, path, expected) in [
        (None, "/ws/interview?session_id=x", StatusCode::FORBIDDEN),
        (Some("http://evil.example"), "/ws/interview?session_id=x", StatusCode::FORBIDDEN),
        (Some(ORIGIN), "/ws/interview", StatusCode::BAD_REQUEST),
        (Some(ORIGIN), "/ws/interview?session_id=x", StatusCode::SWITCHING_PROTOCOLS),
    ] {
        let mut request = Request::get(path)
            .header("host", HOST)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let mut request = request.body(Body::empty()).unwrap();
        // A request that did not come from a connection cannot be upgraded; say that it could.
        let on_upgrade = hyper::upgrade::on(&mut request);
        request.extensions_mut().insert(on_upgrade);
        let answer = server.send(request).await;
        assert_eq!(answer.status, expected, "{origin:?} {path}");
    }
}
