//! Hears when somebody speaks: the neural detector under the policy of [`SpeechGate`].

use std::fmt;

use earshot::Detector;

pub use crate::engine::audio::Heard;
use crate::engine::audio::{GateConfig, GateInput, HOP_SAMPLES, SpeechGate, dbfs, rms};

const HOP: usize = HOP_SAMPLES as usize;

/// The session's `turn_detection` of type `server_vad` (Realtime API reference).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerVad {
    /// Speech probability from which sound is speech, 0 to 1.
    pub threshold: f32,
    /// Sound before the speech that belongs to it.
    pub prefix_padding_ms: u32,
    /// Silence after which the speech is over.
    pub silence_duration_ms: u32,
}

impl Default for ServerVad {
    fn default() -> Self {
        let GateConfig { threshold, prefix_padding_ms, silence_duration_ms, .. } = GateConfig::default();
        Self { threshold, prefix_padding_ms, silence_duration_ms }
    }
}

impl From<ServerVad> for GateConfig {
    fn from(vad: ServerVad) -> Self {
        let ServerVad { threshold, prefix_padding_ms, silence_duration_ms } = vad;
        Self { threshold, prefix_padding_ms, silence_duration_ms, ..Self::default() }
    }
}

/// The ears of one session.
pub struct Ears {
    detector: Box<Detector>,
    gate: SpeechGate,
    /// Less than a hop that waits for the rest of it.
    rest: Vec<i16>,
}

impl Ears {
    /// Ears at position 0.
    #[must_use]
    pub fn new(vad: ServerVad) -> Self {
        Self { detector: Box::default(), gate: SpeechGate::new(vad.into()), rest: Vec::with_capacity(HOP) }
    }

    /// Changes the settings; position and a speech under way stay.
    pub fn reconfigure(&mut self, vad: ServerVad) {
        self.gate.reconfigure(vad.into());
    }

    /// Takes sound of any length, 16 kHz mono. `sounding` says whether we make sound ourselves, which it then takes
    /// longer to interrupt.
    pub fn hear(&mut self, pcm: &[i16], sounding: bool) -> Vec<Heard> {
        self.rest.extend_from_slice(pcm);
        let mut heard = Vec::new();
        let whole = self.rest.len() - self.rest.len() % HOP;
        for hop in self.rest[..whole].chunks_exact(HOP) {
            let probability = self.detector.predict_i16(hop);
            heard.extend(self.gate.push(GateInput::Hop { probability, level_dbfs: dbfs(rms(hop)), sounding }));
        }
        self.rest.drain(..whole);
        heard
    }

    /// Sound that did not arrive, in samples. What the decoder makes up for it is not to be heard: it is neither
    /// speech nor silence.
    pub fn lost(&mut self, samples: u32) {
        // Half a hop from before the gap cannot be joined to what comes after it.
        let rest = u32::try_from(self.rest.len()).unwrap_or(HOP_SAMPLES);
        self.rest.clear();
        self.gate.push(GateInput::Lost { samples: samples + rest });
    }

    /// What came so far is taken: a speech that goes on is another from here on.
    pub const fn cut(&mut self) {
        self.gate.cut();
    }

    /// Milliseconds of sound since the session began, in whole hops, lost sound included.
    #[must_use]
    pub const fn position_ms(&self) -> u64 {
        self.gate.position_ms()
    }

    /// Whether somebody speaks.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.gate.is_speaking()
    }
}

impl fmt::Debug for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ears").field("gate", &self.gate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
