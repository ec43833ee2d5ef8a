//! The candidate's words: asked of a transcription server, told when they come, whatever their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::watch;
use vivavoce::server::voice::transcribe::Transcriber;

use crate::call::{Call, House, jfk};

#[derive(Clone)]
struct Scribe {
    asked: Arc<AtomicUsize>,
    /// Whether the first turn may be answered.
    first: watch::Receiver<bool>,
}

/// Answers the first turn when it may, and refuses the third.
async fn transcribe(State(mut scribe): State<Scribe>, body: Bytes) -> axum::response::Response {
    let has_sound = body.windows(4).any(|it| it == b"RIFF") && body.len() > 10_000;
    let number = scribe.asked.fetch_add(1, Ordering::SeqCst);
    if number == 0 {
        scribe.first.wait_for(|it| *it).await.unwrap();
    }
    if number == 2 {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    axum::Json(json!({ "text": format!("words {number} {has_sound}") })).into_response()
}

async fn scribe() -> (Transcriber, watch::Sender<bool>) {
    let (release, first) = watch::channel(false);
    let scribe = Scribe { asked: Arc::default(), first };
    let router = Router::new().route("/v1/audio/transcriptions", post(transcribe)).with_state(scribe);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Transcriber::new(&url, None, "scribe").unwrap(), release)
}

fn session(transcription: &Value) -> Value {
    let turns = json!({ "silence_duration_ms": 400, "create_response": false });
    json!({ "type": "realtime", "audio": { "input": { "turn_detection": turns, "transcription": transcription } } })
}

/// S001-23, S001-32: words come late and out of order, each with the item that it belongs to; a failure is an event.
#[tokio::test(flavor = "multi_thread")]
async fn each_turn_gets_its_words_when_they_come() {
    let (transcriber, release) = scribe().await;
    let house = House::with(|settings| settings.transcriber = Some(transcriber)).await;
    let mut call = house.call(session(&json!({ "model": "any", "language": "en" }))).await;
    call.peer.play(jfk());
    let mut items = Vec::new();
    for _ in 0..3 {
        items.push(call.next("input_audio_buffer.committed").await["item_id"].clone());
    }
    let come = |call: &Call, count: usize| {
        let ends = |it: &&str| it.ends_with("transcription.completed") || it.ends_with("transcription.failed");
        call.types().iter().filter(|it| ends(it)).count() >= count
    };
    let start = Instant::now();
    for count in [2, 3] {
        while !come(&call, count) {
            assert!(start.elapsed() < Duration::from_secs(20), "not {count} of {:?}", call.types());
            call.listen(Duration::from_millis(20)).await;
        }
        release.send_replace(true);
    }
    let told = |kind: &str| -> Vec<Value> {
        let kind = format!("conversation.item.input_audio_transcription.{kind}");
        call.events.iter().filter(|(_, it)| it["type"] == kind.as_str()).map(|(_, it)| it.clone()).collect()
    };
    let completed = told("completed");
    assert_eq!(completed[0]["item_id"], items[1]);
    assert_eq!(completed[0]["transcript"], "words 1 true");
    assert_eq!(completed[1]["item_id"], items[0]);
    assert_eq!(completed[1]["transcript"], "words 0 true");
    assert_eq!(completed[0]["usage"]["type"], "duration");
    assert!(completed[0]["usage"]["seconds"].as_f64().is_some_and(|it| it > 0.3), "{}", completed[0]);
    assert_eq!(told("delta").iter().map(|it| &it["delta"]).collect::<Vec<_>>(), ["words 1 true", "words 0 true"]);
    let failed = told("failed");
    assert_eq!((&failed[0]["item_id"], &failed[0]["error"]["code"]), (&items[2], &json!("transcription_refused")));
    // Told again with the item.
    call.peer.send(&json!({ "type": "conversation.item.retrieve", "item_id": items[0] }));
    let retrieved = call.next("conversation.item.retrieved").await;
    assert_eq!(retrieved["item"]["content"][0]["transcript"], "words 0 true");
}

/// Who asks for words where nobody writes them down is told so, and a session that does not ask gets none.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_transcriber_a_turn_has_no_words_and_that_is_said() {
    let house = House::open().await;
    for (transcription, expected) in [(json!({ "model": "any" }), 1), (Value::Null, 0)] {
        let mut call = house.call(session(&transcription)).await;
        call.peer.play(jfk());
        call.next("conversation.item.done").await;
        call.peer.send(&json!({ "type": "session.update", "session": {} }));
        call.next("session.updated").await;
        let failed: Vec<_> = call
            .events
            .iter()
            .filter(|(_, it)| it["type"].as_str().unwrap().ends_with("transcription.failed"))
            .collect();
        assert_eq!(failed.len(), expected, "{:?}", call.types());
        assert!(failed.iter().all(|(_, it)| it["error"]["code"] == "transcription_unavailable"));
    }
}
