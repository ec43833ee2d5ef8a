//! Leading a call over its sideband: what the provider may tell, and how it may end.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::candidate::Candidate;
use crate::house::Stage;
use crate::orders::{DIALECTS, Dialect};
use crate::script::{Do, HUSH, Line};

pub(crate) const HELLO: &str = "Hello, I am Mariam, an AI interviewer.";

/// S001-33, S002-32, S002-33, S002-34: one interview in every order that servers are known to tell it
/// in: greeting, question, an answer with its words, the next question, the report.
#[tokio::test(flavor = "multi_thread")]
async fn an_interview_is_led_in_every_order_that_servers_tell_it() {
    let played = DIALECTS.map(|dialect| tokio::spawn(interview(dialect)));
    join_all(played).await.into_iter().for_each(Result::unwrap);
}

async fn interview(dialect: Dialect) {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    // Also where no `session.created` ever comes.
    stage.candidate.next("provider.ready").await;
    for (n, text) in [(1, HELLO), (2, "What are you proud of?")] {
        stage.script.told("response.create", n).await;
        dialect.response(n, text).into_iter().for_each(|event| stage.script.say(event));
        assert_eq!(solid(&mut stage.candidate, "interviewer").await, text, "{dialect:?}");
    }
    stage.candidate.state("listening").await;
    let answer = "I am proud of the bridge that we built.";
    dialect.answer("item_u1", answer).into_iter().for_each(|event| stage.script.say(event));
    let turn = stage.candidate.turn("turn.end", "candidate").await;
    assert_eq!(turn["payload"]["spoken_ms"], 2_900, "{dialect:?}: 3.6 s, less the padding and the silence around it");
    assert_eq!(solid(&mut stage.candidate, "candidate").await, answer, "{dialect:?}");
    assert_eq!(stage.candidate.next("question.ready").await["payload"]["idx"], 1, "{dialect:?}");
    stage.script.told("response.create", 3).await;
    let report = stage.candidate.post("finish", json!({ "request_id": "f1" })).await;
    assert_eq!(report["questions"][0]["answers"][0]["text"], answer, "{dialect:?}: {report}");
    let lines: Vec<_> = report["transcript"].as_array().unwrap().iter().map(|it| it["text"].clone()).collect();
    assert_eq!(lines, [HELLO, "What are you proud of?", answer], "{dialect:?}");
    assert!(stage.candidate.told.iter().all(|it| it["type"] != "error"), "{dialect:?}: {:?}", stage.candidate.told);
}

/// The next line of `speaker` that is on record.
pub(crate) async fn solid(candidate: &mut Candidate, speaker: &str) -> String {
    loop {
        let line = candidate.next("caption.done").await["payload"].clone();
        if line["speaker"] == speaker && line["solid"] == true {
            return line["text"].as_str().unwrap_or_default().to_owned();
        }
    }
}

/// How a call ends, what the page is told, and whether we end it at the provider, too.
struct Case {
    name: &'static str,
    refusals: Vec<Line>,
    script: Vec<Do>,
    code: Option<&'static str>,
}

fn ends() -> Vec<Case> {
    let error = |code: &str| Do::Say(json!({ "type": "error", "error": { "code": code, "message": HUSH } }));
    let told = |name, script, code| Case { name, refusals: Vec::new(), script, code };
    let refused = |name, status, times, code| {
        let refusals = (0..times).map(|_| Line::Refuse(status, "call_id_not_found")).collect();
        Case { name, refusals, script: Vec::new(), code: Some(code) }
    };
    let details = json!({ "type": "failed", "error": { "code": "insufficient_quota", "message": HUSH } });
    let failed = json!({ "id": "r", "status": "failed", "status_details": details });
    vec![
        told("the call is over", vec![Do::Close(1_000, "")], None),
        told("the browser has left", vec![Do::Close(1_001, "")], None),
        told("1006", vec![Do::Drop], Some("upstream.lost")),
        told("1011", vec![Do::Close(1_011, "oops")], Some("upstream.lost")),
        told("the time limit", vec![error("session_expired"), Do::Close(1_001, "")], Some("upstream.expired")),
        told(
            "the time limit, in the reason",
            vec![Do::Close(1_001, "maximum duration of 60 minutes")],
            Some("upstream.expired"),
        ),
        told("no credit", vec![error("insufficient_quota")], Some("upstream.quota")),
        told(
            "no credit, in a response",
            vec![Do::Say(json!({ "type": "response.done", "response": failed }))],
            Some("upstream.quota"),
        ),
        told(
            "a key that was withdrawn",
            vec![Do::Close(3_000, "invalid_request_error.invalid_api_key")],
            Some("upstream.key"),
        ),
        told(
            "a flood",
            (0..5_001).map(|n| Do::Say(json!({ "type": "noise", "n": n }))).collect(),
            Some("upstream.flood"),
        ),
        told("an event of 2 MB", vec![Do::Raw(vec![b' '; 2 << 20])], Some("upstream.flood")),
        told("invalid UTF-8", vec![Do::Raw(b"{\"type\":\"\xff\xfe\"}".to_vec())], Some("upstream.garbled")),
        refused("a call that it never knows", 404, 100, "upstream.uncontrolled"),
        refused("a key that may not", 401, 1, "upstream.uncontrolled"),
        refused("a key that may not, either", 403, 1, "upstream.uncontrolled"),
        refused("no sidebands at all", 400, 1, "upstream.uncontrolled"),
    ]
}

/// S002-35: every end of a sideband is told apart. A call that we cannot lead any more is hung up, so that nobody talks to it.
/// The session goes on either way.
#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_sideband_is_told_apart_and_survived() {
    let played = ends().into_iter().map(|Case { name, refusals, script, code }| async move {
        let mut stage = Stage::set().await;
        let mut acted = Instant::now();
        let refused = !refusals.is_empty();
        refusals.into_iter().for_each(|line| stage.script.line(line));
        if refused {
            assert_eq!(stage.exchange().await.status, 200, "{name}");
        } else {
            stage.call(1).await;
            acted = Instant::now();
            script.into_iter().for_each(|what| stage.script.act(what));
        }
        if let Some(code) = code {
            let told = stage.candidate.next("error").await["payload"].clone();
            assert_eq!(told["code"], code, "{name}");
            assert!(!told["message"].as_str().unwrap().contains(HUSH), "{name}: {told}");
            stage.script.asked("/rtc_u2_1/hangup", 1).await;
        } else {
            // The clock stands still: the end was seen.
            stage.candidate.next("clock").await;
        }
        stage.script.forgive();
        stage.resume(if refused { 1 } else { 2 }).await;
        stage.script.asked("/rtc_u2_1/hangup", 1).await;
        // Who does not ask for another call within four seconds is told.
        let late = code.is_none() && acted.elapsed() > Duration::from_secs(4);
        let errors = stage.candidate.told.iter().filter(|it| it["type"] == "error").count();
        assert!(errors == usize::from(code.is_some()) || late, "{name}: {errors} errors");
    });
    join_all(played.map(tokio::spawn)).await.into_iter().for_each(Result::unwrap);
}

/// A call and its registration are not made at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_known_yet_is_asked_for_again() {
    let mut stage = Stage::set().await;
    for line in [Line::Refuse(404, "call_id_not_found"), Line::Refuse(503, ""), Line::Refuse(404, "call_id_not_found")]
    {
        stage.script.line(line);
    }
    stage.call(1).await;
    stage.script.told("response.create", 1).await;
    assert_eq!(stage.script.seen("call_id=rtc_u2_1").len(), 4);
    assert!(stage.candidate.told.iter().all(|it| it["type"] != "error"), "{:?}", stage.candidate.told);
}

/// The candidate hears the reason in words of ours that say what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_led_is_said_plainly() {
    let mut stage = Stage::set().await;
    stage.script.line(Line::Refuse(403, "forbidden"));
    stage.exchange().await;
    let told: Value = stage.candidate.next("error").await;
    let message = told["payload"]["message"].as_str().unwrap();
    assert!(
        message.contains("does not let our server lead the interview") && message.contains("PROVIDER"),
        "{message}"
    );
}

/// A call can end at the provider without a word to the browser. A page that goes on believing in it is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_has_not_noticed_the_end_of_its_call_is_told() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    stage.script.told("response.create", 1).await;
    stage.script.act(Do::Close(1_000, ""));
    assert_eq!(stage.candidate.next("error").await["payload"]["code"], "upstream.lost");
    stage.resume(2).await;
}

/// S002-12, S002-13: the candidate asks, a model with words of its own answers in one response from the facts that it is
/// given, and the question stays the same. A call that is made later is told what was said so far.
#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_who_asks_is_answered_and_a_new_call_knows_what_was_said() {
    let mut stage = Stage::set().await;
    stage.call(1).await;
    for (n, text) in [(1, HELLO), (2, "What are you proud of?")] {
        stage.script.told("response.create", n).await;
        Dialect::Ga.response(n, text).into_iter().for_each(|event| stage.script.say(event));
        solid(&mut stage.candidate, "interviewer").await;
    }
    stage.candidate.state("listening").await;
    let ask = "How much time do we have left?";
    Dialect::Ga.answer("item_u1", ask).into_iter().for_each(|event| stage.script.say(event));
    let request = stage.script.told("response.create", 3).await["response"].clone();
    let told = request["instructions"].as_str().unwrap();
    assert!(told.contains("about 5 minutes left") && told.contains("question 1 of 3"), "{told}");
    assert!(told.contains("a project you are proud of") && !told.contains("How much time"), "{told}");
    assert_eq!(request["metadata"]["purpose"], "reply-0");
    let reply = "About five minutes. What are you proud of?";
    Dialect::Ga.response(3, reply).into_iter().for_each(|event| stage.script.say(event));
    stage.candidate.state("listening").await;

    stage.script.act(Do::Drop);
    assert_eq!(stage.candidate.next("error").await["payload"]["code"], "upstream.lost");
    stage.resume(2).await;
    let mut items = Vec::new();
    for n in 1..=5 {
        let item = stage.script.told("conversation.item.create", n).await["item"].clone();
        items.push((item["role"].clone(), item["content"][0]["type"].clone(), item["content"][0]["text"].clone()));
    }
    assert_eq!(items[0].0, "system");
    let expected = [
        ("assistant", "output_text", HELLO),
        ("assistant", "output_text", "What are you proud of?"),
        ("user", "input_text", ask),
        ("assistant", "output_text", reply),
    ];
    assert_eq!(items[1..], expected.map(|(role, kind, text)| (json!(role), json!(kind), json!(text))));
    assert_eq!(stage.script.count("conversation.item.create"), 5);
    let report = stage.candidate.post("finish", json!({ "request_id": "f1" })).await;
    assert_eq!(report["questions"][0]["answers"], json!([]), "a question is no answer: {report}");
}
