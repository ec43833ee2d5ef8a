//! The test tone of the lobby.

use web_sys::AudioContext;

use super::speaker::Speaker;
use super::{BrowserError, Listener};

/// Two friendly notes: frequency in Hz, start and end in seconds.
const NOTES: [(f32, f64, f64); 2] = [(523.25, 0.0, 0.45), (659.25, 0.45, 1.2)];

/// A tone that sounds. Dropping it stops it. The audio context belongs to the meter.
#[derive(Debug)]
pub struct Tone {
    oscillator: web_sys::OscillatorNode,
    gain: web_sys::GainNode,
    speaker: Speaker,
    ended: Option<Listener>,
}

impl Tone {
    /// Plays the tone once and calls `on_end` after it.
    ///
    /// # Errors
    /// [`BrowserError`] where there is no audio.
    pub fn start(context: &AudioContext, on_end: impl Fn() + 'static) -> Result<Self, BrowserError> {
        let refused = |error| BrowserError::from_js("test tone", &error);
        let now = context.current_time();
        let oscillator = context.create_oscillator().map_err(refused)?;
        let gain = context.create_gain().map_err(refused)?;
        let volume = gain.gain();
        for (hz, from, to) in NOTES {
            oscillator.frequency().set_value_at_time(hz, now + from).map_err(refused)?;
            volume.set_value_at_time(0.0, now + from).map_err(refused)?;
            volume.linear_ramp_to_value_at_time(0.2, now + from + 0.03).map_err(refused)?;
            volume.linear_ramp_to_value_at_time(0.0, now + to).map_err(refused)?;
        }
        // Through an element, because only elements choose the output device everywhere.
        let out = context.create_media_stream_destination().map_err(refused)?;
        oscillator.connect_with_audio_node(&gain).map_err(refused)?;
        gain.connect_with_audio_node(&out).map_err(refused)?;
        let speaker = Speaker::new("test-tone")?;
        speaker.attach(&out.stream());
        let ended = Listener::new(&oscillator, "ended", move |_: web_sys::Event| on_end())?;
        oscillator.start().map_err(refused)?;
        oscillator.stop_with_when(now + NOTES[1].2).map_err(refused)?;
        Ok(Self { oscillator, gain, speaker, ended: Some(ended) })
    }

    #[must_use]
    pub const fn speaker(&self) -> &Speaker {
        &self.speaker
    }
}

impl Drop for Tone {
    fn drop(&mut self) {
        self.ended = None;
        _ = self.oscillator.disconnect();
        _ = self.gain.disconnect();
    }
}
