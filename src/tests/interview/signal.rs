//! The negotiation of a relayed call, as a page holds it.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::candidate::{Candidate, House};
use crate::peer::Peer;

/// Longer than anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

/// The page's end of `/ws/webrtc`.
pub(crate) struct Signal {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Everything that our server said.
    pub(crate) said: Vec<Value>,
}

impl Signal {
    pub(crate) async fn open(candidate: &Candidate) -> Self {
        Self { socket: candidate.socket("/ws/webrtc", "").await, said: Vec::new() }
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        // One that was closed is what some tests wait for.
        _ = self.socket.send(Message::text(message.to_string())).await;
    }

    /// What our server says next. None: it closed, with the code that is kept as the last thing said.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let limit = Instant::now() + LIMIT;
        loop {
            // Pings go on coming.
            let next = timeout_at(limit, self.socket.next()).await;
            match next.unwrap_or_else(|_| panic!("nothing more is said: {:?}", self.said)) {
                Some(Ok(Message::Text(text))) => {
                    let said: Value = serde_json::from_str(&text).unwrap();
                    self.said.push(said.clone());
                    return Some(said);
                }
                Some(Ok(Message::Close(frame))) => {
                    self.said.push(json!({ "closed": frame.map(|it| u16::from(it.code)) }));
                    return None;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next message of this type.
    pub(crate) async fn wait(&mut self, kind: &str) -> Value {
        loop {
            let said = self.next().await.unwrap_or_else(|| panic!("closed before {kind}: {:?}", self.said));
            if said["type"] == kind {
                return said;
            }
        }
    }

    /// Offers, and has the peer take the answer. Returns the number of the call.
    pub(crate) async fn offer(&mut self, peer: &Peer, id: &str, offer: &str, restart: bool) -> u64 {
        self.say(&json!({ "type": "offer", "id": id, "sdp": offer, "restart": restart })).await;
        let answer = self.wait("answer").await;
        assert_eq!(answer["id"], id);
        peer.answer(answer["sdp"].as_str().unwrap().to_owned());
        answer["call"].as_u64().unwrap()
    }
}

/// In the room, on the Relay route, with the first call made.
pub(crate) async fn enter(house: &House, peer: Peer, offer: &str) -> (Candidate, Signal) {
    let mut candidate = Candidate::start(house, 5).await;
    candidate.join(house).await;
    candidate.next("welcome").await;
    let mut signal = Signal::open(&candidate).await;
    assert_eq!(signal.offer(&peer, "1", offer, false).await, 1);
    (candidate.peer, candidate.relayed) = (peer, true);
    (candidate, signal)
}
