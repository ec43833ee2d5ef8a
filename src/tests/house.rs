//! The house as a visitor finds it: settings in step, pages, headers, and nothing that is not there.

#![expect(clippy::expect_used, reason = "a test that cannot go on says so")]

use std::{fs, net::SocketAddr, path::Path};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode},
};
use clap::CommandFactory as _;
use toml::{Table, Value};
use tower::ServiceExt as _;
use vivavoce::server::{App, config::Config, provider::Provider, router::router};

fn table(file: &str) -> Table {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("file of the crate");
    text.parse().expect("TOML")
}

fn leptos(table: &Table) -> &Table {
    table["package"]["metadata"]["leptos"].as_table().expect("a table")
}

fn house(environment: &[(&str, &str)]) -> Router {
    let config = Config::with_environment(environment).expect("settings fit");
    let provider = Provider::of(&config, config.provider_addr).expect("a provider");
    router(App::new(config, provider))
}

async fn ask(house: &Router, method: &str, path: &str) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
    let response = house.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 24).await.expect("a body");
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |it| it.to_str().expect("text"))
}

#[test]
fn leptos_toml_repeats_what_cargo_toml_says() {
    let (cargo, own) = (table("Cargo.toml"), table("Leptos.toml"));
    for (key, value) in leptos(&own) {
        assert_eq!(Some(value), leptos(&cargo).get(key), "{key}");
    }
    // cargo-leptos must build what `make build` builds.
    let cargo_leptos = leptos(&cargo);
    assert_eq!(cargo_leptos["bin-target"].as_str(), Some("vivavoce"));
    assert_eq!(cargo_leptos["lib-profile-release"].as_str(), Some("wasm-release"));
    assert_eq!(cargo_leptos["hash-files"], Value::Boolean(true));
    for key in ["style-file", "assets-dir"] {
        let path = cargo_leptos[key].as_str().expect("a path");
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
    }
}

#[test]
fn every_setting_is_in_the_example_and_nothing_else_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = fs::read_to_string(root.join(".env.example")).expect("file of the crate");
    let mut shown: Vec<_> = example
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .filter(|it| !it.starts_with('#'))
        .collect();
    let command = Config::command();
    // What only the build and cargo-leptos care about needs no example.
    let of_the_build = [
        "LEPTOS_OUTPUT_NAME",
        "LEPTOS_SITE_ROOT",
        "LEPTOS_SITE_PKG_DIR",
        "LEPTOS_RELOAD_PORT",
        "LEPTOS_ENV",
        "LEPTOS_HASH_FILES",
    ];
    let mut known: Vec<_> = command
        .get_arguments()
        .filter_map(|it| it.get_env()?.to_str())
        .filter(|it| !of_the_build.contains(it))
        .collect();
    shown.sort_unstable();
    known.sort_unstable();
    assert_eq!(shown, known);
    assert!(dotenvy::from_path_iter(root.join(".env.example")).expect("readable").all(|line| line.is_ok()));
}

#[tokio::test]
async fn pages_answer_with_a_strict_policy_and_a_fresh_nonce() {
    let house = house(&[]);
    let mut policies = Vec::new();
    for path in ["/", "/interview", "/interview/new/abc_DEF-123", "/", "/no/such/page"] {
        let (status, headers, body) = ask(&house, "GET", path).await;
        assert_eq!(status, if path.starts_with("/no") { StatusCode::NOT_FOUND } else { StatusCode::OK }, "{path}");
        assert!(header(&headers, "content-type").starts_with("text/html"), "{path}");
        assert_eq!(header(&headers, "cache-control"), "no-store", "{path}");
        let policy = header(&headers, "content-security-policy").to_owned();
        let nonce = policy.split("'nonce-").nth(1).and_then(|it| it.split('\'').next()).expect("a nonce").to_owned();
        assert!(
            !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'") && !policy.contains("ws:"),
            "{policy}"
        );
        assert!(body.contains("<html") && body.contains(" \u{b7} Vivavoce</title>"), "{path}");
        let scripts = body.matches("<script").count();
        assert_eq!(scripts, body.matches(&format!("nonce=\"{nonce}\"")).count(), "{path}: {body}");
        policies.push(nonce);
    }
    let count = policies.len();
    policies.sort_unstable();
    policies.dedup();
    assert_eq!(policies.len(), count, "each answer has a nonce of its own");
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let house = house(&[]);
    for (method, path, status) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/pkg/vivavoce.0000000000000000.wasm", 404),
        ("GET", "/favicon.none", 404),
        // Nobody says where this comes from.
        ("GET", "/api/nothing", 403),
        ("POST", "/nothing", 404),
        ("POST", "/", 405),
    ] {
        let (answered, headers, _) = ask(&house, method, path).await;
        assert_eq!(answered.as_u16(), status, "{method} {path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("strict-transport-security", ""),
        ] {
            assert_eq!(header(&headers, name), value, "{method} {path} {name}");
        }
        assert!(header(&headers, "permissions-policy").contains("microphone=(self), camera=()"), "{method} {path}");
        assert!(header(&headers, "content-security-policy").contains("default-src 'none'"), "{method} {path}");
    }
}

#[tokio::test]
async fn transport_security_is_promised_only_where_people_come_by_https() {
    for (url, expected) in [("https://a.example", true), ("http://a.example", false)] {
        let (_, headers, _) = ask(&house(&[("PUBLIC_URL", url)]), "GET", "/").await;
        assert_eq!(headers.contains_key("strict-transport-security"), expected, "{url}");
    }
}

#[tokio::test]
async fn the_reload_socket_is_admitted_under_watch_alone() {
    let (_, headers, _) = ask(&house(&[("LEPTOS_WATCH", "true")]), "GET", "/").await;
    assert!(
        header(&headers, "content-security-policy").contains("connect-src 'self' ws://localhost:3001"),
        "{headers:?}"
    );
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_it_is_read() {
    let mut request =
        Request::post("/anything").header("content-length", "99999999").body(Body::empty()).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
    let response = house(&[]).oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(header(response.headers(), "x-content-type-options"), "nosniff");
}

/// A length that this server does not allow is not offered.
#[tokio::test]
async fn the_lobby_offers_the_lengths_that_fit() {
    for (longest, offered) in [("30", "Long"), ("10", "Standard"), ("5", "Short")] {
        let (_, _, page) = ask(&house(&[("SESSION_MINUTES", longest)]), "GET", "/interview").await;
        let lengths: Vec<_> =
            ["Short", "Standard", "Long"].into_iter().filter(|it| page.contains(&format!(">{it}<"))).collect();
        assert_eq!(lengths.last(), Some(&offered), "{longest} minutes");
        assert!(page.contains(&format!("data-longest=\"{longest}\"")), "for the browser part");
    }
}

/// What is kept is said before the candidate agrees, and it depends on whether anybody writes words down.
#[tokio::test]
async fn the_lobby_says_whether_words_are_written_down() {
    for (url, written) in [("", false), ("http://127.0.0.1:9/v1", true)] {
        let (_, _, page) = ask(&house(&[("TRANSCRIPTION_URL", url)]), "GET", "/interview").await;
        assert_eq!(page.contains("your words as text"), written, "{url}");
        assert_eq!(page.contains("Your words are not written down"), !written, "{url}");
        assert!(page.contains(&format!("data-transcribes=\"{written}\"")), "for the browser part");
    }
}

/// S000-16, S004-01: the page knows before its first view what WebRTC means here, and what is proposed.
#[tokio::test]
async fn the_page_is_told_how_the_voice_may_travel() {
    for (environment, expected) in [
        (&[][..], ["webrtc=\"direct\"", "use-webrtc=\"true\"", "fallback=\"true\"", "sealed=\"false\""]),
        (
            &[("USE_WEBRTC", "0"), ("WEBRTC_FALLBACK", "0"), ("SEALED", "1")],
            ["webrtc=\"relay\"", "use-webrtc=\"false\"", "fallback=\"false\"", "sealed=\"true\""],
        ),
    ] {
        let (_, _, page) = ask(&house(environment), "GET", "/interview").await;
        for attribute in expected {
            assert!(page.contains(&format!(" data-{attribute}")), "{environment:?}: {attribute}");
        }
    }
}
