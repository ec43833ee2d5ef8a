//! The candidate's words, where somebody writes them down: on record, on the page, and understood when they ask something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;
use vivavoce::engine::audio::frame;
use vivavoce::engine::link::Route;

use crate::call::{jfk, jfk_24k};
use crate::candidate::{Candidate, House};
use crate::peer::Peer;
use crate::signal::{self, Signal};
use crate::spoken_answer;

const ASKED: &str = "Could you repeat the question, please?";
const ANSWERED: &str = "I built a scheduler.";

/// A transcription server that takes its time: until it is let go, with everything that it was asked.
async fn slow_scribe(go: watch::Receiver<bool>) -> String {
    async fn transcribe(State(mut go): State<watch::Receiver<bool>>, _sound: Bytes) -> Json<Value> {
        _ = go.wait_for(|it| *it).await;
        Json(json!({ "text": ANSWERED }))
    }
    serve(Router::new().route("/v1/audio/transcriptions", post(transcribe)).with_state(go)).await
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A transcription server that hears a question, and from `answers` on an answer.
async fn scribe(answers: Arc<AtomicBool>) -> String {
    // An answer before the sound is read would be a broken pipe to the one who sends it.
    async fn transcribe(State(answers): State<Arc<AtomicBool>>, _sound: Bytes) -> Json<Value> {
        Json(json!({ "text": if answers.load(Ordering::SeqCst) { ANSWERED } else { ASKED } }))
    }
    serve(Router::new().route("/v1/audio/transcriptions", post(transcribe)).with_state(answers)).await
}

/// S001-23, S002-12, S002-13: what the candidate asks is answered, the question stands, and the answer is kept in words.
#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_who_asks_is_answered_and_asked_again() {
    let answers = Arc::new(AtomicBool::new(false));
    let house = House::open(&[("TRANSCRIPTION_URL", &scribe(Arc::clone(&answers)).await)]).await;
    let mut candidate = Candidate::enter(&house, 5).await;
    candidate.say(&json!({ "type": "ready" })).await;
    let question = candidate.next("question.ready").await["payload"]["text"].clone();
    candidate.state("listening").await;
    // Up to the first pause, so that it is one item.
    candidate.peer.play(jfk().into_iter().take(90).collect());
    candidate.turn("turn.end", "candidate").await;
    candidate.state("speaking").await;
    candidate.state("listening").await;
    let again = candidate.last_line("interviewer");
    let again = again["text"].as_str().unwrap();
    assert!(again.ends_with(question.as_str().unwrap()), "{again}");
    assert_eq!(candidate.last_line("candidate")["text"], ASKED);

    answers.store(true, Ordering::SeqCst);
    candidate.peer.play(spoken_answer());
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 1);
    let report = candidate.post("finish", json!({ "request_id": "f1" })).await;
    let answers = report["questions"][0]["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 1, "a question of the candidate's is no answer: {answers:?}");
    assert!(answers[0]["text"].as_str().unwrap().starts_with(ANSWERED), "{answers:?}");
}

/// S001-23: the report is there at once. Read again it has the words that were being written down at the end, although the
/// page has left the call by then.
#[tokio::test(flavor = "multi_thread")]
async fn words_that_arrive_after_the_end_are_in_the_report_that_is_read_later() {
    for route in [Route::Direct, Route::Socket, Route::Relay] {
        let (go, waits) = watch::channel(false);
        let house = House::open(&[("TRANSCRIPTION_URL", &slow_scribe(waits).await)]).await;
        let (mut candidate, mut signal) = Box::pin(seated(&house, route)).await;
        candidate.say(&json!({ "type": "ready" })).await;
        candidate.next("question.ready").await;
        candidate.state("listening").await;
        begin_to_speak(&candidate, route);
        candidate.turn("turn.end", "candidate").await;
        leave(&mut candidate, signal.as_mut()).await;
        let report = candidate.post("finish", json!({ "request_id": "f1" })).await;
        assert!(report["questions"][0]["answers"][0]["text"].is_null(), "{report}");
        assert_eq!(house.calls(), 1, "its words are under way");
        go.send_replace(true);
        house.until_calls(0).await;
        let line = candidate.line_with(ANSWERED).await;
        assert_eq!(line["speaker"], "candidate");
        let report = candidate.post("report", json!({})).await;
        // A machine that stands still in a word makes two utterances of it.
        let text = report["questions"][0]["answers"][0]["text"].as_str().unwrap_or_default();
        assert!(text.starts_with(ANSWERED), "{route:?}: {report}");
    }
}

/// S001-23: who presses End in the middle of a sentence is heard to its end, although the page lets go of its microphone.
#[tokio::test(flavor = "multi_thread")]
async fn an_utterance_that_the_end_cuts_off_is_in_the_report_that_is_read_later() {
    for route in [Route::Socket, Route::Relay] {
        let answers = Arc::new(AtomicBool::new(true));
        let house = House::open(&[("TRANSCRIPTION_URL", &scribe(answers).await)]).await;
        let (mut candidate, mut signal) = Box::pin(seated(&house, route)).await;
        candidate.say(&json!({ "type": "ready" })).await;
        candidate.next("question.ready").await;
        candidate.state("listening").await;
        begin_to_speak(&candidate, route);
        candidate.turn("turn.start", "candidate").await;
        candidate.linger(Duration::from_millis(600)).await;
        leave(&mut candidate, signal.as_mut()).await;
        candidate.next("ended").await;
        let line = candidate.line_with(ANSWERED).await;
        assert_eq!(line["speaker"], "candidate");
        let report = candidate.post("report", json!({})).await;
        let text = report["questions"][0]["answers"][0]["text"].as_str().unwrap_or_default();
        assert!(text.starts_with(ANSWERED), "{route:?}: {report}");
    }
}

/// In the room, with a call on this route.
async fn seated(house: &House, route: Route) -> (Candidate, Option<Signal>) {
    match route {
        Route::Direct => (Candidate::enter(house, 5).await, None),
        Route::Relay => {
            let (peer, offer) = Peer::offer().await;
            let (candidate, signal) = signal::enter(house, peer, &offer).await;
            (candidate, Some(signal))
        }
        Route::Socket => {
            let mut candidate = Candidate::start(house, 5).await;
            candidate.join(house).await;
            candidate.next("welcome").await;
            candidate.carry(1).await;
            (candidate, None)
        }
    }
}

/// Up to the first pause.
fn begin_to_speak(candidate: &Candidate, route: Route) {
    match route {
        Route::Socket => candidate.speak(&frame::samples(&jfk_24k())[..43_200]),
        Route::Direct | Route::Relay => candidate.peer.play(jfk().into_iter().take(90).collect()),
    }
}

/// As a page does it when End is pressed: it lets go of its microphone and its call, whatever that is.
async fn leave(candidate: &mut Candidate, signal: Option<&mut Signal>) {
    candidate.silence();
    for message in
        [json!({ "type": "finish" }), json!({ "type": "muted", "muted": false }), json!({ "type": "bye", "epoch": 1 })]
    {
        candidate.say(&message).await;
    }
    if let Some(signal) = signal {
        signal.say(&json!({ "type": "bye" })).await;
    }
    candidate.peer.close();
}
