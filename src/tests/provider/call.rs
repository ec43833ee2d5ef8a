//! A provider on loopback, and calls to it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::timeout_at;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use vivavoce::server::media::codec::{Decoder, Encoder, FRAME_SAMPLES};
use vivavoce::server::rtc::{Port, PortSettings};
use vivavoce::server::voice::{Provider, Settings, serve};

use crate::peer::{Packet, Peer, Seen};
use crate::strict::decoded;

pub(crate) const KEY: &str = "sk-test";

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

pub(crate) struct House {
    pub(crate) provider: Provider,
    pub(crate) address: String,
    pub(crate) http: reqwest::Client,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(SecretString::from(KEY));
        change(&mut settings);
        let port = Port::open(&PortSettings { tcp_port: Some(0), ..PortSettings::default() }).await.unwrap();
        let provider = Provider::start(settings, port).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let app = serve::router(provider.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { provider, address, http: reqwest::Client::new() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn post_offer(&self, offer: String, session: &Value) -> reqwest::Response {
        let part = |text: String, kind: &str| Part::text(text).mime_str(kind).unwrap();
        let form = Form::new()
            .part("sdp", part(offer, "application/sdp"))
            .part("session", part(session.to_string(), "application/json"));
        self.http.post(self.url("/v1/realtime/calls")).bearer_auth(KEY).multipart(form).send().await.unwrap()
    }

    /// A call whose `session.created` has arrived.
    pub(crate) async fn call(&self, session: Value) -> Call {
        let (peer, offer) = Peer::offer().await;
        self.call_from(peer, offer, session).await
    }

    /// The same from a peer that has made its offer.
    pub(crate) async fn call_from(&self, peer: Peer, offer: String, session: Value) -> Call {
        let asked = Instant::now();
        let response = self.post_offer(offer.clone(), &session).await;
        assert_eq!(response.status(), 201);
        let path = response.headers()["location"].to_str().unwrap().to_owned();
        assert!(path.starts_with("/v1/realtime/calls/rtc_"), "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
        let answer = response.text().await.unwrap();
        let answer_ms = asked.elapsed().as_secs_f64() * 1e3;
        let mut call = Call { answer_ms, ..Call::started(peer, path, offer, answer) };
        let first = call.next("session.created").await;
        assert_eq!(call.events.len(), 1, "session.created comes first: {:?}", call.types());
        assert_eq!(first["session"]["type"], "realtime");
        call
    }

    pub(crate) async fn sideband(&self, call: &Call) -> Socket {
        self.socket(call.path.rsplit('/').next().unwrap(), KEY).await.unwrap()
    }

    pub(crate) async fn socket(
        &self,
        call_id: &str,
        key: &str,
    ) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
        let url = format!("ws://{}/v1/realtime?call_id={call_id}", self.address);
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
    }

    /// Waits until there are `count` calls, and answers how long that took.
    pub(crate) async fn until_calls(&self, count: usize, within: Duration) -> Duration {
        let start = Instant::now();
        while self.provider.sessions() != count {
            assert!(start.elapsed() < within, "{} calls after {within:?}", self.provider.sessions());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        start.elapsed()
    }
}

/// One call as the candidate's side sees it.
pub(crate) struct Call {
    pub(crate) peer: Peer,
    pub(crate) path: String,
    pub(crate) offer: String,
    pub(crate) answer: String,
    pub(crate) events: Vec<(Instant, Value)>,
    pub(crate) packets: Vec<Packet>,
    read: usize,
    pub(crate) answer_ms: f64,
}

impl Call {
    /// A call whose answer has come.
    pub(crate) fn started(peer: Peer, path: String, offer: String, answer: String) -> Self {
        peer.answer(answer.clone());
        Self { peer, path, offer, answer, events: Vec::new(), packets: Vec::new(), read: 0, answer_ms: 0.0 }
    }

    pub(crate) fn types(&self) -> Vec<&str> {
        self.events.iter().map(|(_, it)| it["type"].as_str().unwrap()).collect()
    }

    /// The types of what came after the first `from` events, deltas left out.
    pub(crate) fn types_from(&self, from: usize) -> Vec<&str> {
        self.types().into_iter().skip(from).filter(|it| !it.ends_with(".delta")).collect()
    }

    /// The next event of this type. Events before it are passed over.
    pub(crate) async fn next(&mut self, kind: &str) -> Value {
        let limit = tokio::time::Instant::now() + Duration::from_secs(40);
        loop {
            while let Some((_, event)) = self.events.get(self.read) {
                self.read += 1;
                if event["type"] == kind {
                    return event.clone();
                }
            }
            let seen = timeout_at(limit, self.peer.seen.recv()).await;
            let seen = seen.unwrap_or_else(|_| panic!("no {kind} in {:?}", self.types()));
            self.take(seen.unwrap_or_else(|| panic!("closed before {kind}: {:?}", self.types())));
        }
    }

    /// Listens for a while.
    pub(crate) async fn listen(&mut self, time: Duration) {
        let limit = tokio::time::Instant::now() + time;
        while let Ok(Some(seen)) = timeout_at(limit, self.peer.seen.recv()).await {
            self.take(seen);
        }
    }

    fn take(&mut self, seen: Seen) {
        match seen {
            Seen::Event(at, event) => self.events.push((at, decoded(event))),
            Seen::Packet(packet) => self.packets.push(packet),
            Seen::Room(message) => panic!("the provider opens no channel: {message}"),
        }
    }

    pub(crate) fn say(&self, text: &str) {
        let pieces: Vec<String> = text.chars().collect::<Vec<_>>().chunks(40).map(|it| it.iter().collect()).collect();
        let metadata: serde_json::Map<_, _> =
            pieces.into_iter().enumerate().map(|(n, piece)| (format!("say{n}"), Value::from(piece))).collect();
        self.peer.send(&json!({ "type": "response.create", "response": { "metadata": metadata } }));
    }

    /// The level of every frame that arrived, in dBFS.
    pub(crate) fn levels(&self) -> Vec<(Instant, f64)> {
        let mut decoder = Decoder::new().unwrap();
        let level = |pcm: &[i16]| {
            let square: f64 = pcm.iter().map(|it| (f64::from(*it) / 32_768.0).powi(2)).sum();
            10.0 * (square / pcm.len() as f64).max(1e-12).log10()
        };
        self.packets.iter().map(|it| (it.at, level(decoder.decode(&it.payload).unwrap()))).collect()
    }

    /// When sound was first and last heard within a span of time.
    pub(crate) fn heard(&self, from: Instant, to: Instant) -> Option<(Instant, Instant)> {
        let loud: Vec<_> =
            self.levels().into_iter().filter(|(at, db)| *db > -45.0 && *at >= from && *at <= to).collect();
        Some((loud.first()?.0, loud.last()?.0))
    }

    /// How many frames had arrived by then.
    pub(crate) fn frames_before(&self, at: Instant) -> usize {
        self.packets.partition_point(|it| it.at < at)
    }

    /// The numbers of the first and the last frame that held sound.
    pub(crate) fn loud_span(&self) -> Option<(usize, usize)> {
        let levels = self.levels();
        let is_loud = |(_, db): &(Instant, f64)| *db > -45.0;
        Some((levels.iter().position(is_loud)?, levels.iter().rposition(is_loud)?))
    }

    pub(crate) fn time_of(&self, kind: &str) -> Instant {
        self.events.iter().rfind(|(_, it)| it["type"] == kind).unwrap_or_else(|| panic!("{kind}")).0
    }
}

/// The recording, as PCM for events.
pub(crate) fn jfk_24k() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/end2end/fixtures/jfk.wav")).unwrap()[44..].to_vec()
}

/// The recording, as Opus frames.
pub(crate) fn jfk() -> Vec<Bytes> {
    let wav = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/end2end/fixtures/jfk.wav")).unwrap();
    let at_24k: Vec<f32> = wav[44..].chunks_exact(2).map(|it| f32::from(i16::from_le_bytes([it[0], it[1]]))).collect();
    // 24 to 16 kHz between neighbours: good enough for ears.
    let at_16k: Vec<i16> = (0..at_24k.len() * 2 / 3 - 1)
        .map(|n| {
            let (at, rest) = (n * 3 / 2, (n % 2) as f32 * 0.5);
            (at_24k[at] * (1.0 - rest) + at_24k[at + 1] * rest) as i16
        })
        .collect();
    let mut encoder = Encoder::new().unwrap();
    at_16k.chunks_exact(FRAME_SAMPLES).map(|pcm| encoder.encode(pcm).unwrap()).collect()
}
