//! A server of ours whose provider is a script, and one candidate in it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::candidate::{Candidate, House};
use crate::script::{HUSH, Script};

pub(crate) const KEY: &str = "sk-of-the-house";

/// A server, its provider, and a candidate with a session and the room channel open.
pub(crate) struct Stage {
    pub(crate) script: Script,
    pub(crate) candidate: Candidate,
    pub(crate) house: House,
    /// Requests so far: each has an id of its own.
    count: usize,
}

/// What our server answered to an offer.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

/// An offer as a browser sends it.
pub(crate) fn offer() -> String {
    let fingerprint = ["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {fingerprint}\r\na=ice-ufrag:abcd\r\n\
         a=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n"
    )
}

impl Stage {
    /// With a compatible provider.
    pub(crate) async fn set() -> Self {
        Self::with(Script::play().await, "/v1", &[]).await
    }

    /// `path`: of the base URL. `environment`: besides base URL and key.
    pub(crate) async fn with(script: Script, path: &str, environment: &[(&str, &str)]) -> Self {
        let base_url = format!("{}{path}", script.origin);
        let mut all = vec![("OPENAI_BASE_URL", base_url.as_str()), ("OPENAI_API_KEY", KEY)];
        all.extend(environment);
        let house = House::open(&all).await;
        let mut candidate = Candidate::start(&house, 5).await;
        candidate.join(&house).await;
        candidate.next("welcome").await;
        Self { script, candidate, house, count: 0 }
    }

    /// The body of the next exchange.
    pub(crate) fn exchange_body(&mut self) -> Value {
        self.count += 1;
        json!({ "request_id": format!("exchange-{}", self.count), "client_secret": self.candidate.ticket, "offer": offer() })
    }

    /// Sends an offer with the ticket that is there.
    pub(crate) async fn exchange(&mut self) -> Outcome {
        let body = self.exchange_body();
        let response = self.candidate.request("sdp-exchange", body).send().await.unwrap();
        let retry_after = response.headers().get("retry-after").map(|it| it.to_str().unwrap().to_owned());
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(!text.contains(HUSH) && !text.contains(KEY), "no word of the provider reaches the page: {text}");
        Outcome { status, retry_after, body: serde_json::from_str(&text).unwrap() }
    }

    /// A fresh ticket for the same session.
    pub(crate) async fn renew(&mut self) {
        self.count += 1;
        let body = json!({ "request_id": format!("renew-{}", self.count), "minutes": 5, "consent": true });
        let ticket = self.candidate.post("ephemeral-token", body).await;
        self.candidate.ticket = ticket["client_secret"].as_str().unwrap().to_owned();
    }

    /// A call that works, led by our server: the `nth` sideband is open, and the interviewer is asked to speak.
    pub(crate) async fn call(&mut self, nth: usize) {
        let made = self.exchange().await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.body);
        assert_eq!(made.body["answer"], crate::script::answer());
        self.script.opened(nth).await;
        self.candidate.say(&json!({ "type": "ready" })).await;
    }

    /// The session goes on with a fresh ticket and a new call, in which the interviewer is asked to speak again.
    pub(crate) async fn resume(&mut self, nth: usize) {
        self.renew().await;
        let asked = self.script.count("response.create");
        self.call(nth).await;
        self.script.told("response.create", asked + 1).await;
    }
}
