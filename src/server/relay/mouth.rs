//! From the interviewer's sound to packets: never a pause in them, at the rate that the line bears.

use bytes::Bytes;

use crate::engine::audio::{FRAME_RATE_HZ, FRAME_SAMPLES};
use crate::engine::quality::{OpusLadder, OpusRate};
use crate::engine::time::Tick;
use crate::server::media::codec::{self, Encoder};

/// One frame for the far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) opus: Bytes,
    /// Whether sound begins with it.
    pub(super) first: bool,
}

/// The outbound side of a call.
#[derive(Debug)]
pub(super) struct Mouth {
    /// Missing where the codec would not start; then nothing is said.
    encoder: Option<Encoder>,
    ladder: OpusLadder,
    sounding: bool,
}

impl Mouth {
    pub(super) fn new() -> Self {
        let encoder = Encoder::at(FRAME_RATE_HZ).inspect_err(|error| tracing::error!(%error, "this call says nothing"));
        Self { encoder: encoder.ok(), ladder: OpusLadder::default(), sounding: false }
    }

    /// The next 20 ms: sound, or silence that goes through the same encoder, so that neither begins with a click.
    pub(super) fn say(&mut self, pcm: Option<&[i16; FRAME_SAMPLES]>) -> Packet {
        let first = pcm.is_some() && !self.sounding;
        self.sounding = pcm.is_some();
        let pcm = pcm.unwrap_or(&[0; FRAME_SAMPLES]);
        let opus = self.encoder.as_mut().and_then(|it| it.encode(pcm).ok());
        Packet { opus: opus.unwrap_or_else(codec::silence), first }
    }

    /// Follows what the far end reports to have lost.
    pub(super) fn report(&mut self, now: Tick, loss: f64) -> Option<OpusRate> {
        let rate = self.ladder.report(now, loss)?;
        if let Some(encoder) = &mut self.encoder {
            encoder.set_rate(rate);
        }
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::audio::{dbfs, rms};
    use crate::server::media::codec::Decoder;

    /// Silence follows sound within three frames, and the first frame of sound is marked.
    #[test]
    fn sound_is_followed_by_silence_at_once() {
        let (mut mouth, mut decoder) = (Mouth::new(), Decoder::new().unwrap());
        let tone: Vec<i16> = (0..480 * 50).map(|n| ((n as f32 * 0.06).sin() * 9_000.0) as i16).collect();
        let mut firsts = Vec::new();
        let mut levels = Vec::new();
        for n in 0..150 {
            let pcm = tone.get(n * 480..(n + 1) * 480).and_then(|it| it.try_into().ok());
            let packet = mouth.say(pcm.filter(|_| n < 50));
            if packet.first {
                firsts.push(n);
            }
            levels.push(dbfs(rms(decoder.decode(&packet.opus).unwrap())));
        }
        assert_eq!(firsts, [0]);
        assert!(levels[5..50].iter().all(|it| *it > -20.0), "{levels:?}");
        assert!(levels[54..].iter().all(|it| *it < -60.0), "{levels:?}");
    }
}
