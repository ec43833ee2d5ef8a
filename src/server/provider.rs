//! The client side of the Realtime protocol: calls, restarts, hang-ups, and the sideband of a call.
//!
//! The provider is called with the server's own key (OpenAI Realtime guide, "WebRTC: unified interface"), be it the
//! embedded one or a hosted one. No provider key ever leaves this module.

mod sideband;

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::LOCATION;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::engine::interview::director::{directive, turn_detection};
use crate::engine::sdp::Offer;
use crate::server::config::{Config, ProviderKind};

pub use sideband::{FromSideband, Sideband};

/// For the connection to the provider.
const CONNECT: Duration = Duration::from_secs(3);
/// For a whole exchange.
const EXCHANGE: Duration = Duration::from_secs(6);
/// The largest answer that we read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Why the provider did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the voice service is not reachable")]
    Unreachable(#[source] reqwest::Error),
    #[error("the voice service answered {0}")]
    Refused(StatusCode),
    #[error("the voice service's answer is too large or no SDP")]
    BadAnswer,
    #[error("the voice service cannot restart ICE")]
    NoRestart,
    #[error("the sideband was refused")]
    Sideband(#[source] Box<tokio_tungstenite::tungstenite::Error>),
}

/// A call that the provider has made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The provider's name for it. None if it did not tell: then there is no sideband.
    pub id: Option<String>,
    /// SDP.
    pub answer: String,
}

/// Where the provider is and what it is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Without a slash at the end: `https://api.openai.com/v1`.
    pub base_url: String,
    pub key: Option<SecretString>,
    pub model: String,
    pub voice: String,
    /// It is ours: it takes exact words, and it can restart ICE.
    pub embedded: bool,
}

/// A provider of the Realtime protocol. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Provider {
    http: reqwest::Client,
    settings: std::sync::Arc<Settings>,
}

impl Provider {
    /// A client of the provider in `settings`.
    ///
    /// # Errors
    /// [`ProviderError::Unreachable`] if the TLS stack cannot be set up.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ProviderError::Unreachable)?;
        Ok(Self { http, settings: std::sync::Arc::new(settings) })
    }

    /// The provider that `config` names. `embedded`: where our own one listens.
    ///
    /// # Errors
    /// [`ProviderError::Unreachable`] if the TLS stack cannot be set up.
    pub fn of(config: &Config, embedded: SocketAddr) -> Result<Self, ProviderError> {
        let (model, voice) = (config.realtime_model.clone(), config.realtime_voice.clone());
        Self::new(match config.provider_kind() {
            ProviderKind::Hosted { base_url, key } => Settings { base_url, key, model, voice, embedded: false },
            ProviderKind::Embedded => Settings {
                base_url: format!("http://{embedded}/v1"),
                key: Some(config.provider_key.clone()),
                model,
                voice,
                embedded: true,
            },
        })
    }

    /// Whether this is the interviewer inside our own binary.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.settings.embedded
    }

    /// Whether anything answers at the provider's address.
    pub async fn is_reachable(&self) -> bool {
        self.request(Method::GET, "/models").send().await.is_ok()
    }

    /// Sends an offer and gets a call. The session is ours alone: model, persona and turn detection come from here.
    ///
    /// # Errors
    /// [`ProviderError`]: it can be tried again with a fresh offer.
    pub async fn create_call(&self, offer: &Offer, persona: &str) -> Result<Call, ProviderError> {
        let sdp = Part::text(offer.as_str().to_owned()).mime_str("application/sdp");
        let session = Part::text(self.session(persona).to_string()).mime_str("application/json");
        let form = Form::new()
            .part("sdp", sdp.map_err(ProviderError::Unreachable)?)
            .part("session", session.map_err(ProviderError::Unreachable)?);
        let request = self.request(Method::POST, "/realtime/calls").multipart(form);
        let response = accepted(request.send().await.map_err(ProviderError::Unreachable)?)?;
        let id = response.headers().get(LOCATION).and_then(|it| it.to_str().ok()).and_then(call_id);
        Ok(Call { id, answer: read_sdp(response).await? })
    }

    /// Sends a new offer for a running call.
    ///
    /// # Errors
    /// [`ProviderError::NoRestart`] from a provider that has no way to take one.
    pub async fn restart(&self, call_id: &str, offer: &Offer) -> Result<String, ProviderError> {
        if !self.settings.embedded {
            return Err(ProviderError::NoRestart);
        }
        let request = self
            .request(Method::PATCH, &format!("/realtime/calls/{call_id}"))
            .header("content-type", "application/sdp")
            .body(offer.as_str().to_owned());
        read_sdp(accepted(request.send().await.map_err(ProviderError::Unreachable)?)?).await
    }

    /// Ends a call. One that is gone already is no error.
    pub async fn hang_up(&self, call_id: &str) {
        let request = self.request(Method::POST, &format!("/realtime/calls/{call_id}/hangup"));
        if let Err(error) = request.send().await {
            tracing::warn!(%error, "a call could not be hung up");
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.settings.base_url));
        match &self.settings.key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }

    /// The start configuration of a call. Speech cannot interrupt yet: the opening line says that this is an AI.
    fn session(&self, persona: &str) -> Value {
        let voice = if self.settings.embedded { persona } else { &self.settings.voice };
        json!({
            "type": "realtime",
            "model": self.settings.model,
            "instructions": directive::core(persona),
            "audio": {
                "input": { "turn_detection": turn_detection(false) },
                "output": { "voice": voice },
            },
        })
    }
}

fn accepted(response: Response) -> Result<Response, ProviderError> {
    if response.status().is_success() { Ok(response) } else { Err(ProviderError::Refused(response.status())) }
}

/// The last segment of `Location`, if it is a name and nothing else.
fn call_id(location: &str) -> Option<String> {
    let id = location.split('?').next()?.rsplit('/').next()?;
    let plain = id.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-'));
    (plain && (1..=128).contains(&id.len())).then(|| id.to_owned())
}

/// Reads a bounded answer.
async fn read_sdp(response: Response) -> Result<String, ProviderError> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(ProviderError::Unreachable)?);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(ProviderError::BadAnswer);
        }
    }
    String::from_utf8(body).ok().filter(|it| it.starts_with("v=0")).ok_or(ProviderError::BadAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_id_is_the_last_segment_and_plain() {
        for (location, expected) in [
            ("/v1/realtime/calls/rtc_u2_abc", Some("rtc_u2_abc")),
            ("https://api.example/v1/realtime/calls/rtc-1?x=y", Some("rtc-1")),
            ("/v1/realtime/calls/", None),
            ("/v1/realtime/calls/a b", None),
        ] {
            assert_eq!(call_id(location).as_deref(), expected, "{location}");
        }
    }

    /// S003-35, S003-66: neither the plan nor a key is in what configures a call.
    #[test]
    fn a_session_is_configured_with_the_persona_alone() {
        let settings = Settings {
            base_url: String::new(),
            key: Some("secret-key".into()),
            model: "any".to_owned(),
            voice: "marin".to_owned(),
            embedded: false,
        };
        let session = Provider::new(settings).unwrap().session("Mariam").to_string();
        assert!(session.contains("Mariam") && session.contains("\"create_response\":false"));
        assert!(!session.contains("secret-key") && !session.contains("proud of"));
    }
}
