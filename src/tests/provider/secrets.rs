//! Ephemeral keys, and what pages of other origins need.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::call::{Call, House, KEY};
use crate::line::Line;
use crate::peer::Peer;

impl House {
    async fn mint(&self, body: &Value) -> Value {
        let request = self.http.post(self.url("/v1/realtime/client_secrets")).bearer_auth(KEY).json(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    async fn post_sdp(&self, path: &str, key: &str, offer: String) -> reqwest::Response {
        let request =
            self.http.post(self.url(path)).bearer_auth(key).header("content-type", "application/sdp;charset=utf-8");
        request.body(offer).send().await.unwrap()
    }
}

async fn code(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// S001-10, S002-04: a key made over REST starts one call by SDP, with the session it was made for, and then nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_starts_one_call_with_its_session() {
    let house = House::open().await;
    let session = json!({ "type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be kind.",
        "audio": { "input": { "transcription": { "model": "whisper-1" } }, "output": { "voice": "cedar" } } });
    let minted =
        house.mint(&json!({ "expires_after": { "anchor": "created_at", "seconds": 60 }, "session": session })).await;
    let key = minted["value"].as_str().unwrap();
    assert!(key.starts_with("ek_"), "{key}");
    let echo = &minted["session"];
    assert_eq!((&echo["expires_at"], &echo["object"]), (&json!(0), &json!("realtime.session")));
    assert_eq!(
        echo["audio"]["input"]["transcription"],
        json!({ "model": "whisper-1", "language": null, "prompt": null })
    );
    assert_eq!(echo["audio"]["input"]["turn_detection"]["silence_duration_ms"], 200);

    // Line ends as a library may send them.
    let (peer, offer) = Peer::offer().await;
    let response = house.post_sdp("/v1/realtime/calls", key, offer.replace("\r\n", "\n")).await;
    assert_eq!(response.status(), 201);
    let path = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(response.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
    let mut call = Call::started(peer, path, offer, response.text().await.unwrap());
    let created = call.next("session.created").await;
    assert_eq!(created["session"]["instructions"], "Be kind.");
    assert_eq!((&created["session"]["id"], &created["session"]["model"]), (&echo["id"], &echo["model"]));
    assert!(created["session"]["expires_at"].as_u64() > minted["expires_at"].as_u64());

    // It is used up, and it never opens more than its one session.
    let (_peer, offer) = Peer::offer().await;
    let used = (401, "ephemeral_token_already_used".to_owned());
    assert_eq!(code(house.post_sdp("/v1/realtime/calls", key, offer).await).await, used);
    let call_id = call.path.rsplit('/').next().unwrap();
    assert!(house.socket(call_id, key).await.is_err());
    call.say("Good morning.");
    call.next("output_audio_buffer.stopped").await;
}

/// A key is for a call: one that cannot be made does not use it up.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_cannot_be_answered_uses_up_no_key() {
    let house = House::open().await;
    let minted = house.mint(&json!({ "session": { "type": "realtime" } })).await;
    let key = minted["value"].as_str().unwrap();
    let (_peer, offer) = Peer::offer().await;
    for bad in ["v=0\r\n".to_owned(), offer.replace("opus/48000/2", "opus/7/2")] {
        assert_eq!(code(house.post_sdp("/v1/realtime/calls", key, bad).await).await, (400, "invalid_offer".to_owned()));
    }
    assert_eq!(house.post_sdp("/v1/realtime/calls", key, offer).await.status(), 201);
}

/// A call carries less than a socket: the key is still good for that.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_too_large_for_a_call_uses_up_no_key() {
    let house = House::open().await;
    let session = json!({ "type": "realtime", "instructions": "Be kind. ".repeat(15_000) });
    let minted = house.mint(&json!({ "session": session })).await;
    let key = minted["value"].as_str().unwrap();
    let (_peer, offer) = Peer::offer().await;
    for _ in 0..2 {
        let refused = house.post_sdp("/v1/realtime/calls", key, offer.clone()).await;
        assert_eq!(code(refused).await, (400, "invalid_value".to_owned()));
    }
    let protocols = format!("realtime, openai-insecure-api-key.{key}");
    assert!(house.upgrade("?model=mine", &[("sec-websocket-protocol", protocols.as_str())]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_starts_one_socket_and_is_good_for_nothing_else() {
    let house = House::open().await;
    let minted =
        house.mint(&json!({ "session": { "type": "realtime", "model": "mine", "output_modalities": ["text"] } })).await;
    let key = minted["value"].as_str().unwrap();
    let call = house.call(json!({})).await;
    let call_id = call.path.rsplit('/').next().unwrap();
    match house.socket(call_id, key).await {
        Err(tokio_tungstenite::tungstenite::Error::Http(it)) => assert_eq!(it.status(), 404),
        other => panic!("{:?}", other.map(|_| ())),
    }
    let http = &house.http;
    for request in [
        http.post(house.url("/v1/realtime/client_secrets")).json(&json!({})),
        http.post(house.url(&format!("{}/hangup", call.path))),
        http.patch(house.url(&call.path)),
    ] {
        assert_eq!(code(request.bearer_auth(key).send().await.unwrap()).await, (401, "invalid_api_key".to_owned()));
    }
    let protocols = format!("realtime, openai-insecure-api-key.{key}");
    let headers = [("sec-websocket-protocol", protocols.as_str())];
    let (socket, protocol) = house.upgrade("?model=another", &headers).await.unwrap();
    assert_eq!(protocol.as_deref(), Some("realtime"));
    let mut line = Line::new(socket);
    assert_eq!(line.next("session.created").await["session"]["model"], "mine");
    line.send(&json!({ "type": "response.create" })).await;
    line.next("response.output_text.done").await;
    assert!(house.upgrade("?model=mine", &headers).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_wish_for_a_key_is_refused_and_the_defaults_are_the_protocols() {
    let house = House::open().await;
    let post = || house.http.post(house.url("/v1/realtime/client_secrets")).bearer_auth(KEY);
    let after = |seconds: Value| post().json(&json!({ "expires_after": { "seconds": seconds } }));
    for (case, request, param) in [
        ("soon", after(json!(9)), "expires_after.seconds"),
        ("late", after(json!(7_201)), "expires_after.seconds"),
        ("word", after(json!("60")), "expires_after.seconds"),
        ("anchor", post().json(&json!({ "expires_after": { "anchor": "now" } })), "expires_after.anchor"),
        (
            "session",
            post().json(&json!({ "session": { "audio": { "output": { "speed": 9 } } } })),
            "session.audio.output.speed",
        ),
        ("list", post().json(&json!({ "session": [] })), "session"),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400, "{case}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            (&body["error"]["code"], &body["error"]["param"]),
            (&json!("invalid_value"), &json!(param)),
            "{case}"
        );
    }
    assert_eq!(code(post().body("{").send().await.unwrap()).await, (400, "invalid_json".to_owned()));
    let bare = post().send().await.unwrap();
    let date = vivavoce::server::clock::unix_s();
    let minted: Value = bare.json().await.unwrap();
    assert!(minted["expires_at"].as_u64().unwrap().abs_diff(date + 600) <= 30, "{minted}");
}

/// S001-04, S001-08: the preview's address and a browser's preflight.
#[tokio::test(flavor = "multi_thread")]
async fn the_previews_address_and_other_origins_are_served() {
    let house = House::open().await;
    let (peer, offer) = Peer::offer().await;
    let response = house.post_sdp("/v1/realtime?model=gpt-4o-realtime-preview", KEY, offer.clone()).await;
    assert_eq!(response.status(), 201);
    assert!(response.headers()["access-control-expose-headers"].to_str().unwrap().contains("location"));
    let path = response.headers()["location"].to_str().unwrap().to_owned();
    let mut call = Call::started(peer, path, offer, response.text().await.unwrap());
    assert_eq!(call.next("session.created").await["session"]["model"], "gpt-4o-realtime-preview");

    let wanted = "authorization,content-type,x-openai-agents-sdk,openai-safety-identifier";
    for (path, method) in [("/v1/realtime/calls", "POST"), ("/v1/realtime/calls/rtc_x", "PATCH"), ("/v1/models", "GET")]
    {
        let request = house.http.request(Method::OPTIONS, house.url(path)).header("origin", "https://example.com");
        let request = request.header("access-control-request-method", method);
        let response = request.header("access-control-request-headers", wanted).send().await.unwrap();
        assert!(response.status().is_success(), "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("access-control-allow-headers"), wanted);
        assert!(header("access-control-allow-methods").contains(method));
    }
    let models = house.http.get(house.url("/v1/models")).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(models.json::<Value>().await.unwrap()["data"][0]["object"], "model");
    call.peer.close();
    house.until_calls(0, Duration::from_secs(5)).await;
}
