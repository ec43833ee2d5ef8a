//! From audio packets to sound: reorder window and decoder.

use bytes::Bytes;

use super::super::codec::{Decoder, FRAME_SAMPLES};
use super::super::jitter::{Frame, Jitter};
use super::super::session::Session;

/// Lost audio is counted in frames of 20 ms.
const LOST_SAMPLES: u32 = FRAME_SAMPLES as u32;

/// The inbound side of a call.
#[derive(Debug)]
pub(super) struct Hearing {
    jitter: Jitter,
    /// Missing where the codec would not start; then nothing is heard.
    decoder: Option<Decoder>,
}

impl Hearing {
    pub(super) fn new() -> Self {
        let decoder = Decoder::new().inspect_err(|error| tracing::error!(%error, "this call hears nothing")).ok();
        Self { jitter: Jitter::new(), decoder }
    }

    /// Takes one packet. What was made up for lost ones is neither speech nor silence, so the session never gets it.
    pub(super) fn packet(&mut self, seq: u64, payload: Bytes, session: &mut Session) {
        let Some(decoder) = self.decoder.as_mut() else { return };
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
                Some(pcm) => session.listen(pcm),
                None => session.lost(LOST_SAMPLES),
            }
        }
    }
}
