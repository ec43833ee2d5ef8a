//! From audio packets to sound: reorder window and decoder.

use bytes::Bytes;

use super::codec::Decoder;
use super::jitter::{Frame, Jitter};

/// Sound of the far end, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// What the far end sent.
    Sound(&'a [i16]),
    /// Made up for a packet that was lost: as long as it would have been. Neither speech nor silence.
    MadeUp(&'a [i16]),
}

/// The inbound side of a call.
#[derive(Debug)]
pub struct Hearing {
    jitter: Jitter,
    /// Missing where the codec would not start; then nothing is heard.
    decoder: Option<Decoder>,
}

impl Hearing {
    /// Hears at `rate_hz`, one of the rates that Opus decodes to.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let decoder = Decoder::at(rate_hz).inspect_err(|error| tracing::error!(%error, "this call hears nothing"));
        Self { jitter: Jitter::new(), decoder: decoder.ok() }
    }

    /// Takes one packet by its extended sequence number, and tells `hear` what can be heard now.
    pub fn packet(&mut self, seq: u64, payload: Bytes, mut hear: impl FnMut(Heard<'_>)) {
        let Some(decoder) = self.decoder.as_mut() else { return };
        for frame in self.jitter.push(seq, payload) {
            let heard = match &frame {
                Frame::Packet(packet) => decoder.decode(packet).map(Heard::Sound),
                Frame::Recover(next) => decoder.recover(next).map(Heard::Sound),
                Frame::Lost => decoder.conceal().map(Heard::MadeUp),
            };
            match heard {
                Ok(heard) => hear(heard),
                // A packet that is none: its time has passed all the same.
                Err(_) => hear(Heard::MadeUp(decoder.silence())),
            }
        }
    }
}
