//! One Realtime session: a conversation with somebody who speaks and listens, as a state machine.
//!
//! In go client events, what the ears heard, and the beat of the media clock: [`Session::frame`] is called for every 20 ms
//! and answers with the sound of them. Out come server events, in the order and with the fields of the OpenAI Realtime
//! API reference. There is no model behind it: words are generated as fast as they are spoken, so that a transcript never
//! runs ahead of its sound, and `response.done` comes with the last of it.
//!
//! Nothing here reads a clock or awaits. Which transport carries it is the caller's business.

mod conversation;
mod ids;
mod parse;
mod response;
mod words;

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::Value;

use self::conversation::Conversation;
use self::ids::Ids;
use self::parse::Fault;
use self::response::Active;
use super::codec;
use super::ears::{Heard, ServerVad};
use super::speech::Speaker;
use crate::engine::protocol::client::{ClientEvent, ClientMessage};
use crate::engine::protocol::server::{Content, Item, ServerEvent, ServerMessage};
use crate::engine::protocol::session::{Refusal, SessionConfig};

/// Less audio than this is no turn.
const MIN_COMMIT_MS: u64 = 100;

/// 20 ms for the far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutFrame {
    pub opus: Bytes,
    /// Whether speech begins with it.
    pub first_of_talk: bool,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    speaker: Speaker,
    ids: Ids,
    conversation: Conversation,
    /// The item that the speech under way will become.
    hearing: Option<String>,
    /// Audio since the last commit.
    buffered_ms: u64,
    active: Option<Active>,
    /// The response whose last frame is on its way.
    ending: Option<String>,
    /// The response that was heard last.
    last_response: String,
    /// A voice that was heard stays.
    has_spoken: bool,
    /// Built-in sentences said so far.
    remarks: usize,
    out: VecDeque<ServerMessage>,
}

impl Session {
    /// A session with `config`. `seed` makes its ids differ from those of other sessions.
    #[must_use]
    pub fn new(config: SessionConfig, speaker: Speaker, seed: u32) -> Self {
        Self {
            config,
            speaker,
            ids: Ids::new(seed),
            conversation: Conversation::default(),
            hearing: None,
            buffered_ms: 0,
            active: None,
            ending: None,
            last_response: String::new(),
            has_spoken: false,
            remarks: 0,
            out: VecDeque::new(),
        }
    }

    /// The event that greets a client. A sideband does not get one, so it is not among those of [`Session::poll`].
    pub fn created(&mut self) -> ServerMessage {
        let session = self.config.echo();
        ServerMessage { event_id: self.ids.next("event"), event: ServerEvent::SessionCreated { session } }
    }

    /// The next event for the clients.
    pub fn poll(&mut self) -> Option<ServerMessage> {
        self.out.pop_front()
    }

    /// How turns are to be heard; `None` where the client takes them by hand.
    #[must_use]
    pub fn server_vad(&self) -> Option<ServerVad> {
        let turn = self.config.turn_detection()?;
        let ms = |it: u64| u32::try_from(it).unwrap_or(u32::MAX);
        Some(ServerVad {
            threshold: turn.threshold,
            prefix_padding_ms: ms(turn.prefix_padding_ms),
            silence_duration_ms: ms(turn.silence_duration_ms),
        })
    }

    /// Whether sound of ours is going out.
    #[must_use]
    pub fn is_sounding(&self) -> bool {
        self.active.as_ref().is_some_and(Active::is_sounding)
    }

    /// Takes a message of a client, as it came.
    pub fn client(&mut self, text: &str) {
        match parse::message(text) {
            Ok(message) => self.on_client(message),
            Err((fault, event_id)) => self.refuse(fault, event_id),
        }
    }

    /// Tells the clients why the session is about to end.
    pub fn expire(&mut self) {
        let fault = Fault::new("session_expired", None, "Your session hit the maximum duration.");
        self.refuse(fault, None);
    }

    /// Tells the clients that they say too much.
    pub fn flooded(&mut self) {
        let fault = Fault::new("rate_limit_exceeded", None, "Too many events in a short time.");
        self.refuse(fault, None);
    }

    /// Counts audio that came in, in milliseconds.
    pub fn audio_arrived(&mut self, ms: u64) {
        self.buffered_ms = self.buffered_ms.saturating_add(ms);
    }

    /// Takes what the ears heard.
    pub fn heard(&mut self, heard: Heard) {
        let Some(turns) = self.config.turn_detection() else {
            self.hearing = None;
            return;
        };
        match heard {
            Heard::Started { start_ms } => {
                let item_id = self.ids.next("item");
                self.hearing = Some(item_id.clone());
                self.emit(ServerEvent::SpeechStarted { audio_start_ms: start_ms, item_id });
                if turns.interrupt_response {
                    self.interrupt("turn_detected");
                }
            }
            Heard::Stopped { end_ms } => {
                let Some(item_id) = self.hearing.take() else { return };
                self.emit(ServerEvent::SpeechStopped { audio_end_ms: end_ms, item_id: item_id.clone() });
                self.commit(item_id);
                if turns.create_response && self.active.is_none() {
                    self.respond(None, None);
                }
            }
        }
    }

    /// The next 20 ms of sound: speech, or silence.
    pub fn frame(&mut self) -> OutFrame {
        if let Some(response_id) = self.ending.take() {
            self.emit(ServerEvent::OutputStopped { response_id });
        }
        let Some(mut active) = self.active.take() else { return silence() };
        let Some(packet) = active.next_packet() else {
            if active.is_sounding() {
                self.ending = Some(active.response_id().to_owned());
            }
            self.complete(active);
            return silence();
        };
        for word in packet.words {
            let delta = active.say(&word.text);
            self.emit(delta);
        }
        let first_of_talk = active.start_sounding();
        if first_of_talk {
            self.has_spoken = true;
            self.last_response = active.response_id().to_owned();
            self.emit(ServerEvent::OutputStarted { response_id: active.response_id().to_owned() });
        }
        self.active = Some(active);
        OutFrame { opus: packet.opus, first_of_talk }
    }

    fn on_client(&mut self, ClientMessage { event_id, event }: ClientMessage) {
        let done = match event {
            ClientEvent::SessionUpdate { session } => self.update(&session),
            ClientEvent::InputAudioBufferAppend { .. } => Err(Fault::new(
                "invalid_event_for_transport",
                Some("type"),
                "Audio of this call travels as media, not as events.",
            )),
            ClientEvent::InputAudioBufferCommit => self.commit_by_hand(),
            ClientEvent::InputAudioBufferClear => {
                self.buffered_ms = 0;
                self.hearing = None;
                self.emit(ServerEvent::InputCleared);
                Ok(())
            }
            ClientEvent::ConversationItemCreate { item, previous_item_id } => {
                self.create_item(item, previous_item_id.as_deref())
            }
            ClientEvent::ConversationItemRetrieve { item_id } => match self.conversation.get(&item_id) {
                Some(item) => {
                    let item = item.clone();
                    self.emit(ServerEvent::ItemRetrieved { item });
                    Ok(())
                }
                None => Err(Fault::no_item("item_retrieve_invalid_item_id")),
            },
            ClientEvent::ConversationItemTruncate { item_id, content_index, audio_end_ms } => {
                self.truncate(item_id, content_index, audio_end_ms)
            }
            ClientEvent::ConversationItemDelete { item_id } => match self.conversation.remove(&item_id) {
                true => {
                    self.emit(ServerEvent::ItemDeleted { item_id });
                    Ok(())
                }
                false => Err(Fault::no_item("item_delete_invalid_item_id")),
            },
            ClientEvent::ResponseCreate { response } => {
                self.respond(response, event_id);
                return;
            }
            ClientEvent::ResponseCancel { response_id } => self.cancel(response_id.as_deref()),
            ClientEvent::OutputAudioBufferClear => {
                if !self.interrupt("client_cancelled") {
                    // Nothing sounds: what was still on its way is reported as cleared instead of stopped.
                    let response_id = self.ending.take().unwrap_or_else(|| self.last_response.clone());
                    self.emit(ServerEvent::OutputCleared { response_id });
                }
                Ok(())
            }
            ClientEvent::Unknown => Err(Fault::new("invalid_value", Some("type"), "This event type is not known.")),
        };
        if let Err(fault) = done {
            self.refuse(fault, event_id);
        }
    }

    fn update(&mut self, patch: &Value) -> Result<(), Fault> {
        let next = self.config.updated(patch)?;
        if self.has_spoken && next.voice() != self.config.voice() {
            let message = "The voice cannot change once it was heard.";
            return Err(Fault::new("cannot_update_voice", Some("session.audio.output.voice"), message));
        }
        if next.turn_detection().is_none() {
            self.hearing = None;
        }
        self.config = next;
        let session = self.config.echo();
        self.emit(ServerEvent::SessionUpdated { session });
        Ok(())
    }

    fn commit_by_hand(&mut self) -> Result<(), Fault> {
        if self.buffered_ms < MIN_COMMIT_MS {
            let message = "The input audio buffer holds less than 100 ms of audio.";
            return Err(Fault::new("input_audio_buffer_commit_empty", None, message));
        }
        let item_id = self.hearing.take().unwrap_or_else(|| self.ids.next("item"));
        self.commit(item_id);
        Ok(())
    }

    /// Makes a turn of the candidate's an item. Its words are not known, which is said as `null`.
    fn commit(&mut self, item_id: String) {
        self.buffered_ms = 0;
        let previous_item_id = self.conversation.last_id();
        self.emit(ServerEvent::InputCommitted { item_id: item_id.clone(), previous_item_id: previous_item_id.clone() });
        let content = Content { kind: "input_audio".to_owned(), transcript: Some(None), ..Content::default() };
        let item = Item {
            id: Some(item_id),
            kind: "message".to_owned(),
            status: Some("completed".to_owned()),
            role: Some("user".to_owned()),
            content: Some(vec![content]),
            ..Item::default()
        };
        self.conversation.push(item.clone());
        self.emit(ServerEvent::ItemAdded { item: item.clone(), previous_item_id: previous_item_id.clone() });
        self.emit(ServerEvent::ItemDone { item, previous_item_id });
    }

    fn create_item(&mut self, item: Item, previous: Option<&str>) -> Result<(), Fault> {
        let item = parse::item(item, &mut self.ids)?;
        let previous_item_id = self.conversation.insert(item.clone(), previous)?;
        self.emit(ServerEvent::ItemAdded { item: item.clone(), previous_item_id: previous_item_id.clone() });
        self.emit(ServerEvent::ItemDone { item, previous_item_id });
        Ok(())
    }

    fn truncate(&mut self, item_id: String, content_index: u32, audio_end_ms: u64) -> Result<(), Fault> {
        if self.active.as_ref().is_some_and(|active| active.item_id() == item_id) {
            // Still being said: what the client no longer wants to hear is not said.
            self.interrupt("client_cancelled");
        }
        self.conversation.truncate(&item_id, content_index, audio_end_ms)?;
        self.emit(ServerEvent::ItemTruncated { item_id, content_index, audio_end_ms });
        Ok(())
    }

    fn emit(&mut self, event: ServerEvent) {
        let event_id = self.ids.next("event");
        self.out.push_back(ServerMessage { event_id, event });
    }

    fn refuse(&mut self, fault: Fault, event_id: Option<String>) {
        self.emit(ServerEvent::Error { error: fault.into_body(event_id) });
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, param: Some(refusal.param), message: refusal.message }
    }
}

fn silence() -> OutFrame {
    OutFrame { opus: codec::silence(), first_of_talk: false }
}

#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;
