//! The client side of the Realtime protocol: readiness, calls, restarts, hang-ups, and the sideband of a call.
//!
//! The provider is called with the server's own key (OpenAI Realtime guide, "WebRTC: unified interface"), be it the
//! embedded one or one elsewhere. Azure takes ephemeral keys alone: there the server mints one and uses it itself. No
//! provider key ever leaves this module. What we send has the GA shape and never a beta header; what comes back may be any
//! of the shapes that servers of the protocol are known to give.

mod answer;
mod calls;
mod error;
mod sideband;
mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::time::sleep;

use crate::engine::interview::cost::Prices;
use crate::engine::sdp::Offer;
use crate::server::config::{Config, Preset, ProviderKind};

pub use calls::Call;
pub use error::ProviderError;
pub use sideband::{End, FromSideband, Sideband};
pub use upstream::Upstream;

/// For the connection to the provider.
const CONNECT: Duration = Duration::from_secs(3);
/// For a whole exchange, the minting of a key included.
const EXCHANGE: Duration = Duration::from_secs(6);
/// For the question whether anybody is there. Less than a page waits for our answer to it.
const PROBE: Duration = Duration::from_secs(4);
/// Azure's name for the header that holds the key.
const API_KEY: HeaderName = HeaderName::from_static("api-key");
/// The language that the interviews are held in.
const LANGUAGE: &str = "en";
/// Waits before a hang-up that failed is tried again: a call that nobody ends is billed.
const HANG_UP_AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Where the provider is and what it is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How it wants to be spoken to. None: it is ours, takes exact words, and can restart ICE.
    pub preset: Option<Preset>,
    /// Without a slash at the end: `https://api.openai.com/v1`.
    pub base_url: String,
    pub key: Option<SecretString>,
    pub model: String,
    pub voice: String,
    /// The model that writes the candidate's words down; none: nobody does.
    pub transcription: Option<String>,
}

#[cfg(test)]
impl Settings {
    /// A provider that nobody can reach.
    pub(in crate::server) fn nowhere() -> Self {
        Self {
            preset: None,
            base_url: "http://127.0.0.1:1/v1".to_owned(),
            key: None,
            model: "m".to_owned(),
            voice: "v".to_owned(),
            transcription: None,
        }
    }
}

/// A provider of the Realtime protocol. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Provider {
    http: reqwest::Client,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    /// How the key travels.
    key: Option<(HeaderName, HeaderValue)>,
    /// Hashes session ids, with a key that nobody else has and that this process forgets.
    identifier: Hmac<Sha256>,
}

impl Provider {
    /// A client of the provider in `settings`.
    ///
    /// # Errors
    /// [`ProviderError::Setup`] if the TLS stack cannot be set up, [`ProviderError::Key`] if the key is none.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
            .redirect(reqwest::redirect::Policy::none());
        if settings.preset.is_none() {
            // A proxy for the world outside does not lead to our own loopback.
            http = http.no_proxy();
        }
        let http = http.build().map_err(ProviderError::Setup)?;
        let key = settings.key.as_ref().map(|key| key_header(settings.preset, key)).transpose()?;
        let secret: [u8; 64] = rand::random();
        let identifier = Hmac::new(&secret.into());
        Ok(Self { http, inner: Arc::new(Inner { settings, key, identifier }) })
    }

    /// The provider that `config` names. `embedded`: where our own one listens.
    ///
    /// # Errors
    /// As [`Provider::new`].
    pub fn of(config: &Config, embedded: SocketAddr) -> Result<Self, ProviderError> {
        let (model, voice) = (config.realtime_model.clone(), config.realtime_voice.clone());
        let transcription = config.transcription().map(str::to_owned);
        Self::new(match config.provider_kind() {
            ProviderKind::Hosted { preset, base_url, key } => {
                Settings { preset: Some(preset), base_url, key, model, voice, transcription }
            }
            ProviderKind::Embedded => Settings {
                preset: None,
                base_url: format!("http://{embedded}/v1"),
                key: Some(config.provider_key.clone()),
                model,
                voice,
                transcription: config.transcription_url.as_ref().and(transcription),
            },
        })
    }

    /// Whether this is the interviewer inside our own binary.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.inner.settings.preset.is_none()
    }

    /// What it costs to speak with this provider.
    #[must_use]
    pub fn prices(&self) -> Prices {
        if self.is_embedded() { Prices::FREE } else { Prices::of(&self.inner.settings.model) }
    }

    /// Whether the candidate's words are written down.
    #[must_use]
    pub fn transcribes(&self) -> bool {
        self.inner.settings.transcription.is_some()
    }

    /// How a session says that the candidate's words are to be written down.
    #[must_use]
    pub fn transcription(&self) -> Option<Value> {
        let model = self.inner.settings.transcription.as_ref()?;
        Some(json!({ "model": model, "language": LANGUAGE }))
    }

    /// Whether the provider answers at its address, accepts our key, and is in order.
    ///
    /// Nothing but a 401 and its own failures count against it: not every server lists its models, and not every key may
    /// read the list.
    ///
    /// # Errors
    /// [`ProviderError`] if it does not.
    pub async fn probe(&self) -> Result<(), ProviderError> {
        let request = self.request(Method::GET, "/models").timeout(PROBE);
        let response = request.send().await.map_err(ProviderError::of)?;
        match response.status().as_u16() {
            // It does not know how to list its models.
            501 => Ok(()),
            401 | 500.. => Err(ProviderError::refused(response).await),
            _ => Ok(()),
        }
    }

    /// Sends a new offer for a running call.
    ///
    /// # Errors
    /// [`ProviderError::NoRestart`] from a provider that has no way to take one, or does not know the call any more.
    pub async fn restart(&self, call_id: &str, offer: &Offer) -> Result<String, ProviderError> {
        if !self.is_embedded() {
            return Err(ProviderError::NoRestart);
        }
        let request = self
            .request(Method::PATCH, &format!("/realtime/calls/{call_id}"))
            .header(CONTENT_TYPE, "application/sdp")
            .body(offer.as_str().to_owned());
        let response = request.send().await.map_err(ProviderError::of)?;
        match response.status().as_u16() {
            200..300 => answer::read_sdp(response).await,
            404 | 409 => Err(ProviderError::NoRestart),
            _ => Err(ProviderError::refused(response).await),
        }
    }

    /// Ends a call, trying more than once. One that is gone already is no error.
    pub async fn hang_up(&self, call_id: &str) {
        let mut waits = HANG_UP_AGAIN.into_iter();
        loop {
            let why = match self.request(Method::POST, &format!("/realtime/calls/{call_id}/hangup")).send().await {
                Ok(response) => match response.status().as_u16() {
                    200..300 | 404 | 409 | 410 => return,
                    429 | 500.. => response.status().to_string(),
                    status => return tracing::warn!(status, "a call could not be hung up"),
                },
                // Our own provider goes down with this server, and its calls with it.
                Err(_) if self.is_embedded() => return,
                Err(error) => error.without_url().to_string(),
            };
            let Some(wait) = waits.next() else { return tracing::warn!(why, "a call could not be hung up") };
            sleep(wait).await;
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.inner.settings.base_url)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url(path));
        match &self.inner.key {
            Some((name, key)) => request.header(name, key),
            None => request,
        }
    }
}

fn key_header(preset: Option<Preset>, key: &SecretString) -> Result<(HeaderName, HeaderValue), ProviderError> {
    let key = key.expose_secret();
    let (name, value) = match preset {
        Some(Preset::Azure) => (API_KEY, HeaderValue::from_str(key)),
        None | Some(Preset::Openai | Preset::Compatible) => {
            (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")))
        }
    };
    let mut value = value.map_err(|_| ProviderError::Key)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn provider(preset: Option<Preset>, transcription: Option<&str>) -> Provider {
        let settings = Settings {
            preset,
            base_url: String::new(),
            key: Some("secret-key".into()),
            model: "any".to_owned(),
            voice: "marin".to_owned(),
            transcription: transcription.map(str::to_owned),
        };
        Provider::new(settings).unwrap()
    }

    #[test]
    fn the_key_never_shows() {
        for preset in [None, Some(Preset::Openai), Some(Preset::Azure)] {
            assert!(!format!("{:?}", provider(preset, None)).contains("secret-key"), "{preset:?}");
        }
    }
}
