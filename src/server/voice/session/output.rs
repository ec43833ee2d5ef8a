//! What goes out: sound, beside the events or in them.

use bytes::Bytes;

use super::parse::Fault;
use super::{Session, Transport};
use crate::engine::protocol::server::ServerEvent;
use crate::server::media::codec;

/// 20 ms for the far end of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutFrame {
    pub opus: Bytes,
    /// Whether speech begins with it.
    pub first_of_talk: bool,
}

impl OutFrame {
    /// Nothing to hear.
    #[must_use]
    pub fn silence() -> Self {
        Self { opus: codec::silence(), first_of_talk: false }
    }
}

impl Session {
    /// Whether sound of ours is being heard, as far as can be told from here.
    #[must_use]
    pub fn is_sounding(&self) -> bool {
        match self.transport {
            Transport::Call => self.active.as_ref().is_some_and(super::Active::is_sounding),
            Transport::Socket => self.input.is_played(),
        }
    }

    /// Whether there is more to generate.
    #[must_use]
    pub const fn is_generating(&self) -> bool {
        self.active.is_some()
    }

    /// The next 20 ms of sound of a call: speech, or silence.
    pub fn frame(&mut self) -> OutFrame {
        if let Some(response_id) = self.ending.take() {
            self.emit(ServerEvent::OutputStopped { response_id });
            self.input.wait();
        }
        let Some(mut active) = self.active.take() else { return OutFrame::silence() };
        let Some(packet) = active.utterance.next_packet_at(self.rate) else {
            if active.is_sounding() {
                self.ending = Some(active.response_id().to_owned());
            }
            self.complete(active);
            return OutFrame::silence();
        };
        for word in packet.words {
            let delta = active.say(&word.text);
            self.emit(delta);
        }
        let first_of_talk = active.start_sounding();
        if first_of_talk {
            self.has_spoken = true;
            self.last_response = active.response_id().to_owned();
            self.emit(ServerEvent::OutputStarted { response_id: active.response_id().to_owned() });
        }
        self.active = Some(active);
        OutFrame { opus: packet.opus, first_of_talk }
    }

    /// Generates up to `frames` of 20 ms for a socket: the words that begin in them, then their sound in one event.
    pub fn generate(&mut self, frames: u32) {
        let Some(mut active) = self.active.take() else { return };
        self.has_spoken |= active.start_sounding();
        for _ in 0..frames {
            let Some(sound) = active.utterance.next_pcm() else {
                let last = active.outlet.finish();
                self.emit_sound(&active, last);
                self.complete(active);
                self.input.wait();
                return;
            };
            self.input.plays_on(codec::FRAME_MS);
            active.outlet.push(&sound.pcm);
            for word in sound.words {
                let delta = active.say(&word.text);
                self.emit(delta);
            }
        }
        let sound = active.outlet.take();
        self.emit_sound(&active, sound);
        self.active = Some(active);
    }

    fn emit_sound(&mut self, active: &super::Active, sound: Option<String>) {
        if let Some(delta) = sound {
            self.emit(ServerEvent::OutputAudioDelta { at: active.at().clone(), delta });
        }
    }

    /// `output_audio_buffer.clear`.
    pub(super) fn clear_output(&mut self) -> Result<(), Fault> {
        if self.transport == Transport::Socket {
            let message = "The sound of this session is in the hands of its client.";
            return Err(Fault::new("invalid_event_for_transport", Some("type"), message));
        }
        if !self.interrupt("client_cancelled") {
            // Nothing sounds: what was still on its way is reported as cleared instead of stopped.
            let response_id = self.ending.take().unwrap_or_else(|| self.last_response.clone());
            self.emit(ServerEvent::OutputCleared { response_id });
        }
        Ok(())
    }
}
