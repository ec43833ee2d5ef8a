//! The API through the real router: who may call it, what it takes, and that bad input is always the caller's fault.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "http/health.rs"]
mod health;
#[path = "http/origins.rs"]
mod origins;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vivavoce::server::App;
use vivavoce::server::config::Config;
use vivavoce::server::provider::{Provider, Settings};
use vivavoce::server::router::router;

const HOST: &str = "localhost:3000";
const ORIGIN: &str = "http://localhost:3000";
const TOKEN: &str = "/api/interview/ephemeral-token";
const EXCHANGE: &str = "/api/interview/sdp-exchange";
/// Both addresses of the two functions (S001-08, S001-15).
const TOKENS: [&str; 2] = [TOKEN, "/api/realtime-session"];
const EXCHANGES: [&str; 2] = [EXCHANGE, "/api/webrtc-exchange"];

/// A server whose provider is nowhere.
struct Server {
    router: Router,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Server {
    fn new(environment: &[(&str, &str)]) -> Self {
        Self::with_provider("http://127.0.0.1:1/v1", environment)
    }

    fn with_provider(base_url: &str, environment: &[(&str, &str)]) -> Self {
        let settings = Settings {
            preset: None,
            base_url: base_url.to_owned(),
            key: None,
            model: "m".to_owned(),
            voice: "v".to_owned(),
            transcription: None,
        };
        let config = Config::with_environment(environment).unwrap();
        Self { router: router(App::new(config, Provider::new(settings).unwrap())) }
    }

    async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(post(path).body(Body::from(body.to_string())).unwrap()).await
    }

    async fn post_as(&self, cookie: &str, path: &str, body: Value) -> Answer {
        self.send(post(path).header("cookie", cookie).body(Body::from(body.to_string())).unwrap()).await
    }
}

fn post(path: &str) -> axum::http::request::Builder {
    Request::post(path).header("host", HOST).header("origin", ORIGIN).header("content-type", "application/json")
}

fn start(request_id: &str) -> Value {
    json!({ "request_id": request_id, "minutes": 10, "consent": true })
}

fn cookie(answer: &Answer) -> String {
    let set = answer.headers[header::SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

fn offer() -> String {
    let fingerprint = ["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {fingerprint}\r\na=ice-ufrag:abcd\r\n\
         a=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n"
    )
}

/// S001-16, S003-47: the answer of both addresses, and the cookie that owns the session.
#[tokio::test]
async fn a_start_gives_a_session_a_ticket_and_a_cookie() {
    for path in TOKENS {
        let answer = Server::new(&[]).post(path, start("r1")).await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {}", answer.body);
        for field in ["session_id", "client_secret", "expires_at", "ice_servers", "route"] {
            assert!(!answer.body[field].is_null(), "{field} in {}", answer.body);
        }
        assert_eq!(answer.body["route"], "direct");
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    }
}

/// S003-02, S003-37, S004-05: each session has TURN credentials of its own, and the policy comes with them.
#[tokio::test]
async fn a_ticket_brings_the_servers_that_help_through_a_nat() {
    let bare = Server::new(&[]).post(TOKEN, start("r1")).await.body;
    assert_eq!((&bare["ice_servers"], &bare["ice_policy"]), (&json!([]), &json!("all")));
    let server = Server::new(&[
        ("STUN_URLS", "stun:a.example"),
        ("TURN_URLS", "turn:a.example"),
        ("TURN_SECRET", "north"),
        ("ICE_POLICY", "relay"),
        ("VOICE_ROUTE", "relay"),
    ]);
    let (first, other) = (server.post(TOKEN, start("r1")).await.body, server.post(TOKEN, start("r2")).await.body);
    assert_eq!((&first["ice_policy"], &first["route"]), (&json!("relay"), &json!("relay")));
    assert_eq!(first["ice_servers"][0], json!({ "urls": ["stun:a.example"] }));
    let turn = |ticket: &Value| ticket["ice_servers"][1]["username"].as_str().unwrap().to_owned();
    assert_ne!(turn(&first), turn(&other));
    assert!(!first.to_string().contains("north"), "the secret stays here");
}

#[tokio::test]
async fn the_same_request_id_gets_the_same_answer() {
    let server = Server::new(&[]);
    let (first, again, other) = (
        server.post(TOKEN, start("r1")).await,
        server.post(TOKEN, start("r1")).await,
        server.post(TOKEN, start("r2")).await,
    );
    assert_eq!(first.body, again.body);
    assert_eq!(cookie(&first), cookie(&again));
    assert_ne!(first.body["session_id"], other.body["session_id"]);
}

/// S10, S19, S24: bad input is a typed 4xx, never a 5xx and never a redirect.
#[tokio::test]
async fn whatever_is_wrong_with_a_request_is_said_with_a_4xx() {
    let server = Server::new(&[]);
    let big = "x".repeat(200 * 1024);
    let bodies = [
        ("application/json", "{", StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", "", StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", "[]", StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", "{}", StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", r#"{"request_id":1}"#, StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", "\u{0}\u{1}", StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", &big, StatusCode::PAYLOAD_TOO_LARGE),
        ("application/x-www-form-urlencoded", "request_id=a", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("multipart/form-data; boundary=x", "--x--", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ];
    let all = TOKENS.into_iter().chain(EXCHANGES).chain(["/api/interview/finish", "/api/interview/report"]);
    for path in all {
        for (kind, body, expected) in bodies {
            let request = Request::post(path)
                .header("host", HOST)
                .header("origin", ORIGIN)
                .header("content-type", kind)
                .header("accept", "text/html")
                .header("referer", "https://evil.example/");
            let answer = server.send(request.body(Body::from(body.to_owned())).unwrap()).await;
            assert_eq!(answer.status, expected, "{path} {kind} {}", body.get(..20).unwrap_or(body));
            assert!(!answer.headers.contains_key(header::LOCATION), "{path} {kind}");
        }
    }
}

#[tokio::test]
async fn fields_out_of_bounds_are_refused_with_the_reason() {
    let server = Server::new(&[("SESSION_MINUTES", "30")]);
    for (change, status, word) in [
        (json!({ "consent": false }), StatusCode::FORBIDDEN, "consent"),
        (json!({ "minutes": 0 }), StatusCode::UNPROCESSABLE_ENTITY, "minutes"),
        (json!({ "minutes": 31 }), StatusCode::UNPROCESSABLE_ENTITY, "minutes"),
        (json!({ "request_id": "" }), StatusCode::UNPROCESSABLE_ENTITY, "request_id"),
        (json!({ "request_id": "a b" }), StatusCode::UNPROCESSABLE_ENTITY, "request_id"),
        (json!({ "application_id": "x".repeat(65) }), StatusCode::UNPROCESSABLE_ENTITY, "application_id"),
        (json!({ "application_id": "<b>" }), StatusCode::UNPROCESSABLE_ENTITY, "application_id"),
    ] {
        let mut body = start("r1");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = server.post(TOKEN, body).await;
        assert_eq!(answer.status, status, "{change}");
        assert!(answer.body.to_string().contains(word), "{change} {}", answer.body);
    }
}

#[tokio::test]
async fn other_methods_and_unknown_addresses_are_refused() {
    let server = Server::new(&[]);
    for (method, path) in
        [(Method::GET, TOKEN), (Method::PUT, EXCHANGE), (Method::DELETE, TOKENS[1]), (Method::POST, "/api/nothing")]
    {
        let request = Request::builder().method(method.clone()).uri(path).header("host", HOST).header("origin", ORIGIN);
        let request = request.header("content-type", "application/json");
        let answer = server.send(request.body(Body::from("{}")).unwrap()).await;
        assert!(answer.status.is_client_error(), "{method} {path} {}", answer.status);
    }
}

/// The offer is looked at before anybody else sees it; the ticket stays unspent.
#[tokio::test]
async fn an_offer_out_of_bounds_is_422_with_the_reason() {
    let server = Server::new(&[]);
    let ticket = server.post(TOKEN, start("r1")).await;
    for path in EXCHANGES {
        for (offer, word) in [
            ("hello".to_owned(), "SDP"),
            (offer().replace("m=audio", "m=video"), "neither audio"),
            (offer().replace("sha-256", "sha-1"), "fingerprint"),
            (format!("v=0\r\n{}", "a=x\r\n".repeat(20_000)), "64 KiB"),
        ] {
            let answer = server.post(path, exchange(&ticket, "e1", &offer)).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{word}");
            assert!(answer.body.to_string().contains(word), "{}", answer.body);
        }
    }
}

fn exchange(ticket: &Answer, request_id: &str, offer: &str) -> Value {
    json!({
        "request_id": request_id,
        "session_id": ticket.body["session_id"],
        "client_secret": ticket.body["client_secret"],
        "offer": offer,
    })
}

/// S003-03: a ticket is good for one exchange of its own session.
#[tokio::test]
async fn secrets_that_are_unknown_reused_or_another_sessions_are_refused() {
    let server = Server::new(&[]);
    let (one, two) = (server.post(TOKEN, start("r1")).await, server.post(TOKEN, start("r2")).await);
    for (field, value) in [
        ("client_secret", two.body["client_secret"].clone()),
        ("client_secret", json!("nonsense")),
        ("session_id", json!("nonsense")),
    ] {
        let mut body = exchange(&one, "e1", &offer());
        body[field] = value;
        assert_eq!(server.post(EXCHANGE, body).await.status, StatusCode::UNAUTHORIZED, "{field}");
    }
    // The provider is nowhere: the exchange fails as ours, and the spent ticket remembers by whom.
    let first = server.post(EXCHANGE, exchange(&one, "e1", &offer())).await;
    let again = server.post(EXCHANGE, exchange(&one, "e1", &offer())).await;
    let other = server.post(EXCHANGE, exchange(&one, "e2", &offer())).await;
    assert_eq!((first.status, again.status), (StatusCode::BAD_GATEWAY, StatusCode::BAD_GATEWAY));
    assert_eq!(other.status, StatusCode::CONFLICT);
}

/// Each call opens a session at the provider, which may be billed: tickets alone are no bound.
#[tokio::test]
async fn one_session_makes_so_many_calls_with_the_provider_and_waits_then() {
    let server = Server::new(&[]);
    let mut ticket = server.post(TOKEN, start("r1")).await;
    let (owner, mut calls) = (cookie(&ticket), 0);
    let refused = loop {
        let made = server.post(EXCHANGE, exchange(&ticket, &format!("e{calls}"), &offer())).await;
        if made.status != StatusCode::BAD_GATEWAY {
            break made;
        }
        calls += 1;
        assert!(calls < 40, "there is a bound");
        let mut again = start(&format!("again{calls}"));
        again["session_id"] = ticket.body["session_id"].clone();
        ticket = server.post_as(&owner, TOKEN, again).await;
    };
    assert!(calls >= 20, "more than a page needs that mends its call: {calls}");
    assert_eq!((refused.status, &refused.body["busy"]["retry_after_s"]), (StatusCode::TOO_MANY_REQUESTS, &json!(6)));
}

/// With a session id the cookie gives a fresh ticket; somebody else's cookie, or none, does not.
#[tokio::test]
async fn a_fresh_ticket_needs_the_sessions_own_cookie() {
    let server = Server::new(&[]);
    let (mine, other) = (server.post(TOKEN, start("r1")).await, server.post(TOKEN, start("r2")).await);
    let again = |id: &str| {
        let mut body = start(id);
        body["session_id"] = mine.body["session_id"].clone();
        body
    };
    let renewed = server.post_as(&cookie(&mine), TOKEN, again("r3")).await;
    assert_eq!(renewed.status, StatusCode::OK);
    assert_eq!(renewed.body["session_id"], mine.body["session_id"]);
    assert_ne!(renewed.body["client_secret"], mine.body["client_secret"]);
    for path in ["/api/interview/report", "/api/interview/finish"] {
        let body = json!({ "request_id": "f1", "session_id": mine.body["session_id"] });
        assert_eq!(server.post(path, body.clone()).await.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(server.post_as(&cookie(&other), path, body).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(server.post_as(&cookie(&other), TOKEN, again("r4")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.post(TOKEN, again("r5")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_finished_interview_has_a_report_and_takes_no_more_calls() {
    let server = Server::new(&[]);
    let mut body = start("r1");
    body["application_id"] = json!("application-7");
    let ticket = server.post(TOKEN, body).await;
    let owner = cookie(&ticket);
    let finish = json!({ "request_id": "f1", "session_id": ticket.body["session_id"] });
    let report = server.post_as(&owner, "/api/interview/finish", finish.clone()).await;
    assert_eq!((report.status, &report.body["ended"]), (StatusCode::OK, &json!("finished")));
    assert_eq!(report.body["application_id"], "application-7");
    let again = server.post_as(&owner, "/api/interview/finish", finish.clone()).await;
    assert_eq!(again.body, report.body, "finishing twice is one end");
    let read =
        server.post_as(&owner, "/api/interview/report", json!({ "session_id": ticket.body["session_id"] })).await;
    assert_eq!(read.body, report.body);
    let late = server.post(EXCHANGE, exchange(&ticket, "e1", &offer())).await;
    assert_eq!(late.status, StatusCode::GONE);
}

#[tokio::test]
async fn the_house_and_an_address_have_so_many_places() {
    for limit in ["MAX_SESSIONS", "MAX_SESSIONS_PER_IP"] {
        let server = Server::new(&[(limit, "2")]);
        let first = server.post(TOKEN, start("r1")).await;
        assert_eq!(server.post(TOKEN, start("r2")).await.status, StatusCode::OK);
        let full = server.post(TOKEN, start("r3")).await;
        assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS, "{limit}");
        assert!(full.body["busy"]["retry_after_s"].is_number(), "{}", full.body);
        // A place is free again when an interview is over.
        let finish = json!({ "request_id": "f1", "session_id": first.body["session_id"] });
        server.post_as(&cookie(&first), "/api/interview/finish", finish).await;
        let mut tries = 0;
        while server.post(TOKEN, start(&format!("again{tries}"))).await.status != StatusCode::OK {
            tries += 1;
            assert!(tries < 50, "{limit}: the place stays taken");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// An open start that a hosted provider bills needs a loopback address or PRACTICE=1.
#[tokio::test]
async fn nobody_runs_up_a_bill_from_elsewhere() {
    let hosted = ("OPENAI_API_KEY", "k");
    let public = ("LEPTOS_SITE_ADDR", "0.0.0.0:3000");
    for (environment, expected) in [
        (&[hosted][..], StatusCode::OK),
        (&[hosted, public], StatusCode::FORBIDDEN),
        (&[hosted, public, ("PRACTICE", "1")], StatusCode::OK),
        (&[public], StatusCode::OK),
    ] {
        assert_eq!(Server::new(environment).post(TOKEN, start("r1")).await.status, expected, "{environment:?}");
    }
}

#[tokio::test]
async fn a_client_that_is_too_quick_is_told_when_to_come_back() {
    let server = Server::new(&[]);
    let mut last = None;
    for n in 0..400 {
        let answer = server.post("/api/interview/report", json!({ "session_id": format!("s{n}") })).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            last = Some(answer);
            break;
        }
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert!(last.expect("the pace is limited").headers.contains_key(header::RETRY_AFTER));
}
