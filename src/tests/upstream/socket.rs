//! The Socket route with a provider elsewhere: our server holds its session, and moves sound and events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;
use vivavoce::engine::audio::frame::{self, Header};

use crate::house::{KEY, Stage};
use crate::orders::Dialect;
use crate::script::{Do, HUSH, Line, Reply};
use crate::sound::Mic;

pub(crate) const HELLO: &str = "Hello, I am Mariam, an AI interviewer.";
pub(crate) const SECOND: usize = 24_000;

/// Sound of which every sample is another.
pub(crate) fn sound(samples: usize, from: i16) -> Vec<i16> {
    (0..samples).map(|n| from.wrapping_add(i16::try_from(n % 32_768).unwrap()) | 1).collect()
}

fn base64(pcm: &[i16]) -> String {
    BASE64_STANDARD.encode(pcm.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<_>>())
}

impl Stage {
    /// The page's call on the Socket route, and the `nth` session at the provider.
    pub(crate) async fn carry(&mut self, nth: usize) {
        self.candidate.carry(u32::try_from(nth).unwrap()).await;
        self.script.opened(nth).await;
        self.candidate.say(&json!({ "type": "ready" })).await;
    }

    /// Response number `n`, as it comes over a WebSocket: all at once, long before it is heard. `done`: to its end.
    pub(crate) fn respond(&self, n: usize, text: &str, pcm: &[i16], done: bool) {
        let events = Dialect::Ga.response(n, text);
        let buffered = |it: &Value| it["type"].as_str().unwrap().starts_with("output_audio_buffer");
        let at = |kind: &str| json!({ "type": kind, "response_id": format!("resp_{n}"), "item_id": format!("item_a{n}"), "output_index": 0, "content_index": 0 });
        for event in events.into_iter().filter(|it| !buffered(it)) {
            if event["type"] == "response.output_audio.done" {
                for piece in pcm.chunks(4_000) {
                    let mut delta = at("response.output_audio.delta");
                    delta["delta"] = json!(base64(piece));
                    self.script.say(delta);
                }
            }
            if done || event["type"] != "response.done" {
                self.script.say(event);
            }
        }
    }

    /// What the provider was given to hear.
    pub(crate) fn heard(&self) -> Vec<i16> {
        let appended = self.script.all("input_audio_buffer.append");
        let bytes = appended.iter().flat_map(|it| BASE64_STANDARD.decode(it["audio"].as_str().unwrap()).unwrap());
        frame::samples(&bytes.collect::<Vec<_>>())
    }

    /// Waits until what was under way has come, and answers how much the provider was given to hear in all.
    pub(crate) async fn until_nothing_comes(&self) -> usize {
        let (mut heard, mut looks, start) = (self.heard().len(), 0, Instant::now());
        // Counted in looks: a machine that stands still has not looked.
        while looks < 15 {
            sleep(Duration::from_millis(20)).await;
            let now = self.heard().len();
            looks = if now == heard { looks + 1 } else { 0 };
            heard = now;
            assert!(start.elapsed() < Duration::from_secs(20), "{heard} samples, and more");
        }
        heard
    }

    pub(crate) async fn until_heard(&self, pcm: &[i16]) {
        let start = Instant::now();
        while !self.heard().windows(pcm.len()).any(|it| it == pcm) {
            assert!(start.elapsed() < Duration::from_secs(20), "{} samples", self.heard().len());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// S003-21, S003-23, S003-53: sound goes both ways sample by sample, words come with their sound, and the interview goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_elsewhere_is_heard_and_hears_on_the_socket() {
    let mut stage = Stage::set().await;
    stage.carry(1).await;
    let asked = stage.script.asked("/v1/realtime?model=", 1).await;
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert!(asked.headers.contains_key("openai-safety-identifier"));
    let session = stage.script.told("session.update", 1).await["session"].clone();
    for side in ["input", "output"] {
        assert_eq!(session["audio"][side]["format"], json!({ "type": "audio/pcm", "rate": 24_000 }));
    }
    stage.script.told("response.create", 1).await;
    let greeting = sound(2 * SECOND, 7);
    stage.respond(1, HELLO, &greeting, true);
    stage.candidate.turn("turn.start", "interviewer").await;
    assert!(stage.candidate.line("interviewer", 0).is_null(), "the words come with their sound");
    assert_eq!(stage.candidate.next("question.ready").await["payload"]["idx"], 0);
    assert_eq!(stage.candidate.line("interviewer", 0)["text"], HELLO);
    // Its last frame may come after the event that follows it.
    stage.candidate.until_frames(greeting.len() / 480).await;
    let heard: Vec<i16> = stage.candidate.frames().iter().flat_map(|it| it.pcm.clone()).collect();
    assert!(heard == greeting, "{} samples of {}", heard.len(), greeting.len());

    stage.script.told("response.create", 2).await;
    stage.respond(2, "What are you proud of?", &sound(SECOND, 3), true);
    stage.candidate.state("speaking").await;
    stage.candidate.state("listening").await;
    let answer = sound(SECOND, 1_234);
    stage.candidate.speak(&answer);
    stage.until_heard(&answer).await;
    Dialect::Ga.answer("item_u1", "The bridge.").into_iter().for_each(|event| stage.script.say(event));
    assert_eq!(stage.candidate.next("question.ready").await["payload"]["idx"], 1);
    assert_eq!(stage.candidate.line("candidate", 0)["text"], "The bridge.");
}

/// S003-21: a provider may need a second to take a call. What the candidate says meanwhile is heard, from the first sample on.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_before_the_provider_listens_is_heard() {
    let mut stage = Stage::set().await;
    let release = Arc::new(Notify::new());
    stage.script.line(Line::Held(Arc::clone(&release)));
    stage.candidate.say(&json!({ "type": "call", "epoch": 1 })).await;
    stage.script.asked("/v1/realtime?model=", 1).await;
    let mic = Mic::open(stage.candidate.mouth(), 1);
    let answer = sound(SECOND, 1_234);
    mic.play(&answer);
    let start = Instant::now();
    while mic.waiting() > 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "{} samples are not said", mic.waiting());
        sleep(Duration::from_millis(20)).await;
    }
    release.notify_one();
    stage.until_heard(&answer).await;
}

/// An interruption is told to the provider by what the page has played, or by our own count where the page says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_is_told_by_what_was_heard() {
    let mut stage = Stage::set().await;
    stage.carry(1).await;
    stage.script.told("response.create", 1).await;
    stage.respond(1, HELLO, &sound(SECOND, 7), true);
    stage.candidate.next("question.ready").await;
    let (mut n, mut tells) = (1, true);
    loop {
        n += 1;
        stage.candidate.tells = tells;
        stage.script.told("response.create", n).await;
        let before = stage.candidate.frames().len();
        // Of the last one a part is still on its way.
        stage.respond(n, "What are you proud of?", &sound(5 * SECOND, 3), tells);
        stage.candidate.until_frames(before + 50).await;
        let cut = Instant::now();
        let began =
            json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": format!("u{n}") });
        stage.script.say(began);
        stage.candidate.next("audio.cut").await;
        let truncate = stage.script.told("conversation.item.truncate", n - 1).await;
        assert_eq!(truncate["item_id"], format!("item_a{n}"));
        let (waited, end_ms) = (cut.elapsed(), truncate["audio_end_ms"].as_u64().unwrap());
        // A page has 300 ms to tell, and a busy machine may take that long.
        let in_time = waited < Duration::from_millis(290);
        if tells && in_time {
            // To the sample: the greeting was a second long.
            let greeting = if n == 2 { SECOND as u64 } else { 0 };
            assert_eq!(end_ms, (stage.candidate.played.unwrap() - greeting) / 24);
        } else if tells {
            assert!(n < 3, "the page's word is not heard: {waited:?}");
        } else {
            assert!(!in_time, "the page had its time: {waited:?}");
            let came = stage.candidate.frames().iter().skip(before).count() as u64 * 20;
            assert!(end_ms <= came && end_ms + 200 > came, "{end_ms} of {came} ms");
        }
        let count = stage.candidate.frames().len();
        if !tells {
            // What still comes of it is not heard.
            let (id, item) = (format!("resp_{n}"), format!("item_a{n}"));
            let mut more = json!({ "type": "response.output_audio.delta", "response_id": id, "item_id": item });
            more["delta"] = json!(base64(&sound(SECOND, 5)));
            stage.script.say(more);
            let details = json!({ "type": "cancelled", "reason": "turn_detected" });
            let done = json!({ "id": id, "status": "cancelled", "status_details": details, "output": [] });
            stage.script.say(json!({ "type": "response.done", "response": done }));
        }
        stage.candidate.linger(Duration::from_millis(300)).await;
        assert_eq!(stage.candidate.frames().len(), count);
        let ended =
            json!({ "type": "input_audio_buffer.speech_stopped", "audio_end_ms": 4_600, "item_id": format!("u{n}") });
        stage.script.say(ended);
        if !tells {
            return;
        }
        tells = !in_time;
    }
}

/// S000-23: nobody speaks faster than the clock, whatever a page sends.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sound_reaches_no_provider() {
    let mut stage = Stage::set().await;
    stage.carry(1).await;
    let start = Instant::now();
    let mouth = stage.candidate.mouth();
    for seq in 100_000..102_000u32 {
        let frame = Header { seq, epoch: 1, timestamp: seq * 480 }.frame(&[9; 480]);
        mouth.say(Message::binary(frame)).await.unwrap();
    }
    let mut heard = 0;
    // A busy machine may lose some of it on the way: what counts is that no more comes through.
    while heard < 5 * SECOND / 2 {
        sleep(Duration::from_millis(20)).await;
        heard = stage.heard().len();
        assert!(start.elapsed() < Duration::from_secs(20), "{heard} samples");
    }
    let most = (2.0 + start.elapsed().as_secs_f64()) * SECOND as f64;
    assert!((heard as f64) < most, "{heard} samples after {:?}", start.elapsed());
    stage.candidate.say_raw("nonsense").await;
    assert_eq!(stage.candidate.next("error").await["payload"]["code"], "invalid_event");
}

/// S000-27: silence is sent for who is muted, and nothing is made up for a page that hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_muted_page_is_silent_and_one_that_hangs_is_not() {
    let mut stage = Stage::set().await;
    stage.carry(1).await;
    stage.candidate.speak(&sound(SECOND / 2, 9));
    stage.until_heard(&sound(SECOND / 2, 9)).await;
    stage.candidate.stall(true);
    let hung = stage.until_nothing_comes().await;
    sleep(Duration::from_millis(600)).await;
    assert_eq!(stage.heard().len(), hung);
    let start = Instant::now();
    stage.candidate.say(&json!({ "type": "muted", "muted": true })).await;
    while stage.heard().len() < hung + SECOND {
        assert!(start.elapsed() < Duration::from_secs(10), "{} samples", stage.heard().len() - hung);
        sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() > Duration::from_millis(900), "in real time: {:?}", start.elapsed());
    assert!(stage.heard()[hung..].iter().all(|it| *it == 0));
}

/// A page that calls and calls is not given one session at the provider after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_calls_all_the_time_is_told_to_wait() {
    let mut stage = Stage::set().await;
    for epoch in 0..40 {
        stage.candidate.say(&json!({ "type": "call", "epoch": epoch })).await;
    }
    assert_eq!(stage.candidate.next("error").await["payload"]["code"], "flood");
    // The last one that was made goes on.
    stage.candidate.say(&json!({ "type": "ready" })).await;
    stage.script.told("response.create", 1).await;
    assert!(stage.script.seen("/realtime?model=").len() <= 20);
}

/// S001-06, S000-27: every fault of the provider has its name on this route, too, and the interview goes on with a new call.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_carried_call_is_told_apart_and_survived() {
    let error = |code: &str| Do::Say(json!({ "type": "error", "error": { "code": code, "message": HUSH } }));
    let mut stage = Stage::set().await;
    stage.carry(1).await;
    stage.script.told("response.create", 1).await;
    let mut open = 1;
    for (what, code) in [
        (Do::Drop, "upstream.lost"),
        (Do::Close(1_000, ""), "upstream.lost"),
        (Do::Close(1_001, "maximum duration of 60 minutes"), "upstream.expired"),
        (error("insufficient_quota"), "upstream.quota"),
        (Do::Raw(b"{\"type\":\"\xff\xfe\"}".to_vec()), "upstream.garbled"),
    ] {
        stage.script.act(what);
        assert_eq!(stage.candidate.next("error").await["payload"]["code"], code);
        let asked = stage.script.count("response.create");
        open += 1;
        stage.carry(open).await;
        stage.script.told("response.create", asked + 1).await;
    }
    for (status, code) in [(401, "upstream.key"), (503, "upstream.overloaded"), (404, "upstream.settings")] {
        stage.candidate.say(&json!({ "type": "bye", "epoch": open })).await;
        stage.script.line(Line::Refuse(status, "none"));
        stage.candidate.say(&json!({ "type": "call", "epoch": 99 })).await;
        assert_eq!(stage.candidate.next("error").await["payload"]["code"], code);
        let asked = stage.script.count("response.create");
        open += 1;
        stage.carry(open).await;
        stage.script.told("response.create", asked + 1).await;
    }
    let told = serde_json::to_string(&stage.candidate.told).unwrap();
    assert!(!told.contains(HUSH) && !told.contains(KEY));
    let report = stage.candidate.post("report", json!({})).await;
    assert!(report["ended"].is_null(), "{report}");
}

/// What a page said of its playing before it knew of a cut is about an earlier moment.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_had_played_before_a_cut_is_not_taken_for_what_it_played_until_then() {
    let mut stage = Stage::set().await;
    stage.carry(1).await;
    stage.candidate.tells = false;
    stage.script.told("response.create", 1).await;
    stage.respond(1, HELLO, &sound(SECOND, 7), true);
    stage.candidate.next("question.ready").await;
    stage.script.told("response.create", 2).await;
    let before = stage.candidate.frames().len();
    stage.respond(2, "What are you proud of?", &sound(5 * SECOND, 3), true);
    stage.candidate.until_frames(before + 75).await;
    stage.script.say(json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u2" }));
    let epoch = stage.candidate.next("audio.cut").await["payload"]["epoch"].as_u64().unwrap() - 1;
    // Of the greeting and half a second.
    stage.candidate.say(&json!({ "type": "played", "epoch": epoch, "samples": SECOND + SECOND / 2 })).await;
    let end_ms = stage.script.told("conversation.item.truncate", 1).await["audio_end_ms"].as_u64().unwrap();
    let came = stage.candidate.frames().iter().skip(before).count() as u64 * 20;
    assert!(end_ms <= came && end_ms + 500 > came, "{end_ms} of {came} ms");
}

/// An exchange that the page has given up on makes no call, and does not tell it that the interview is over.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_comes_too_late_is_a_conflict() {
    let mut stage = Stage::set().await;
    let go = Arc::new(Notify::new());
    stage.script.reply(Reply::Held(Arc::clone(&go)));
    let body = stage.exchange_body();
    let late = tokio::spawn(stage.candidate.request("sdp-exchange", body).send());
    stage.script.asked("/realtime/calls", 1).await;
    stage.carry(1).await;
    go.notify_one();
    assert_eq!(late.await.unwrap().unwrap().status(), 409);
    stage.script.told("response.create", 1).await;
}

/// A page that comes back to the room is not told of the end of a call that another has replaced since.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_a_call_is_not_told_how_the_one_before_ended() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    stage.script.told("response.create", 1).await;
    let seen = stage.candidate.told.len();
    stage.script.act(Do::Drop);
    assert_eq!(stage.candidate.next("error").await["payload"]["code"], "upstream.lost");
    stage.resume(2).await;
    stage.candidate.told.truncate(seen);
    stage.candidate.resume(&stage.house).await;
    stage.candidate.next("provider.ready").await;
    stage.candidate.linger(Duration::from_millis(500)).await;
    let missed: Vec<_> = stage.candidate.told[seen..].iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert!(missed.contains(&"clock") && !missed.contains(&"welcome"), "{missed:?}");
    assert!(!missed.contains(&"error"), "{missed:?}");
    assert_eq!(missed.iter().filter(|it| **it == "provider.ready").count(), 1, "of this call: {missed:?}");
}
