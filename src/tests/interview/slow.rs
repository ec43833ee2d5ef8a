//! A page that does not read what it is told.

use std::time::Duration;

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
    candidate.buffer = Some(8_192);
    let mut signal = Signal::open(&candidate).await;
    // Long answers to the first, short ones to the rest.
    let (_peer, offer) = Peer::offer().await;
    for n in 0..90 {
        let sdp = if n < 9 { offer.as_str() } else { "hello" };
        signal.say(&json!({ "type": "offer", "id": format!("{n:064}"), "sdp": sdp })).await;
    }
    candidate.carry(1).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.hear(50).await;
    // From here on neither is read, for longer than a message may take. Nothing shows from outside when that is over.
    sleep(Duration::from_secs(16)).await;
    let drain = async { while signal.next().await.is_some() {} };
    let (code, ()) = tokio::join!(candidate.close_code(), drain);
    assert_eq!(code, Some(1_013));
    assert_eq!(signal.said.last(), Some(&json!({ "closed": 1_013 })));
    assert!(signal.said.len() < 90, "it was not told everything");

    candidate.buffer = None;
    candidate.resume(&house).await;
    candidate.carry(2).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.hear(50).await;
    let (peer, offer) = Peer::offer().await;
    let mut signal = Signal::open(&candidate).await;
    assert!(signal.offer(&peer, "1", &offer, false).await > 2);
    (candidate.peer, candidate.relayed) = (peer, true);
    // As a page does it that is on the new call.
    for message in [json!({ "type": "bye", "epoch": 2 }), json!({ "type": "ready" })] {
        candidate.say(&message).await;
    }
    candidate.hear_call(50).await;
    let report = candidate.post("report", json!({})).await;
    assert!(report["ended"].is_null(), "{report}");
}
