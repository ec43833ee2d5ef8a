//! An attached sideband: events both ways, until one side ends it or goes too far.

use std::pin::pin;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{End, FromSideband};
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::client::{ClientEvent, ClientMessage};
use crate::engine::protocol::server::ServerMessage;

/// How patient we are.
#[derive(Clone, Copy, Debug)]
pub(in crate::server::provider) struct Patience {
    /// For one event to be taken by the network.
    pub(in crate::server::provider) send: Duration,
    /// How often a silent provider is asked whether it is there. It keeps the way through a NAT open, too.
    ping: Duration,
    /// A provider from which nothing came for so long, no pong either, is gone.
    silence: Duration,
}

pub(in crate::server::provider) const PATIENCE: Patience =
    Patience { send: Duration::from_secs(10), ping: Duration::from_secs(20), silence: Duration::from_secs(45) };

/// What is counted together, and what may come in it. A response is generated faster than it sounds: some hundred events
/// within a second are usual, for a second.
const WINDOW: Duration = Duration::from_secs(10);
const MAX_EVENTS: usize = 5_000;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Carries events until the end, and says which one it was. `fault`: the way is lost as soon as it resolves.
pub(in crate::server::provider) async fn run<S>(
    mut socket: WebSocketStream<S>,
    mut events: mpsc::Receiver<ClientEvent>,
    report: &(impl Fn(FromSideband) -> BoxFuture<'static, ()> + Send + Sync),
    patience: Patience,
    fault: impl Future<Output = ()>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    const LOST: End = End::Fault(UpstreamFault::Lost);
    let mut heard = Instant::now();
    let mut pinged = heard;
    let mut budget = Budget::new(heard);
    let mut fault = pin!(fault);
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return End::Over };
                let Ok(text) = serde_json::to_string(&ClientMessage::from(event)) else { continue };
                if !send(&mut socket, Message::text(text), patience).await {
                    return LOST;
                }
            }
            message = socket.next() => {
                heard = Instant::now();
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Close(frame))) => return End::of_close(frame.as_ref()),
                    Some(Ok(message)) if budget.allows(heard, message.len()) => continue,
                    Some(Ok(_)) => return End::Fault(UpstreamFault::Flood),
                    Some(Err(error)) => return End::of_error(&error),
                    None => return LOST,
                };
                if !budget.allows(heard, text.len()) {
                    return End::Fault(UpstreamFault::Flood);
                }
                match serde_json::from_str::<ServerMessage>(&text) {
                    Ok(message) => {
                        let end = End::of_event(&message.event);
                        report(FromSideband::Event(Box::new(message))).await;
                        if let Some(end) = end {
                            return end;
                        }
                    }
                    // Others will be understood: one odd event is no reason to end a call.
                    Err(error) => tracing::debug!(kind = ?error.classify(), "an event of the provider was not understood"),
                }
            }
            () = sleep_until(heard + patience.silence) => return LOST,
            () = fault.as_mut() => return LOST,
            () = sleep_until(heard.max(pinged) + patience.ping) => {
                pinged = Instant::now();
                if !send(&mut socket, Message::Ping(Vec::new().into()), patience).await {
                    return LOST;
                }
            }
        }
    }
}

async fn send<S>(socket: &mut WebSocketStream<S>, message: Message, patience: Patience) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    matches!(timeout(patience.send, socket.send(message)).await, Ok(Ok(())))
}

/// What may still come in this window.
struct Budget {
    since: Instant,
    events: usize,
    bytes: usize,
}

impl Budget {
    const fn new(now: Instant) -> Self {
        Self { since: now, events: 0, bytes: 0 }
    }

    fn allows(&mut self, now: Instant, bytes: usize) -> bool {
        if now.duration_since(self.since) >= WINDOW {
            *self = Self::new(now);
        }
        self.events += 1;
        self.bytes += bytes;
        self.events <= MAX_EVENTS && self.bytes <= MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio::task::JoinHandle;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    const BRISK: Patience = Patience {
        send: Duration::from_millis(500),
        ping: Duration::from_millis(150),
        silence: Duration::from_millis(2_500),
    };

    type Told = Arc<Mutex<Vec<String>>>;

    /// A sideband on a pipe: the far end of it, what it reported, and its end.
    async fn open() -> (DuplexStream, mpsc::Sender<ClientEvent>, Told, JoinHandle<End>) {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let (out, events) = mpsc::channel(8);
        let told = Told::default();
        let keep = Arc::clone(&told);
        let task = tokio::spawn(async move {
            let report = move |it| -> BoxFuture<'static, ()> {
                keep.lock().unwrap().push(format!("{it:?}"));
                Box::pin(std::future::ready(()))
            };
            run(socket, events, &report, BRISK, std::future::pending()).await
        });
        (theirs, out, told, task)
    }

    async fn far(theirs: DuplexStream) -> WebSocketStream<DuplexStream> {
        WebSocketStream::from_raw_socket(theirs, Role::Server, None).await
    }

    /// Whatever a provider says in an odd way, the call goes on; what it says clearly is told.
    #[tokio::test]
    async fn odd_events_are_survived_and_the_rest_is_told() {
        let (theirs, _out, told, end) = open().await;
        let mut far = far(theirs).await;
        for text in [
            "",
            "{",
            "[]",
            r#"{"type":7}"#,
            r#"{"type":"response.created"}"#,
            r#"{"type":"a.later.event","item":3}"#,
            r#"{"type":"session.created","session":{}}"#,
        ] {
            far.send(Message::text(text)).await.unwrap();
        }
        far.close(None).await.unwrap();
        assert_eq!(end.await.unwrap(), End::Over);
        let told = told.lock().unwrap().join("\n");
        assert_eq!(told.lines().count(), 3, "{told}");
        for kind in ["ResponseCreated", "Unknown", "SessionCreated"] {
            assert!(told.contains(kind), "{kind} in {told}");
        }
    }

    /// A provider that is there answers pings, however silent. One that does not is missed.
    #[tokio::test]
    async fn a_provider_that_is_gone_is_missed_and_one_that_is_silent_is_not() {
        let (theirs, _out, _, end) = open().await;
        let begin = Instant::now();
        let mut far = far(theirs).await;
        // Reading answers pings.
        while begin.elapsed() < 2 * BRISK.silence {
            assert!(matches!(far.next().await, Some(Ok(Message::Ping(_)))));
        }
        assert!(!end.is_finished());
        assert_eq!(end.await.unwrap(), End::Fault(UpstreamFault::Lost));
        drop(far);
    }

    #[tokio::test]
    async fn a_socket_that_breaks_without_a_good_bye_is_lost() {
        let (theirs, _out, _, end) = open().await;
        drop(theirs);
        assert_eq!(end.await.unwrap(), End::Fault(UpstreamFault::Lost));
    }

    #[tokio::test]
    async fn a_provider_that_takes_nothing_is_lost() {
        let (theirs, out, _, end) = open().await;
        let big = "x".repeat(100 * 1024);
        out.send(ClientEvent::InputAudioBufferAppend { audio: big }).await.unwrap();
        assert_eq!(end.await.unwrap(), End::Fault(UpstreamFault::Lost));
        drop(theirs);
    }

    #[tokio::test]
    async fn text_that_is_none_ends_it() {
        let (mut theirs, _out, _, end) = open().await;
        // A final text frame of two bytes that are no UTF-8 (RFC 6455, section 5.2).
        theirs.write_all(&[0x81, 2, 0xff, 0xfe]).await.unwrap();
        assert_eq!(end.await.unwrap(), End::Fault(UpstreamFault::Garbled));
        _ = theirs.read(&mut [0]).await;
    }

    #[test]
    fn a_burst_is_allowed_and_a_flood_is_not() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        assert_eq!((0..10_000).filter(|_| budget.allows(now, 10)).count(), MAX_EVENTS);
        assert!(budget.allows(now + WINDOW, 10), "the next window is a new one");
        assert!(!budget.allows(now + WINDOW, MAX_BYTES));
    }
}
