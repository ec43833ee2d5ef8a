//! Making a call: offer and session out, answer and call id back, in the form that each provider wants.

use hmac::Mac as _;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{EXCHANGE, Provider, ProviderError, Settings, answer};
use crate::engine::interview::director::{directive, turn_detection};
use crate::engine::sdp::Offer;
use crate::server::config::Preset;

/// Tells the provider which requests belong to one interview, without saying whose it is (OpenAI's guide on safety
/// identifiers).
const SAFETY_IDENTIFIER: HeaderName = HeaderName::from_static("openai-safety-identifier");
/// Seconds that an ephemeral key may be used to begin a call. The least that the protocol allows is 10.
const EPHEMERAL_S: u32 = 30;

/// A call that the provider has made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The provider's name for it.
    pub id: String,
    /// SDP.
    pub answer: String,
}

impl Provider {
    /// Sends an offer and gets a call. The session is ours alone: model, persona and turn detection come from here.
    /// `whose`: our session's id, which the provider gets to see as a keyed hash.
    ///
    /// # Errors
    /// [`ProviderError`]: it can be tried again with a fresh offer. [`ProviderError::NoControl`] if the provider made a call
    /// and did not say which.
    pub async fn create_call(&self, offer: &Offer, persona: &str, whose: &str) -> Result<Call, ProviderError> {
        let mut id = None;
        let answered = async {
            let session = self.session(persona);
            let response = match self.inner.settings.preset {
                Some(Preset::Azure) => self.post_with_ephemeral_key(offer, &session, whose).await?,
                None | Some(Preset::Openai | Preset::Compatible) => self.post_form(offer, &session, whose).await?,
            };
            id = response.headers().get(LOCATION).and_then(|it| it.to_str().ok()).and_then(answer::call_id);
            answer::read_sdp(response).await
        };
        let answer = timeout(EXCHANGE, answered).await.unwrap_or(Err(ProviderError::Slow));
        match (answer, id) {
            (Ok(answer), Some(id)) => Ok(Call { id, answer }),
            (Ok(_), None) => Err(ProviderError::NoControl),
            (Err(error), id) => {
                if let Some(id) = id {
                    // It stands, and nobody can use it. Whoever waits for us need not wait for its end.
                    let provider = self.clone();
                    tokio::spawn(async move { provider.hang_up(&id).await });
                }
                Err(error)
            }
        }
    }

    /// The unified interface: the server's key, offer and session in one form.
    async fn post_form(&self, offer: &Offer, session: &Value, whose: &str) -> Result<Response, ProviderError> {
        let sdp = Part::text(offer.as_str().to_owned()).mime_str("application/sdp").map_err(ProviderError::of)?;
        let session = Part::text(session.to_string()).mime_str("application/json").map_err(ProviderError::of)?;
        let form = Form::new().part("sdp", sdp).part("session", session);
        accepted(self.identified(self.request(Method::POST, "/realtime/calls"), whose).multipart(form)).await
    }

    /// The other form: the session is bound to an ephemeral key, which posts the bare offer. Such a key is good for one
    /// call, so each attempt mints its own.
    async fn post_with_ephemeral_key(
        &self,
        offer: &Offer,
        session: &Value,
        whose: &str,
    ) -> Result<Response, ProviderError> {
        let wanted = json!({
            "expires_after": { "anchor": "created_at", "seconds": EPHEMERAL_S },
            "session": session,
        });
        let mint = self.identified(self.request(Method::POST, "/realtime/client_secrets"), whose).json(&wanted);
        let key = answer::read_ephemeral_key(accepted(mint).await?).await?;
        let request = self
            .http
            .post(self.url("/realtime/calls"))
            .bearer_auth(key.expose_secret())
            .header(CONTENT_TYPE, "application/sdp")
            .body(offer.as_str().to_owned());
        accepted(request).await
    }

    /// Tells a provider elsewhere which interview this request belongs to, as a hash that only this process can make.
    fn identified(&self, request: RequestBuilder, whose: &str) -> RequestBuilder {
        match self.identifier(whose) {
            Some((name, hash)) => request.header(name, hash),
            None => request,
        }
    }

    /// The header that does so. Our own provider needs none.
    pub(super) fn identifier(&self, whose: &str) -> Option<(HeaderName, HeaderValue)> {
        if self.is_embedded() {
            return None;
        }
        let mut hash = self.inner.identifier.clone();
        hash.update(whose.as_bytes());
        let hash: String = hash.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Some((SAFETY_IDENTIFIER, HeaderValue::from_str(&hash).ok()?))
    }

    /// The start configuration of a call. Speech cannot interrupt yet: the opening line says that this is an AI.
    pub(super) fn session(&self, persona: &str) -> Value {
        let Settings { preset, model, voice, .. } = &self.inner.settings;
        let voice = if preset.is_some() { voice } else { persona };
        let mut session = json!({
            "type": "realtime",
            "model": model,
            "instructions": directive::core(persona),
            "audio": {
                "input": { "turn_detection": turn_detection(false) },
                "output": { "voice": voice },
            },
        });
        if let Some(transcription) = self.transcription() {
            session["audio"]["input"]["transcription"] = transcription;
        }
        session
    }
}

async fn accepted(request: RequestBuilder) -> Result<Response, ProviderError> {
    let response = request.send().await.map_err(ProviderError::of)?;
    if response.status().is_success() { Ok(response) } else { Err(ProviderError::refused(response).await) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::provider;
    use super::*;

    /// S003-35, S003-66: neither the plan nor a key is in what configures a call.
    #[test]
    fn a_session_is_configured_with_the_persona_alone() {
        let session = provider(Some(Preset::Openai), None).session("Mariam");
        assert!(session["audio"]["input"].get("transcription").is_none());
        let session = session.to_string();
        assert!(session.contains("Mariam") && session.contains("\"create_response\":false"));
        assert!(!session.contains("secret-key") && !session.contains("proud of"));
    }

    /// S001-23, S001-32
    #[test]
    fn the_candidates_words_are_asked_for_where_somebody_can_write_them_down() {
        let session = provider(Some(Preset::Openai), Some("scribe")).session("Mariam");
        assert_eq!(session["audio"]["input"]["transcription"], json!({ "model": "scribe", "language": "en" }));
        assert!(provider(Some(Preset::Openai), Some("scribe")).transcribes());
        assert!(!provider(None, None).transcribes());
    }
}
