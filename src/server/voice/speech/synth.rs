//! A sentence to sound: flite's diphone voice, bent to the persona.

use std::{fmt, sync::Arc};

use flite_rs::{
    Engine, Flow, Voice, VoiceParams,
    language::Language,
    pipeline,
    utterance::{ItemId, Utterance as Analysis},
    voice::synthesise_streaming,
};
use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::SequentialSlice};

use super::{SpeechError, script::Sentence};
use crate::{
    engine::audio::{RATE_HZ, dbfs, rms},
    server::voice::{lexicon, persona::Persona},
};

/// A sentence as sound, with the span of each of its pieces in samples.
#[derive(Debug, Default)]
pub(super) struct Take {
    pub(super) pcm: Vec<i16>,
    pub(super) spans: Vec<(usize, usize)>,
}

/// The voice's models. Read only, so one serves all calls.
pub(super) struct Synth {
    language: Arc<Language>,
    voice: Voice,
}

/// Sound kept before the first phone and after the last: the voice's own pauses are longer than a talk wants them.
const LEAD_MS: f32 = 20.0;
const TAIL_MS: f32 = 60.0;

/// The level of speech that goes out, and what no sample goes beyond, in dBFS.
const SPEECH_DBFS: f32 = -20.0;
const PEAK_DBFS: f32 = -1.5;

/// Frames this much below the loudest are pauses and do not count for the level.
const PAUSE_DB: f32 = 30.0;

impl Synth {
    pub(super) fn new() -> Result<Self, SpeechError> {
        let mut engine = Engine::try_new().map_err(|error| SpeechError::Voice(error.0))?;
        // First the voice: entries belong to the one that is selected.
        if !engine.select_voice("kal16") {
            return Err(SpeechError::Voice("the 16 kHz voice is missing"));
        }
        engine.add_lex_entries(&lexicon::entries())?;
        let voice = Voice::parse(flite_rs::KAL16_VOICE_DATA).map_err(|error| SpeechError::Voice(error.0))?;
        Ok(Self { language: engine.language(), voice })
    }

    /// Speaks one sentence.
    pub(super) fn speak(&self, sentence: &Sentence, persona: &Persona) -> Take {
        let params = self.params(persona);
        let analysis = pipeline::analyse(&self.language, &sentence.tokens, &params);
        let mut pcm = Vec::new();
        synthesise_streaming(&self.voice, &analysis, &params, &mut |period| {
            pcm.extend_from_slice(period);
            Flow::Continue
        });
        let spans = spans(&analysis, sentence);
        let (from, to) = trim(&spans, pcm.len());
        let mut pcm = shift_formants(&pcm[from..to], persona.formant);
        level(&mut pcm);
        let place = |seconds: f32| {
            let sample = (seconds * RATE_HZ as f32) as usize;
            (sample.clamp(from, to) - from) * 100 / usize::from(persona.formant.max(1))
        };
        Take { spans: spans.iter().map(|(start, end)| (place(*start), place(*end))).collect(), pcm }
    }

    /// What is resampled by the formant shift afterwards is made lower and slower by as much here.
    fn params(&self, persona: &Persona) -> VoiceParams {
        let natural = self.voice.params();
        let [pitch, formant, pace] =
            [persona.pitch, persona.formant, persona.pace].map(|it| f32::from(it.max(1)) / 100.0);
        VoiceParams {
            f0_shift: pitch / formant,
            int_f0_target_stddev: natural.int_f0_target_stddev * pitch / formant,
            duration_stretch: natural.duration_stretch * formant / pace,
            ..natural
        }
    }
}

impl fmt::Debug for Synth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synth").field("rate", &self.voice.sample_rate).finish_non_exhaustive()
    }
}

/// When each piece sounds, in seconds of the raw sound.
fn spans(analysis: &Analysis, sentence: &Sentence) -> Vec<(f32, f32)> {
    let mut tokens = analysis.iter_relation("Token");
    let mut last = 0.0;
    let mut spans = Vec::with_capacity(sentence.pieces.len());
    for piece in &sentence.pieces {
        let mut span: Option<(f32, f32)> = None;
        for token in tokens.by_ref().take(piece.tokens) {
            if let Some((start, end)) = span_of(analysis, token) {
                span = Some((span.map_or(start, |it| it.0), end));
            }
        }
        let (start, end) = span.unwrap_or((last, last));
        last = end;
        spans.push((start, end));
    }
    spans
}

/// Token -> first and last word -> syllables -> segments. A token may have no sound.
fn span_of(analysis: &Analysis, token: ItemId) -> Option<(f32, f32)> {
    let segment = |word: ItemId, last: bool| {
        let edge = |item| if last { analysis.last_daughter(item) } else { analysis.daughter(item) };
        let syllable = edge(analysis.item_as(word, "SylStructure")?)?;
        analysis.item_as(edge(syllable)?, "Segment")
    };
    let first = segment(analysis.daughter(token)?, false)?;
    let last = segment(analysis.last_daughter(token)?, true)?;
    let start = analysis.prev(first).map_or(0.0, |before| analysis.feature_f32(before, "end"));
    Some((start, analysis.feature_f32(last, "end")))
}

/// The part of the raw sound to keep.
fn trim(spans: &[(f32, f32)], len: usize) -> (usize, usize) {
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return (0, len) };
    let sample = |seconds: f32| (seconds.max(0.0) * RATE_HZ as f32) as usize;
    let from = sample(first.0 - LEAD_MS / 1_000.0).min(len);
    (from, sample(last.1 + TAIL_MS / 1_000.0).clamp(from, len))
}

/// Plays the sound faster by `percent`/100, which moves pitch and formants up together. Sound that cannot be
/// resampled stays as it is.
fn shift_formants(pcm: &[i16], percent: u16) -> Vec<i16> {
    if percent == 100 || pcm.is_empty() {
        return pcm.to_vec();
    }
    let float: Vec<f32> = pcm.iter().map(|it| f32::from(*it)).collect();
    let shifted = || {
        let rate_in = RATE_HZ as usize * usize::from(percent) / 100;
        let mut fft = Fft::<f32>::new(rate_in, RATE_HZ as usize, 1_024, 1, FixedSync::Both).ok()?;
        let sound = SequentialSlice::new(&float, 1, float.len()).ok()?;
        Some(fft.process_all(&sound, float.len(), None).ok()?.take_data())
    };
    shifted().map_or_else(|| pcm.to_vec(), |it| it.into_iter().map(|sample| sample.round() as i16).collect())
}

/// Brings speech to [`SPEECH_DBFS`]. The loudest samples may keep it lower, because nothing is clipped.
fn level(pcm: &mut [i16]) {
    let frames: Vec<f32> = pcm.chunks(320).map(rms).collect();
    let loudest = frames.iter().copied().fold(0.0, f32::max);
    let (energy, count) = frames
        .iter()
        .filter(|it| dbfs(**it) > dbfs(loudest) - PAUSE_DB)
        .fold((0.0, 0.0), |(energy, count), it| (energy + it * it, count + 1.0));
    let peak = pcm.iter().map(|it| f32::from(it.unsigned_abs()) / 32_768.0).fold(0.0, f32::max);
    if energy <= 0.0 || peak <= 0.0 {
        return;
    }
    let share = |level_dbfs: f32| 10f32.powf(level_dbfs / 20.0);
    let gain = (share(SPEECH_DBFS) / f32::sqrt(energy / count)).min(share(PEAK_DBFS) / peak);
    for sample in pcm {
        *sample = (f32::from(*sample) * gain).round() as i16;
    }
}
