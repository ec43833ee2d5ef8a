//! The interviewer's sound where our server carries it: given out at the pace of speech, cut off when the candidate begins
//! to talk, and told like a provider tells it on a call of its own.
//!
//! Over a WebSocket a provider sends sound faster than it is heard and leaves playing it to its client: there are no
//! `output_audio_buffer.*` events, and whoever interrupts has to tell what was heard (OpenAI Realtime guide,
//! "WebSocket: interruption and truncation"). [`Playout`] does both, so that director and page need not know on which
//! route a call is. Pure: sound and events come in, frames are taken at the caller's pace, [`Output`]s come out.

use std::collections::VecDeque;

use serde_json::Value;

use super::audio::{FRAME_RATE_HZ, FRAME_SAMPLES};
use super::protocol::client::ClientEvent;
use super::protocol::server::{ContentAt, ServerEvent};

/// The most sound that may wait: five minutes. A provider that sends more has gone astray.
const MAX_WAITING_SAMPLES: usize = 300 * FRAME_RATE_HZ as usize;

/// What follows from sound, events and time.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// As if the provider had said it.
    Event(ServerEvent),
    /// For the provider.
    Send(ClientEvent),
    /// A playout begins: nothing that was given out before is to be heard any more.
    Cut { epoch: u32 },
}

/// The sound of one response.
#[derive(Clone, Debug)]
struct Talk {
    response_id: String,
    /// Which items it is made of, and how many samples of each have come, in order.
    items: Vec<(ContentAt, u64)>,
    waiting: VecDeque<i16>,
    /// Samples given out.
    given: u64,
    /// No more will come.
    complete: bool,
    /// Where in the epoch its first frame lies. None before that.
    from: Option<u64>,
}

impl Talk {
    fn new(response_id: &str) -> Self {
        let response_id = response_id.to_owned();
        Self { response_id, items: Vec::new(), waiting: VecDeque::new(), given: 0, complete: false, from: None }
    }

    fn take(&mut self, at: &ContentAt, pcm: &[i16]) {
        match self.items.last_mut() {
            Some((last, samples)) if last == at => *samples += pcm.len() as u64,
            _ => self.items.push((at.clone(), pcm.len() as u64)),
        }
        self.waiting.extend(pcm);
    }
}

/// A response that was cut off, until it is known how much of it was heard.
#[derive(Clone, Debug)]
struct Pending {
    epoch: u32,
    talk: Talk,
}

/// The interviewer's sound on one carried call.
#[derive(Clone, Debug, Default)]
pub struct Playout {
    /// The one that is heard, and what comes after it.
    talks: VecDeque<Talk>,
    epoch: u32,
    /// Samples given out in this epoch, the silence at the end of a response included.
    given: u64,
    /// The response that was cut off: what still comes of it is not played.
    dropped: Option<String>,
    /// Speech interrupts.
    interruptible: bool,
    /// Some of what was given out is given out again.
    repeats: bool,
    pending: Option<Pending>,
    out: VecDeque<Output>,
}

impl Playout {
    /// A playout that begins with `epoch`: higher than any that the page has heard of.
    #[must_use]
    pub fn new(epoch: u32) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// The epoch of what is given out now.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Samples that were given out in this epoch.
    #[must_use]
    pub const fn given(&self) -> u64 {
        self.given
    }

    /// Where in this epoch the sound ends that has come so far.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.given + self.talks.iter().map(|it| it.waiting.len() as u64).sum::<u64>()
    }

    /// Whether what still comes of this response is not to be heard, because it was cut off.
    #[must_use]
    pub fn drops(&self, response_id: &str) -> bool {
        self.dropped.as_deref() == Some(response_id)
    }

    /// Whether anything is being heard, or about to be.
    #[must_use]
    pub fn is_sounding(&self) -> bool {
        !self.talks.is_empty()
    }

    /// Whether [`Self::frame`] has one.
    #[must_use]
    pub fn has_frame(&self) -> bool {
        // A part of a frame waits for more, which is on its way.
        self.talks.front().is_some_and(|it| it.waiting.len() >= if it.complete { 1 } else { FRAME_SAMPLES })
    }

    /// The next output, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Notes whether some of what was given out is being given out again, to a page that has missed it. That can be cut, too.
    pub const fn repeats(&mut self, repeats: bool) {
        self.repeats = repeats;
    }

    /// Notes what the director tells the provider. Returns whether the provider is to see it: over a WebSocket it has no
    /// output buffer to clear, because we have it.
    pub fn sent(&mut self, event: &ClientEvent) -> bool {
        match event {
            ClientEvent::OutputAudioBufferClear => {
                self.cut();
                return false;
            }
            ClientEvent::SessionUpdate { session } => {
                let interrupts = session.pointer("/audio/input/turn_detection/interrupt_response");
                self.interruptible = interrupts.and_then(Value::as_bool).unwrap_or(self.interruptible);
            }
            _ => {}
        }
        true
    }

    /// Takes the sound of a `response.output_audio.delta`. What is too much is not kept.
    pub fn sound(&mut self, at: &ContentAt, pcm: &[i16]) {
        let waiting: usize = self.talks.iter().map(|it| it.waiting.len()).sum();
        if pcm.is_empty() || self.dropped.as_ref() == Some(&at.response_id) || waiting + pcm.len() > MAX_WAITING_SAMPLES
        {
            return;
        }
        match self.talks.iter_mut().find(|it| it.response_id == at.response_id && !it.complete) {
            Some(talk) => talk.take(at, pcm),
            None => {
                let mut talk = Talk::new(&at.response_id);
                talk.take(at, pcm);
                self.talks.push_back(talk);
            }
        }
    }

    /// Takes what else the provider says, after it was handed on.
    pub fn see(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::SpeechStarted { .. } if self.interruptible => self.cut(),
            ServerEvent::ResponseDone { response } => {
                // A server that names no response has only one at a time.
                let is_it = |id: &String| *id == response.id || id.is_empty();
                self.dropped.take_if(|it| is_it(it));
                if let Some(talk) = self.talks.iter_mut().find(|it| !it.complete && is_it(&it.response_id)) {
                    talk.complete = true;
                }
                self.finish();
            }
            _ => {}
        }
    }

    /// The next 20 ms of sound, and their place since the epoch began. None while there is nothing to be heard: where sound
    /// has to flow without a pause, that is silence.
    pub fn frame(&mut self) -> Option<(u64, [i16; FRAME_SAMPLES])> {
        if !self.has_frame() {
            return None;
        }
        let talk = self.talks.front_mut()?;
        if talk.from.is_none() {
            talk.from = Some(self.given);
            let started = ServerEvent::OutputStarted { response_id: talk.response_id.clone() };
            self.out.push_back(Output::Event(started));
        }
        // The last frame of a response is filled up with silence.
        let count = talk.waiting.len().min(FRAME_SAMPLES);
        let mut frame = [0; FRAME_SAMPLES];
        for (to, from) in frame.iter_mut().zip(talk.waiting.drain(..count)) {
            *to = from;
        }
        talk.given += count as u64;
        let at = self.given;
        self.given += FRAME_SAMPLES as u64;
        self.finish();
        Some((at, frame))
    }

    /// How much of an epoch that was cut was really heard, in samples. The provider is told, so that its conversation
    /// holds what the candidate knows of it.
    pub fn played(&mut self, epoch: u32, samples: u64) {
        let Some(Pending { talk, .. }) = self.pending.take_if(|it| it.epoch == epoch) else { return };
        let mut heard = samples.saturating_sub(talk.from.unwrap_or(samples)).min(talk.given);
        for (at, samples) in talk.items {
            let of_item = heard.min(samples);
            heard -= of_item;
            if of_item < samples {
                self.out.push_back(Output::Send(ClientEvent::ConversationItemTruncate {
                    item_id: at.item_id,
                    content_index: at.content_index,
                    audio_end_ms: of_item * 1_000 / u64::from(FRAME_RATE_HZ),
                }));
            }
        }
    }

    /// The epoch of a cut about which nobody has told yet how much was heard.
    #[must_use]
    pub fn unsettled(&self) -> Option<u32> {
        self.pending.as_ref().map(|it| it.epoch)
    }

    /// Stops what is heard and forgets what waits. Nothing happens in silence.
    pub fn cut(&mut self) {
        let Some(talk) = self.talks.pop_front() else {
            // It was told to have stopped, so there is no more to tell.
            if self.repeats {
                self.begin();
            }
            return;
        };
        self.talks.clear();
        if let Some(epoch) = self.unsettled() {
            self.played(epoch, u64::MAX); // Nobody will tell of the cut before this one any more.
        }
        if talk.from.is_some() {
            self.out.push_back(Output::Event(ServerEvent::OutputCleared { response_id: talk.response_id.clone() }));
        }
        self.dropped = (!talk.complete).then(|| talk.response_id.clone());
        self.pending = Some(Pending { epoch: self.epoch, talk });
        self.begin();
    }

    /// Begins an epoch.
    fn begin(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        (self.given, self.repeats) = (0, false);
        self.out.push_back(Output::Cut { epoch: self.epoch });
    }

    /// Ends a response that was given out to its end.
    fn finish(&mut self) {
        while let Some(talk) = self.talks.pop_front_if(|it| it.complete && it.waiting.is_empty()) {
            self.out.push_back(Output::Event(ServerEvent::OutputStopped { response_id: talk.response_id }));
        }
    }
}

#[cfg(test)]
mod tests;
