//! From audio packets to what was heard: reorder window, decoder, ears.

use bytes::Bytes;

use super::super::codec::{Decoder, FRAME_SAMPLES};
use super::super::ears::{Ears, Heard, ServerVad};
use super::super::jitter::{Frame, Jitter};
use crate::engine::audio::samples_to_ms;

/// Lost audio is counted in frames of 20 ms.
const LOST_SAMPLES: u32 = FRAME_SAMPLES as u32;

/// The inbound side of a call.
#[derive(Debug)]
pub(super) struct Hearing {
    jitter: Jitter,
    /// Missing where the codec would not start; then nothing is heard.
    decoder: Option<Decoder>,
    ears: Ears,
    vad: Option<ServerVad>,
    arrived_ms: u64,
}

impl Hearing {
    pub(super) fn new(vad: Option<ServerVad>) -> Self {
        let decoder = Decoder::new().inspect_err(|error| tracing::error!(%error, "this call hears nothing")).ok();
        Self { jitter: Jitter::new(), decoder, ears: Ears::new(vad.unwrap_or_default()), vad, arrived_ms: 0 }
    }

    /// Follows the session's `turn_detection`.
    pub(super) fn configure(&mut self, vad: Option<ServerVad>) {
        if vad != self.vad {
            self.vad = vad;
            self.ears.reconfigure(vad.unwrap_or_default());
        }
    }

    /// Takes one packet. What was made up for lost ones is neither speech nor silence, so the ears never get it.
    pub(super) fn packet(&mut self, seq: u64, payload: Bytes, sounding: bool) -> Vec<Heard> {
        let Some(decoder) = self.decoder.as_mut() else { return Vec::new() };
        let mut heard = Vec::new();
        for frame in self.jitter.push(seq, payload) {
            let pcm = match &frame {
                Frame::Packet(packet) => decoder.decode(packet).ok(),
                Frame::Recover(next) => decoder.recover(next).ok(),
                Frame::Lost => {
                    // Only for the decoder's own state: the next frame starts from here.
                    _ = decoder.conceal();
                    None
                }
            };
            match pcm {
                Some(pcm) => {
                    self.arrived_ms += samples_to_ms(pcm.len() as u64);
                    heard.extend(self.ears.hear(pcm, sounding));
                }
                None => self.ears.lost(LOST_SAMPLES),
            }
        }
        heard
    }

    /// Audio that came in since the last time, in milliseconds.
    pub(super) const fn take_arrived_ms(&mut self) -> u64 {
        std::mem::replace(&mut self.arrived_ms, 0)
    }
}
