//! Sessions over a WebSocket: orders, sound both ways, limits, and everything that is refused.

use std::time::Duration;

use futures::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::call::{House, KEY, jfk_24k};
use crate::line::Line;
use crate::peer::Peer;

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// 100 ms of PCM at 24 kHz.
const PIECE: usize = 4_800;

fn say(text: &str) -> Value {
    let pieces = text.as_bytes().chunks(512).enumerate();
    let metadata = pieces.map(|(n, piece)| (format!("say{n}"), String::from_utf8_lossy(piece).into_owned().into()));
    let metadata: serde_json::Map<String, Value> = metadata.collect();
    json!({ "type": "response.create", "response": { "metadata": metadata } })
}

/// The recorded order of a server-VAD turn over a WebSocket, with sound of which nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_over_a_socket_has_the_recorded_order() {
    let house = House::open().await;
    let turns = json!({ "type": "server_vad", "silence_duration_ms": 1500 });
    let mut line = house.line(&json!({ "type": "realtime", "audio": { "input": { "turn_detection": turns } } })).await;
    let from = line.events.len();
    line.append(&jfk_24k(), PIECE).await;
    line.append(&vec![0; 20 * PIECE], PIECE).await;
    line.next("rate_limits.updated").await;
    let mut types = line.types(from);
    let deltas = ["response.output_audio_transcript.delta", "response.output_audio.delta"];
    let first = types.iter().position(|it| deltas.contains(it)).unwrap();
    assert_eq!(types[first], deltas[0], "the text runs ahead of its sound");
    types.retain(|it| !deltas.contains(it));
    assert_eq!(
        types,
        [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
    );
    let done = line.events.iter().find(|it| it["type"] == "response.done").unwrap()["response"].clone();
    let said = done["output"][0]["content"][0]["transcript"].as_str().unwrap();
    assert!(said.contains("practice question"), "{said}");
    // Speech comes to 10 to 20 characters in a second.
    let seconds = line.sound().len() as f64 / 48_000.0;
    assert!((said.len() as f64 / seconds - 15.0).abs() < 5.0, "{seconds} s for {said}");
    let usage = &done["usage"];
    assert!((100..150).contains(&usage["input_token_details"]["audio_tokens"].as_u64().unwrap()), "{usage}");

    // The turn can be heard again: it begins and ends where speech did.
    let stopped = line.events.iter().find(|it| it["type"] == "input_audio_buffer.speech_stopped").unwrap();
    let started = line.events.iter().find(|it| it["type"] == "input_audio_buffer.speech_started").unwrap();
    let (item, from_ms) = (stopped["item_id"].clone(), started["audio_start_ms"].as_u64().unwrap());
    let spoken_ms = stopped["audio_end_ms"].as_u64().unwrap() - from_ms;
    line.send(&json!({ "type": "conversation.item.retrieve", "item_id": item })).await;
    let retrieved = line.next("conversation.item.retrieved").await;
    let sound = retrieved["item"]["content"][0]["audio"].as_str().unwrap();
    let kept_ms = sound.len() as u64 * 3 / 4 / 48;
    assert!(kept_ms.abs_diff(spoken_ms) < 40, "{kept_ms} ms kept of {spoken_ms} ms");
}

/// G.711 both ways: what one session says, another hears as speech.
#[tokio::test(flavor = "multi_thread")]
async fn g711_is_spoken_and_heard() {
    let house = House::open().await;
    for kind in ["audio/pcmu", "audio/pcma"] {
        let audio = json!({
            "input": { "format": { "type": kind }, "turn_detection": { "type": "server_vad", "create_response": false } },
            "output": { "format": { "type": kind } },
        });
        let mut speaks = house.line(&json!({ "audio": audio })).await;
        speaks.send(&say("Good morning, my name is Mariam. Shall we talk about memory and threads?")).await;
        speaks.next("response.done").await;
        let sound = speaks.sound();
        assert!((16_000..80_000).contains(&sound.len()), "{kind}: {} bytes", sound.len());
        let mut hears = house.line(&json!({ "audio": audio })).await;
        hears.append(&sound, 800).await;
        hears.append(&vec![if kind == "audio/pcmu" { 0xff } else { 0xd5 }; 16_000], 800).await;
        hears.next("input_audio_buffer.speech_started").await;
        hears.next("input_audio_buffer.speech_stopped").await;
    }
}

/// Without turn detection turns are taken by hand, and each mistake has its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_taken_by_hand() {
    let house = House::open().await;
    let mut line = house.line(&json!({ "audio": { "input": { "turn_detection": null } } })).await;
    let from = line.events.len();
    line.append(&vec![0; PIECE - 2], PIECE).await;
    line.send(&json!({ "type": "input_audio_buffer.commit", "event_id": "short" })).await;
    let error = line.next("error").await["error"].clone();
    assert_eq!((&error["code"], &error["event_id"]), (&json!("input_audio_buffer_commit_empty"), &json!("short")));
    for audio in ["AAAA", "%%%%"] {
        line.send(&json!({ "type": "input_audio_buffer.append", "audio": audio, "event_id": audio })).await;
        let error = line.next("error").await["error"].clone();
        assert_eq!((&error["code"], &error["param"]), (&json!("invalid_value"), &json!("audio")));
        assert_eq!(error["event_id"], audio);
    }
    line.append(&[0, 0], PIECE).await;
    line.send(&json!({ "type": "input_audio_buffer.commit" })).await;
    let committed = line.next("input_audio_buffer.committed").await;
    assert_eq!(line.next("conversation.item.added").await["item"]["id"], committed["item_id"]);
    line.next("conversation.item.done").await;
    line.append(&vec![0; 2 * PIECE], PIECE).await;
    line.send(&json!({ "type": "input_audio_buffer.clear" })).await;
    line.next("input_audio_buffer.cleared").await;
    line.send(&json!({ "type": "input_audio_buffer.commit" })).await;
    assert_eq!(line.next("error").await["error"]["code"], "input_audio_buffer_commit_empty");
    assert!(!line.types(from).iter().any(|it| it.contains("speech") || it.starts_with("response.")));
}

/// Over a socket the client stops its own player: the server cancels what is not made yet, and the client truncates.
#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_over_a_socket_is_truncated_by_the_client() {
    let house = House::open().await;
    let mut line =
        house.line(&json!({ "audio": { "input": { "turn_detection": { "create_response": false } } } })).await;
    line.send(&say(&"This is a rather long explanation of many things that nobody will want to hear. ".repeat(40)))
        .await;
    line.next("response.output_audio.delta").await;
    line.append(&jfk_24k(), PIECE).await;
    line.next("input_audio_buffer.speech_started").await;
    let done = line.next("response.done").await["response"].clone();
    assert_eq!(done["status_details"], json!({ "type": "cancelled", "reason": "turn_detected" }));
    let (item, received_ms) = (done["output"][0]["id"].clone(), line.sound().len() / 48);
    let truncate = |ms: usize| json!({ "type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": ms });
    line.send(&truncate(received_ms + 60_000)).await;
    assert_eq!(line.next("error").await["error"]["param"], "audio_end_ms");
    line.send(&truncate(100)).await;
    let truncated = line.next("conversation.item.truncated").await;
    assert_eq!((&truncated["item_id"], &truncated["audio_end_ms"]), (&item, &json!(100)));
    line.send(&json!({ "type": "output_audio_buffer.clear" })).await;
    assert_eq!(line.next("error").await["error"]["code"], "invalid_event_for_transport");
    assert!(!line.types(0).iter().any(|it| it.starts_with("output_audio_buffer")));
}

/// The session says when it ends, and ends then, for its control sockets too.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_too_long_is_closed_as_going_away() {
    let house = House::with(|settings| settings.session_limit = Duration::from_secs(5)).await;
    let call = house.call(json!({ "type": "realtime" })).await;
    let mut sideband = Line::new(house.sideband(&call).await);
    let mut line = house.line(&Value::Null).await;
    for line in [&mut line, &mut sideband] {
        assert_eq!(line.closed().await, Some(1001));
        assert_eq!(line.events.last().unwrap()["error"]["code"], "session_expired", "{:?}", line.events);
    }
    house.until_calls(0, Duration::from_secs(20)).await;
}

/// What is wrong with a request is told before the upgrade; who has no key learns nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upgrade_has_a_status_and_a_reason() {
    let house = House::with(|settings| settings.max_sessions = 1).await;
    let bearer = format!("Bearer {KEY}");
    let ours = [("authorization", bearer.as_str())];
    let table: [(&str, Headers, u16, &str); 9] = [
        ("?model=m", &[], 401, "invalid_api_key"),
        ("?model=m", &[("authorization", "Bearer sk-wrong")], 401, "invalid_api_key"),
        ("?model=m", &[("authorization", "Bearer ek_nobody")], 401, "invalid_api_key"),
        (
            "?model=m",
            &[("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-wrong")],
            401,
            "invalid_api_key",
        ),
        ("", &ours, 400, "missing_required_parameter"),
        ("?model=m&call_id=rtc_x", &ours, 400, "invalid_value"),
        ("?intent=dance", &ours, 400, "invalid_value"),
        ("?call_id=rtc_x", &ours, 404, "call_id_not_found"),
        ("?model=&intent=transcription", &ours, 400, "invalid_value"),
    ];
    for (query, headers, status, code) in table {
        refused(&house, query, headers, status, code).await;
    }
    // Calls and sockets share their places.
    let line = house.line(&Value::Null).await;
    refused(&house, "?model=m", &ours, 429, "rate_limit_exceeded").await;
    // No key is used up for nothing.
    let mint = house.http.post(house.url("/v1/realtime/client_secrets")).bearer_auth(KEY).send().await.unwrap();
    let minted: Value = mint.json().await.unwrap();
    let ephemeral = format!("Bearer {}", minted["value"].as_str().unwrap());
    for _ in 0..2 {
        refused(&house, "", &[("authorization", &ephemeral)], 429, "rate_limit_exceeded").await;
    }
    let (_peer, offer) = Peer::offer().await;
    assert_eq!(house.post_offer(offer, &json!({})).await.status(), 429);
    drop(line);
    house.until_calls(0, Duration::from_secs(20)).await;
}

async fn refused(house: &House, query: &str, headers: Headers<'_>, status: u16, code: &str) {
    match house.upgrade(query, headers).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), status, "{query}");
            let body: Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
            assert_eq!(body["error"]["code"], code, "{query}: {body}");
        }
        other => panic!("{query}: {:?}", other.map(|_| ())),
    }
}

/// A browser's key travels in a subprotocol, and is never the one that is selected. A session that only listens has no
/// responses.
#[tokio::test(flavor = "multi_thread")]
async fn a_subprotocol_carries_the_key_and_realtime_is_selected() {
    let house = House::open().await;
    let offered = format!("realtime, openai-insecure-api-key.{KEY}, openai-agents-sdk.0.20.0");
    let headers = [("sec-websocket-protocol", offered.as_str()), ("openai-beta", "realtime=v1")];
    let (socket, protocol) = house.upgrade("?intent=transcription", &headers).await.unwrap();
    assert_eq!(protocol.as_deref(), Some("realtime"));
    let mut line = Line::new(socket);
    assert_eq!(line.next("session.created").await["session"]["type"], "transcription");
    line.send(&json!({ "type": "response.create", "event_id": "r" })).await;
    assert_eq!(line.next("error").await["error"]["event_id"], "r");
}

/// What is no event is answered, and what is no message ends the socket with the code that says why.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_a_broken_socket_is_closed_with_its_reason() {
    let house = House::open().await;
    let mut line = house.line(&Value::Null).await;
    let large = format!("{{\"type\":\"session.update\",\"session\":{{\"instructions\":\"{}\"}}}}", "x".repeat(300_000));
    for message in [Message::text("{"), Message::text(large), Message::binary(vec![1]), Message::text("[]")] {
        line.socket.send(message).await.unwrap();
        assert_eq!(line.next("error").await["error"]["code"], "invalid_event");
    }
    // Fifty events of sound in a second are usual, and many more are no flood.
    line.append(&vec![0; 960 * 600], 960).await;
    line.send(&say("Still here.")).await;
    line.next("response.done").await;
    line.socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })).await.unwrap();
    assert_eq!(line.closed().await, Some(1000));

    let not_utf8 = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    for (message, code) in [(Message::Frame(not_utf8), 1007), (Message::text("x".repeat(1_100_000)), 1009)] {
        let mut line = house.line(&Value::Null).await;
        line.socket.send(message).await.unwrap();
        assert_eq!(line.closed().await, Some(code));
    }
    let mut flooding = house.line(&Value::Null).await;
    for _ in 0..400 {
        if flooding.socket.send(Message::text("{}")).await.is_err() {
            break;
        }
    }
    assert_eq!(flooding.closed().await, Some(1008));
    assert_eq!(flooding.events.last().unwrap()["error"]["code"], "rate_limit_exceeded");
    house.until_calls(0, Duration::from_secs(20)).await;
}
