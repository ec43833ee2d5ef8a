//! Control sockets, floods, and requests that are refused.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::call::{House, KEY, Socket};
use crate::line::Line;
use crate::peer::Peer;
use crate::{MS, patient};

#[tokio::test(flavor = "multi_thread")]
async fn a_control_socket_sees_and_steers_the_call() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    let mut sideband = Line::new(house.sideband(&call).await);
    sideband.send(&json!({ "type": "response.create", "response": { "metadata": { "say0": "Hello." } } })).await;
    call.next("output_audio_buffer.stopped").await;
    sideband.next("output_audio_buffer.stopped").await;
    let told = sideband.events.iter().map(|it| it["type"].as_str().unwrap());
    assert!(told.eq(call.types().into_iter().skip(1)), "all but session.created: {:?}", sideband.events);

    match house.socket("rtc_nobody", KEY).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 404);
            let body: Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
            assert_eq!(body["error"]["code"], "call_id_not_found");
        }
        other => panic!("{:?}", other.err()),
    }
    assert!(matches!(house.socket("rtc_nobody", "sk-wrong").await, Err(Error::Http(it)) if it.status() == 401));

    for message in [Message::text("x".repeat(300 * 1024)), Message::binary(vec![1])] {
        let mut rude = house.sideband(&call).await;
        rude.send(message).await.unwrap();
        assert!(closed(&mut rude).await);
    }
    for message in [Message::text(r#"{"type":"nonsense"}"#), Message::Ping(Vec::new().into())] {
        let mut flooding = house.sideband(&call).await;
        for _ in 0..1_000 {
            if flooding.send(message.clone()).await.is_err() {
                break;
            }
        }
        assert!(closed(&mut flooding).await, "{message:?}");
    }
    call.say("Still here.");
    call.next("response.done").await;
}

async fn closed(socket: &mut Socket) -> bool {
    let end = async {
        while let Some(Ok(message)) = socket.next().await
            && !message.is_close()
        {}
    };
    tokio::time::timeout(20_000 * MS, end).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_flood_on_the_channel_is_told_and_ends_the_call() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    call.peer.send_raw("not json");
    assert_eq!(call.next("error").await["error"]["code"], "invalid_event");
    // More than enough, for a slow machine takes them in slowly at first.
    for _ in 0..2_000 {
        call.peer.send_raw("{}");
    }
    loop {
        if call.next("error").await["error"]["code"] == "rate_limit_exceeded" {
            break;
        }
    }
    house.until_calls(0, 5_000 * MS).await;
}

/// Nothing that a client sends is our fault, and nothing of it leaves a call behind.
#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_with_their_reason() {
    let mut house = House::with(|settings| settings.max_sessions = 1).await;
    // A connection whose request was too large is closed, and not good for the next one.
    house.http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let (_peer, offer) = Peer::offer().await;
    let calls = house.url("/v1/realtime/calls");
    let post = || house.http.post(&calls).bearer_auth(KEY);
    let sdp = |body: String| post().header("content-type", "application/sdp").body(body);
    let form = |parts: &[(&str, &str)]| {
        let form = parts.iter().fold(reqwest::multipart::Form::new(), |form, (name, text)| {
            form.text((*name).to_owned(), (*text).to_owned())
        });
        post().multipart(form)
    };
    let realtime = r#"{"type":"realtime"}"#;
    let ours = |path: &str| house.url(path);
    let table = [
        ("no key", house.http.post(&calls), 401, "invalid_api_key"),
        ("wrong key", house.http.post(&calls).bearer_auth("sk-wrong"), 401, "invalid_api_key"),
        ("other scheme", house.http.post(&calls).basic_auth("a", Some(KEY)), 401, "invalid_api_key"),
        ("no body", post(), 415, "unsupported_content_type"),
        ("json", post().json(&json!({})), 415, "unsupported_content_type"),
        ("empty offer", sdp(String::new()), 400, "invalid_offer"),
        ("nonsense offer", sdp("hello".to_owned()), 400, "invalid_offer"),
        ("nearly an offer", sdp("v=0\r\nm=audio 9 x 1\r\n".to_owned()), 400, "invalid_offer"),
        ("not utf-8", post().header("content-type", "application/sdp").body(vec![0xff, 0xfe]), 400, "invalid_body"),
        ("large offer", sdp(format!("v=0\r\n{}", "a".repeat(70_000))), 400, "invalid_offer"),
        ("huge offer", sdp("v=0".repeat(100_000)), 413, "invalid_body"),
        ("huge form", form(&[("sdp", &"v=0".repeat(100_000))]), 413, "invalid_form"),
        ("with video", sdp(offer.replace("m=audio", "m=video")), 400, "invalid_offer"),
        ("no fingerprint", sdp(offer.replace("a=fingerprint", "a=x")), 400, "invalid_offer"),
        ("no boundary", post().header("content-type", "multipart/form-data").body("x"), 400, "invalid_body"),
        (
            "broken form",
            post().header("content-type", "multipart/form-data; boundary=x").body("y"),
            400,
            "invalid_form",
        ),
        ("no sdp", form(&[("session", realtime)]), 400, "missing_required_parameter"),
        ("no session", form(&[("sdp", &offer)]), 400, "missing_required_parameter"),
        ("session not json", form(&[("sdp", &offer), ("session", "{")]), 400, "invalid_value"),
        ("session not an object", form(&[("sdp", &offer), ("session", "[]")]), 400, "invalid_value"),
        ("bad session", form(&[("sdp", &offer), ("session", r#"{"type":"cat"}"#)]), 400, "invalid_value"),
        (
            "unknown call",
            house.http.post(ours("/v1/realtime/calls/rtc_x/hangup")).bearer_auth(KEY),
            404,
            "call_id_not_found",
        ),
        (
            "restart of no call",
            house.http.patch(ours("/v1/realtime/calls/rtc_x")).bearer_auth(KEY),
            404,
            "call_id_not_found",
        ),
        (
            "no upgrade, no call",
            house.http.get(ours("/v1/realtime?call_id=rtc_x")).bearer_auth(KEY),
            404,
            "call_id_not_found",
        ),
        ("no call named", house.http.get(ours("/v1/realtime")).bearer_auth(KEY), 400, "missing_required_parameter"),
        ("other method", house.http.get(&calls).bearer_auth(KEY), 405, "method_not_allowed"),
        ("nowhere", house.http.get(ours("/v1/nowhere")).bearer_auth(KEY), 404, "unknown_url"),
    ];
    for (case, request, status, code) in table {
        let response = request.send().await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
        assert_eq!(response.status(), status, "{case}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], code, "{case}: {body}");
        assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string(), "{case}");
        assert_eq!(house.provider.sessions(), 0, "{case}");
    }
    assert_eq!(form(&[("sdp", &offer), ("session", realtime)]).send().await.unwrap().status(), 201);
    let (_second, offer) = Peer::offer().await;
    assert_eq!(form(&[("sdp", &offer), ("session", realtime)]).send().await.unwrap().status(), 429);
}
