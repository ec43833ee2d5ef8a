//! A session over a WebSocket, as its client sees it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::call::{House, KEY, Socket};
use crate::strict::decoded;

/// Patience for anything that should happen.
const SOON: Duration = Duration::from_secs(40);

pub(crate) struct Line {
    pub(crate) socket: Socket,
    pub(crate) events: Vec<Value>,
    read: usize,
}

impl House {
    /// Connects with these headers.
    pub(crate) async fn upgrade(
        &self,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Result<(Socket, Option<String>), Error> {
        let mut request = format!("ws://{}/v1/realtime{query}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (socket, response) = tokio_tungstenite::connect_async(request).await?;
        let protocol = response.headers().get("sec-websocket-protocol").map(|it| it.to_str().unwrap().to_owned());
        Ok((socket, protocol))
    }

    /// A session with the standard key, whose `session.created` has arrived, changed by `update`.
    pub(crate) async fn line(&self, update: &Value) -> Line {
        let bearer = format!("Bearer {KEY}");
        let (socket, protocol) = self.upgrade("?model=gpt-realtime-2.1", &[("authorization", &bearer)]).await.unwrap();
        assert_eq!(protocol, None, "nobody offered one");
        let mut line = Line::new(socket);
        let created = line.next("session.created").await;
        assert_eq!(line.events.len(), 1, "session.created comes first");
        assert_eq!(created["session"]["model"], "gpt-realtime-2.1");
        if !update.is_null() {
            line.send(&json!({ "type": "session.update", "session": update })).await;
            line.next("session.updated").await;
        }
        line
    }
}

impl Line {
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, events: Vec::new(), read: 0 }
    }

    pub(crate) async fn send(&mut self, event: &Value) {
        self.socket.send(Message::text(event.to_string())).await.unwrap();
    }

    /// Sends sound in pieces of 100 ms, without waiting.
    pub(crate) async fn append(&mut self, sound: &[u8], piece_bytes: usize) {
        for piece in sound.chunks(piece_bytes) {
            self.send(&json!({ "type": "input_audio_buffer.append", "audio": BASE64.encode(piece) })).await;
        }
    }

    /// The next event of this type. Events before it are passed over.
    pub(crate) async fn next(&mut self, kind: &str) -> Value {
        let limit = Instant::now() + SOON;
        loop {
            while let Some(event) = self.events.get(self.read) {
                self.read += 1;
                if event["type"] == kind {
                    return event.clone();
                }
            }
            match timeout_at(limit, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => self.events.push(decoded(serde_json::from_str(&text).unwrap())),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                other => panic!("{other:?} instead of {kind} after {:?}", self.types(0)),
            }
        }
    }

    /// Reads to the end. Answers with the close code, if one came.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        let limit = Instant::now() + SOON;
        loop {
            match timeout_at(limit, self.socket.next()).await.expect("the socket stays open") {
                Some(Ok(Message::Text(text))) => self.events.push(decoded(serde_json::from_str(&text).unwrap())),
                Some(Ok(Message::Close(frame))) => return frame.map(|it| it.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The types of what came after the first `from` events, repeated ones once.
    pub(crate) fn types(&self, from: usize) -> Vec<&str> {
        let mut types: Vec<&str> = self.events[from..].iter().map(|it| it["type"].as_str().unwrap()).collect();
        types.dedup();
        types
    }

    /// The sound of all audio deltas so far.
    pub(crate) fn sound(&self) -> Vec<u8> {
        let deltas = self.events.iter().filter(|it| it["type"] == "response.output_audio.delta");
        deltas.flat_map(|it| BASE64.decode(it["delta"].as_str().unwrap()).unwrap()).collect()
    }
}
