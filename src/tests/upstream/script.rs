//! A provider that plays a script: a real server on loopback which answers as it is told, faults included, and remembers
//! what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _, stream};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, frame::Frame};

/// Longer than anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);
/// In every refusal, as text that must not reach the page.
pub(crate) const HUSH: &str = "the-provider-quotes-the-prompt";

/// How an offer, or the wish for an ephemeral key, is answered.
pub(crate) enum Reply {
    /// A call, as OpenAI answers.
    Call,
    /// Status, headers, body.
    Plain(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// A call, once this is notified.
    Held(Arc<Notify>),
    /// Nothing, ever.
    Hang,
    /// A byte a second.
    Drip,
    /// 100 MB with this status.
    Huge(u16),
    /// Less than was promised.
    Cut,
}

impl Reply {
    /// A refusal in the form of the API.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::Plain(status, Vec::new(), refusal(code, None))
    }

    pub(crate) fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Plain(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Plain(status, headers, body)
            }
            other => other,
        }
    }
}

/// The body of a refusal.
pub(crate) fn refusal(code: &str, param: Option<&str>) -> Vec<u8> {
    let error = json!({ "message": HUSH, "type": "invalid_request_error", "code": code, "param": param });
    json!({ "error": error }).to_string().into_bytes()
}

/// The description that the script answers with.
pub(crate) fn answer() -> String {
    let fingerprint = ["CD"; 32].join(":");
    format!(
        "v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96 0 8\r\nc=IN IP4 0.0.0.0\r\na=setup:active\r\n\
         a=mid:0\r\na=ice-ufrag:HqBApb/u2/3oMrw2\r\na=ice-pwd:0123456789012345678901\r\na=rtpmap:96 opus/48000/2\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=setup:active\r\na=mid:1\r\n\
         a=sctp-port:5000\r\n"
    )
}

/// How a sideband is answered.
pub(crate) enum Line {
    Open,
    /// Opened, once this is notified.
    Held(Arc<Notify>),
    Refuse(u16, &'static str),
}

/// What the script does on an open sideband.
#[derive(Debug)]
pub(crate) enum Do {
    Say(Value),
    /// A text frame of these bytes.
    Raw(Vec<u8>),
    Close(u16, &'static str),
    /// The socket breaks.
    Drop,
}

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Default)]
struct Inner {
    keys: Mutex<VecDeque<Reply>>,
    calls: Mutex<VecDeque<Reply>>,
    lines: Mutex<VecDeque<Line>>,
    hangups: Mutex<VecDeque<u16>>,
    models: Mutex<Option<u16>>,
    made: Mutex<usize>,
    seen: Mutex<Vec<Seen>>,
    /// Events of our server, over all sidebands.
    told: Mutex<Vec<Value>>,
    /// The sidebands that were opened.
    feeds: Mutex<Vec<mpsc::UnboundedSender<Do>>>,
    news: Notify,
}

/// The running script.
pub(crate) struct Script {
    pub(crate) origin: String,
    inner: Arc<Inner>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Script {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Script {
    /// A provider without a fault: every call is made and every sideband opened.
    pub(crate) async fn play() -> Self {
        Self::play_on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn play_on(listener: TcpListener) -> Self {
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::<Inner>::default();
        let router = Router::new().fallback(handle).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { origin, inner, server }
    }

    /// The next offer is answered so; those after it with a call.
    pub(crate) fn reply(&self, reply: Reply) {
        self.inner.calls.lock().unwrap().push_back(reply);
    }

    /// The next ephemeral key is answered so.
    pub(crate) fn mint(&self, reply: Reply) {
        self.inner.keys.lock().unwrap().push_back(reply);
    }

    /// The next sideband is answered so; those after it are opened.
    pub(crate) fn line(&self, line: Line) {
        self.inner.lines.lock().unwrap().push_back(line);
    }

    /// The next hang-up is answered so.
    pub(crate) fn hangup(&self, status: u16) {
        self.inner.hangups.lock().unwrap().push_back(status);
    }

    /// The list of models is answered so from here on.
    pub(crate) fn models(&self, status: u16) {
        *self.inner.models.lock().unwrap() = Some(status);
    }

    /// The requests so far whose path holds `part`.
    pub(crate) fn seen(&self, part: &str) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().iter().filter(|it| it.path.contains(part)).cloned().collect()
    }

    /// Waits for the `nth` request, from 1, whose path holds `part`.
    pub(crate) async fn asked(&self, part: &str, nth: usize) -> Seen {
        self.until(&format!("request {nth} of {part}"), || self.seen(part).into_iter().nth(nth - 1)).await
    }

    /// Waits for the `nth` event, from 1, of this type from our server.
    pub(crate) async fn told(&self, kind: &str, nth: usize) -> Value {
        let find = || {
            let told = self.inner.told.lock().unwrap();
            told.iter().filter(|it| it["type"] == kind).nth(nth - 1).cloned()
        };
        self.until(&format!("event {nth} of {kind}"), find).await
    }

    /// The events of this type that our server has sent.
    pub(crate) fn all(&self, kind: &str) -> Vec<Value> {
        self.inner.told.lock().unwrap().iter().filter(|it| it["type"] == kind).cloned().collect()
    }

    /// How many events of this type our server has sent.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.inner.told.lock().unwrap().iter().filter(|it| it["type"] == kind).count()
    }

    /// Every sideband is opened from here on.
    pub(crate) fn forgive(&self) {
        self.inner.lines.lock().unwrap().clear();
    }

    /// Nobody listens any more.
    pub(crate) async fn stop(&mut self) {
        self.server.abort();
        // The listener goes with its task.
        _ = (&mut self.server).await;
    }

    /// Waits until so many sidebands were opened.
    pub(crate) async fn opened(&self, count: usize) {
        self.until(&format!("{count} sidebands"), || (self.inner.feeds.lock().unwrap().len() >= count).then_some(()))
            .await;
    }

    /// Does something on the latest sideband.
    pub(crate) fn act(&self, what: Do) {
        // One that is closed has heard enough.
        _ = self.inner.feeds.lock().unwrap().last().unwrap().send(what);
    }

    pub(crate) fn say(&self, event: Value) {
        self.act(Do::Say(event));
    }

    async fn until<T>(&self, what: &str, find: impl Fn() -> Option<T>) -> T {
        let wait = async {
            loop {
                let news = self.inner.news.notified();
                if let Some(found) = find() {
                    return found;
                }
                news.await;
            }
        };
        timeout(LIMIT, wait).await.unwrap_or_else(|_| {
            let seen: Vec<_> = self.seen("").iter().map(|it| format!("{} {}", it.method, it.path)).collect();
            panic!("waited in vain for {what}: {seen:?}")
        })
    }
}

async fn handle(State(inner): State<Arc<Inner>>, mut request: Request) -> Response {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let seen = Seen {
        method: parts.method.clone(),
        path: path.clone(),
        headers: parts.headers.clone(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    inner.seen.lock().unwrap().push(seen);
    inner.news.notify_waiters();
    let end = parts.uri.path().rsplit('/').next().unwrap().to_owned();
    match end.as_str() {
        "models" => {
            let status = inner.models.lock().unwrap().unwrap_or(200);
            (StatusCode::from_u16(status).unwrap(), HUSH).into_response()
        }
        "client_secrets" => {
            let reply = inner.keys.lock().unwrap().pop_front();
            match reply {
                Some(reply) => play(reply, &inner).await,
                None => axum::Json(json!({ "value": "ek_once", "expires_at": 1, "session": {} })).into_response(),
            }
        }
        "calls" => {
            let reply = inner.calls.lock().unwrap().pop_front().unwrap_or(Reply::Call);
            play(reply, &inner).await
        }
        "hangup" => {
            let status = inner.hangups.lock().unwrap().pop_front().unwrap_or(200);
            StatusCode::from_u16(status).unwrap().into_response()
        }
        "realtime" => {
            let line = inner.lines.lock().unwrap().pop_front().unwrap_or(Line::Open);
            if let Line::Held(release) = &line {
                release.notified().await;
            }
            match line {
                Line::Refuse(status, code) => {
                    (StatusCode::from_u16(status).unwrap(), refusal(code, None)).into_response()
                }
                Line::Open | Line::Held(_) => {
                    let key = derive_accept_key(parts.headers[header::SEC_WEBSOCKET_KEY].as_bytes());
                    tokio::spawn(async move {
                        let io = TokioIo::new(on_upgrade.await.unwrap());
                        lead(WebSocketStream::from_raw_socket(io, Role::Server, None).await, &inner).await;
                    });
                    Response::builder()
                        .status(StatusCode::SWITCHING_PROTOCOLS)
                        .header("connection", "upgrade")
                        .header("upgrade", "websocket")
                        .header("sec-websocket-accept", key)
                        .body(Body::empty())
                        .unwrap()
                }
            }
        }
        _ => (StatusCode::NOT_FOUND, HUSH).into_response(),
    }
}

async fn play(reply: Reply, inner: &Inner) -> Response {
    let body = |status: u16, body: Body| Response::builder().status(status).body(body).unwrap();
    match reply {
        Reply::Call => call(inner),
        Reply::Held(release) => {
            release.notified().await;
            call(inner)
        }
        Reply::Plain(status, headers, bytes) => {
            let mut response = body(status, Body::from(bytes));
            for (name, value) in headers {
                response.headers_mut().append(name, value.parse().unwrap());
            }
            response
        }
        Reply::Hang => std::future::pending().await,
        Reply::Drip => {
            let bytes = stream::iter(answer().into_bytes()).then(async |byte| {
                sleep(Duration::from_secs(1)).await;
                Ok::<_, Infallible>(Bytes::from(vec![byte]))
            });
            body(201, Body::from_stream(bytes))
        }
        Reply::Huge(status) => {
            let chunk = Bytes::from(vec![b'v'; 1 << 20]);
            body(status, Body::from_stream(stream::iter((0..100).map(move |_| Ok::<_, Infallible>(chunk.clone())))))
        }
        Reply::Cut => {
            let bytes = stream::iter([Ok(Bytes::from_static(b"v=0\r\n")), Err(std::io::Error::other("cut"))]);
            body(201, Body::from_stream(bytes))
        }
    }
}

/// A call, as OpenAI answers: 201, a relative `Location`, SDP as plain text.
fn call(inner: &Inner) -> Response {
    let number = {
        let mut made = inner.made.lock().unwrap();
        *made += 1;
        *made
    };
    let headers = [
        (header::LOCATION, format!("/v1/realtime/calls/rtc_u2_{number}")),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
    ];
    (StatusCode::CREATED, headers, answer()).into_response()
}

async fn lead(mut socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>, inner: &Inner) {
    let (feed, mut script) = mpsc::unbounded_channel();
    inner.feeds.lock().unwrap().push(feed);
    inner.news.notify_waiters();
    loop {
        tokio::select! {
            Some(what) = script.recv() => {
                let message = match what {
                    Do::Say(event) => Message::text(event.to_string()),
                    Do::Raw(bytes) => Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true)),
                    Do::Close(code, reason) => {
                        Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
                    }
                    Do::Drop => return,
                };
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    inner.told.lock().unwrap().push(serde_json::from_str(&text).unwrap());
                    inner.news.notify_waiters();
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}
