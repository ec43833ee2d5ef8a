//! What the server says of itself: readiness, life, and sums.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use vivavoce::server::App;
use vivavoce::server::config::Config;
use vivavoce::server::provider::Provider;
use vivavoce::server::routes::metrics;
use vivavoce::server::rtc::{Port, PortSettings};

use crate::{EXCHANGE, Server, TOKEN, offer, start};

/// The step "API connection" fails while the provider is nowhere.
#[tokio::test]
async fn readiness_names_a_provider_that_does_not_answer() {
    let answer = Server::new(&[]).post("/api/interview/ready", json!({})).await;
    let body = json!({ "upstream": { "fault": "unreachable", "retry_after_s": 0 } });
    assert_eq!((answer.status, answer.body), (StatusCode::BAD_GATEWAY, body));
}

/// What is broken is named, so that nobody has to guess: here the provider, which is nowhere.
#[tokio::test]
async fn readiness_names_the_broken_part_and_life_does_not_depend_on_it() {
    let server = Server::new(&[]);
    let get = async |path: &str| server.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let alive = get("/healthz").await;
    assert_eq!(
        (alive.status, alive.body),
        (StatusCode::OK, json!({ "status": "ok", "broken": [] })),
        "nobody has asked yet"
    );
    let ready = get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let broken = json!([{ "part": "provider", "why": "unreachable" }]);
    assert_eq!(ready.body, json!({ "ready": false, "broken": broken }));
    let alive = get("/healthz").await;
    assert_eq!((alive.status, alive.body), (StatusCode::OK, json!({ "status": "ok", "broken": broken })));
}

/// A provider that fails whatever it is asked conducts no interview. One that only knows no list of its models does.
#[tokio::test]
async fn a_provider_that_fails_whatever_it_is_asked_is_not_ready() {
    for (status, why) in [
        (200, None),
        (403, None),
        (404, None),
        (501, None),
        (401, Some("key")),
        (500, Some("broken")),
        (502, Some("broken")),
        (503, Some("overloaded")),
    ] {
        let answer = move || async move { StatusCode::from_u16(status).unwrap() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let provider = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        let server = Server::with_provider(&base_url, &[]);
        let ready = server.send(Request::get("/readyz").body(Body::empty()).unwrap()).await;
        let broken: Vec<_> = why.into_iter().map(|why| json!({ "part": "provider", "why": why })).collect();
        assert_eq!(ready.body, json!({ "ready": broken.is_empty(), "broken": broken }), "{status}");
        assert_eq!(ready.status.is_success(), why.is_none(), "{status}");
        provider.abort();
    }
}

#[tokio::test]
async fn a_port_that_is_closed_and_a_server_that_stops_are_not_ready() {
    let config = Config::with_environment(&[]).unwrap();
    let provider = Provider::of(&config, config.provider_addr).unwrap();
    let mut app = App::new(config, provider);
    let port = Port::open(&PortSettings::default()).await.unwrap();
    app.port = Some(port.clone());
    let broken = async |app: &App| app.health.broken(app).await.into_iter().map(|it| it.part).collect::<Vec<_>>();
    // Nobody is at the provider's address, here as before.
    assert_eq!(broken(&app).await, ["provider"]);
    port.close();
    assert_eq!(broken(&app).await, ["provider", "media port"]);
    app.shutdown.cancel();
    assert_eq!(broken(&app).await, ["server", "provider", "media port"]);
}

/// S004-17: the sums are there for whoever has the token, and for nobody where there is none.
#[tokio::test]
async fn metrics_want_a_token_and_count_what_happens() {
    let ask = async |server: &Server, token: &str| {
        let request = Request::get("/metrics").header("authorization", token).body(Body::empty()).unwrap();
        server.send(request).await
    };
    assert_eq!(ask(&Server::new(&[]), "Bearer ").await.status, StatusCode::NOT_FOUND);
    let server = Server::new(&[("METRICS_TOKEN", "hush")]);
    for token in ["", "Bearer", "Bearer ", "Bearer hus", "Bearer hushh", "Basic hush"] {
        let answer = ask(&server, token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token:?}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let started = server.post(TOKEN, start("r1")).await;
    let secret = started.body["client_secret"].as_str().unwrap();
    let exchange = json!({
        "request_id": "r2", "session_id": started.body["session_id"], "client_secret": secret, "offer": offer(),
    });
    assert_eq!(server.post(EXCHANGE, exchange).await.status, StatusCode::BAD_GATEWAY);
    let answer = ask(&server, "Bearer hush").await;
    let text = answer.body.as_str().unwrap();
    for line in [
        "vivavoce_sessions_open 1",
        "vivavoce_sessions_started_total 1",
        "vivavoce_provider_faults_total{fault=\"unreachable\"} 1",
        "vivavoce_calls_total{route=\"direct\"} 0",
        "# TYPE vivavoce_turn_delay_seconds histogram",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in {text}");
    }
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(!text.contains(secret) && !text.contains(started.body["session_id"].as_str().unwrap()));
}

#[tokio::test]
async fn metrics_can_have_an_address_of_their_own() {
    for (token, expected) in [("", StatusCode::OK), ("hush", StatusCode::UNAUTHORIZED)] {
        let config = Config::with_environment(&[("METRICS_ADDR", "127.0.0.1:0"), ("METRICS_TOKEN", token)]).unwrap();
        let provider = Provider::of(&config, config.provider_addr).unwrap();
        let app = App::new(config, provider);
        let ask = || Request::get("/metrics").body(Body::empty()).unwrap();
        assert_eq!(metrics::alone(app).oneshot(ask()).await.unwrap().status(), expected, "{token:?}");
    }
    let server = Server::new(&[("METRICS_ADDR", "127.0.0.1:0")]);
    let beside = server.send(Request::get("/metrics").body(Body::empty()).unwrap()).await;
    assert_eq!(beside.status, StatusCode::NOT_FOUND);
}
