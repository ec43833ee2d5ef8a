//! A server on loopback, and a candidate who speaks to it as a page does.

mod channel;
mod hearing;
mod house;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use vivavoce::server::media::codec::Decoder;

pub(crate) use self::channel::Channel;
pub(crate) use self::house::House;
use crate::peer::Peer;
use crate::sound::{Frame, Mic, Mouth};

/// Longer than anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

/// A candidate in the room.
pub(crate) struct Candidate {
    pub(crate) peer: Peer,
    pub(crate) ticket: String,
    /// The whole answer that gave it.
    pub(crate) started: String,
    session_id: String,
    cookie: String,
    origin: String,
    http: reqwest::Client,
    /// What the kernel keeps for a socket that is not read, about so many bytes. None: as much as it likes.
    pub(crate) buffer: Option<u32>,
    channel: Option<Channel>,
    mic: Option<Mic>,
    /// What the server counts the call on the Socket route as.
    call: u64,
    /// The numbering of the events, as the welcome named it.
    numbering: u64,
    /// What it told of a playout that was cut off, in samples.
    pub(crate) played: Option<u64>,
    /// It tells what it has played.
    pub(crate) tells: bool,
    /// Everything that the room channel told.
    pub(crate) told: Vec<Value>,
    waiting: VecDeque<Value>,
    decoder: Box<Decoder>,
    /// When each frame that held sound arrived on a call.
    loud: Vec<Instant>,
    /// Its call is with our own server.
    pub(crate) relayed: bool,
    /// What came on the call's data channels: the provider's, and the one that our server opened.
    pub(crate) events: Vec<(Instant, Value)>,
    pub(crate) room: Vec<Value>,
}

impl Candidate {
    /// A session and its first ticket, no call yet.
    pub(crate) async fn start(house: &House, minutes: u32) -> Self {
        let (peer, _) = Peer::offer().await;
        let mut candidate = Self {
            peer,
            ticket: String::new(),
            started: String::new(),
            session_id: String::new(),
            cookie: String::new(),
            origin: house.origin.clone(),
            http: house.http.clone(),
            buffer: None,
            channel: None,
            mic: None,
            call: 0,
            numbering: 0,
            played: None,
            tells: true,
            told: Vec::new(),
            waiting: VecDeque::new(),
            decoder: Box::new(Decoder::new().unwrap()),
            loud: Vec::new(),
            relayed: false,
            events: Vec::new(),
            room: Vec::new(),
        };
        // The same id would get the first candidate's session again.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let id = format!("start-{}", STARTED.fetch_add(1, Ordering::Relaxed));
        let body = json!({ "request_id": id, "minutes": minutes, "consent": true });
        let response = candidate.request("ephemeral-token", body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        candidate.cookie = cookie.split(';').next().unwrap().to_owned();
        let head = format!("{:?}", response.headers());
        let body = response.text().await.unwrap();
        let ticket: Value = serde_json::from_str(&body).unwrap();
        candidate.started = head + &body;
        candidate.ticket = ticket["client_secret"].as_str().unwrap().to_owned();
        candidate.session_id = ticket["session_id"].as_str().unwrap().to_owned();
        candidate
    }

    /// What somebody is answered who wants a session of their own.
    pub(crate) async fn try_start(house: &House) -> u16 {
        let request = house.http.post(format!("{}/api/interview/ephemeral-token", house.origin));
        let body = json!({ "request_id": "somebody", "minutes": 5, "consent": true });
        request.header("origin", &house.origin).json(&body).send().await.unwrap().status().as_u16()
    }

    /// In the room: the call is made and the room channel open.
    pub(crate) async fn enter(house: &House, minutes: u32) -> Self {
        let mut candidate = Self::start(house, minutes).await;
        let (peer, offer) = Peer::offer().await;
        let body = json!({ "request_id": "e1", "client_secret": candidate.ticket, "offer": offer });
        let made = candidate.post("sdp-exchange", body).await;
        assert_eq!(made["call"], 1, "{made}");
        peer.answer(made["answer"].as_str().unwrap().to_owned());
        candidate.peer = peer;
        candidate.join(house).await;
        candidate.next("welcome").await;
        candidate
    }

    /// Opens the room channel anew and answers the one before.
    pub(crate) async fn join(&mut self, house: &House) -> Option<Channel> {
        self.mic = None;
        self.open(house, "").await
    }

    /// Opens the room channel anew, and wants to be told only what it missed.
    pub(crate) async fn resume(&mut self, house: &House) -> Option<Channel> {
        let query = format!("&epoch={}&after={}", self.numbering, self.last_number());
        self.open(house, &query).await
    }

    /// The number of the latest event.
    pub(crate) fn last_number(&self) -> u64 {
        self.told.iter().filter_map(|it| it["n"].as_u64()).max().unwrap_or_default()
    }

    async fn open(&mut self, house: &House, query: &str) -> Option<Channel> {
        assert_eq!(house.origin, self.origin);
        let socket = self.socket("/ws/interview", query).await;
        self.waiting.clear();
        self.channel.replace(Channel::new(socket))
    }

    /// A socket of the server's, for this session.
    pub(crate) async fn socket(&self, path: &str, query: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        let origin = self.origin.replacen("http", "ws", 1);
        let address = format!("{origin}{path}?session_id={}{query}", self.session_id);
        let mut request = address.into_client_request().unwrap();
        request.headers_mut().insert("origin", self.origin.parse().unwrap());
        request.headers_mut().insert("cookie", self.cookie.parse().unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = self.buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let address = self.origin.trim_start_matches("http://").parse().unwrap();
        let stream = MaybeTlsStream::Plain(socket.connect(address).await.unwrap());
        tokio_tungstenite::client_async(request, stream).await.unwrap().0
    }

    /// The room channel breaks without a word.
    pub(crate) fn hang(&mut self) {
        self.mic = None;
        self.channel = None;
    }

    /// The same, and the page keeps what is said for when it is back.
    pub(crate) fn cut(&mut self) {
        self.mic.as_ref().unwrap().hold();
        self.channel = None;
    }

    /// The page is back and goes on with its call. Answers the frame from which on it is heard.
    pub(crate) async fn go_on(&mut self, epoch: u32, heard: u32) -> Value {
        self.say(&json!({ "type": "call", "epoch": epoch, "after": self.call, "heard": heard })).await;
        let open = self.next("call.open").await["payload"].clone();
        assert_eq!(open["epoch"], epoch);
        self.call = open["call"].as_u64().unwrap();
        let from = open["from"].as_u64().map(|it| u32::try_from(it).unwrap());
        self.mic.as_ref().unwrap().go_on(self.mouth(), epoch, from);
        open
    }

    /// Waits until everything is said.
    pub(crate) async fn until_said(&self) {
        let (mic, start) = (self.mic.as_ref().unwrap(), Instant::now());
        while mic.waiting() > 0 {
            assert!(start.elapsed() < LIMIT, "{} samples are not said", mic.waiting());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The microphone sends nothing for a while, as when the network hangs.
    pub(crate) fn stall(&self, stalled: bool) {
        self.mic.as_ref().unwrap().stall(stalled);
    }

    /// A call on the Socket route, and a microphone that is on.
    pub(crate) async fn carry(&mut self, epoch: u32) {
        self.say(&json!({ "type": "call", "epoch": epoch })).await;
        let open = self.next("call.open").await["payload"].clone();
        assert_eq!((&open["epoch"], &open["from"]), (&json!(epoch), &Value::Null));
        self.call = open["call"].as_u64().unwrap();
        self.mic = Some(Mic::open(self.mouth(), epoch));
    }

    pub(crate) fn mouth(&self) -> Mouth {
        self.channel.as_ref().unwrap().mouth.clone()
    }

    /// Lets go of the microphone.
    pub(crate) fn silence(&self) {
        if let Some(mic) = &self.mic {
            mic.stall(true);
        }
    }

    /// Says this on the Socket route.
    pub(crate) fn speak(&self, pcm: &[i16]) {
        self.mic.as_ref().unwrap().play(pcm);
    }

    /// The sound that came on the Socket route.
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.channel.as_ref().unwrap().frames
    }

    /// Listens until so many more loud frames are there.
    pub(crate) async fn hear(&mut self, frames: usize) {
        let (from, start) = (self.frames().len(), Instant::now());
        loop {
            let loud = self.frames()[from..].iter().filter(|it| it.is_loud()).count();
            if loud >= frames {
                return;
            }
            assert!(start.elapsed() < LIMIT, "{loud} loud frames of {frames}");
            self.read("sound").await;
        }
    }

    /// Waits until so many frames have come in all.
    pub(crate) async fn until_frames(&mut self, count: usize) {
        let start = Instant::now();
        while self.frames().len() < count {
            assert!(start.elapsed() < LIMIT, "{} frames", self.frames().len());
            self.linger(Duration::from_millis(20)).await;
        }
    }

    /// Reads on for a while.
    pub(crate) async fn linger(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while timeout_at(until, self.read("time")).await.is_ok() {}
    }

    /// A request of the API, with what every request of this session carries.
    pub(crate) fn request(&self, path: &str, body: Value) -> reqwest::RequestBuilder {
        self.request_at(&format!("/api/interview/{path}"), body)
    }

    /// The same of another address.
    pub(crate) fn request_at(&self, path: &str, mut body: Value) -> reqwest::RequestBuilder {
        if !self.session_id.is_empty() {
            body["session_id"] = json!(self.session_id);
        }
        let request = self.http.post(format!("{}{path}", self.origin)).header("origin", &self.origin);
        request.header("cookie", &self.cookie).json(&body)
    }

    /// Asks for something of this session. The query ends with its id.
    pub(crate) fn get(&self, path_and_query: &str) -> reqwest::RequestBuilder {
        self.get_bare(&format!("{path_and_query}session_id={}", self.session_id))
    }

    /// Asks for something that the cookie alone says enough of.
    pub(crate) fn get_bare(&self, path_and_query: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path_and_query}", self.origin)).header("cookie", &self.cookie)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.request(path, body).send().await.unwrap().json().await.unwrap()
    }

    /// A fresh ticket for the same session.
    pub(crate) async fn renew(&self) -> String {
        let body = json!({ "request_id": "renew", "minutes": 5, "consent": true });
        self.post("ephemeral-token", body).await["client_secret"].as_str().unwrap().to_owned()
    }

    /// A new call on the same session, and the page is ready for it.
    pub(crate) async fn call_again(&mut self, request_id: &str, call: u32) {
        let ticket = self.renew().await;
        let (peer, offer) = Peer::offer().await;
        let body = json!({ "request_id": request_id, "client_secret": ticket, "offer": offer });
        let made = self.post("sdp-exchange", body).await;
        assert_eq!(made["call"], call, "{made}");
        peer.answer(made["answer"].as_str().unwrap().to_owned());
        self.peer = peer;
        self.say(&json!({ "type": "ready" })).await;
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.say_raw(&message.to_string()).await;
    }

    pub(crate) async fn say_raw(&mut self, text: &str) {
        // A socket that was closed in the middle of a flood is what some tests wait for.
        _ = self.mouth().say(Message::text(text)).await;
    }

    /// Tries somebody else's session with its own cookie.
    pub(crate) fn trespass(&mut self, on: &Self) {
        self.session_id.clone_from(&on.session_id);
    }

    /// Comes back with another server's numbers.
    pub(crate) fn forget_numbering(&mut self) {
        self.numbering ^= 1;
    }

    /// Waits until the first question was asked, without the room channel.
    pub(crate) async fn until_asked(&self) {
        let start = Instant::now();
        while self.post("report", json!({})).await["questions"][0]["asked"] != true {
            assert!(start.elapsed() < LIMIT, "no question");
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn forget_cookie(&mut self) {
        self.cookie = "vivavoce=".to_owned();
    }

    /// The code with which the server closes the room channel; None where it breaks off.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        let limit = tokio::time::Instant::now() + LIMIT;
        loop {
            let next = timeout_at(limit, self.channel.as_mut().unwrap().ears.next()).await;
            match next.unwrap_or_else(|_| panic!("the room channel stays open")) {
                Some(Ok(Message::Close(frame))) => return frame.map(|it| it.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next event of this type.
    pub(crate) async fn next(&mut self, kind: &str) -> Value {
        self.wait(|it| it["type"] == kind, kind).await
    }

    /// Waits for `ai.state`.
    pub(crate) async fn state(&mut self, state: &str) {
        self.wait(|it| it["type"] == "ai.state" && it["payload"]["state"] == state, state).await;
    }

    /// The next start or end of a turn of `speaker`.
    pub(crate) async fn turn(&mut self, kind: &str, speaker: &str) -> Value {
        self.wait(|it| it["type"] == kind && it["payload"]["speaker"] == speaker, kind).await
    }

    /// The finished line that holds this.
    pub(crate) async fn line_with(&mut self, text: &str) -> Value {
        let is = |it: &Value| it["payload"]["text"].as_str().is_some_and(|it| it.contains(text));
        self.wait(is, text).await["payload"].clone()
    }

    async fn wait(&mut self, is: impl Fn(&Value) -> bool, what: &str) -> Value {
        let start = Instant::now();
        loop {
            if let Some(event) = self.waiting.pop_front() {
                if is(&event) {
                    return event;
                }
                continue;
            }
            assert!(start.elapsed() < 2 * LIMIT, "no {what}: {:?}", self.told);
            self.look();
            self.read(what).await;
        }
    }

    /// Takes the next event, and does what a page does at once.
    async fn read(&mut self, what: &str) {
        let event = self.channel.as_mut().unwrap().next().await;
        let event = event.unwrap_or_else(|| panic!("the room channel closed before {what}: {:?}", self.told.last()));
        match event["type"].as_str().unwrap_or_default() {
            "latency.ping" => self.say(&json!({ "type": "pong", "id": event["payload"]["id"] })).await,
            "welcome" => self.numbering = event["payload"]["epoch"].as_u64().unwrap(),
            "audio.cut" if self.tells => {
                let epoch = event["payload"]["epoch"].as_u64().unwrap() - 1;
                let came = self.frames().iter().filter(|it| u64::from(it.header.epoch) == epoch).count();
                // The last three frames are in the buffer of every player.
                let samples = came.saturating_sub(3) as u64 * 480 - 7;
                self.played = Some(samples);
                self.say(&json!({ "type": "played", "epoch": epoch, "samples": samples })).await;
            }
            _ => {}
        }
        self.told.push(event.clone());
        self.waiting.push_back(event);
    }

    /// Finished lines of `speaker`, as the room channel told them.
    fn lines(&self, speaker: &str) -> impl DoubleEndedIterator<Item = &Value> {
        let done = self.told.iter().filter(|it| it["type"] == "caption.done").map(|it| &it["payload"]);
        done.filter(move |line| line["speaker"] == speaker)
    }

    pub(crate) fn line(&self, speaker: &str, at: usize) -> Value {
        self.lines(speaker).nth(at).cloned().unwrap_or_default()
    }

    pub(crate) fn last_line(&self, speaker: &str) -> Value {
        self.lines(speaker).next_back().cloned().unwrap_or_default()
    }
}
