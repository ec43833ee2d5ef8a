//! Sound as numbers: levels, and the policy that says when somebody speaks.
//!
//! The policy is separate from the detector that supplies the probabilities, so that it can be tested on made-up hops.

mod backlog;
pub mod frame;
mod gate;
mod intake;
mod lead;
mod wav;

pub use backlog::{Backlog, MOST_KEPT};
pub use frame::{FRAME_RATE_HZ, FRAME_SAMPLES};
pub use gate::{GateConfig, GateInput, Heard, SpeechGate};
pub use intake::{Intake, Place};
pub use lead::Lead;
pub use wav::wav;

/// The sample rate of ears and voice, in Hz: what the detector and the built-in voice work at.
pub const RATE_HZ: u32 = 16_000;

/// Samples of one hop of the speech detector: 16 ms at [`RATE_HZ`].
pub const HOP_SAMPLES: u32 = 256;

/// The level given to digital silence, in dBFS: below the smallest step of 16 bit sound.
pub const SILENCE_DBFS: f32 = -100.0;

/// Root mean square of 16 bit samples, as a share of full scale (0 to 1). Nothing at all is 0.
#[must_use]
pub fn rms(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return 0.0;
    }
    let energy: f64 = pcm.iter().map(|&it| f64::from(it) * f64::from(it)).sum();
    ((energy / pcm.len() as f64).sqrt() / 32_768.0) as f32
}

/// A share of full scale (see [`rms`]) in dBFS, never below [`SILENCE_DBFS`].
#[must_use]
pub fn dbfs(share: f32) -> f32 {
    if share > 0.0 { (20.0 * share.log10()).max(SILENCE_DBFS) } else { SILENCE_DBFS }
}

/// Samples at [`RATE_HZ`] in milliseconds, rounded down.
#[must_use]
pub const fn samples_to_ms(samples: u64) -> u64 {
    samples * 1_000 / RATE_HZ as u64
}

/// Milliseconds in samples at [`RATE_HZ`].
#[must_use]
pub const fn ms_to_samples(ms: u64) -> u64 {
    ms * RATE_HZ as u64 / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_known_signals() {
        for (pcm, expected) in [
            (vec![0i16; 320], SILENCE_DBFS),
            (vec![], SILENCE_DBFS),
            (vec![i16::MIN; 320], 0.0),
            (vec![16_384, -16_384], -6.02),
            (vec![104; 320], -49.97),
        ] {
            let level = dbfs(rms(&pcm));
            assert!((level - expected).abs() < 0.01, "{level} for {expected}");
        }
    }
}
