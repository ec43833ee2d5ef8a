//! The page's end of the room channel.

use futures::StreamExt as _;
use futures::stream::SplitStream;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::LIMIT;
use crate::sound::{Frame, Mouth};

/// The page's end of the room channel.
pub(crate) struct Channel {
    pub(super) ears: SplitStream<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    pub(super) mouth: Mouth,
    /// The sound that came.
    pub(super) frames: Vec<Frame>,
}

impl Channel {
    pub(super) fn new(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        let (mouth, ears) = socket.split();
        Self { ears, mouth: Mouth::new(mouth), frames: Vec::new() }
    }

    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let next = timeout(LIMIT, self.ears.next()).await;
            match next.unwrap_or_else(|_| panic!("the room channel is silent")) {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Binary(bytes))) => self.frames.push(Frame::read(&bytes)),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            }
        }
    }

    /// What is still said until the server closes.
    pub(crate) async fn until_closed(&mut self) -> Vec<Value> {
        let mut told = Vec::new();
        while let Some(event) = self.next().await {
            told.push(event);
        }
        told
    }
}
