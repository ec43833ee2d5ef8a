//! The faults on demand do what their names say, and end. One test in a process of its own: they are felt everywhere in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "interview/candidate.rs"]
#[expect(dead_code, reason = "shared with the tests of the interview")]
mod candidate;
#[path = "provider/peer.rs"]
#[expect(dead_code, reason = "shared with the tests of the provider")]
mod peer;
#[path = "interview/sound.rs"]
#[expect(dead_code, reason = "shared with the tests of the interview")]
mod sound;
#[path = "../server/voice/session/strict.rs"]
mod strict;

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::ServiceExt as _;
use vivavoce::server::App;
use vivavoce::server::config::Config;
use vivavoce::server::provider::Provider;
use vivavoce::server::router::router;

use crate::candidate::{Candidate, House};
use crate::peer::{Packet, Peer, Seen};

/// Longer than anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

async fn packet(peer: &mut Peer) -> Packet {
    loop {
        if let Seen::Packet(packet) = timeout(LIMIT, peer.seen.recv()).await.unwrap().unwrap() {
            return packet;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_come_when_they_are_ordered_and_go() {
    let house = House::open(&[]).await;
    let order = async |order: Value| {
        let request = house.http.post(format!("{}/faults", house.origin)).json(&order);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(order(json!({ "fault": "earthquake" })).await, 422);
    assert_eq!(order(json!({ "fault": "udp", "seconds": -1 })).await, 422);

    let stranger = Candidate::start(&house, 5).await;
    let (_, offer) = Peer::offer().await;
    let exchange = json!({ "request_id": "r1", "client_secret": stranger.ticket, "offer": offer });
    assert_eq!(order(json!({ "fault": "exchange", "refuse": "overloaded" })).await, 204);
    let refused = stranger.post("sdp-exchange", exchange.clone()).await;
    assert!(refused.to_string().contains("overloaded"), "{refused}");
    assert_eq!(order(json!({ "fault": "exchange", "delay_ms": 60_000 })).await, 204);
    assert!(timeout(Duration::from_millis(500), stranger.post("sdp-exchange", exchange.clone())).await.is_err());
    assert_eq!(order(json!({ "fault": "none" })).await, 204);
    assert_eq!(stranger.post("sdp-exchange", exchange).await["call"], 1);

    let mut candidate = Candidate::enter(&house, 5).await;
    let mut last = packet(&mut candidate.peer).await;
    // Longer than a busy machine stands still: it sends nothing then, and so loses nothing.
    assert_eq!(order(json!({ "fault": "udp", "seconds": 2.5 })).await, 204);
    let gap = async {
        loop {
            let next = packet(&mut candidate.peer).await;
            if next.seq - last.seq > 20 {
                break;
            }
            last = next;
        }
    };
    timeout(LIMIT, gap).await.unwrap();

    assert_eq!(order(json!({ "fault": "room" })).await, 204);
    assert_eq!(candidate.close_code().await, None);
    candidate.join(&house).await;
    candidate.next("welcome").await;

    assert_eq!(order(json!({ "fault": "upstream" })).await, 204);
    let told = candidate.next("error").await;
    assert_eq!(told["payload"]["code"], "upstream.lost", "{told}");

    let script = house.http.get(format!("{}/faults.js", house.origin)).send().await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript");
    assert!(script.text().await.unwrap().contains("window.__faults"));
    house.stop().await;
}

#[tokio::test]
async fn nobody_else_orders_a_fault() {
    let config = Config::with_environment(&[]).unwrap();
    let provider = Provider::of(&config, config.provider_addr).unwrap();
    let body = Body::from(json!({ "fault": "room" }).to_string());
    let mut request = Request::post("/faults").header("content-type", "application/json").body(body).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 9))));
    assert_eq!(router(App::new(config, provider)).oneshot(request).await.unwrap().status(), 404);
}
