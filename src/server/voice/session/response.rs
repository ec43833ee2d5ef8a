//! A response from its creation to its end.

use serde_json::{Value, json};

use super::parse::Fault;
use super::request::{Occasion, Request};
use super::usage::{Spent, fitting};
use super::{Session, Transport, tools, words};
use crate::engine::protocol::client::ResponseParams;
use crate::engine::protocol::server::{Content, ContentAt, Item, Part, RateLimit, Response, ServerEvent};
use crate::engine::protocol::session::SessionConfig;
use crate::server::voice::persona::{Persona, persona_for_voice};
use crate::server::voice::sound::Outlet;
use crate::server::voice::speech::Utterance;

/// Arguments of a function go out in pieces of so many characters.
const ARGUMENTS_PIECE: usize = 32;

/// The response that is being spoken.
#[derive(Debug)]
pub(super) struct Active {
    response: Response,
    at: ContentAt,
    item: Item,
    previous_item_id: Option<String>,
    in_conversation: bool,
    pub(super) utterance: Utterance,
    /// For a socket, where sound goes into events.
    pub(super) outlet: Outlet,
    /// The words whose sound has begun.
    said: String,
    sounding: bool,
    /// `max_output_tokens` had no room for all of it.
    is_cut: bool,
    spent: Spent,
}

/// How a response came to its end.
#[derive(Clone, Copy)]
enum Outcome {
    Completed,
    Incomplete,
    Cancelled { reason: &'static str },
}

impl Active {
    pub(super) fn response_id(&self) -> &str {
        &self.response.id
    }

    pub(super) fn item_id(&self) -> &str {
        &self.at.item_id
    }

    pub(super) const fn at(&self) -> &ContentAt {
        &self.at
    }

    pub(super) const fn is_sounding(&self) -> bool {
        self.sounding
    }

    /// Notes that a word begins to sound, and answers with the event that tells.
    pub(super) fn say(&mut self, word: &str) -> ServerEvent {
        self.said.push_str(word);
        ServerEvent::OutputTranscriptDelta { at: self.at.clone(), delta: word.to_owned() }
    }

    /// Notes that sound goes out; true the first time.
    pub(super) const fn start_sounding(&mut self) -> bool {
        !std::mem::replace(&mut self.sounding, true)
    }

    fn is_aloud(&self) -> bool {
        self.response.output_modalities.iter().any(|name| name == "audio")
    }
}

impl Session {
    /// Answers `response.create`.
    pub(super) fn respond(&mut self, params: ResponseParams) -> Result<(), Fault> {
        let request = Request::read(params, &self.config, &self.conversation, &mut self.ids)?;
        self.make(&request)
    }

    /// Answers what was heard, or was not. Where that cannot be, the turn stays unanswered.
    pub(super) fn respond_to(&mut self, occasion: Occasion) {
        let request = Request::read(ResponseParams::default(), &self.config, &self.conversation, &mut self.ids);
        if let Ok(request) = request
            && let Err(fault) = self.make(&Request { occasion, ..request })
        {
            tracing::debug!(code = fault.code, "a turn is not answered");
        }
    }

    fn make(&mut self, request: &Request) -> Result<(), Fault> {
        if self.config.only_listens() {
            return Err(Fault::invalid("type", "There are no responses in a transcription session."));
        }
        let aloud = request.config.speaks();
        // There is one voice and one conversation; what is written beside it disturbs neither.
        if self.active.is_some() && (aloud || request.in_conversation) {
            let message = "Conversation already has an active response in progress. Wait until it is finished.";
            return Err(Fault::new("conversation_already_has_active_response", None, message));
        }
        let Request { config, in_conversation, .. } = request;
        let spent = Spent {
            input_bytes: config.instructions().len() + self.conversation.text_bytes(),
            input_ms: self.conversation.heard_ms(),
            ..Spent::default()
        };
        let response = self.response(request, if aloud { "audio" } else { "text" });
        let previous_item_id = if *in_conversation { self.conversation.last_id() } else { None };
        self.emit(ServerEvent::ResponseCreated { response: response.clone() });
        if let Some((name, arguments)) = tools::wanted(request) {
            self.call_function(response, *in_conversation, (name, arguments), spent);
            return Ok(());
        }
        let talk = &mut self.talk;
        let text = words::to_say(request, || talk.next(&request.newest, request.occasion, *in_conversation));
        let room = fitting(&text, &config.max_output_tokens(), aloud);
        let item_id = self.ids.next("item");
        let active = Active {
            at: ContentAt { response_id: response.id.clone(), item_id: item_id.clone(), ..ContentAt::default() },
            response,
            item: Item {
                role: Some("assistant".to_owned()),
                content: Some(Vec::new()),
                ..new_item(item_id, "message")
            },
            previous_item_id,
            in_conversation: *in_conversation,
            utterance: self.speaker.utterance(room, &persona(config)),
            outlet: Outlet::new(config.output_format()),
            said: String::new(),
            sounding: false,
            is_cut: room.len() < text.len(),
            spent,
        };
        self.open_item(&active.response.id, &active.item, active.in_conversation);
        self.emit(ServerEvent::ContentPartAdded { at: active.at.clone(), part: part(aloud, String::new()) });
        if aloud {
            self.active = Some(active);
        } else {
            self.write(active);
        }
        Ok(())
    }

    /// `response.cancel`.
    pub(super) fn cancel(&mut self, response_id: Option<&str>) -> Result<(), Fault> {
        let wanted = |active: &mut Active| response_id.is_none_or(|id| id == active.response_id());
        let Some(active) = self.active.take_if(wanted) else {
            let message = "Cancellation failed: no active response found.";
            return Err(Fault::new("response_cancel_not_active", None, message));
        };
        if active.is_sounding() && self.transport == Transport::Call {
            self.ending = Some(active.response_id().to_owned());
        }
        self.settle(active, Outcome::Cancelled { reason: "client_cancelled" });
        Ok(())
    }

    /// Stops the sound at once and forgets what was not heard. Answers whether there was any. On a socket the client
    /// knows what was heard, and tells with `conversation.item.truncate`.
    pub(super) fn interrupt(&mut self, reason: &'static str) -> bool {
        let Some((item, audio_end_ms)) = self.stop(reason) else { return false };
        if let Some(item_id) = item {
            self.emit(ServerEvent::ItemTruncated { item_id, content_index: 0, audio_end_ms });
        }
        true
    }

    /// Stops what is being said. None if nothing of it sounds; else its item in the conversation and how much of it was
    /// heard.
    pub(super) fn stop(&mut self, reason: &'static str) -> Option<(Option<String>, u64)> {
        let active = self.active.take()?;
        let (response_id, item_id) = (active.response_id().to_owned(), active.item_id().to_owned());
        let (played_ms, in_conversation) = (active.utterance.played_ms(), active.in_conversation);
        let cut = active.is_sounding() && self.transport == Transport::Call;
        self.settle(active, Outcome::Cancelled { reason });
        if !cut {
            return None;
        }
        self.emit(ServerEvent::OutputCleared { response_id });
        Some((in_conversation.then_some(item_id), played_ms))
    }

    /// The end of a response that was spoken to its last word.
    pub(super) fn complete(&mut self, active: Active) {
        let outcome = if active.is_cut { Outcome::Incomplete } else { Outcome::Completed };
        self.settle(active, outcome);
    }

    fn response(&mut self, request: &Request, modality: &str) -> Response {
        Response {
            object: "realtime.response".to_owned(),
            id: self.ids.next("resp"),
            status: "in_progress".to_owned(),
            status_details: Value::Null,
            output: Vec::new(),
            conversation_id: request.in_conversation.then(|| self.ids.conversation()),
            output_modalities: vec![modality.to_owned()],
            max_output_tokens: request.config.max_output_tokens(),
            audio: request.config.output_audio(),
            usage: Value::Null,
            metadata: request.metadata.clone(),
        }
    }

    fn open_item(&mut self, response_id: &str, item: &Item, in_conversation: bool) {
        let (response_id, item) = (response_id.to_owned(), item.clone());
        self.emit(ServerEvent::OutputItemAdded { response_id, output_index: 0, item: item.clone() });
        if in_conversation {
            let previous_item_id = self.conversation.last_id();
            self.conversation.push(item.clone());
            self.emit(ServerEvent::ItemAdded { item, previous_item_id });
        }
    }

    /// A response in text: there is no sound to wait for.
    fn write(&mut self, mut active: Active) {
        let text = active.utterance.text().to_owned();
        for word in text.split_inclusive(' ') {
            self.emit(ServerEvent::OutputTextDelta { at: active.at.clone(), delta: word.to_owned() });
        }
        active.said = text;
        self.complete(active);
    }

    /// A response that calls a function.
    fn call_function(&mut self, response: Response, in_conversation: bool, call: (String, String), mut spent: Spent) {
        let ((name, arguments), response_id) = (call, response.id.clone());
        let (item_id, call_id) = (self.ids.next("item"), self.ids.next("call"));
        let previous_item_id = if in_conversation { self.conversation.last_id() } else { None };
        let mut item = Item {
            call_id: Some(call_id.clone()),
            name: Some(name.clone()),
            arguments: Some(String::new()),
            ..new_item(item_id.clone(), "function_call")
        };
        self.open_item(&response_id, &item, in_conversation);
        let mut rest = arguments.as_str();
        while !rest.is_empty() {
            let (delta, left) = rest.split_at(rest.floor_char_boundary(ARGUMENTS_PIECE.min(rest.len())));
            rest = left;
            self.emit(ServerEvent::FunctionArgumentsDelta {
                response_id: response_id.clone(),
                item_id: item_id.clone(),
                output_index: 0,
                call_id: call_id.clone(),
                delta: delta.to_owned(),
            });
        }
        spent.output_bytes = name.len() + arguments.len();
        item.arguments = Some(arguments.clone());
        item.status = Some("completed".to_owned());
        let output_index = 0;
        self.emit(ServerEvent::FunctionArgumentsDone { response_id, item_id, output_index, call_id, name, arguments });
        if in_conversation {
            self.conversation.settle(item.clone(), None);
            self.emit(ServerEvent::ItemDone { item: item.clone(), previous_item_id });
        }
        self.finish(response, item, Outcome::Completed, spent);
    }

    /// Everything from the last delta to `rate_limits.updated`, in the recorded order.
    fn settle(&mut self, active: Active, outcome: Outcome) {
        let aloud = active.is_aloud();
        let Active { response, at, mut item, previous_item_id, in_conversation, utterance, said, mut spent, .. } =
            active;
        let played_ms = utterance.played_ms();
        let heard = match outcome {
            Outcome::Completed | Outcome::Incomplete => said.clone(),
            Outcome::Cancelled { .. } => utterance.text_up_to(played_ms).to_owned(),
        };
        spent.output_bytes = said.len();
        if aloud {
            spent.output_ms = played_ms;
            self.emit(ServerEvent::OutputAudioDone { at: at.clone() });
            self.emit(ServerEvent::OutputTranscriptDone { at: at.clone(), transcript: said.clone() });
        } else {
            self.emit(ServerEvent::OutputTextDone { at: at.clone(), text: said.clone() });
        }
        self.emit(ServerEvent::ContentPartDone { at, part: part(aloud, said.clone()) });
        let status = if matches!(outcome, Outcome::Completed) { "completed" } else { "incomplete" };
        item.status = Some(status.to_owned());
        item.content = Some(vec![content(aloud, said)]);
        if in_conversation {
            // Kept is what was heard; told is what was said.
            let kept = Item { content: Some(vec![content(aloud, heard)]), ..item.clone() };
            self.conversation.settle(kept, aloud.then_some(played_ms));
            self.emit(ServerEvent::ItemDone { item: item.clone(), previous_item_id });
        }
        self.finish(response, item, outcome, spent);
    }

    fn finish(&mut self, mut response: Response, item: Item, outcome: Outcome, spent: Spent) {
        let (status, details) = match outcome {
            Outcome::Completed => ("completed", Value::Null),
            Outcome::Incomplete => ("incomplete", json!({ "type": "incomplete", "reason": "max_output_tokens" })),
            Outcome::Cancelled { reason } => ("cancelled", json!({ "type": "cancelled", "reason": reason })),
        };
        let response_id = response.id.clone();
        self.emit(ServerEvent::OutputItemDone { response_id, output_index: 0, item: item.clone() });
        status.clone_into(&mut response.status);
        response.status_details = details;
        response.usage = spent.usage();
        response.output = vec![item];
        self.emit(ServerEvent::ResponseDone { response });
        let limit = RateLimit { name: "tokens".to_owned(), limit: 40_000, remaining: 40_000, reset_seconds: 0.0 };
        self.emit(ServerEvent::RateLimits { rate_limits: vec![limit] });
    }
}

fn persona(config: &SessionConfig) -> Persona {
    let mut persona = persona_for_voice(config.voice()).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage of 25 to 150")]
    let speed = (config.speed().clamp(0.25, 1.5) * 100.0) as u32;
    persona.pace = u16::try_from(u32::from(persona.pace) * speed / 100).unwrap_or(persona.pace);
    persona
}

fn new_item(id: String, kind: &str) -> Item {
    Item { id: Some(id), kind: kind.to_owned(), status: Some("in_progress".to_owned()), ..Item::default() }
}

fn part(aloud: bool, words: String) -> Part {
    match aloud {
        true => Part { kind: "audio".to_owned(), text: None, transcript: Some(words) },
        false => Part { kind: "text".to_owned(), text: Some(words), transcript: None },
    }
}

fn content(aloud: bool, words: String) -> Content {
    match aloud {
        true => Content { kind: "output_audio".to_owned(), transcript: Some(Some(words)), ..Content::default() },
        false => Content { kind: "output_text".to_owned(), text: Some(words), ..Content::default() },
    }
}
