//! What comes in: sound, turns, commits by hand, and silence that lasts too long.

use std::collections::VecDeque;

use super::parse::Fault;
use super::request::Occasion;
use super::{Session, Transport};
use crate::engine::audio::{ms_to_samples, samples_to_ms};
use crate::engine::protocol::server::{Content, Item, ServerEvent};
use crate::engine::protocol::session::SessionConfig;
use crate::server::voice::ears::{Ears, Heard, ServerVad};
use crate::server::voice::sound::Intake;

/// Less audio than this is no turn.
const MIN_COMMIT_MS: u64 = 100;

/// The most of a turn that is kept: a minute. What is older is forgotten.
const MAX_KEPT_SAMPLES: usize = 60 * 16_000;

/// What is kept while nobody speaks: more than any padding before a speech that is worth hearing.
const IDLE_KEPT_SAMPLES: usize = 2 * 16_000;

/// Samples are counted in these, so that every rate comes out even.
const UNITS_HZ: u64 = 48_000;

/// The ears of a session, and the sound since the last turn.
#[derive(Debug)]
pub(super) struct Input {
    ears: Ears,
    vad: Option<ServerVad>,
    intake: Intake,
    samples: VecDeque<i16>,
    /// Position of the end of `samples`, in samples.
    end: u64,
    /// Where the turn that is not committed yet may begin.
    from: u64,
    /// Sound since the last commit, in [`UNITS_HZ`].
    fresh: u64,
    /// The speech under way: the item that it will become, and where it begins, in milliseconds.
    hearing: Option<(String, u64)>,
    /// Until when our sound is played, in milliseconds of sound that came in.
    playing_until: u64,
    /// Since when it has been quiet after our last sound.
    quiet_since: Option<u64>,
}

impl Input {
    pub(super) fn new(config: &SessionConfig) -> Self {
        let vad = server_vad(config);
        Self {
            ears: Ears::new(vad.unwrap_or_default()),
            vad,
            intake: Intake::new(config.input_format()),
            samples: VecDeque::new(),
            end: 0,
            from: 0,
            fresh: 0,
            hearing: None,
            playing_until: 0,
            quiet_since: None,
        }
    }

    /// Follows the session.
    pub(super) fn configure(&mut self, config: &SessionConfig) {
        if config.input_format() != self.intake.format() {
            self.intake = Intake::new(config.input_format());
        }
        let vad = server_vad(config);
        if vad.is_some() != self.vad.is_some() {
            self.stop_hearing();
        }
        if vad != self.vad {
            self.vad = vad;
            self.ears.reconfigure(vad.unwrap_or_default());
        }
    }

    /// Forgets what was not committed.
    pub(super) fn clear(&mut self) {
        self.stop_hearing();
        self.mark(self.end);
    }

    /// Takes a speech out of the ears' hands. What is said from here on is heard as another, so that nothing of it is lost.
    fn stop_hearing(&mut self) -> Option<(String, u64)> {
        self.ears.cut();
        self.hearing.take()
    }

    /// Milliseconds of sound that came in.
    pub(super) const fn position_ms(&self) -> u64 {
        self.ears.position_ms()
    }

    /// Notes that our sound, of which the client has got `ms` more, is being played.
    pub(super) fn plays_on(&mut self, ms: u64) {
        self.playing_until = self.playing_until.max(self.position_ms()) + ms;
    }

    /// Notes that the client plays no more.
    pub(super) const fn played_to_here(&mut self) {
        self.playing_until = 0;
    }

    pub(super) const fn is_played(&self) -> bool {
        self.playing_until > self.position_ms()
    }

    /// Starts to wait for a word, from the end of our sound on.
    pub(super) fn wait(&mut self) {
        self.quiet_since = Some(self.position_ms().max(self.playing_until));
    }

    fn mark(&mut self, from: u64) {
        self.from = from;
        self.fresh = 0;
    }

    fn keep(&mut self, pcm: impl ExactSizeIterator<Item = i16>) {
        self.end += pcm.len() as u64;
        self.samples.extend(pcm);
        let waits = self.vad.is_some() && self.hearing.is_none();
        let most = if waits { IDLE_KEPT_SAMPLES } else { MAX_KEPT_SAMPLES };
        self.samples.drain(..self.samples.len().saturating_sub(most));
    }

    /// The sound between two positions, as far as it is still there.
    fn between(&self, from: u64, to: u64) -> Vec<i16> {
        let begin = self.end - self.samples.len() as u64;
        let index = |at: u64| usize::try_from(at.clamp(begin, self.end) - begin).unwrap_or(self.samples.len());
        let (from, to) = (index(from), index(to));
        self.samples.range(from..to.max(from)).copied().collect()
    }
}

/// How turns are to be heard; `None` where the client takes them by hand.
fn server_vad(config: &SessionConfig) -> Option<ServerVad> {
    let turn = config.turn_detection()?;
    let ms = |it: u64| u32::try_from(it).unwrap_or(u32::MAX);
    Some(ServerVad {
        threshold: turn.threshold,
        prefix_padding_ms: ms(turn.prefix_padding_ms),
        silence_duration_ms: ms(turn.silence_duration_ms),
    })
}

impl Session {
    /// Takes sound of the far end: 16 kHz, mono.
    pub fn listen(&mut self, pcm: &[i16]) {
        self.input.fresh += pcm.len() as u64 * (UNITS_HZ / 16_000);
        self.take_in(pcm);
    }

    /// Notes sound that did not arrive, in samples at 16 kHz. It is neither speech nor silence.
    pub fn lost(&mut self, samples: u32) {
        self.input.ears.lost(samples);
        self.input.keep((0..samples).map(|_| 0));
    }

    pub(super) fn append(&mut self, audio: &str) -> Result<(), Fault> {
        if self.transport == Transport::Call {
            let message = "Audio of this call travels as media, not as events.";
            return Err(Fault::new("invalid_event_for_transport", Some("type"), message));
        }
        let pushed = self.input.intake.push(audio);
        let (pcm, count) = pushed.map_err(|error| Fault::invalid("audio", &error.to_string()))?;
        self.input.fresh += count as u64 * (UNITS_HZ / u64::from(self.input.intake.format().rate_hz()));
        self.take_in(&pcm);
        Ok(())
    }

    fn take_in(&mut self, pcm: &[i16]) {
        self.input.keep(pcm.iter().copied());
        let sounding = self.is_sounding();
        for heard in self.input.ears.hear(pcm, sounding) {
            self.heard(heard);
        }
        self.silence_lasts();
    }

    /// Takes what the ears heard.
    pub(super) fn heard(&mut self, heard: Heard) {
        let Some(turns) = self.config.turn_detection() else { return };
        match heard {
            Heard::Started { start_ms } => {
                let item_id = self.ids.next("item");
                self.input.hearing = Some((item_id.clone(), start_ms));
                self.input.quiet_since = None;
                self.emit(ServerEvent::SpeechStarted { audio_start_ms: start_ms, item_id });
                if turns.interrupt_response {
                    self.interrupt("turn_detected");
                }
            }
            Heard::Stopped { end_ms } => {
                let Some((item_id, start_ms)) = self.input.hearing.take() else { return };
                self.emit(ServerEvent::SpeechStopped { audio_end_ms: end_ms, item_id: item_id.clone() });
                self.commit(&item_id, ms_to_samples(start_ms), ms_to_samples(end_ms));
                if turns.create_response {
                    self.respond_to(Occasion::Turn);
                }
            }
        }
    }

    pub(super) fn commit_by_hand(&mut self) -> Result<(), Fault> {
        let fresh_ms = self.input.fresh * 1_000 / UNITS_HZ;
        if fresh_ms < MIN_COMMIT_MS {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer \
                 only has {fresh_ms}ms of audio."
            );
            return Err(Fault::new("input_audio_buffer_commit_empty", None, &message));
        }
        let (item_id, from) = match self.input.stop_hearing() {
            Some((item_id, start_ms)) => (item_id, ms_to_samples(start_ms)),
            None => (self.ids.next("item"), self.input.from),
        };
        self.commit(&item_id, from, self.input.end);
        Ok(())
    }

    /// Makes a turn of the candidate's an item. Its words are not known, which is said as `null`.
    fn commit(&mut self, item_id: &str, from: u64, to: u64) {
        // The ears count in whole hops, and may begin a little before the end of what was taken.
        let from = from.max(self.input.from);
        let pcm = self.input.between(from, to);
        self.input.mark(to);
        let previous_item_id = self.conversation.last_id();
        self.emit(ServerEvent::InputCommitted {
            item_id: item_id.to_owned(),
            previous_item_id: previous_item_id.clone(),
        });
        let content = Content { kind: "input_audio".to_owned(), transcript: Some(None), ..Content::default() };
        let item = Item {
            id: Some(item_id.to_owned()),
            kind: "message".to_owned(),
            status: Some("completed".to_owned()),
            role: Some("user".to_owned()),
            content: Some(vec![content]),
            ..Item::default()
        };
        self.ask_for_words(item_id, &pcm);
        // On a call nobody can ask for the sound.
        let keeps = self.transport == Transport::Socket;
        self.conversation.push_turn(item.clone(), samples_to_ms(to.saturating_sub(from)), keeps.then_some(pcm));
        self.emit(ServerEvent::ItemAdded { item: item.clone(), previous_item_id: previous_item_id.clone() });
        self.emit(ServerEvent::ItemDone { item, previous_item_id });
    }

    /// `idle_timeout_ms`: silence after our last sound is a turn too. It is measured in sound that came in.
    fn silence_lasts(&mut self) {
        let (Some(since), Some(turns)) = (self.input.quiet_since, self.config.turn_detection()) else { return };
        let now = self.input.position_ms();
        let over = turns.idle_timeout_ms.is_some_and(|limit| now >= since + limit);
        if !over || self.input.hearing.is_some() || self.active.is_some() {
            return;
        }
        self.input.quiet_since = None;
        let item_id = self.ids.next("item");
        self.emit(ServerEvent::InputTimeout { item_id: item_id.clone(), audio_start_ms: since, audio_end_ms: now });
        self.commit(&item_id, ms_to_samples(since), ms_to_samples(now));
        if turns.create_response {
            self.respond_to(Occasion::Silence);
        }
    }
}
