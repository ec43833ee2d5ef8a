//! Who speaks: the built-in voice is one man's, and a persona bends it.
//!
//! Pitch alone makes a man sound squeezed. A woman's vocal tract is also shorter, which moves all formants up by about
//! a sixth (Peterson and Barney 1952), so the sound is resampled by that much and spoken slower to make up for it.

/// How a voice sounds. Whole percent, so that personas can be compared and be part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Persona {
    /// The name, as in the session's `audio.output.voice`.
    pub name: &'static str,
    /// Mean pitch, in percent of the built-in voice's 95 Hz.
    pub pitch: u16,
    /// Formants, in percent of the built-in voice's.
    pub formant: u16,
    /// Speed, in percent of the built-in voice's.
    pub pace: u16,
}

impl Persona {
    /// The interviewer: a woman, around 190 Hz.
    #[must_use]
    pub const fn mariam() -> Self {
        Self { name: "mariam", pitch: 210, formant: 115, pace: 100 }
    }

    /// The built-in speaker, a little brighter: a man, around 105 Hz.
    #[must_use]
    pub const fn adam() -> Self {
        Self { name: "adam", pitch: 115, formant: 100, pace: 100 }
    }
}

impl Default for Persona {
    fn default() -> Self {
        Self::adam()
    }
}

/// The persona that comes nearest to a voice of the Realtime API, or one of ours, by name in any case.
///
/// `None` for a name that nobody knows: whether that is an error is for the session to say.
#[must_use]
pub fn persona_for_voice(voice: &str) -> Option<Persona> {
    match voice.to_ascii_lowercase().as_str() {
        "mariam" | "alloy" | "coral" | "marin" | "sage" | "shimmer" => Some(Persona::mariam()),
        "adam" | "ash" | "ballad" | "cedar" | "echo" | "verse" => Some(Persona::adam()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voice_of_the_protocol_has_a_persona() {
        for (voice, name) in
            [("alloy", "mariam"), ("Marin", "mariam"), ("Mariam", "mariam"), ("cedar", "adam"), ("ADAM", "adam")]
        {
            assert_eq!(persona_for_voice(voice).map(|it| it.name), Some(name), "{voice}");
        }
        assert_eq!(persona_for_voice("nobody"), None);
    }
}
