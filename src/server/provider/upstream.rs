//! A session of our own at the provider: a WebSocket that carries events and sound, for calls that our server holds.
//!
//! What a session does is reported like on a sideband, so that whoever conducts need not know which of the two it has.
//! Sound travels as base64 of PCM16 at 24 kHz in both directions (OpenAI Realtime guide, "WebSocket").

use futures::SinkExt as _;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::sideband::{Refused, feed};
use super::{End, FromSideband, Provider};
use crate::engine::audio::FRAME_RATE_HZ;
use crate::engine::protocol::client::{ClientEvent, ClientMessage};
use crate::server::faults;

/// Events that wait to be sent. Sound comes fifty times a second.
const QUEUE: usize = 512;
/// What of it sound may not take up: an event of the director always has a place.
const RESERVED: usize = 128;

/// A session that is open, or opening. Dropping it closes the socket.
#[derive(Debug)]
pub struct Upstream {
    out: mpsc::Sender<ClientEvent>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Sends an event. One that finds the queue full is lost, and the provider has been silent for long then.
    pub fn send(&self, event: ClientEvent) {
        if self.out.try_send(event).is_err() {
            tracing::warn!("the provider's session does not take events any more");
        }
    }

    /// Sends sound, in base64. Returns whether there was room for it: a provider that does not read gets events only.
    pub fn hear(&self, audio: String) -> bool {
        self.out.capacity() > RESERVED && self.out.try_send(ClientEvent::InputAudioBufferAppend { audio }).is_ok()
    }
}

impl Provider {
    /// Opens a session that is set up like a call of ours. Everything that happens arrives at `report`, which is told of the
    /// end whatever it is. `whose`: our session's id, which the provider gets to see as a keyed hash.
    pub fn converse(
        &self,
        persona: &str,
        whose: &str,
        report: impl Fn(FromSideband) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Upstream {
        let (out, events) = mpsc::channel(QUEUE);
        let (provider, setup, whose) = (self.clone(), self.carried(persona), whose.to_owned());
        let task = tokio::spawn(async move {
            let path = format!("/realtime?{}", provider.model_query());
            let end = match provider.connect(&path, Some(&whose)).await {
                Ok(mut socket) => match timeout(feed::PATIENCE.send, socket.send(setup)).await {
                    Ok(Ok(())) => {
                        let fault = faults::upstream();
                        report(FromSideband::Opened).await;
                        feed::run(socket, events, &report, feed::PATIENCE, fault).await
                    }
                    Ok(Err(error)) => End::of_error(&error),
                    Err(_) => End::SLOW,
                },
                Err(error) => {
                    let refused = Refused::of_session(&error);
                    tracing::error!(why = refused.why, "no session at the provider");
                    End::Fault(refused.fault)
                }
            };
            if let End::Fault(fault) = end {
                tracing::warn!(fault = fault.name(), "a carried call cannot go on");
            }
            report(FromSideband::Closed(end)).await;
        });
        Upstream { out, task }
    }

    /// The first event of a carried call: the session of every call, and sound as we carry it.
    fn carried(&self, persona: &str) -> Message {
        let mut session = self.session(persona);
        let format = json!({ "type": "audio/pcm", "rate": FRAME_RATE_HZ });
        session["audio"]["input"]["format"] = format.clone();
        session["audio"]["output"]["format"] = format;
        // It is in the address, and cannot be changed.
        if let Some(session) = session.as_object_mut() {
            session.remove("model");
        }
        let event = ClientMessage::from(ClientEvent::SessionUpdate { session });
        Message::text(serde_json::to_string(&event).unwrap_or_default())
    }

    fn model_query(&self) -> String {
        let model = [("model", &self.inner.settings.model)];
        let address = reqwest::Url::parse_with_params("ws://provider", model).ok();
        address.as_ref().and_then(reqwest::Url::query).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::provider;
    use super::*;
    use crate::server::config::Preset;

    /// S003-23, S003-35: 24 kHz both ways, the persona and no more.
    #[test]
    fn a_carried_call_is_set_up_like_any_other_and_with_our_format() {
        let provider = provider(Some(Preset::Openai), Some("scribe"));
        let setup = provider.carried("Mariam").into_text().unwrap();
        let setup: serde_json::Value = serde_json::from_str(&setup).unwrap();
        let audio = &setup["session"]["audio"];
        for side in ["input", "output"] {
            assert_eq!(audio[side]["format"], json!({ "type": "audio/pcm", "rate": 24_000 }), "{side}");
        }
        assert_eq!(audio["input"]["turn_detection"]["create_response"], false);
        assert_eq!(audio["input"]["transcription"]["model"], "scribe");
        assert_eq!((setup["type"].as_str(), setup["session"].get("model")), (Some("session.update"), None));
        assert!(!setup.to_string().contains("proud of"));
    }
}
