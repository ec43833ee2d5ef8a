//! The Socket route: an interview whose sound travels on the room channel, through our server, from the first word to the
//! report, and back after every break.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use vivavoce::engine::audio::frame::{self, Header};

use crate::Log;
use crate::call::jfk_24k;
use crate::candidate::{Candidate, House};
use crate::peer::Peer;
use crate::signal::Signal;

/// The recording: eleven seconds with two pauses of a second each.
fn speech() -> Vec<i16> {
    frame::samples(&jfk_24k())
}

/// Its end, twice: six seconds of speech without a pause that a busy machine could make the end of a turn.
fn spoken_answer() -> Vec<i16> {
    speech().split_off(192_000).repeat(2)
}

/// In the room, with a call on the Socket route.
async fn carried(house: &House) -> Candidate {
    let mut candidate = Candidate::start(house, 5).await;
    candidate.join(house).await;
    candidate.next("welcome").await;
    candidate.carry(1).await;
    candidate
}

/// The same, and the page is ready.
async fn enter(house: &House) -> Candidate {
    let mut candidate = carried(house).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate
}

/// In the room and asked, to the end of the first question.
async fn asked(house: &House) -> Candidate {
    let mut candidate = enter(house).await;
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 0);
    candidate.state("listening").await;
    candidate
}

/// S000-23, S000-27, S003-21, S003-23, S003-53, S004-12: greeting, question, a spoken answer, the next question, the report.
#[tokio::test(flavor = "multi_thread")]
async fn an_interview_is_held_on_the_socket_from_the_first_word_to_the_report() {
    let house = House::open(&[]).await;
    let mut candidate = carried(&house).await;
    let began = Instant::now();
    candidate.say(&json!({ "type": "ready" })).await;
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 0);
    let greeting = candidate.frames().len();
    let loud = candidate.frames().iter().filter(|it| it.is_loud()).count();
    assert!(loud > 100, "the greeting was heard: {loud} loud frames of {greeting}");
    let line = candidate.line("interviewer", 0);
    assert!(candidate.told.iter().any(|it| it["type"] == "caption.delta"), "word by word");
    assert!(line["text"].as_str().unwrap().contains("AI interviewer"), "{line}");

    candidate.state("listening").await;
    let frames = candidate.frames();
    for (n, pair) in frames.windows(2).enumerate() {
        let (one, next) = (pair[0].header, pair[1].header);
        let expected = Header { seq: one.seq + 1, epoch: one.epoch, timestamp: one.timestamp + 480 };
        assert_eq!((next, pair[1].pcm.len()), (expected, 480), "frame {n}");
    }
    // In real time: no faster than it is heard, but for what a page has in hand.
    let took = frames[greeting - 1].at - began;
    let lasts = Duration::from_millis(20) * u32::try_from(greeting).unwrap();
    assert!(took + Duration::from_millis(150) > lasts, "{took:?} for {lasts:?} of sound");

    candidate.speak(&spoken_answer());
    candidate.turn("turn.start", "candidate").await;
    let turn = candidate.turn("turn.end", "candidate").await;
    let spoken_ms = turn["payload"]["spoken_ms"].as_u64().unwrap();
    assert!((4_000..7_000).contains(&spoken_ms), "{spoken_ms} ms");
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 1);
    candidate.hear(50).await;

    let report = candidate.post("finish", json!({ "request_id": "f1" })).await;
    assert_eq!((&report["ended"], &report["questions"][1]["asked"]), (&json!("finished"), &json!(true)));
    assert_eq!(report["questions"][0]["answers"][0]["spoken_ms"], spoken_ms);
    assert_eq!(candidate.next("ended").await["payload"]["reason"], "finished");
    house.until_calls(0).await;
}

/// S000-23: who begins to talk is let talk. The sound stops at once, and the provider learns what was heard of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_cuts_the_sound_and_tells_what_was_heard() {
    let house = House::open(&[]).await;
    let mut candidate = enter(&house).await;
    candidate.next("question.ready").await;
    let greeting = candidate.frames().len() as u64 * 480;
    candidate.state("speaking").await;
    candidate.speak(&spoken_answer());
    let cut = candidate.next("audio.cut").await;
    let epoch = cut["payload"]["epoch"].as_u64().unwrap();
    let heard = candidate.next("caption.cut").await["payload"]["heard_ms"].as_u64().unwrap();
    let played = candidate.played.unwrap();
    // The greeting's last frame may come after the event that follows it. Where the page's word comes late, our own count has
    // to do, which does not know its buffer.
    assert!(heard.abs_diff((played - greeting) / 24) <= 100, "{heard} ms of {played} samples, {greeting} before");
    assert!((100..8_000).contains(&heard), "{heard} ms");
    candidate.turn("turn.end", "candidate").await;
    let late = candidate.frames().iter().rev().take_while(|it| u64::from(it.header.epoch) >= epoch).count();
    let old = candidate.frames().len() - late;
    let after_cut = candidate.frames()[old..].iter().all(|it| u64::from(it.header.epoch) == epoch);
    assert!(after_cut, "nothing of the old playout after the cut");
    let line = candidate.line("interviewer", 0);
    assert_eq!(line["interrupted"], false, "the greeting: {line}");
    let question = candidate.told.iter().find(|it| it["payload"]["interrupted"] == true).unwrap()["payload"].clone();
    let whole = candidate.told.iter().find(|it| it["type"] == "question.ready").unwrap()["payload"]["text"].clone();
    let (said, whole) = (question["text"].as_str().unwrap(), whole.as_str().unwrap());
    assert!(!said.is_empty() && !said.contains(whole), "only what was heard is on record: {said}");
    candidate.state("speaking").await;
    let before = candidate.frames().len();
    candidate.hear(100).await;
    assert_eq!(u64::from(candidate.frames()[before].header.epoch), epoch, "the next words are in the new playout");
}

/// S003-14, S000-23: a socket that breaks in mid-answer is a pause, and no more. The call waits for its page, hears what was
/// said meanwhile, and nobody has to say anything about it.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_in_mid_answer_is_the_same_call_and_the_same_answer() {
    let house = House::open(&[]).await;
    let mut candidate = asked(&house).await;
    candidate.speak(&spoken_answer());
    candidate.turn("turn.start", "candidate").await;
    candidate.cut();
    let seen = candidate.last_number();
    // The rest is said to nobody.
    candidate.until_said().await;
    candidate.resume(&house).await;
    let clock = candidate.next("clock").await;
    assert_eq!(clock["payload"]["running"], false, "the clock stands still");
    assert!(clock["n"].as_u64() > Some(seen), "{clock} after {seen}");
    assert_eq!(house.calls(), 1, "the call waits");
    let open = candidate.go_on(2, 0).await;
    assert_eq!((&open["call"], open["from"].as_u64() > Some(0)), (&json!(1), true), "{open}");
    candidate.say(&json!({ "type": "ready" })).await;
    assert_eq!(candidate.next("clock").await["payload"]["running"], true);
    let turn = candidate.turn("turn.end", "candidate").await;
    let spoken_ms = turn["payload"]["spoken_ms"].as_u64().unwrap();
    assert!((4_000..7_000).contains(&spoken_ms), "the answer is whole: {turn}");
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 1);
    let told = |what: &str| candidate.told.iter().filter(|it| it["type"] == what).count();
    assert_eq!((told("welcome"), told("error"), house.calls()), (1, 0, 1), "nothing had to be told twice");
    let report = candidate.post("finish", json!({ "request_id": "f1" })).await;
    let answers = report["questions"][0]["answers"].as_array().unwrap().len();
    let words = report["transcript"].to_string();
    assert_eq!((answers, words.matches("AI interviewer").count()), (1, 1), "{words}");
    assert!(!words.contains("connected again"), "{words}");
}

/// S003-14: a page that comes back with nothing, or not for its call, gets another. The question is the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_fetched_back_is_replaced_and_the_question_stays() {
    let house = House::open(&[]).await;
    let mut candidate = asked(&house).await;
    let answer = spoken_answer();
    candidate.speak(&answer[..72_000]);
    candidate.turn("turn.start", "candidate").await;
    candidate.hang();
    candidate.resume(&house).await;
    candidate.carry(2).await;
    house.until_calls(1).await; // Instead of the one before.
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.hear(20).await;
    candidate.state("listening").await;
    candidate.speak(&answer);
    let turn = candidate.turn("turn.end", "candidate").await;
    assert!(turn["payload"]["spoken_ms"].as_u64().unwrap() > 4_000, "one turn: {turn}");
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 1);
    // Loaded anew, it knows of no call.
    candidate.join(&house).await;
    assert_eq!(candidate.next("welcome").await["payload"]["question"]["idx"], 1);
    house.until_calls(0).await;
}

/// Nobody comes back: the call does not wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_no_longer_than_its_page_keeps_what_is_said() {
    let house = House::open(&[]).await;
    let mut candidate = asked(&house).await;
    let left = Instant::now();
    candidate.hang();
    while house.calls() > 0 {
        assert!(left.elapsed() < Duration::from_secs(40), "{} calls", house.calls());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(left.elapsed() > Duration::from_secs(19), "{:?}", left.elapsed());
}

/// A line that hangs is no silence: the answer goes on when the line does. A machine that stands still before the line hangs
/// has used the patience up: one of three shows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_hangs_ends_no_answer() {
    let house = House::open(&[]).await;
    let answer = speech();
    // The first pause lies between them. Nothing but the line is to try our patience.
    let (before, after) = (&answer[..51_600], &answer[78_000..]);
    let mut turns = Vec::new();
    while turns.last().is_none_or(|it| *it <= 6_000) {
        assert!(turns.len() < 3, "{turns:?} ms");
        let mut candidate = asked(&house).await;
        candidate.speak(before);
        candidate.turn("turn.start", "candidate").await;
        // The provider has taken it for a pause.
        while candidate.next("speech").await["payload"]["active"] != false {}
        candidate.stall(true);
        candidate.linger(Duration::from_secs(4)).await;
        candidate.stall(false);
        candidate.speak(after);
        let turn = candidate.turn("turn.end", "candidate").await;
        turns.push(turn["payload"]["spoken_ms"].as_u64().unwrap());
    }
}

/// What was told while the room channel was down is told when it is back, in order, once; and everything to a page that
/// knows nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_comes_back_is_told_what_it_missed() {
    let house = House::open(&[]).await;
    let mut candidate = Candidate::enter(&house, 5).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.state("speaking").await;
    let seen = candidate.last_number();
    candidate.hang();
    // The interview goes on: its sound has a way of its own.
    candidate.until_asked().await;
    candidate.resume(&house).await;
    let question = candidate.next("question.ready").await;
    let missed: Vec<_> = candidate.told.iter().filter_map(|it| it["n"].as_u64()).filter(|n| *n > seen).collect();
    assert!(missed.windows(2).all(|it| it[0] < it[1]), "in order: {missed:?}");
    assert!(candidate.told.iter().filter(|it| it["type"] == "welcome").count() == 1, "no welcome for an old guest");
    let lines = candidate.told.iter().filter(|it| it["type"] == "caption.done" && it["n"].as_u64() > Some(seen));
    assert_eq!(lines.count(), 1, "the greeting's line was missed: {question}");

    candidate.join(&house).await;
    let welcome = candidate.next("welcome").await;
    assert_eq!(welcome["payload"]["question"]["idx"], 0);
    candidate.forget_numbering();
    candidate.resume(&house).await;
    assert_eq!(candidate.next("welcome").await["payload"]["question"]["idx"], 0, "of another numbering");
}

/// The newest tab has the room. The call of the old one ends with it, and goes on in the new one when that asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_tab_takes_the_call_over() {
    let house = House::open(&[]).await;
    let mut candidate = asked(&house).await;
    let mut old = candidate.join(&house).await.unwrap();
    let welcome = candidate.next("welcome").await;
    assert_eq!(welcome["payload"]["question"]["idx"], 0);
    assert_eq!(candidate.next("clock").await["payload"]["running"], false);
    let told = old.until_closed().await;
    assert!(told.iter().any(|it| it["payload"]["code"] == "replaced"), "{told:?}");
    house.until_calls(0).await;
    candidate.carry(1).await;
    candidate.say(&json!({ "type": "ready" })).await;
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 0);
    candidate.hear(50).await;
    let told = candidate.told.iter().filter(|it| it["type"] == "caption.delta").rev().take(20);
    let words: Vec<_> = told.map(|it| it["payload"]["delta"].as_str().unwrap().trim()).collect();
    assert!(words.contains(&"connected") && words.contains(&"again."), "{words:?}");
    assert_eq!(house.calls(), 1);
}

/// S000-27, S000-28: the candidate changes the route, there and back; there is never more than one call.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_replaced_by_one_on_another_route() {
    let house = House::open(&[]).await;
    let mut candidate = Candidate::enter(&house, 5).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.next("question.ready").await;
    candidate.carry(2).await;
    candidate.say(&json!({ "type": "ready" })).await;
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 0);
    candidate.hear(50).await;
    house.until_calls(1).await;
    candidate.call_again("e2", 3).await;
    candidate.say(&json!({ "type": "bye", "epoch": 2 })).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.next("question.ready").await;
    let frames = candidate.frames().len();
    candidate.until_loud(50).await;
    assert_eq!(candidate.frames().len(), frames, "and none on this one");
    house.until_calls(1).await;
    candidate.carry(4).await;
    candidate.say(&json!({ "type": "bye", "epoch": 3 })).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.state("speaking").await;
    candidate.say(&json!({ "type": "bye", "epoch": 4 })).await;
    assert_eq!(candidate.next("clock").await["payload"]["running"], false);
    house.until_calls(0).await;
    let greetings = candidate.post("report", json!({})).await["transcript"].to_string();
    assert_eq!(greetings.matches("AI interviewer").count(), 1, "{greetings}");
}

/// A call on the Socket route goes on until another stands: a try that comes to nothing is not noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_the_socket_outlives_a_try_of_another_route() {
    let house = House::open(&[]).await;
    let mut candidate = enter(&house).await;
    candidate.state("speaking").await;
    let (_peer, offer) = Peer::offer().await;
    let refused = offer.replace("opus/48000/2", "opus/7/2");
    for (n, path) in ["/api/interview/sdp-exchange", "/webrtc/offer"].into_iter().enumerate() {
        let ticket = if n == 0 { candidate.ticket.clone() } else { candidate.renew().await };
        let body = json!({ "request_id": format!("e{n}"), "client_secret": ticket, "offer": refused, "sdp": refused });
        let status = candidate.request_at(path, body).send().await.unwrap().status();
        assert_eq!(status, 422, "{path}");
        let before = candidate.frames().len();
        candidate.linger(Duration::from_secs(2)).await;
        let came = candidate.frames().len() - before;
        assert!(came > 20, "the interviewer goes on: {came} frames after {path}");
        assert_eq!(house.calls(), 1, "{path}");
    }
}

/// The same with an answer, and no path that it could be used on: what the candidate says meanwhile is heard, nobody is
/// greeted anew, and the clock runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_never_connects_takes_nothing_from_the_call_on_the_socket() {
    let house = House::open(&[]).await;
    let mut candidate = asked(&house).await;
    let from = candidate.told.len();
    candidate.speak(&spoken_answer());
    candidate.turn("turn.start", "candidate").await;
    for (n, path) in ["/api/interview/sdp-exchange", "/webrtc/offer"].into_iter().enumerate() {
        let renewal = json!({ "request_id": format!("renew-{n}"), "minutes": 5, "consent": true });
        let ticket = candidate.post("ephemeral-token", renewal).await["client_secret"].clone();
        let (_peer, offer) = Peer::offer().await;
        let body = json!({ "request_id": format!("e{n}"), "client_secret": ticket, "offer": offer, "sdp": offer });
        let status = candidate.request_at(path, body).send().await.unwrap().status();
        assert_eq!(status, 200, "{path}");
        // The one that is in use, and the one that is tried.
        house.until_calls(2).await;
        candidate.linger(Duration::from_secs(1)).await;
    }
    let turn = candidate.turn("turn.end", "candidate").await;
    assert!(turn["payload"]["spoken_ms"].as_u64().unwrap() > 4_000, "the whole answer: {turn}");
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 1);
    candidate.hear(50).await;
    assert_eq!(house.calls(), 2);
    let told = &candidate.told[from..];
    // A machine that stands still makes a pause of its own in it.
    let clock = told.iter().rfind(|it| it["type"] == "clock");
    assert!(clock.is_none_or(|it| it["payload"]["running"] == true), "{told:?}");
    assert!(told.iter().all(|it| it["type"] != "error"), "{told:?}");
    // Not even where the room channel breaks: the page has its call back, and the try is over.
    candidate.cut();
    candidate.resume(&house).await;
    assert_eq!(candidate.go_on(2, 0).await["call"], 1);
    house.until_calls(1).await;
    candidate.hear(50).await;
    let words = candidate.post("report", json!({})).await["transcript"].to_string();
    assert!(!words.contains("again"), "{words}");
    candidate.post("finish", json!({ "request_id": "f1" })).await;
    house.until_calls(0).await;
}

/// A call that stands takes over when the page has left the one on the Socket route, or has lost it with its room channel.
#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_works_takes_over_from_the_call_on_the_socket() {
    let house = House::open(&[]).await;
    for leaves in [true, false] {
        let mut candidate = asked(&house).await;
        let (peer, offer) = Peer::offer().await;
        let mut signal = Signal::open(&candidate).await;
        signal.offer(&peer, "2", &offer, false).await;
        (candidate.peer, candidate.relayed) = (peer, true);
        candidate.on_call("session.created", 0).await;
        candidate.next("provider.ready").await;
        assert_eq!(house.calls(), 2);
        if leaves {
            candidate.say(&json!({ "type": "bye", "epoch": 1 })).await;
        } else {
            candidate.hang();
            candidate.resume(&house).await;
        }
        candidate.say(&json!({ "type": "ready" })).await;
        candidate.hear_call(50).await;
        assert_eq!(house.calls(), 1);
        signal.say(&json!({ "type": "bye" })).await;
        house.until_calls(0).await;
    }
}

/// A page that sends far more sound than time passes, and frames that are none, loses no event and no call by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_frames_is_no_reason_to_lose_an_event() {
    let house = House::open(&[]).await;
    let mut candidate = enter(&house).await;
    candidate.state("speaking").await;
    let mouth = candidate.mouth();
    for seq in 0..2_000u32 {
        let odd = [vec![], vec![1; 7], Header { seq, epoch: 99, timestamp: 0 }.frame(&[9; 480]), vec![3; 9_000]];
        let frame = match seq % 5 {
            4 => Header { seq, epoch: 1, timestamp: seq * 480 }.frame(&[0; 480]),
            n => odd[usize::try_from(n).unwrap()].clone(),
        };
        mouth.say(Message::binary(frame)).await.unwrap();
        if seq % 500 == 0 {
            candidate.say_raw("nonsense").await;
            assert_eq!(candidate.next("error").await["payload"]["code"], "invalid_event");
        }
    }
    candidate.until_frames(candidate.frames().len() + 50).await;
    // Of those some may have waited. The interviewer goes on:
    candidate.until_frames(candidate.frames().len() + 25).await;
}

/// S003-22, S003-29, S003-55, S004-14..17: each fallback is one line in the log, what a page measured is in the session's, and all of it
/// is in the sums of the house.
#[tokio::test]
async fn a_fallback_and_what_a_page_measures_are_logged_and_counted() {
    let log = Log::default();
    let listening = log.listen(tracing::Level::INFO);
    let house = House::open(&[]).await;
    let mut candidate = Candidate::start(&house, 5).await;
    candidate.join(&house).await;
    candidate.next("welcome").await;
    candidate.join(&house).await;
    candidate.next("welcome").await;
    let stats = json!({
        "type": "stats", "stream_started_at": 1, "response_count": 2, "latency_sum_ms": 700, "candidate_type": "relay",
        "transport": "tls", "relay_seconds": 4, "relay_bytes": 9_000,
    });
    // Totals that are told twice are the same totals.
    candidate.say(&stats).await;
    candidate.say(&stats).await;
    candidate.say(&json!({ "type": "fallback", "reason": "timeout" })).await;
    candidate.say(&json!({ "type": "fallback", "reason": "the moon" })).await;
    assert_eq!(candidate.next("error").await["payload"]["code"], "invalid_event");
    candidate.carry(1).await;
    candidate.post("finish", json!({ "request_id": "f1" })).await;
    drop(listening);
    let text = log.text();
    let lines: Vec<_> = text.lines().filter(|it| it.contains("INT_V2_WEBRTC_FALLBACK")).collect();
    assert!(lines.len() == 1 && lines[0].contains("reason=\"timeout\"") && lines[0].contains("session="), "{lines:?}");
    let session = text.lines().find(|it| it.contains("ended=")).unwrap();
    assert!(session.contains("route=\"socket\"") && session.contains("fallbacks=1"), "{session}");
    assert!(session.contains("relay_seconds=4") && session.contains("latency_mean_ms=350"), "{session}");
    for (line, expected) in [
        ("vivavoce_fallbacks_total{reason=\"timeout\"}", 1.0),
        ("vivavoce_calls_total{route=\"socket\"}", 1.0),
        ("vivavoce_room_resumes_total", 1.0),
        ("vivavoce_sessions_ended_total{reason=\"finished\"}", 1.0),
        ("vivavoce_turn_relay_seconds_total", 4.0),
        ("vivavoce_turn_relay_bytes_total", 9_000.0),
        ("vivavoce_candidate_pairs_total{type=\"relay\",transport=\"tls\"}", 1.0),
        ("vivavoce_turn_delay_seconds_count", 2.0),
        ("vivavoce_turn_delay_seconds_sum", 0.7),
    ] {
        assert!((house.metric(line) - expected).abs() < 1e-9, "{line} is {}", house.metric(line));
    }
}
