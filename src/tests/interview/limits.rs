//! Limits of a hosted provider. Ours plays it, on another server than the one that conducts.

use serde_json::json;

use crate::call::{self, KEY};
use crate::candidate::{Candidate, House};

/// A server whose provider is the one at `address`.
async fn hosted(address: &str, more: &[(&str, &str)]) -> House {
    let base_url = format!("http://{address}/v1");
    let mut environment = vec![("OPENAI_BASE_URL", base_url.as_str()), ("OPENAI_API_KEY", KEY)];
    environment.extend_from_slice(more);
    House::open(&environment).await
}

/// The provider ends a session in the middle of a question; the interview goes on with that question in a new call.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_expires_goes_on_in_a_new_call() {
    // Its question is said from 10.6 s on, later on a busy machine, and not over before 15 s.
    let provider = call::House::with(|it| it.session_limit = std::time::Duration::from_millis(14_700)).await;
    let house = hosted(&provider.address, &[]).await;
    let mut candidate = Candidate::enter(&house, 5).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.next("question.ready").await;
    assert_eq!(candidate.next("error").await["payload"]["code"], "upstream.expired");
    candidate.call_again("e2", 2).await;
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 0);
    candidate.state("listening").await;
    candidate.post("finish", json!({ "request_id": "f1" })).await;
    let words = candidate.last_line("interviewer");
    assert!(words["text"].as_str().unwrap().starts_with("We are connected"), "{words}");
    let greetings =
        candidate.told.iter().filter(|it| it["payload"]["text"].as_str().is_some_and(|it| it.contains("Hello")));
    assert!(greetings.count() <= 1, "one greeting");
}

/// A session that has cost enough with its greeting alone hears a goodbye, and while the day has no money left no other is started.
#[tokio::test(flavor = "multi_thread")]
async fn an_interview_that_has_cost_enough_ends_with_a_goodbye() {
    let provider = call::House::open().await;
    let house = hosted(&provider.address, &[("COST_CAP_SESSION", "0.0001"), ("COST_CAP_DAY", "0.0002")]).await;
    assert_eq!(house.ready().await, (200, json!({ "ready": true, "broken": [] })));
    let mut candidate = Candidate::enter(&house, 5).await;
    candidate.say(&json!({ "type": "ready" })).await;
    assert_eq!(candidate.next("ended").await["payload"]["reason"], "budget");
    let goodbye = candidate.last_line("interviewer");
    assert!(goodbye["text"].as_str().unwrap().contains("reached its limit"), "{goodbye}");
    assert_eq!(goodbye["interrupted"], false, "to its last word");
    provider.until_calls(0, std::time::Duration::from_secs(5)).await;
    let refused = candidate.request("ephemeral-token", json!({ "request_id": "again", "minutes": 5, "consent": true }));
    // Its own session is over, and there is no other to be had.
    assert_eq!(refused.send().await.unwrap().status(), 410);
    // Not for want of places: the page says that the credit is used up.
    assert_eq!(Candidate::try_start(&house).await, 503);
    let broken = json!({ "ready": false, "broken": [{ "part": "budget", "why": "spent" }] });
    assert_eq!(house.ready().await, (503, broken), "whoever sends candidates here sends them elsewhere");
}
