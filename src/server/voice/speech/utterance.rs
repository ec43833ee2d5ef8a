//! One utterance on its way out.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::{
    Speaker,
    cache::{Key, Rendered},
    script::{self, Sentence, Word},
};
use crate::{
    engine::audio::{ms_to_samples, samples_to_ms},
    engine::quality::OpusRate,
    server::media::codec::{self, Encoder, FRAME_MS, FRAME_SAMPLES, Pcm},
};

/// A word that begins to sound with the frame it comes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenWord {
    /// The word as it is written, with what stands around it. All of them together are the text, byte for byte.
    pub text: String,
    /// When it begins, in milliseconds from the beginning of the utterance.
    pub start_ms: u64,
    /// When it ends.
    pub end_ms: u64,
}

/// 20 ms of speech for RTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The Opus packet.
    pub opus: Bytes,
    /// The words that begin in it, mostly none.
    pub words: Vec<SpokenWord>,
}

/// 20 ms of speech as samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// 16 kHz, mono.
    pub pcm: Pcm,
    /// The words that begin in it, mostly none.
    pub words: Vec<SpokenWord>,
}

/// A text being said. Draw either packets or samples from it; both move the same position.
#[derive(Debug)]
pub struct Utterance {
    speaker: Speaker,
    key: Key,
    known: Option<Arc<Rendered>>,
    /// Frames handed out.
    frames: u64,
    /// Words handed out.
    words: usize,
    pub(super) maker: Option<Maker>,
    encoder: Option<Encoder>,
    /// What goes into the cache when the end is reached.
    packets: Vec<Bytes>,
}

impl Utterance {
    pub(super) fn new(speaker: Speaker, key: Key, known: Option<Arc<Rendered>>) -> Self {
        Self { speaker, key, known, frames: 0, words: 0, maker: None, encoder: None, packets: Vec::new() }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.key.text
    }

    /// The next 20 ms as a packet; `None` at the end.
    ///
    /// Costs one encoded frame, plus the synthesis of a sentence where one begins; nothing if the text is known.
    pub fn next_packet(&mut self) -> Option<Packet> {
        self.next_packet_at(OpusRate::FULL)
    }

    /// The next 20 ms as a packet that costs no more than `rate`; `None` at the end. What is known is known in full, so a
    /// lower rate is encoded anew, and is not kept.
    pub fn next_packet_at(&mut self, rate: OpusRate) -> Option<Packet> {
        let full = rate == OpusRate::FULL;
        if let Some(known) = self.known.as_ref().filter(|_| full) {
            let opus = known.packet(usize::try_from(self.frames).ok()?)?;
            return Some(Packet { opus, words: self.advance() });
        }
        let Some(pcm) = self.make() else {
            self.remember();
            return None;
        };
        let opus = self.encode(&pcm, rate);
        if full {
            self.packets.push(opus.clone());
        }
        Some(Packet { opus, words: self.advance() })
    }

    /// The next 20 ms as samples; `None` at the end. Never encodes, and does not feed the cache.
    pub fn next_pcm(&mut self) -> Option<Sound> {
        let pcm = self.make()?;
        Some(Sound { pcm, words: self.advance() })
    }

    /// How much was handed out, in milliseconds.
    #[must_use]
    pub fn played_ms(&self) -> u64 {
        self.frames * FRAME_MS
    }

    /// The beginning of the text that was heard by `ms`: every word of which at least half had sounded.
    ///
    /// Knows no more than was handed out, so `ms` beyond [`Utterance::played_ms`] says the same as that.
    #[must_use]
    pub fn text_up_to(&self, ms: u64) -> &str {
        let heard = |word: &&Word| u64::midpoint(word.start_ms, word.end_ms) < ms.min(self.played_ms());
        let end = self.known_words().iter().take(self.words).take_while(heard).last().map_or(0, |word| word.text.end);
        self.key.text.get(..end).unwrap_or_default()
    }

    /// How many sentences had to be synthesised so far.
    #[must_use]
    pub fn sentences_made(&self) -> usize {
        self.maker.as_ref().map_or(0, |it| it.made)
    }

    fn known_words(&self) -> &[Word] {
        match (&self.known, &self.maker) {
            (Some(known), _) => known.words(),
            (None, Some(maker)) => &maker.words,
            (None, None) => &[],
        }
    }

    /// The frame at the current position.
    fn make(&mut self) -> Option<Pcm> {
        let maker = self.maker.get_or_insert_with(|| Maker::new(&self.key.text));
        loop {
            // More than once only where packets came out of the cache before.
            let index = maker.frames;
            let pcm = maker.next(&self.speaker, &self.key)?;
            if index == self.frames {
                return Some(pcm);
            }
        }
    }

    /// Moves on by a frame, and takes the words that begin in it; in the last frame all that are left.
    fn advance(&mut self) -> Vec<SpokenWord> {
        self.frames += 1;
        let last = match (&self.known, &self.maker) {
            (Some(known), _) => self.frames >= known.len(),
            (None, Some(maker)) => maker.is_done(),
            (None, None) => true,
        };
        let until_ms = if last { u64::MAX } else { self.played_ms() };
        let begun: Vec<SpokenWord> = self.known_words()[self.words..]
            .iter()
            .take_while(|word| word.start_ms < until_ms)
            .map(|word| SpokenWord {
                text: self.key.text.get(word.text.clone()).unwrap_or_default().to_owned(),
                start_ms: word.start_ms,
                end_ms: word.end_ms,
            })
            .collect();
        self.words += begun.len();
        begun
    }

    fn encode(&mut self, pcm: &Pcm, rate: OpusRate) -> Bytes {
        if self.encoder.is_none() {
            self.encoder = Encoder::new().ok();
        }
        let encoded = self.encoder.as_mut().and_then(|it| {
            it.set_rate(rate);
            it.encode(pcm).ok()
        });
        encoded.unwrap_or_else(|| {
            // Speaker::new has tried the settings, so this does not happen; a call lives through it all the same.
            tracing::error!("a frame of speech could not be encoded");
            codec::silence()
        })
    }

    /// Puts a text that was said to its end, in packets from the first to the last, into the cache.
    fn remember(&mut self) {
        let packets = std::mem::take(&mut self.packets);
        if !packets.is_empty() && packets.len() as u64 == self.frames {
            let words = self.known_words().to_vec();
            self.speaker.cache().put(self.key.clone(), Rendered::new(&packets, words));
        }
    }
}

/// Makes the frames of an utterance, a sentence at a time.
#[derive(Debug)]
pub(super) struct Maker {
    left: VecDeque<Sentence>,
    /// Sound that was made and not yet taken.
    sound: VecDeque<i16>,
    /// Where the sound made so far ends, in samples.
    pub(super) end: u64,
    words: Vec<Word>,
    frames: u64,
    made: usize,
}

impl Maker {
    fn new(text: &str) -> Self {
        Self {
            left: script::sentences(text).into(),
            sound: VecDeque::new(),
            end: 0,
            words: Vec::new(),
            frames: 0,
            made: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.left.is_empty() && self.sound.is_empty()
    }

    fn next(&mut self, speaker: &Speaker, key: &Key) -> Option<Pcm> {
        while self.sound.len() < FRAME_SAMPLES
            && let Some(sentence) = self.left.pop_front()
        {
            self.speak(&sentence, speaker, key);
        }
        if self.sound.is_empty() {
            return None;
        }
        let mut pcm = [0; FRAME_SAMPLES];
        for (to, from) in pcm.iter_mut().zip(self.sound.drain(..FRAME_SAMPLES.min(self.sound.len()))) {
            *to = from;
        }
        self.frames += 1;
        Some(pcm)
    }

    fn speak(&mut self, sentence: &Sentence, speaker: &Speaker, key: &Key) {
        self.made += 1;
        let mut take = speaker.synth().speak(sentence, &key.persona);
        if take.pcm.is_empty() && self.sound.is_empty() {
            take.pcm = vec![0; FRAME_SAMPLES]; // Nothing to hear, yet the text must go out with something.
        }
        for (piece, (start, end)) in sentence.pieces.iter().zip(&take.spans) {
            self.words.push(Word {
                text: piece.text.clone(),
                start_ms: samples_to_ms(self.end + *start as u64),
                end_ms: samples_to_ms(self.end + *end as u64),
            });
        }
        if !self.left.is_empty() {
            let pause = ms_to_samples(sentence.pause_ms * 100 / u64::from(key.persona.pace.max(1)));
            take.pcm.resize(take.pcm.len() + usize::try_from(pause).unwrap_or(0), 0);
        }
        self.end += take.pcm.len() as u64;
        self.sound.extend(take.pcm);
    }
}
