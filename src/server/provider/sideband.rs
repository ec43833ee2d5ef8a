//! The sideband: our own control socket onto a call that the browser holds.
//!
//! It sees every event of the call and may send any but audio. It gets no `session.created`; it closes cleanly when the
//! call is over. (OpenAI Realtime guide, "Server-side controls".)

mod end;
pub(super) mod feed;

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

pub use self::end::End;
pub(super) use self::end::Refused;
use super::Provider;
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::server::ServerMessage;
use crate::server::faults;

/// A call and its registration are not made at once: for so long an unknown call may still become known.
const ATTACH: Duration = Duration::from_secs(6);
/// One attempt. OpenAI was seen to take 5.5 s to say that it does not know a call.
const ATTEMPT: Duration = Duration::from_secs(8);
/// The wait before the next attempt, which doubles.
const RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(1);
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
    Closed(End),
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
        report: impl Fn(FromSideband) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Sideband {
        let (out, events) = mpsc::channel(QUEUE);
        let provider = self.clone();
        let task = tokio::spawn(async move {
            let end = match provider.attach(&call_id).await {
                Ok(socket) => {
                    let fault = faults::upstream();
                    report(FromSideband::Opened).await;
                    feed::run(socket, events, &report, feed::PATIENCE, fault).await
                }
                Err(refused) => {
                    tracing::error!(why = refused.why, "no sideband");
                    End::Fault(refused.fault)
                }
            };
            if let End::Fault(fault) = end {
                tracing::warn!(fault = fault.name(), "a call cannot be led any more");
            }
            report(FromSideband::Closed(end)).await;
        });
        Sideband { out, task }
    }

    async fn attach(&self, call_id: &str) -> Result<Socket, Refused> {
        let (give_up, mut wait) = (Instant::now() + ATTACH, RETRY);
        let path = format!("/realtime?call_id={call_id}");
        loop {
            let refused = match self.connect(&path, None).await {
                Ok(socket) => return Ok(socket),
                Err(error) => Refused::of(&error),
            };
            if !refused.may_pass || Instant::now() + wait > give_up {
                return Err(refused);
            }
            sleep(wait).await;
            wait = (2 * wait).min(LONGEST_RETRY);
        }
    }

    /// Opens a WebSocket to the provider, with the server's key. `whose`: the session that it is for.
    pub(super) async fn connect(&self, path: &str, whose: Option<&str>) -> Result<Socket, Error> {
        let address = self.url(path).replacen("http", "ws", 1);
        let mut request = address.into_client_request()?;
        if let Some((name, hash)) = whose.and_then(|whose| self.identifier(whose)) {
            request.headers_mut().insert(name, hash);
        }
        if let Some((name, key)) = &self.inner.key {
            request.headers_mut().insert(name, key.clone());
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES))
            .read_buffer_size(8 * 1024)
            .write_buffer_size(0);
        match timeout(ATTEMPT, connect_async_with_config(request, Some(config), true)).await {
            Ok(connected) => connected.map(|(socket, _)| socket),
            Err(_) => Err(Error::Io(std::io::ErrorKind::TimedOut.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::engine::link::upstream::UpstreamFault;
    use crate::server::config::Preset;
    use crate::server::provider::Settings;

    /// A provider whose address is https and which speaks no TLS. That there is a TLS stack at all is shown with it.
    #[tokio::test]
    async fn a_provider_that_speaks_no_tls_is_not_reachable() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings {
            preset: Some(Preset::Compatible),
            base_url: format!("https://{}/v1", listener.local_addr().unwrap()),
            key: Some("k".into()),
            model: "m".to_owned(),
            voice: "v".to_owned(),
            transcription: None,
        };
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            }
        });
        let error = Provider::new(settings).unwrap().connect("/realtime?call_id=rtc_1", None).await.unwrap_err();
        let refused = Refused::of(&error);
        assert_eq!((refused.fault, refused.may_pass), (UpstreamFault::Unreachable, true), "{error:?}");
    }
}
