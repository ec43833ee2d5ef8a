//! Responses that do not run from their first word to their last: interrupted, in two items, failed, empty; and what is
//! told after the end.

use serde_json::{Value, json};

use crate::house::Stage;
use crate::lines::{HELLO, solid};
use crate::orders::Dialect;
use crate::script::Do;

const QUESTION: &str = "What are you proud of?";
const ANSWER: &str = "I am proud of the bridge that we built.";

/// The greeting was said and the first question is asked for.
async fn greeted() -> Stage {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    stage.script.told("response.create", 1).await;
    tell(&stage, Dialect::Ga.response(1, HELLO));
    assert_eq!(solid(&mut stage.candidate, "interviewer").await, HELLO);
    stage.script.told("response.create", 2).await;
    stage
}

/// The first question was said.
async fn asked() -> Stage {
    let mut stage = greeted().await;
    tell(&stage, Dialect::Ga.response(2, QUESTION));
    assert_eq!(solid(&mut stage.candidate, "interviewer").await, QUESTION);
    stage.candidate.state("listening").await;
    stage
}

fn tell(stage: &Stage, events: impl IntoIterator<Item = Value>) {
    events.into_iter().for_each(|event| stage.script.say(event));
}

fn created(n: usize) -> Value {
    json!({ "type": "response.created", "response": { "id": format!("resp_{n}"), "status": "in_progress", "output": [] } })
}

/// The end of response `n` that did not come to its own.
fn done(n: usize, status: &str, details: &Value) -> Value {
    let id = format!("resp_{n}");
    json!({ "type": "response.done", "response": { "id": id, "status": status, "status_details": details, "output": [] } })
}

fn turn_detected() -> Value {
    json!({ "type": "cancelled", "reason": "turn_detected" })
}

/// S002-16: the provider drops its sound, and says how much of it was heard.
#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_who_interrupts_is_heard_out() {
    let mut stage = greeted().await;
    // To the middle of its sound.
    tell(&stage, Dialect::Ga.response(2, QUESTION).into_iter().take(6));
    let mut answer = Dialect::Ga.answer("item_u1", ANSWER).into_iter();
    tell(&stage, answer.next());
    let half = &QUESTION[..QUESTION.len() / 2];
    let item = json!({ "id": "item_a2", "type": "message", "role": "assistant", "status": "incomplete",
        "content": [{ "type": "output_audio", "transcript": half }] });
    let at = |kind: &str| json!({ "type": kind, "response_id": "resp_2", "item_id": "item_a2", "output_index": 0, "content_index": 0 });
    let mut words = at("response.output_audio_transcript.done");
    words["transcript"] = json!(half);
    tell(
        &stage,
        [
            at("response.output_audio.done"),
            words,
            json!({ "type": "conversation.item.done", "item": item, "previous_item_id": null }),
            json!({ "type": "response.output_item.done", "response_id": "resp_2", "output_index": 0, "item": item }),
            done(2, "cancelled", &turn_detected()),
            json!({ "type": "output_audio_buffer.cleared", "response_id": "resp_2" }),
            json!({ "type": "conversation.item.truncated", "item_id": "item_a2", "content_index": 0, "audio_end_ms": 900 }),
        ],
    );
    let line = stage.candidate.line_with(half.trim()).await;
    assert_eq!((&line["interrupted"], &line["solid"]), (&json!(true), &json!(true)), "{line}");
    assert_eq!(stage.candidate.next("caption.cut").await["payload"]["heard_ms"], 900);
    tell(&stage, answer);
    stage.candidate.turn("turn.end", "candidate").await;
    assert_eq!(stage.candidate.next("question.ready").await["payload"]["idx"], 1, "a whole answer");
    assert_eq!(stage.script.count("response.cancel"), 0, "the provider has stopped by itself");
}

/// The candidate goes on before a word was heard: the same is said once the turn is over.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_cancelled_before_it_was_heard_is_asked_for_again() {
    let stage = Box::pin(asked()).await;
    tell(&stage, Dialect::Ga.answer("item_u1", ANSWER));
    let next = stage.script.told("response.create", 3).await;
    let mut more = Dialect::Ga.answer("item_u2", "And of a road.").into_iter();
    tell(
        &stage,
        [created(3)].into_iter().chain(more.next()).chain([done(3, "cancelled", &turn_detected())]).chain(more),
    );
    assert_eq!(stage.script.told("response.create", 4).await["response"], next["response"]);
    let report = stage.candidate.post("finish", json!({ "request_id": "f1" })).await;
    assert_eq!(report["questions"][0]["answers"].as_array().map(Vec::len), Some(2), "{report}");
}

/// Newer models say a word first, in an item of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_of_two_items_is_kept_whole() {
    let mut stage = greeted().await;
    let mut events = vec![created(2)];
    for (index, (id, text)) in [("item_a2", "One moment."), ("item_b2", QUESTION)].into_iter().enumerate() {
        let item = json!({ "id": id, "type": "message", "role": "assistant", "content": [] });
        let at = json!({ "response_id": "resp_2", "item_id": id, "output_index": index, "content_index": 0 });
        let words = |kind: &str, key: &str| {
            let mut event = at.clone();
            event["type"] = json!(format!("response.output_audio_transcript.{kind}"));
            event[key] = json!(text);
            event
        };
        events.extend([
            json!({ "type": "response.output_item.added", "response_id": "resp_2", "output_index": index, "item": item }),
            json!({ "type": "conversation.item.added", "item": item, "previous_item_id": null }),
            words("delta", "delta"),
            words("done", "transcript"),
        ]);
    }
    events.push(json!({ "type": "output_audio_buffer.started", "response_id": "resp_2" }));
    events.push(done(2, "completed", &Value::Null));
    events.push(json!({ "type": "output_audio_buffer.stopped", "response_id": "resp_2" }));
    tell(&stage, events);
    for text in ["One moment.", QUESTION] {
        assert_eq!(solid(&mut stage.candidate, "interviewer").await, text);
    }
    stage.candidate.state("listening").await;
}

/// S001-06: a provider that fails is asked three times, and its call given up.
#[tokio::test(flavor = "multi_thread")]
async fn responses_that_fail_are_asked_for_again_and_then_a_new_call() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    for n in 1..=3 {
        stage.script.told("response.create", n).await;
        let details = json!({ "type": "failed", "error": { "type": "server_error", "message": "m" } });
        tell(&stage, [created(n), done(n, "failed", &details)]);
    }
    assert_eq!(stage.candidate.next("error").await["payload"]["code"], "upstream.broken");
    stage.script.asked("/rtc_u2_1/hangup", 1).await;
    assert_eq!(stage.script.count("response.create"), 3);
    stage.resume(2).await;
}

/// The greeting says that this is an AI, and is not passed over.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_without_a_word_is_asked_for_again() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    let first = stage.script.told("response.create", 1).await;
    tell(&stage, [created(1), done(1, "completed", &Value::Null)]);
    assert_eq!(stage.script.told("response.create", 2).await, first);
    tell(&stage, Dialect::Ga.response(2, HELLO));
    assert_eq!(solid(&mut stage.candidate, "interviewer").await, HELLO);
    assert!(stage.candidate.told.iter().all(|it| it["type"] != "error"), "{:?}", stage.candidate.told);
}

/// A line that drops again and again is not mended for ever: the clock stands still meanwhile, and would never end it.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_drops_again_and_again_is_given_up() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    for n in 1..=5 {
        stage.script.told("response.create", n).await;
        stage.script.act(Do::Drop);
        let code = stage.candidate.next("error").await["payload"]["code"].clone();
        assert_eq!(code, if n < 5 { "upstream.lost" } else { "upstream.unsteady" }, "call {n}");
        stage.resume(n + 1).await;
    }
}

/// S001-23: the call is kept for the words that are under way, and for nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_are_waited_for_after_the_end() {
    let mut stage = Box::pin(asked()).await;
    let mut answer = Dialect::Ga.answer("item_u1", ANSWER);
    let words = answer.pop().unwrap();
    tell(&stage, answer);
    stage.candidate.turn("turn.end", "candidate").await;
    stage.script.told("response.create", 3).await;
    let report = stage.candidate.post("finish", json!({ "request_id": "f1" })).await;
    let text = |report: &Value| report["questions"][0]["answers"][0]["text"].clone();
    assert_eq!(text(&report), Value::Null, "{report}");
    assert!(stage.script.seen("/hangup").is_empty());
    tell(&stage, Dialect::Ga.response(3, "Thank you. And next?").into_iter().chain([words]));
    stage.script.asked("/rtc_u2_1/hangup", 1).await;
    let report = stage.candidate.post("report", json!({})).await;
    assert_eq!(text(&report), ANSWER);
    assert_eq!(report["transcript"].as_array().map(Vec::len), Some(3), "no other line: {report}");
}
