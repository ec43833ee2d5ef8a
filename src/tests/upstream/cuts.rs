//! The Socket route with a provider elsewhere, while a line is cut: nothing that either side says is lost, or heard twice.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use crate::house::Stage;
use crate::script::Do;
use crate::socket::{HELLO, SECOND, sound};

impl Stage {
    /// In the first question, which is over.
    async fn asked(&mut self) {
        self.carry(1).await;
        self.script.told("response.create", 1).await;
        self.respond(1, HELLO, &sound(SECOND, 7), true);
        self.candidate.next("question.ready").await;
        self.script.told("response.create", 2).await;
        self.respond(2, "What are you proud of?", &sound(SECOND, 3), true);
        self.candidate.state("listening").await;
    }

    /// What the provider was given to hear, without silence.
    fn words(&self) -> Vec<i16> {
        self.heard().into_iter().filter(|it| *it != 0).collect()
    }

    async fn until_words(&self, samples: usize) {
        let start = Instant::now();
        while self.words().len() < samples {
            assert!(start.elapsed() < Duration::from_secs(20), "{} samples", self.words().len());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// S003-14: the socket is cut in mid-answer, twice. The provider hears every sample of it once, in order, in one session.
#[tokio::test(flavor = "multi_thread")]
async fn s003_14_an_answer_comes_whole_through_a_cut() {
    let mut stage = Stage::set().await;
    stage.asked().await;
    let answer = sound(6 * SECOND, 1_234);
    stage.candidate.speak(&answer);
    for epoch in [2, 3] {
        stage.until_words(stage.words().len() + SECOND / 2).await;
        stage.candidate.cut();
        let cut = Instant::now();
        while cut.elapsed() < Duration::from_millis(1_200) {
            sleep(Duration::from_millis(20)).await; // What the candidate says meanwhile takes its time.
        }
        stage.candidate.resume(&stage.house).await;
        let open = stage.candidate.go_on(epoch, 0).await;
        assert_eq!(open["call"], 1, "{open}");
        stage.candidate.say(&json!({ "type": "ready" })).await;
    }
    stage.until_words(answer.len()).await;
    assert!(stage.words() == answer, "{} samples of {}", stage.words().len(), answer.len());
    assert_eq!((stage.script.seen("/v1/realtime?model=").len(), stage.script.count("response.create")), (1, 2));
}

/// S003-14: and what the interviewer says comes whole to the page: nothing is given out to nobody, and what was under way is
/// given out again.
#[tokio::test(flavor = "multi_thread")]
async fn s003_14_the_interviewer_goes_on_where_the_page_has_heard_her_last() {
    let mut stage = Stage::set().await;
    stage.carry(1).await;
    stage.script.told("response.create", 1).await;
    let greeting = sound(4 * SECOND, 7);
    stage.respond(1, HELLO, &greeting, true);
    stage.candidate.until_frames(60).await;
    let mut heard: Vec<i16> = stage.candidate.frames()[..50].iter().flat_map(|it| it.pcm.clone()).collect();
    stage.candidate.cut();
    sleep(Duration::from_millis(800)).await; // Long enough to lose something.
    stage.candidate.resume(&stage.house).await;
    let began = Instant::now();
    stage.candidate.go_on(2, 50).await;
    stage.candidate.until_frames(150).await;
    let frames = stage.candidate.frames();
    assert!(frames.iter().zip(50..).all(|(it, seq)| it.header.seq == seq), "one after the other");
    let took = frames[149].at - began;
    assert!(took > Duration::from_millis(2_800), "in real time: {took:?}");
    heard.extend(frames.iter().flat_map(|it| it.pcm.clone()));
    assert!(heard == greeting, "{} samples of {}", heard.len(), greeting.len());
}

/// S003-14: what is given out again after a cut is interrupted like anything else the interviewer says, although she has said
/// it all by then.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_out_again_after_a_cut_can_be_interrupted() {
    let mut stage = Stage::set().await;
    stage.carry(1).await;
    stage.script.told("response.create", 1).await;
    stage.respond(1, HELLO, &sound(4 * SECOND, 7), true);
    stage.candidate.next("question.ready").await;
    stage.script.told("response.create", 2).await;
    stage.candidate.until_frames(200).await;
    stage.candidate.cut();
    stage.candidate.resume(&stage.house).await;
    // Of its last three seconds nothing was heard.
    stage.candidate.go_on(2, 50).await;
    stage.candidate.until_frames(10).await;
    stage.script.say(json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u1" }));
    stage.candidate.next("audio.cut").await;
    let came = stage.candidate.frames().len();
    stage.candidate.linger(Duration::from_millis(400)).await;
    assert_eq!(stage.candidate.frames().len(), came, "and nothing more");
    assert!(came < 100, "{came} frames of 150");
}

/// The provider's line breaks in mid-answer: what was said until there is another session is heard by that one, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_hears_what_was_said_since_the_one_before_broke() {
    let mut stage = Stage::set().await;
    stage.asked().await;
    let answer = sound(5 * SECOND, 1_234);
    stage.candidate.speak(&answer);
    stage.until_words(SECOND).await;
    stage.script.act(Do::Drop);
    assert_eq!(stage.candidate.next("error").await["payload"]["code"], "upstream.lost");
    sleep(Duration::from_millis(1_500)).await; // As a page waits. Somebody who is not heard meanwhile loses all of it.
    let open = stage.candidate.go_on(2, 0).await;
    assert_eq!((&open["call"], open["from"].is_u64()), (&json!(2), true), "{open}");
    let (tail, start) = (&answer[answer.len() - SECOND / 2..], Instant::now());
    while !stage.words().ends_with(tail) {
        assert!(start.elapsed() < Duration::from_secs(20), "{} samples, and not the end", stage.words().len());
        sleep(Duration::from_millis(20)).await;
    }
    let words = stage.words();
    let lost = answer.len() - words.len();
    let (before, after): (Vec<_>, Vec<_>) = (0..words.len()).partition(|n| words[*n] == answer[*n]);
    assert!(after.iter().all(|n| words[*n] == answer[*n + lost]), "{lost} samples were under way to the provider");
    assert!(before.len() >= SECOND && lost < SECOND, "{lost} samples are lost");
}

/// A candidate who mutes while the line is cut is heard up to there and no further, and a muted one is not heard at all.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_muted_in_a_cut_is_not_heard_after_it() {
    let mut stage = Stage::set().await;
    stage.asked().await;
    let answer = sound(2 * SECOND, 1_234);
    stage.candidate.speak(&answer);
    stage.until_words(SECOND).await;
    stage.candidate.cut();
    stage.candidate.until_said().await;
    stage.candidate.resume(&stage.house).await;
    stage.candidate.go_on(2, 0).await;
    stage.until_words(answer.len()).await;
    stage.candidate.say(&json!({ "type": "muted", "muted": true })).await;
    stage.candidate.cut();
    stage.candidate.speak(&sound(SECOND, -30_000));
    stage.candidate.until_said().await;
    stage.candidate.resume(&stage.house).await;
    stage.candidate.say(&json!({ "type": "muted", "muted": true })).await;
    let before = stage.heard().len();
    stage.candidate.go_on(3, 0).await;
    let start = Instant::now();
    while stage.heard().len() < before + SECOND {
        assert!(start.elapsed() < Duration::from_secs(20), "silence for {} samples", stage.heard().len() - before);
        sleep(Duration::from_millis(20)).await;
    }
    stage.candidate.say(&json!({ "type": "muted", "muted": false })).await;
    // Its beginning may come before the word of it.
    let unmuted = sound(SECOND, 77);
    stage.candidate.speak(&unmuted);
    stage.until_words(answer.len() + SECOND / 2).await;
    let words = stage.words().split_off(answer.len());
    assert!(unmuted.windows(words.len()).any(|it| it == words), "{} samples", words.len());
}
