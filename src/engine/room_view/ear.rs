//! Whether sound is heard: the page's half of "the interviewer speaks".

use std::time::Duration;

use crate::engine::time::Tick;

/// RMS of full scale above which there is sound: -46 dBFS, well over comfort noise and well under speech.
const AUDIBLE: f32 = 0.005;
/// Speech has pauses between words and sentences: that long a silence is still speaking.
const PAUSE: Duration = Duration::from_millis(700);

/// Listens to one voice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ear {
    loud_at: Option<Tick>,
    /// The level cannot be measured: the markers are believed alone.
    deaf: bool,
}

impl Ear {
    /// Takes a level, RMS of full scale. Returns whether there is sound at this very moment.
    pub fn listen(&mut self, now: Tick, rms: Option<f32>) -> bool {
        self.deaf = rms.is_none();
        let loud = rms.is_some_and(|rms| rms >= AUDIBLE);
        if loud {
            self.loud_at = Some(now);
        }
        loud
    }

    /// Whether there is sound, the pauses of speech bridged.
    #[must_use]
    pub fn is_audible(&self, now: Tick) -> bool {
        self.deaf || self.loud_at.is_some_and(|at| now.since(at) < PAUSE)
    }
}

/// A level for the eye, 0 to 1: -54 dBFS is nothing, -9 dBFS is everything.
#[must_use]
pub fn loudness(rms: f32) -> f32 {
    let dbfs = 20.0 * rms.max(1e-6).log10();
    ((dbfs + 54.0) / 45.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_between_sentences_is_still_speech_and_a_long_silence_is_not() {
        let mut ear = Ear::default();
        assert!(!ear.listen(Tick::ZERO, Some(0.001)));
        assert!(!ear.is_audible(Tick::ZERO));
        assert!(ear.listen(Tick::from_ms(100), Some(0.1)));
        ear.listen(Tick::from_ms(600), Some(0.0));
        assert!(ear.is_audible(Tick::from_ms(600)));
        assert!(!ear.is_audible(Tick::from_ms(900)));
    }

    #[test]
    fn loudness_runs_from_silence_to_full_speech() {
        assert!(loudness(0.0).abs() < f32::EPSILON);
        assert!(loudness(0.05) > 0.4 && loudness(0.05) < 0.9);
        assert!((loudness(0.5) - 1.0).abs() < f32::EPSILON);
    }
}
