//! Notices when the candidate's side changes a call that is ours to conduct.
//!
//! On a direct call the browser holds a control channel to the provider, and whoever holds the browser can write on it.
//! What that does shows on our sideband: a session that is not as we set it, an item that nobody said, a response that we
//! did not ask for. Everything that we do ourselves goes through [`Guard::sent`] first, so that its echo is known.
//!
//! Foreign servers leave much out (ids, metadata, whole events). What is missing is not held against the candidate; what
//! is there has to be ours. Nor is what a server does with our session by itself: one that does not take it cannot be led.
//!
//! A first echo that is not what we set may be such a server's answer, or the answer to somebody who was quicker than we.
//! An echo does not name its request, but requests are answered in their order. So what comes next tells: an echo as we set
//! it shows that the server listens to us, and that the one before was not for us. A response of ours shows that there is
//! no such echo. Until then nothing is judged; that takes as long as a message to the provider and back. (A `prompt` that
//! was set before us stays in every echo. It cannot be told whose it is, and the call cannot be led either way.)
//!
//! What happened before we were attached is unseen. Settings are undone by our opening. An item in front of the first that
//! we see may be one of many, and nobody can list them: such a call is of no use.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::server::{Content, Item, Response, ServerEvent};
use crate::engine::protocol::session::speaks;

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// Instructions, tools, turn detection or another setting of the session.
    Session,
    /// An item that was neither said nor replayed by us, or one that was deleted.
    Item,
    /// A response that we did not ask for.
    Response,
}

/// What is wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Somebody else had a hand in it.
    Forged(Forgery),
    /// The provider never took our session, or does with the call as it likes.
    Ignored,
    /// Something was in the conversation before we could see it, perhaps only the candidate's first word.
    Begun,
}

/// What of a session's echo is ours to set. The rest is the provider's (ids, dates) or of no consequence.
const SETTINGS: [&str; 11] = [
    "model",
    "instructions",
    "tools",
    "tool_choice",
    "output_modalities",
    "prompt",
    "audio",
    "max_output_tokens",
    "truncation",
    "turn_detection",
    "input_audio_transcription",
];

/// Ids that are remembered of each kind. An item is reported within moments of its beginning.
const RECENT: usize = 64;

/// The last few ids of a kind.
#[derive(Clone, Debug, Default)]
struct Recent(VecDeque<String>);

impl Recent {
    fn add(&mut self, id: &str) {
        if !id.is_empty() && !self.has(id) {
            self.0.truncate(RECENT - 1);
            self.0.push_front(id.to_owned());
        }
    }

    fn has(&self, id: &str) -> bool {
        self.0.iter().any(|it| it == id)
    }
}

/// An item of ours.
#[derive(Clone, Debug)]
struct Sent {
    role: String,
    text: String,
    /// The name under which it was reported. Not every server keeps the one that it was given.
    id: Option<String>,
}

/// The guard of one call.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// The call is ours: the browser cannot reach the provider, so nothing on it is the candidate's doing.
    carried: bool,
    /// What we set of the session.
    ours: Value,
    /// The session as the provider first reported each part of it.
    settings: Option<Value>,
    /// The provider has reported its session once: from here on we see everything that happens.
    echoed: bool,
    /// No echo yet was as we set it: either the server does not listen to us, or somebody was quicker.
    doubted: bool,
    /// The items that we sent. They stay: each is reported twice.
    items: Vec<Sent>,
    /// The first item was seen.
    begun: bool,
    /// Items of the candidate's speech.
    heard: Recent,
    /// The server does not name what is spoken.
    nameless: bool,
    responses: Recent,
    /// Items of our responses.
    said: Recent,
    /// What we asked for, as it stands in `metadata`.
    purposes: Vec<String>,
    asked: u32,
    /// Responses that were made or refused.
    answered: u32,
    /// The server gives `metadata` back.
    echoes: bool,
}

impl Guard {
    /// The guard of a call that our server carries.
    #[must_use]
    pub fn carried() -> Self {
        Self { carried: true, ..Self::default() }
    }

    /// Notes what we do ourselves.
    pub fn sent(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::SessionUpdate { session } => merge(&mut self.ours, session),
            ClientEvent::ConversationItemCreate { item, .. } => {
                self.items.push(Sent { role: item.role.clone().unwrap_or_default(), text: text(item), id: None });
            }
            ClientEvent::ResponseCreate { response } => {
                self.asked += 1;
                let purpose = response.as_ref().and_then(|it| purpose(it.metadata.as_ref()));
                if let Some(purpose) = purpose.filter(|it| !self.purposes.iter().any(|known| known == it)) {
                    self.purposes.push(purpose.to_owned());
                }
            }
            _ => {}
        }
    }

    /// Judges what the provider reports.
    pub fn see(&mut self, event: &ServerEvent) -> Option<Breach> {
        let breach = self.judge(event);
        let breach = if self.doubted { self.resolve(event, breach) } else { breach };
        match breach? {
            // A server that begins with an item of its own.
            Breach::Begun if self.carried => None,
            _ if self.carried => Some(Breach::Ignored),
            breach => Some(breach),
        }
    }

    /// Whose doing the first echo was: the event that tells is the answer to something of ours.
    fn resolve(&mut self, event: &ServerEvent, breach: Option<Breach>) -> Option<Breach> {
        match event {
            ServerEvent::SessionUpdated { .. } if breach.is_none() => {
                self.doubted = false;
                // On a call of our own nobody could be quicker: the server told of itself before it was asked.
                (!self.carried).then_some(Breach::Forged(Forgery::Session))
            }
            ServerEvent::ResponseCreated { .. } if breach.is_none() => Some(Breach::Ignored),
            ServerEvent::Error { error } if error.code.as_deref() == Some(BUSY) => Some(Breach::Ignored),
            // Of servers that do not tell of the beginning.
            ServerEvent::OutputTranscriptDone { .. } | ServerEvent::ResponseDone { .. } => Some(Breach::Ignored),
            _ => None,
        }
    }

    fn judge(&mut self, event: &ServerEvent) -> Option<Breach> {
        let forged = match event {
            ServerEvent::SessionUpdated { session } => {
                let first = !std::mem::replace(&mut self.echoed, true);
                let ours = self.is_our_session(session);
                self.doubted |= first && !ours;
                (!ours, Forgery::Session)
            }
            ServerEvent::ItemAdded { item, previous_item_id } => {
                let begun = self.begun_before(previous_item_id.as_deref().unwrap_or_default());
                let ours = self.is_our_item(item);
                if begun && ours {
                    return Some(Breach::Begun);
                }
                (!ours, Forgery::Item)
            }
            ServerEvent::ItemDone { item, .. } => (!self.is_our_item(item), Forgery::Item),
            // We delete nothing.
            ServerEvent::ItemDeleted { .. } => (true, Forgery::Item),
            ServerEvent::ResponseCreated { response } => (!self.is_our_response(response), Forgery::Response),
            ServerEvent::OutputItemAdded { response_id, item, .. } => {
                let ours = response_id.is_empty() || self.responses.has(response_id);
                self.said.add(item.id.as_deref().unwrap_or_default());
                (!ours, Forgery::Response)
            }
            // A request for a response while one is under way: ours, or one too many.
            ServerEvent::Error { error } if error.code.as_deref() == Some(BUSY) => {
                self.answered += 1;
                (self.answered > self.asked, Forgery::Response)
            }
            ServerEvent::OutputTranscriptDelta { at, .. } | ServerEvent::OutputTranscriptDone { at, .. } => {
                if at.response_id.is_empty() || self.responses.has(&at.response_id) {
                    self.said.add(&at.item_id);
                }
                return None;
            }
            ServerEvent::SpeechStarted { item_id, .. }
            | ServerEvent::SpeechStopped { item_id, .. }
            | ServerEvent::InputCommitted { item_id, .. } => {
                self.nameless |= item_id.is_empty();
                self.heard.add(item_id);
                return None;
            }
            _ => return None,
        };
        forged.0.then_some(Breach::Forged(forged.1))
    }

    /// Whether something that we did not see stands before the first item.
    fn begun_before(&mut self, previous: &str) -> bool {
        let first = !std::mem::replace(&mut self.begun, true);
        first && !previous.is_empty() && !self.heard.has(previous) && !self.said.has(previous)
    }

    fn is_our_session(&mut self, session: &Value) -> bool {
        let instructions = session.get("instructions").and_then(Value::as_str).map(str::trim);
        let ours = self.ours.get("instructions").and_then(Value::as_str).map(str::trim);
        if instructions.is_some_and(|it| !it.is_empty() && Some(it) != ours) {
            return false;
        }
        let has_tools = session.get("tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty());
        let turns = session.pointer("/audio/input/turn_detection").or_else(|| session.get("turn_detection"));
        let speaks_alone = turns.and_then(|it| it.get("create_response")) == Some(&Value::Bool(true));
        let is_mute = session.get("output_modalities").is_some_and(|it| !speaks(it));
        let words = session.pointer("/audio/input/transcription").or_else(|| session.get("input_audio_transcription"));
        let is_prompted =
            [session.get("prompt"), words.and_then(|it| it.get("prompt"))].into_iter().any(says_something);
        if has_tools || speaks_alone || is_mute || is_prompted {
            return false; // Nothing to compare others with.
        }
        let seen = settings(session);
        let before = self.settings.get_or_insert_with(|| seen.clone());
        let agrees = agree(before, &seen, Some(&self.ours));
        learn(before, seen);
        agrees
    }

    fn is_our_item(&mut self, item: &Item) -> bool {
        let id = item.id.as_deref().unwrap_or_default();
        if self.said.has(id) {
            return true; // Whatever a model makes of it: reasoning, for one.
        }
        if !item.kind.is_empty() && item.kind != "message" {
            return false; // There are no tools, so nobody calls one.
        }
        let parts = item.content.as_deref().unwrap_or_default();
        match item.role.as_deref() {
            // The names of speech are known before its item is, but for what was said while we were being attached.
            Some("user") if parts.iter().all(|it| it.kind == "input_audio") => {
                if !self.echoed {
                    self.heard.add(id);
                }
                parts.is_empty() || self.nameless || !self.echoed || self.heard.has(id)
            }
            Some("assistant") | None if parts.is_empty() => true,
            _ => self.is_replayed(item),
        }
    }

    /// Whether this is what we sent. By its words, because not every server keeps the id that it was given; but the same
    /// words under another name are a copy, put somewhere else.
    fn is_replayed(&mut self, item: &Item) -> bool {
        let (role, text) = (item.role.as_deref().unwrap_or_default(), text(item));
        let id = item.id.as_deref().unwrap_or_default();
        let same = |it: &&mut Sent| it.role == role && it.text.trim() == text.trim();
        let named = |it: &Sent| it.id.as_deref() == Some(id);
        if self.items.iter_mut().filter(same).any(|it| named(it)) {
            return true;
        }
        let unseen = self.items.iter_mut().filter(same).find(|it| it.id.is_none());
        unseen.map(|it| it.id = Some(id.to_owned())).is_some()
    }

    fn is_our_response(&mut self, response: &Response) -> bool {
        self.answered += 1;
        let ours = match purpose(response.metadata.as_ref()) {
            Some(purpose) => {
                self.echoes = true;
                self.purposes.iter().any(|it| it == purpose)
            }
            None => !self.echoes,
        };
        self.responses.add(&response.id);
        ours && self.answered <= self.asked
    }
}

const BUSY: &str = "conversation_already_has_active_response";

fn purpose(metadata: Option<&Map<String, Value>>) -> Option<&str> {
    metadata?.get("purpose")?.as_str()
}

fn text(item: &Item) -> String {
    let words = |part: &Content| part.text.clone().or_else(|| part.transcript.clone().flatten());
    item.content.iter().flatten().filter_map(words).collect()
}

/// Whether a setting is there and holds anything.
fn says_something(value: Option<&Value>) -> bool {
    value.is_some_and(|it| !it.is_null() && it.as_str() != Some(""))
}

/// What is ours of a session. Whether speech interrupts changes during the interview and harms nobody.
fn settings(session: &Value) -> Value {
    let mut seen = Map::new();
    for key in SETTINGS {
        if let Some(value) = session.get(key) {
            seen.insert(key.to_owned(), value.clone());
        }
    }
    let mut seen = Value::Object(seen);
    for turns in ["/audio/input/turn_detection", "/turn_detection"] {
        if let Some(turns) = seen.pointer_mut(turns).and_then(Value::as_object_mut) {
            turns.remove("interrupt_response");
        }
    }
    seen
}

/// Whether two echoes say the same wherever both say something: some servers echo only what was changed. What became as we
/// set it is no difference: a call can be reported before it is.
fn agree(one: &Value, other: &Value, ours: Option<&Value>) -> bool {
    match (one.as_object(), other.as_object()) {
        (Some(one), Some(other)) => one.iter().all(|(key, it)| {
            let ours = ours.and_then(|it| it.get(key));
            other.get(key).is_none_or(|that| agree(it, that, ours))
        }),
        _ => one == other || ours.is_some_and(|it| agree(it, other, None)),
    }
}

/// Adds what an echo tells of for the first time.
fn learn(known: &mut Value, seen: Value) {
    let (Some(known), Value::Object(seen)) = (known.as_object_mut(), seen) else { return };
    for (key, value) in seen {
        match known.get_mut(&key) {
            Some(known) => learn(known, value),
            None => _ = known.insert(key, value),
        }
    }
}

/// Writes a sparse patch over what is there.
fn merge(onto: &mut Value, patch: &Value) {
    match (onto.as_object_mut(), patch.as_object()) {
        (Some(onto), Some(patch)) => {
            for (key, value) in patch {
                merge(onto.entry(key).or_insert(Value::Null), value);
            }
        }
        _ => onto.clone_from(patch),
    }
}

#[cfg(test)]
mod tests;
