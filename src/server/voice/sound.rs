//! Sound as events carry it, to and from the 16 kHz of ears and voice.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::g711;
use crate::engine::audio::RATE_HZ;
use crate::engine::protocol::session::AudioFormat;

/// What is resampled at once: 20 ms.
const CHUNKS_PER_S: u32 = 50;

/// Why sound in an event was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    #[error("The audio is not valid base64.")]
    Base64,
    #[error("The audio is 16 bit, so that its length in bytes is even.")]
    OddLength,
}

/// Base64 in a format of the protocol to samples at 16 kHz. Less than 20 ms may wait for what comes next.
pub struct Intake {
    format: AudioFormat,
    resampler: Resampler,
}

impl Intake {
    /// For sound in `format`.
    #[must_use]
    pub fn new(format: AudioFormat) -> Self {
        Self { format, resampler: Resampler::new(format.rate_hz(), RATE_HZ) }
    }

    #[must_use]
    pub const fn format(&self) -> AudioFormat {
        self.format
    }

    /// Takes one piece. Answers with the samples at 16 kHz and how many came in, at the rate of the format.
    ///
    /// # Errors
    /// [`SoundError`]; nothing of the piece is kept.
    pub fn push(&mut self, audio: &str) -> Result<(Vec<i16>, usize), SoundError> {
        let pcm = decode(audio, self.format)?;
        Ok((self.resampler.push(&pcm), pcm.len()))
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("format", &self.format).finish_non_exhaustive()
    }
}

/// Samples at 16 kHz to base64 in a format of the protocol.
pub struct Outlet {
    format: AudioFormat,
    resampler: Resampler,
    waiting: Vec<i16>,
}

impl Outlet {
    /// For sound in `format`.
    #[must_use]
    pub fn new(format: AudioFormat) -> Self {
        Self { format, resampler: Resampler::new(RATE_HZ, format.rate_hz()), waiting: Vec::new() }
    }

    /// Takes some sound.
    pub fn push(&mut self, pcm: &[i16]) {
        self.waiting.extend(self.resampler.push(pcm));
    }

    /// Everything since the last time, if there is any.
    pub fn take(&mut self) -> Option<String> {
        let pcm = std::mem::take(&mut self.waiting);
        (!pcm.is_empty()).then(|| encode(&pcm, self.format))
    }

    /// The last of it.
    pub fn finish(&mut self) -> Option<String> {
        self.waiting.extend(self.resampler.finish());
        self.take()
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("format", &self.format).finish_non_exhaustive()
    }
}

/// A whole piece of sound at 16 kHz, for an event.
#[must_use]
pub fn whole(pcm: &[i16], format: AudioFormat) -> String {
    let mut outlet = Outlet::new(format);
    outlet.push(pcm);
    outlet.finish().unwrap_or_default()
}

fn decode(audio: &str, format: AudioFormat) -> Result<Vec<i16>, SoundError> {
    let bytes = BASE64.decode(audio).map_err(|_| SoundError::Base64)?;
    match format {
        AudioFormat::Pcm if bytes.len() % 2 != 0 => Err(SoundError::OddLength),
        AudioFormat::Pcm => Ok(bytes.chunks_exact(2).map(|it| i16::from_le_bytes([it[0], it[1]])).collect()),
        AudioFormat::Ulaw => Ok(bytes.into_iter().map(g711::from_ulaw).collect()),
        AudioFormat::Alaw => Ok(bytes.into_iter().map(g711::from_alaw).collect()),
    }
}

fn encode(pcm: &[i16], format: AudioFormat) -> String {
    let bytes: Vec<u8> = match format {
        AudioFormat::Pcm => pcm.iter().flat_map(|it| it.to_le_bytes()).collect(),
        AudioFormat::Ulaw => pcm.iter().map(|it| g711::to_ulaw(*it)).collect(),
        AudioFormat::Alaw => pcm.iter().map(|it| g711::to_alaw(*it)).collect(),
    };
    BASE64.encode(bytes)
}

/// From one rate to another, 20 ms at a time, without a gap between them.
struct Resampler {
    /// Missing where the library refused the rates, which a test rules out for ours; then nothing comes out.
    fft: Option<Fft<f32>>,
    waiting: Vec<f32>,
    /// What is left of the silence that the filter begins with.
    delay: usize,
    /// Samples that are still owed to the other side.
    owed: f64,
    ratio: f64,
}

impl Resampler {
    fn new(from_hz: u32, to_hz: u32) -> Self {
        let chunk = (from_hz / CHUNKS_PER_S) as usize;
        let fft = Fft::new(from_hz as usize, to_hz as usize, chunk, 1, FixedSync::Both).ok();
        let delay = fft.as_ref().map_or(0, rubato::Resampler::output_delay);
        Self { fft, waiting: Vec::new(), delay, owed: 0.0, ratio: f64::from(to_hz) / f64::from(from_hz) }
    }

    fn push(&mut self, pcm: &[i16]) -> Vec<i16> {
        self.owed += pcm.len() as f64 * self.ratio;
        self.waiting.extend(pcm.iter().map(|it| f32::from(*it)));
        let mut out = Vec::new();
        while let Some(chunk) = self.fft.as_ref().map(rubato::Resampler::input_frames_next)
            && self.waiting.len() >= chunk
        {
            self.chunk(chunk, &mut out);
        }
        self.owed -= out.len() as f64;
        out
    }

    /// What is still inside, filled up with silence where the filter asks for it.
    fn finish(&mut self) -> Vec<i16> {
        let owed = self.owed.max(0.0).round() as usize;
        let mut out = Vec::new();
        while let Some(chunk) = self.fft.as_ref().map(rubato::Resampler::input_frames_next)
            && out.len() < owed
        {
            self.waiting.resize(self.waiting.len().max(chunk), 0.0);
            self.chunk(chunk, &mut out);
        }
        out.truncate(owed);
        self.owed = 0.0;
        out
    }

    fn chunk(&mut self, chunk: usize, out: &mut Vec<i16>) {
        let Some(fft) = self.fft.as_mut() else { return };
        let sound: Vec<f32> = self.waiting.drain(..chunk).collect();
        let resampled =
            SequentialSlice::new(&sound, 1, chunk).ok().and_then(|it| Some(fft.process(&it, None).ok()?.take_data()));
        let resampled = resampled.unwrap_or_default();
        let skip = self.delay.min(resampled.len());
        self.delay -= skip;
        out.extend(resampled[skip..].iter().map(|it| it.round() as i16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::audio::{dbfs, rms};

    fn tone(samples: usize) -> Vec<i16> {
        let sample = |n: usize| (n as f32 / RATE_HZ as f32 * 440.0 * std::f32::consts::TAU).sin() * 8_000.0;
        (0..samples).map(|n| sample(n) as i16).collect()
    }

    #[test]
    fn sound_of_any_length_survives_the_way_out_and_in() {
        for format in [AudioFormat::Pcm, AudioFormat::Ulaw, AudioFormat::Alaw] {
            let sound = tone(7_777);
            let mut outlet = Outlet::new(format);
            let mut pieces = Vec::new();
            for piece in sound.chunks(333) {
                outlet.push(piece);
                pieces.extend(outlet.take());
            }
            pieces.extend(outlet.finish());
            let (mut intake, mut back, mut samples) = (Intake::new(format), Vec::new(), 0);
            for piece in &pieces {
                let (pcm, count) = intake.push(piece).unwrap();
                back.extend(pcm);
                samples += count;
            }
            // Less than a chunk and the filter's delay are still inside.
            let wanted = 7_777.0 / f64::from(RATE_HZ) * f64::from(format.rate_hz());
            assert!((samples as f64 - wanted).abs() <= 1.0, "{format:?}: {samples} of {wanted}");
            assert!(sound.len() - back.len() < 2 * 320, "{format:?}: {} of {}", back.len(), sound.len());
            let differs: Vec<i16> = sound.iter().zip(&back).skip(800).take(5_600).map(|(a, b)| a - b).collect();
            assert!(dbfs(rms(&differs)) < dbfs(rms(&sound)) - 25.0, "{format:?}: {} dB", dbfs(rms(&differs)));
        }
    }

    #[test]
    fn what_is_no_sound_is_refused_and_keeps_nothing() {
        let mut intake = Intake::new(AudioFormat::Pcm);
        for (audio, error) in [("%", SoundError::Base64), ("AAA", SoundError::Base64), ("AAAA", SoundError::OddLength)]
        {
            assert_eq!(intake.push(audio), Err(error), "{audio}");
        }
        assert_eq!(intake.push("").unwrap(), (vec![], 0));
        assert_eq!(intake.push("AAAAAA==").unwrap(), (vec![], 2));
    }
}
