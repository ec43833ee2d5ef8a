//! A page that does not read what it is told.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use crate::candidate::{Candidate, House};
use crate::peer::Peer;
use crate::signal::Signal;

/// S004-12, S003-30: it is let go on both of its sockets, with a code that lets it come back. The session has lost nothing,
/// and goes on with the next ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_read_is_let_go_and_may_come_back() {
    let house = House::with_buffer(&[], Some(4_096)).await;
    let mut candidate = Candidate::start(&house, 5).await;
    candidate.buffer = Some(32_768);
    candidate.join(&house).await;
    candidate.next("welcome").await;
    candidate.buffer = Some(4_096);
    let mut signal = Signal::open(&candidate).await;
    for n in 0..90 {
        signal.say(&json!({ "type": "offer", "id": format!("{n:064}"), "sdp": "hello" })).await;
    }
    candidate.carry(1).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.hear(50).await;
    // From here on neither is read. The call ends with its page, which is how it shows from outside.
    let start = Instant::now();
    while house.calls() != 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "a page that does not read keeps its call");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(candidate.close_code().await, Some(1_013));
    while signal.next().await.is_some() {}
    assert_eq!(signal.said.last(), Some(&json!({ "closed": 1_013 })));
    assert!(signal.said.len() < 90, "it was not told everything");

    candidate.buffer = None;
    candidate.resume(&house).await;
    candidate.carry(2).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.hear(50).await;
    let (peer, offer) = Peer::offer().await;
    let mut signal = Signal::open(&candidate).await;
    assert_eq!(signal.offer(&peer, "1", &offer, false).await, 3);
    (candidate.peer, candidate.relayed) = (peer, true);
    // As a page does it that is on the new call.
    for message in [json!({ "type": "bye", "epoch": 2 }), json!({ "type": "ready" })] {
        candidate.say(&message).await;
    }
    candidate.hear_call(50).await;
    let report = candidate.post("report", json!({})).await;
    assert!(report["ended"].is_null(), "{report}");
}
