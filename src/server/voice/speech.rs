//! Text to speech: one utterance at a time, frame by frame, in step with its words.
//!
//! Nothing is made before it is needed: a sentence is synthesised when the one before it has been handed out, and a
//! frame is encoded when it is asked for. So the first packet costs one sentence and one frame, and an answer that is
//! interrupted costs only what was said. What was said to the end is kept, and costs nothing the next time.

mod cache;
mod script;
mod synth;
mod utterance;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use utterance::{Packet, Sound, SpokenWord, Utterance};

use self::{
    cache::{Cache, Key},
    synth::Synth,
};
use super::persona::Persona;
use crate::server::media::codec;

/// How many bytes of encoded speech are kept: about two hours of it.
const CACHE_BYTES: usize = 32 << 20;

/// Why there is no voice.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    #[error("the built-in voice is damaged: {0}")]
    Voice(&'static str),
    #[error("the pronunciation table is not valid: {0}")]
    Lexicon(#[from] flite_rs::LexiconError),
    #[error(transparent)]
    Codec(#[from] codec::CodecError),
}

/// The built-in voice. Clones share the voice and the cache.
#[derive(Clone, Debug)]
pub struct Speaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    synth: Synth,
    cache: Mutex<Cache>,
}

impl Speaker {
    /// Loads the voice: some milliseconds, so do it once.
    ///
    /// # Errors
    /// [`SpeechError`] if the binary was built wrongly; a test shows that it was not.
    pub fn new() -> Result<Self, SpeechError> {
        codec::Encoder::new()?; // Settings that the codec takes once it takes always.
        Ok(Self(Arc::new(Shared { synth: Synth::new()?, cache: Mutex::new(Cache::new(CACHE_BYTES)) })))
    }

    /// Begins to say `text`. This only splits it into words; the sound is made as it is asked for.
    #[must_use]
    pub fn utterance(&self, text: &str, persona: &Persona) -> Utterance {
        let key = Key::new(text, persona);
        let known = self.cache().get(&key);
        Utterance::new(self.clone(), key, known)
    }

    /// Says `texts` to nobody, so that they are in the cache when they are needed: some 8 ms of work for a
    /// second of speech, to be done off the threads that serve calls.
    pub fn warm<'a>(&self, texts: impl IntoIterator<Item = &'a str>, persona: &Persona) {
        for text in texts {
            let mut utterance = self.utterance(text, persona);
            while utterance.next_packet().is_some() {}
        }
    }

    fn synth(&self) -> &Synth {
        &self.0.synth
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // A panic elsewhere cannot leave the cache half written in a way that matters: the worst is a wrong size.
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
