//! Making a call: what we send to whom, what may come back, and what becomes of it.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Notify;

use crate::house::{KEY, Stage};
use crate::script::{Reply, Script, answer, refusal};

fn upstream(fault: &str, retry_after_s: u32) -> Value {
    json!({ "upstream": { "fault": fault, "retry_after_s": retry_after_s } })
}

/// A fault of the provider, and what our server makes of it.
struct Case {
    name: &'static str,
    reply: Reply,
    status: u16,
    body: Value,
}

fn case(name: &'static str, reply: Reply, status: u16, fault: &str, retry_after_s: u32) -> Case {
    Case { name, reply, status, body: upstream(fault, retry_after_s) }
}

fn faults() -> Vec<Case> {
    let raw = |status: u16, body: &[u8]| Reply::Plain(status, Vec::new(), body.to_vec());
    let limited = || Reply::error(429, "rate_limit_exceeded");
    let offer = json!({ "offer": "the voice service did not accept the offer" });
    vec![
        case("401", Reply::error(401, "invalid_api_key"), 502, "key", 0),
        case("401 without JSON", raw(401, b"<html>\xff\xfe"), 502, "key", 0),
        case("403", Reply::error(403, "unsupported_country_region_territory"), 502, "forbidden", 0),
        case("404 model", Reply::error(404, "model_not_found"), 502, "settings", 0),
        case("404 address", raw(404, b"not here"), 502, "settings", 0),
        case(
            "a voice that it does not know",
            raw(400, &refusal("invalid_value", Some("session.audio.output.voice"))),
            502,
            "settings",
            0,
        ),
        case("a redirect", raw(307, b"").with("location", "http://127.0.0.1:1/elsewhere"), 502, "settings", 0),
        case("429", limited(), 503, "limited", 5),
        case("429 with a wait", limited().with("retry-after", "20"), 503, "limited", 20),
        case("429 with an endless wait", limited().with("retry-after", "86400"), 503, "limited", 120),
        case(
            "429 for want of credit",
            Reply::error(429, "insufficient_quota").with("retry-after", "20"),
            503,
            "quota",
            0,
        ),
        case("402", raw(402, b""), 503, "quota", 0),
        case("500", Reply::error(500, "server_error"), 502, "broken", 0),
        case("503", raw(503, b""), 503, "overloaded", 0),
        case(
            "503 with a wait",
            Reply::error(503, "server_is_overloaded").with("retry-after", "7"),
            503,
            "overloaded",
            7,
        ),
        case("a hang", Reply::Hang, 504, "slow", 0),
        case("one byte a second", Reply::Drip, 504, "slow", 0),
        case("an answer of 100 MB", Reply::Huge(201), 502, "garbled", 0),
        case("a refusal of 100 MB", Reply::Huge(500), 502, "broken", 0),
        case("a body that breaks off", Reply::Cut, 502, "broken", 0),
        case("an empty answer", raw(201, b""), 502, "garbled", 0),
        case("no SDP", raw(201, b"<html></html>"), 502, "garbled", 0),
        case("SDP that no browser takes", raw(201, b"v=0\r\ns=-\r\n"), 502, "garbled", 0),
        case("JSON without SDP", raw(200, b"{\"sdp\":null}"), 502, "garbled", 0),
        case("invalid UTF-8", raw(201, b"v=0\r\n\xff\xfe\r\n"), 502, "garbled", 0),
        case("no call id", raw(201, answer().as_bytes()), 502, "uncontrolled", 0),
        Case {
            name: "an offer that it cannot read",
            reply: Reply::error(400, "invalid_offer"),
            status: 422,
            body: offer,
        },
    ]
}

/// S000-06, S001-06: every fault of an exchange is a state of its own, says when to come back where that is known, and leaves a session that
/// goes on with a fresh ticket.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_exchange_is_told_apart_and_survived() {
    let played = faults().into_iter().map(|Case { name, reply, status, body }| async move {
        let mut stage = Stage::set().await;
        stage.script.reply(reply);
        let refused = stage.exchange().await;
        assert_eq!((refused.status.as_u16(), &refused.body), (status, &body), "{name}");
        let wait = body["upstream"]["retry_after_s"].as_u64().filter(|it| *it > 0).map(|it| it.to_string());
        assert_eq!(refused.retry_after, wait, "{name}");
        stage.resume(1).await;
        assert_eq!(stage.script.seen("elsewhere").len(), 0, "{name}");
    });
    join_all(played.map(tokio::spawn)).await.into_iter().for_each(Result::unwrap);
}

/// Nobody listens; then somebody does.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_found_again_when_it_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, script) = (listener.local_addr().unwrap(), Script::play_on(listener));
    let mut stage = Stage::with(script, "/v1", &[]).await;
    stage.script.stop().await;
    // Nobody else shall take its port meanwhile.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    let refused = stage.exchange().await;
    assert_eq!((refused.status.as_u16(), refused.body), (502, upstream("unreachable", 0)));
    let ready = stage.candidate.post("ready", json!({})).await;
    assert_eq!(ready, upstream("unreachable", 0), "the step before it says so, too");
    stage.script = Script::play_on(socket.listen(64).unwrap());
    stage.resume(1).await;
}

/// S002-39: the step "API connection" finds a key that is none; a server that lists no models is as good as one that does.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_finds_a_bad_key_and_asks_for_no_more() {
    let stage = Stage::set().await;
    for (status, ready) in [(401, false), (403, true), (404, true), (200, true)] {
        stage.script.models(status);
        let answer = stage.candidate.post("ready", json!({})).await;
        assert_eq!(answer["embedded"] == json!(false), ready, "{status}: {answer}");
        assert!(ready || answer == upstream("key", 0), "{status}: {answer}");
    }
}

/// S003-41, S003-57, S003-64, S003-66, S001-09, S002-14, S002-19: one form with the server's own key. GA shapes, no beta header.
#[tokio::test(flavor = "multi_thread")]
async fn openai_gets_offer_and_session_in_one_form() {
    let mut stage = Stage::with(Script::play().await, "/v1", &[("PROVIDER", "openai")]).await;
    stage.call(1).await;
    let call = stage.script.asked("/v1/realtime/calls", 1).await;
    assert_eq!(call.headers["authorization"], format!("Bearer {KEY}"));
    assert!(call.headers["content-type"].to_str().unwrap().starts_with("multipart/form-data; boundary="));
    let parts = [
        ("Content-Disposition: form-data; name=\"sdp\"", "Content-Type: application/sdp", "v=0\r\n"),
        ("Content-Disposition: form-data; name=\"session\"", "Content-Type: application/json", "{"),
    ];
    for (disposition, kind, begin) in parts {
        let head = format!("{disposition}\r\n{kind}\r\n\r\n{begin}");
        assert!(call.body.contains(&head), "{head:?} in {}", call.body);
    }
    let session = session_of(&call.body);
    assert_eq!((&session["type"], &session["model"]), (&json!("realtime"), &json!("gpt-realtime-2.1")));
    assert_eq!(session["audio"]["output"], json!({ "voice": "marin" }));
    // S001-23, S001-32
    let wanted = json!({ "model": "gpt-4o-mini-transcribe", "language": "en" });
    assert_eq!(session["audio"]["input"]["transcription"], wanted);
    let line = stage.script.asked("/v1/realtime?call_id=rtc_u2_1", 1).await;
    assert_eq!(line.headers["authorization"], format!("Bearer {KEY}"));
    for seen in stage.script.seen("") {
        assert!(!seen.headers.contains_key("openai-beta"), "{} {}", seen.method, seen.path);
    }
}

fn session_of(form: &str) -> Value {
    let (_, session) = form.split_once("application/json\r\n\r\n").unwrap();
    serde_json::from_str(session.split("\r\n").next().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcription_that_is_off_is_not_asked_for() {
    let mut stage = Stage::with(Script::play().await, "/v1", &[("OPENAI_TRANSCRIPTION_MODEL", "off")]).await;
    stage.call(1).await;
    let call = stage.script.asked("/v1/realtime/calls", 1).await;
    assert!(session_of(&call.body)["audio"]["input"].get("transcription").is_none(), "{}", call.body);
}

/// Section 5.1 of the protocol: the key makes an ephemeral one, which posts the bare offer; each call has its own.
#[tokio::test(flavor = "multi_thread")]
async fn azure_gets_the_offer_with_a_key_that_is_minted_for_it() {
    let mut stage = Stage::with(Script::play().await, "/openai/v1", &[("PROVIDER", "azure")]).await;
    stage.call(1).await;
    let mint = stage.script.asked("/openai/v1/realtime/client_secrets", 1).await;
    assert_eq!(mint.headers["api-key"], KEY);
    let wanted: Value = serde_json::from_str(&mint.body).unwrap();
    assert_eq!(wanted["session"]["type"], "realtime");
    assert!((10..=7_200).contains(&wanted["expires_after"]["seconds"].as_u64().unwrap()), "{wanted}");
    let call = stage.script.asked("/openai/v1/realtime/calls", 1).await;
    assert_eq!(
        (&call.headers["authorization"], &call.headers["content-type"]),
        (&"Bearer ek_once".parse().unwrap(), &"application/sdp".parse().unwrap())
    );
    assert!(!call.headers.contains_key("api-key") && call.body.starts_with("v=0"), "{}", call.body);
    let line = stage.script.asked("call_id=rtc_u2_1", 1).await;
    assert_eq!(line.headers["api-key"], KEY);
    stage.resume(2).await;
    assert_eq!(stage.script.seen("client_secrets").len(), 2, "an ephemeral key is good for one call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_azure_does_not_mint_is_said_as_what_it_is() {
    for (reply, fault) in [
        (Reply::error(401, "invalid_api_key"), "key"),
        (Reply::error(404, "DeploymentNotFound"), "settings"),
        (Reply::Plain(200, Vec::new(), b"{}".to_vec()), "garbled"),
    ] {
        let mut stage = Stage::with(Script::play().await, "/openai/v1", &[("PROVIDER", "azure")]).await;
        stage.script.mint(reply);
        assert_eq!(stage.exchange().await.body, upstream(fault, 0));
        assert_eq!(stage.script.seen("/calls").len(), 0, "{fault}");
        stage.resume(1).await;
    }
}

/// Each request says whose it is, the same for one session and another for the next, and never by our own id.
#[tokio::test(flavor = "multi_thread")]
async fn the_provider_knows_sessions_by_a_hash_alone() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    stage.resume(2).await;
    let id = stage.candidate.post("report", json!({})).await["session_id"].as_str().unwrap().to_owned();
    stage.candidate = crate::candidate::Candidate::start(&stage.house, 5).await;
    stage.exchange().await;
    let whose: Vec<_> = stage
        .script
        .seen("/realtime/calls")
        .iter()
        .filter_map(|it| Some(it.headers.get("openai-safety-identifier")?.to_str().unwrap().to_owned()))
        .collect();
    assert_eq!(whose.len(), 3, "{whose:?}");
    assert!(whose[0] == whose[1] && whose[0] != whose[2], "{whose:?}");
    assert!(whose.iter().all(|it| it.len() == 64 && !it.contains(&id)), "{whose:?}");
    for seen in stage.script.seen("") {
        assert!(!seen.body.contains(&id) && !seen.path.contains(&id), "{} {}", seen.method, seen.path);
    }
}

/// LocalAI answers with JSON; others with bare line feeds, an absolute `Location`, or 200.
#[tokio::test(flavor = "multi_thread")]
async fn answers_in_other_shapes_are_understood() {
    let wrapped = json!({ "sdp": answer(), "session_id": "s" }).to_string();
    for (name, status, location, body) in [
        ("JSON", 200, "/v1/realtime/calls/other-1", wrapped),
        (
            "bare line feeds",
            201,
            "https://elsewhere.example/v1/realtime/calls/other-1?x=1",
            answer().replace("\r\n", "\n"),
        ),
    ] {
        let mut stage = Stage::set().await;
        stage.script.reply(Reply::Plain(status, vec![("location", location.to_owned())], body.into_bytes()));
        stage.call(1).await;
        assert_eq!(stage.script.seen("call_id=other-1").len(), 1, "{name}");
    }
}

/// A page that leaves while its call is being made does not leave the call behind: nobody else would ever end it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_page_left_while_it_was_made_is_hung_up() {
    let mut stage = Stage::set().await;
    let release = Arc::new(Notify::new());
    stage.script.reply(Reply::Held(Arc::clone(&release)));
    let body = stage.exchange_body();
    let page = tokio::spawn(stage.candidate.request("sdp-exchange", body.clone()).send());
    stage.script.asked("/realtime/calls", 1).await;
    page.abort();
    assert!(page.await.unwrap_err().is_cancelled());
    // The same request waits for the first one's outcome, and is answered once the server has noticed that nobody will know.
    let again = stage.candidate.request("sdp-exchange", body).send().await.unwrap();
    assert_eq!(again.status(), 409);
    release.notify_one();
    stage.script.asked("/realtime/calls/rtc_u2_1/hangup", 1).await;
    assert_eq!(stage.script.seen("call_id=").len(), 0, "nobody leads it");
    stage.resume(1).await;
}

/// A call was made, and its answer is no good: it is not left behind either.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_an_answer_that_nobody_can_use_is_hung_up() {
    let mut stage = Stage::set().await;
    let location = vec![("location", "/v1/realtime/calls/rtc_lost".to_owned())];
    stage.script.reply(Reply::Plain(201, location, b"v=0\r\n".to_vec()));
    assert_eq!(stage.exchange().await.body, upstream("garbled", 0));
    stage.script.asked("/rtc_lost/hangup", 1).await;
    stage.resume(1).await;
}

/// A call that is not hung up goes on costing: it is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_that_fails_is_tried_again() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    stage.script.hangup(503);
    let report = stage.candidate.post("finish", json!({ "request_id": "f1" })).await;
    assert_eq!(report["ended"], "finished");
    stage.script.asked("/rtc_u2_1/hangup", 2).await;
}

/// A server that stops hangs up what it leads, before it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_hangs_up_at_its_provider() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    let Stage { script, candidate: _candidate, house, .. } = stage;
    house.stop().await;
    assert_eq!(script.seen("/rtc_u2_1/hangup").len(), 1);
}
