//! The sideband: our own control socket onto a call that the browser holds.
//!
//! It sees every event of the call and may send any but audio. It gets no `session.created`; it closes cleanly when the
//! call is over. (OpenAI Realtime guide, "Server-side controls".)

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::{CONNECT, Provider, ProviderError};
use crate::engine::protocol::client::{ClientEvent, ClientMessage};
use crate::engine::protocol::server::ServerMessage;

/// A call and its registration are not made at once: for so long an unknown call may still become known.
const ATTACH: Duration = Duration::from_secs(6);
const RETRY: Duration = Duration::from_millis(200);
/// Events that wait to be sent. A director sends a handful a minute.
const QUEUE: usize = 64;
/// The largest event we read; a retrieved item may carry sound.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// What comes from a sideband.
#[derive(Debug)]
pub enum FromSideband {
    Opened,
    Event(Box<ServerMessage>),
    /// The last thing that comes.
    Closed,
}

/// An attached sideband. Dropping it closes the socket.
#[derive(Debug)]
pub struct Sideband {
    out: mpsc::Sender<ClientEvent>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Sideband {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sideband {
    /// Sends an event. One that finds the queue full is lost, and the provider has been silent for long then.
    pub fn send(&self, event: ClientEvent) {
        if self.out.try_send(event).is_err() {
            tracing::warn!("the sideband does not take events any more");
        }
    }
}

impl Provider {
    /// Attaches to a call. Everything that happens arrives at `report`, which is told of the end whatever it is.
    pub fn sideband(
        &self,
        call_id: String,
        report: impl Fn(FromSideband) -> futures::future::BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Sideband {
        let (out, events) = mpsc::channel(QUEUE);
        let provider = self.clone();
        let task = tokio::spawn(async move {
            match provider.attach(&call_id).await {
                Ok(socket) => {
                    report(FromSideband::Opened).await;
                    run(socket, events, &report).await;
                }
                Err(error) => tracing::error!(?error, "no sideband"),
            }
            report(FromSideband::Closed).await;
        });
        Sideband { out, task }
    }

    async fn attach(&self, call_id: &str) -> Result<Socket, ProviderError> {
        let give_up = Instant::now() + ATTACH;
        loop {
            match self.connect(call_id).await {
                Ok(socket) => return Ok(socket),
                Err(error) if Instant::now() + RETRY > give_up => {
                    return Err(ProviderError::Sideband(Box::new(error)));
                }
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    async fn connect(&self, call_id: &str) -> Result<Socket, Error> {
        let base = self.settings.base_url.replacen("http", "ws", 1);
        let mut request = format!("{base}/realtime?call_id={call_id}").into_client_request()?;
        if let Some(key) = &self.settings.key {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES))
            .read_buffer_size(8 * 1024)
            .write_buffer_size(0);
        let connecting = connect_async_with_config(request, Some(config), true);
        match timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map(|(socket, _)| socket),
            Err(_) => Err(Error::Io(std::io::ErrorKind::TimedOut.into())),
        }
    }
}

async fn run(
    socket: Socket,
    mut events: mpsc::Receiver<ClientEvent>,
    report: &(impl Fn(FromSideband) -> futures::future::BoxFuture<'static, ()> + Send + Sync),
) {
    let (mut sink, mut stream) = socket.split();
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { break };
                let Ok(text) = serde_json::to_string(&ClientMessage::from(event)) else { continue };
                if sink.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => match serde_json::from_str::<ServerMessage>(&text) {
                    Ok(message) => report(FromSideband::Event(Box::new(message))).await,
                    Err(error) => tracing::debug!(%error, "an event of the provider was not understood"),
                },
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        }
    }
}
