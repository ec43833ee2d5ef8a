//! One Realtime session: a conversation with somebody who speaks and listens, as a state machine.
//!
//! In go client events and sound; out come server events, in the order and with the fields of the OpenAI Realtime API
//! reference. There is no model behind it: what is said comes from `words`, which tool is called from `tools`.
//!
//! On a call sound travels as media: [`Session::frame`] is asked every 20 ms, and words are told as they sound. On a
//! socket sound travels in events: [`Session::generate`] makes it as fast as it is asked to, and the client plays it.
//!
//! Nothing here reads a clock or awaits: time is the sound that came in and went out.

mod conversation;
mod ids;
mod input;
mod output;
mod parse;
mod request;
mod response;
mod scribe;
mod talk;
mod tools;
mod usage;
mod words;

use std::collections::VecDeque;

use serde_json::Value;

use self::conversation::Conversation;
use self::ids::Ids;
use self::input::Input;
pub use self::output::OutFrame;
use self::parse::Fault;
use self::response::Active;
pub use self::scribe::Turn;
use self::talk::Talk;
use super::sound;
use super::speech::Speaker;
use crate::engine::protocol::client::{ClientEvent, ClientMessage};
use crate::engine::protocol::server::{Item, ServerEvent, ServerMessage};
use crate::engine::protocol::session::{Refusal, SessionConfig};
use crate::engine::quality::OpusRate;

/// The largest event of a client. Only sound may be larger.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// The same on a call: what is echoed has to fit into one message of a data channel.
const MAX_CALL_EVENT_BYTES: usize = 100 * 1024;

/// What a session's configuration may hold.
const MAX_CONFIG_BYTES: usize = 1024 * 1024;

/// How sound travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As media beside the events: WebRTC.
    Call,
    /// In events: WebSocket.
    Socket,
}

impl Transport {
    /// The largest event of a client. Only sound may be larger.
    const fn max_event_bytes(self) -> usize {
        match self {
            Self::Call => MAX_CALL_EVENT_BYTES,
            Self::Socket => MAX_EVENT_BYTES,
        }
    }

    /// Whether a session with this configuration can be told to its client.
    ///
    /// # Errors
    /// A [`Refusal`] that says how much is too much.
    pub fn carries(self, config: &SessionConfig) -> Result<(), Refusal> {
        let most = match self {
            Self::Call => MAX_CALL_EVENT_BYTES,
            Self::Socket => MAX_CONFIG_BYTES,
        };
        if config.echo().to_string().len() <= most {
            return Ok(());
        }
        let message = format!("A session holds at most {} KiB.", most / 1024);
        Err(Refusal { code: "invalid_value", param: "session".to_owned(), message })
    }
}

/// A session.
#[derive(Debug)]
pub struct Session {
    transport: Transport,
    config: SessionConfig,
    speaker: Speaker,
    ids: Ids,
    conversation: Conversation,
    input: Input,
    active: Option<Active>,
    /// What a second of our sound may cost.
    rate: OpusRate,
    /// The response whose last frame is on its way.
    ending: Option<String>,
    /// The response that was heard last.
    last_response: String,
    /// A voice that was heard stays.
    has_spoken: bool,
    talk: Talk,
    /// Turns that wait for somebody to write them down.
    turns: VecDeque<Turn>,
    out: VecDeque<ServerMessage>,
}

impl Session {
    /// A session with `config`. `seed` makes its ids differ from those of other sessions.
    #[must_use]
    pub fn new(config: SessionConfig, transport: Transport, speaker: Speaker, seed: u32) -> Self {
        Self {
            input: Input::new(&config),
            transport,
            config,
            speaker,
            ids: Ids::new(seed),
            conversation: Conversation::default(),
            active: None,
            rate: OpusRate::FULL,
            ending: None,
            last_response: String::new(),
            has_spoken: false,
            talk: Talk::default(),
            turns: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    /// Its name, for the log.
    #[must_use]
    pub fn id(&self) -> &str {
        self.config.id()
    }

    /// The event that greets a client. A sideband does not get one, so it is not among those of [`Session::poll`].
    pub fn created(&mut self) -> ServerMessage {
        let session = self.config.echo();
        ServerMessage { event_id: self.ids.next("event"), event: ServerEvent::SessionCreated { session } }
    }

    /// What a second of our sound may cost from here on.
    pub const fn set_rate(&mut self, rate: OpusRate) {
        self.rate = rate;
    }

    /// The next event for the clients.
    pub fn poll(&mut self) -> Option<ServerMessage> {
        self.out.pop_front()
    }

    /// Takes a message of a client, as it came. Answers whether it carried sound, which is counted otherwise.
    pub fn client(&mut self, text: &str) -> bool {
        match parse::message(text) {
            Ok(ClientMessage { event_id, event }) => {
                let is_sound = matches!(event, ClientEvent::InputAudioBufferAppend { .. });
                let most = self.transport.max_event_bytes();
                if text.len() > most && !is_sound {
                    let message = format!("An event has at most {} KiB.", most / 1024);
                    self.refuse(Fault::new("invalid_event", None, &message), event_id);
                } else if let Err(fault) = self.on_client(event) {
                    self.refuse(fault, event_id);
                }
                is_sound
            }
            Err((fault, event_id)) => {
                self.refuse(fault, event_id);
                false
            }
        }
    }

    /// Answers a message that is not text.
    pub fn not_text(&mut self) {
        self.refuse(Fault::new("invalid_event", None, "Events are JSON in text messages."), None);
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

    fn on_client(&mut self, event: ClientEvent) -> Result<(), Fault> {
        match event {
            ClientEvent::SessionUpdate { session } => self.update(&session),
            ClientEvent::InputAudioBufferAppend { audio } => self.append(&audio),
            ClientEvent::InputAudioBufferCommit => self.commit_by_hand(),
            ClientEvent::InputAudioBufferClear => {
                self.input.clear();
                self.emit(ServerEvent::InputCleared);
                Ok(())
            }
            ClientEvent::ConversationItemCreate { item, previous_item_id } => {
                self.create_item(item, previous_item_id.as_deref())
            }
            ClientEvent::ConversationItemRetrieve { item_id } => self.retrieve(&item_id),
            ClientEvent::ConversationItemTruncate { item_id, content_index, audio_end_ms } => {
                self.truncate(item_id, content_index, audio_end_ms)
            }
            ClientEvent::ConversationItemDelete { item_id } => {
                if !self.conversation.remove(&item_id) {
                    return Err(Fault::no_item("item_delete_invalid_item_id"));
                }
                self.emit(ServerEvent::ItemDeleted { item_id });
                Ok(())
            }
            ClientEvent::ResponseCreate { response } => self.respond(response.unwrap_or_default()),
            ClientEvent::ResponseCancel { response_id } => self.cancel(response_id.as_deref()),
            ClientEvent::OutputAudioBufferClear => self.clear_output(),
            ClientEvent::Unknown => Err(Fault::new("invalid_value", Some("type"), "This event type is not known.")),
        }
    }

    fn update(&mut self, patch: &Value) -> Result<(), Fault> {
        let next = self.config.updated(patch)?;
        if self.has_spoken && next.voice() != self.config.voice() {
            let message = "The voice cannot change once it was heard.";
            return Err(Fault::new("cannot_update_voice", Some("session.audio.output.voice"), message));
        }
        self.transport.carries(&next)?;
        let session = next.echo();
        self.input.configure(&next);
        self.config = next;
        self.emit(ServerEvent::SessionUpdated { session });
        Ok(())
    }

    fn create_item(&mut self, item: Item, previous: Option<&str>) -> Result<(), Fault> {
        let item = parse::item(item, &mut self.ids)?;
        let previous_item_id = self.conversation.insert(item.clone(), previous)?;
        let item = without_sound(item);
        self.emit(ServerEvent::ItemAdded { item: item.clone(), previous_item_id: previous_item_id.clone() });
        self.emit(ServerEvent::ItemDone { item, previous_item_id });
        Ok(())
    }

    /// The item as it is kept. Its sound comes along where events carry sound.
    fn retrieve(&mut self, item_id: &str) -> Result<(), Fault> {
        let found = self.conversation.get(item_id).ok_or_else(|| Fault::no_item("item_retrieve_invalid_item_id"))?;
        let mut item = found.clone();
        match self.transport {
            Transport::Call => item = without_sound(item),
            Transport::Socket => {
                let first = item.content.as_mut().and_then(|content| content.first_mut());
                if let (Some(part), Some(pcm)) = (first, self.conversation.sound(item_id)) {
                    part.audio = Some(sound::whole(pcm, self.config.input_format()));
                }
            }
        }
        self.emit(ServerEvent::ItemRetrieved { item });
        Ok(())
    }

    fn truncate(&mut self, item_id: String, content_index: u32, audio_end_ms: u64) -> Result<(), Fault> {
        if let Some(active) = self.active.as_ref().filter(|active| active.item_id() == item_id) {
            conversation::check_end(active.utterance.played_ms(), audio_end_ms)?;
            if content_index > 0 {
                return Err(conversation::no_content());
            }
            // Still being said: what the client no longer wants to hear is not said.
            self.stop("client_cancelled");
        }
        self.conversation.truncate(&item_id, content_index, audio_end_ms)?;
        self.input.played_to_here();
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

/// What a client sent as sound is not sent back to it unless it asks.
fn without_sound(mut item: Item) -> Item {
    for part in item.content.iter_mut().flatten() {
        part.audio = None;
    }
    item
}

#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;
