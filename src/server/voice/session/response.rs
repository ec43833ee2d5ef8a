//! A response from its creation to its end.

use serde_json::{Value, json};

use super::parse::Fault;
use super::{Session, words};
use crate::engine::protocol::client::ResponseParams;
use crate::engine::protocol::server::{Content, ContentAt, Item, Part, RateLimit, Response, ServerEvent};
use crate::engine::protocol::session::speaks;
use crate::server::voice::persona::{Persona, persona_for_voice};
use crate::server::voice::speech::{Packet, Utterance};

/// Limits of the protocol for `metadata`.
const MAX_METADATA_KEYS: usize = 16;
const MAX_METADATA_CHARS: usize = 512;

/// The response that is being spoken.
#[derive(Debug)]
pub(super) struct Active {
    response: Response,
    at: ContentAt,
    item: Item,
    previous_item_id: Option<String>,
    /// Not so for a response out of band.
    in_conversation: bool,
    utterance: Utterance,
    /// The words whose sound has begun.
    said: String,
    sounding: bool,
}

/// How a response came to its end.
#[derive(Clone, Copy)]
enum Outcome {
    Completed,
    Cancelled { reason: &'static str },
}

impl Active {
    pub(super) fn response_id(&self) -> &str {
        &self.response.id
    }

    pub(super) fn item_id(&self) -> &str {
        &self.at.item_id
    }

    pub(super) const fn is_sounding(&self) -> bool {
        self.sounding
    }

    pub(super) fn next_packet(&mut self) -> Option<Packet> {
        self.utterance.next_packet()
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
}

impl Session {
    /// Answers `response.create`, or the end of the candidate's turn.
    pub(super) fn respond(&mut self, params: Option<ResponseParams>, event_id: Option<String>) {
        let params = params.unwrap_or_default();
        if let Err(fault) = self.check(&params) {
            self.refuse(fault, event_id);
            return;
        }
        let modalities = params.output_modalities.clone().unwrap_or_else(|| self.config.output_modalities());
        let aloud = speaks(&json!(modalities));
        let own = params.instructions.as_deref().filter(|text| !text.is_empty());
        let text = words::to_say(params.metadata.as_ref(), &[own.unwrap_or(self.config.instructions())], self.remarks);
        self.remarks += 1;

        let item_id = self.ids.next("item");
        let response = self.response(&params, if aloud { "audio" } else { "text" });
        let in_conversation = params.conversation.as_deref() != Some("none");
        let item = Item {
            id: Some(item_id.clone()),
            kind: "message".to_owned(),
            status: Some("in_progress".to_owned()),
            role: Some("assistant".to_owned()),
            content: Some(Vec::new()),
            ..Item::default()
        };
        let at = ContentAt { response_id: response.id.clone(), item_id, output_index: 0, content_index: 0 };
        let utterance = self.speaker.utterance(&text, &self.persona(&params));
        let previous_item_id = if in_conversation { self.conversation.last_id() } else { None };
        let active = Active {
            response,
            at,
            item,
            previous_item_id,
            in_conversation,
            utterance,
            said: String::new(),
            sounding: false,
        };
        self.open(&active, aloud);
        if aloud {
            self.active = Some(active);
        } else {
            self.write(active, text);
        }
    }

    /// `response.cancel`.
    pub(super) fn cancel(&mut self, response_id: Option<&str>) -> Result<(), Fault> {
        let wanted = |active: &mut Active| response_id.is_none_or(|id| id == active.response_id());
        let Some(active) = self.active.take_if(wanted) else {
            let message = "Cancellation failed: no active response found.";
            return Err(Fault::new("response_cancel_not_active", None, message));
        };
        if active.is_sounding() {
            self.ending = Some(active.response_id().to_owned());
        }
        self.settle(active, Outcome::Cancelled { reason: "client_cancelled" });
        Ok(())
    }

    /// Stops the sound at once and forgets what was not heard. Answers whether there was any.
    pub(super) fn interrupt(&mut self, reason: &'static str) -> bool {
        let Some(active) = self.active.take() else { return false };
        let (response_id, item_id) = (active.response_id().to_owned(), active.item_id().to_owned());
        let (played_ms, sounding, in_conversation) =
            (active.utterance.played_ms(), active.is_sounding(), active.in_conversation);
        self.settle(active, Outcome::Cancelled { reason });
        if sounding {
            self.emit(ServerEvent::OutputCleared { response_id });
            if in_conversation {
                self.emit(ServerEvent::ItemTruncated { item_id, content_index: 0, audio_end_ms: played_ms });
            }
        }
        sounding
    }

    /// The end of a response that was spoken to its last word.
    pub(super) fn complete(&mut self, active: Active) {
        self.settle(active, Outcome::Completed);
    }

    fn check(&self, params: &ResponseParams) -> Result<(), Fault> {
        if self.active.is_some() {
            let message = "Conversation already has an active response in progress. Wait until it is finished.";
            return Err(Fault::new("conversation_already_has_active_response", None, message));
        }
        if let Some(names) = &params.output_modalities
            && (names.is_empty() || !names.iter().all(|name| name == "audio" || name == "text"))
        {
            return Err(Fault::invalid("response.output_modalities", "Modalities are ['audio'] or ['text']."));
        }
        if params.conversation.as_deref().is_some_and(|it| it != "auto" && it != "none") {
            return Err(Fault::invalid("response.conversation", "The conversation is 'auto' or 'none'."));
        }
        let metadata = params.metadata.as_ref();
        let fits = |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= MAX_METADATA_CHARS);
        if metadata.is_some_and(|it| it.len() > MAX_METADATA_KEYS || !it.values().all(fits)) {
            return Err(Fault::invalid("response.metadata", "Metadata is 16 strings of at most 512 characters."));
        }
        Ok(())
    }

    fn response(&mut self, params: &ResponseParams, modality: &str) -> Response {
        Response {
            object: "realtime.response".to_owned(),
            id: self.ids.next("resp"),
            status: "in_progress".to_owned(),
            status_details: Value::Null,
            output: Vec::new(),
            conversation_id: (params.conversation.as_deref() != Some("none")).then(|| self.ids.conversation()),
            output_modalities: vec![modality.to_owned()],
            max_output_tokens: params.rest.get("max_output_tokens").cloned().unwrap_or(self.config.max_output_tokens()),
            audio: self.config.output_audio(),
            usage: Value::Null,
            metadata: params.metadata.clone(),
        }
    }

    fn persona(&self, params: &ResponseParams) -> Persona {
        let asked = params.rest.get("audio").and_then(|it| it.get("output")?.get("voice")?.as_str());
        let mut persona = persona_for_voice(asked.unwrap_or(self.config.voice())).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage of 25 to 150")]
        let speed = (self.config.speed().clamp(0.25, 1.5) * 100.0) as u32;
        persona.pace = u16::try_from(u32::from(persona.pace) * speed / 100).unwrap_or(persona.pace);
        persona
    }

    fn open(&mut self, active: &Active, aloud: bool) {
        let Active { response, at, item, previous_item_id, .. } = active;
        self.emit(ServerEvent::ResponseCreated { response: response.clone() });
        let (response_id, item) = (response.id.clone(), item.clone());
        self.emit(ServerEvent::OutputItemAdded { response_id, output_index: 0, item: item.clone() });
        if active.in_conversation {
            self.conversation.push(item.clone());
            self.emit(ServerEvent::ItemAdded { item, previous_item_id: previous_item_id.clone() });
        }
        self.emit(ServerEvent::ContentPartAdded { at: at.clone(), part: part(aloud, String::new()) });
    }

    /// A response in text: there is no sound to wait for.
    fn write(&mut self, mut active: Active, text: String) {
        for word in text.split_inclusive(' ') {
            self.emit(ServerEvent::OutputTextDelta { at: active.at.clone(), delta: word.to_owned() });
        }
        active.said = text;
        self.settle(active, Outcome::Completed);
    }

    /// Everything from the last delta to `rate_limits.updated`, in the recorded order.
    fn settle(&mut self, active: Active, outcome: Outcome) {
        let Active { mut response, at, mut item, previous_item_id, in_conversation, utterance, said, .. } = active;
        let aloud = response.output_modalities.iter().any(|name| name == "audio");
        let (status, item_status, details, heard) = match outcome {
            Outcome::Completed => ("completed", "completed", Value::Null, said.clone()),
            Outcome::Cancelled { reason } => {
                let heard = utterance.text_up_to(utterance.played_ms()).to_owned();
                ("cancelled", "incomplete", json!({ "type": "cancelled", "reason": reason }), heard)
            }
        };
        if aloud {
            self.emit(ServerEvent::OutputAudioDone { at: at.clone() });
            self.emit(ServerEvent::OutputTranscriptDone { at: at.clone(), transcript: said.clone() });
        } else {
            self.emit(ServerEvent::OutputTextDone { at: at.clone(), text: said.clone() });
        }
        self.emit(ServerEvent::ContentPartDone { at, part: part(aloud, said.clone()) });
        item.status = Some(item_status.to_owned());
        item.content = Some(vec![content(aloud, said)]);
        if in_conversation {
            // Kept is what was heard; told is what was said.
            let kept = Item { content: Some(vec![content(aloud, heard)]), ..item.clone() };
            self.conversation.settle(kept, utterance.played_ms());
            self.emit(ServerEvent::ItemDone { item: item.clone(), previous_item_id });
        }
        self.emit(ServerEvent::OutputItemDone {
            response_id: response.id.clone(),
            output_index: 0,
            item: item.clone(),
        });
        status.clone_into(&mut response.status);
        response.status_details = details;
        response.usage = usage(&utterance, self.config.instructions(), aloud);
        response.output = vec![item];
        self.emit(ServerEvent::ResponseDone { response });
        let limit = RateLimit { name: "tokens".to_owned(), limit: 40_000, remaining: 40_000, reset_seconds: 0.0 };
        self.emit(ServerEvent::RateLimits { rate_limits: vec![limit] });
    }
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

/// Plausible counts: four characters of text are a token, and so are 50 ms of output audio.
fn usage(utterance: &Utterance, instructions: &str, aloud: bool) -> Value {
    let tokens = |text: &str| text.len().div_ceil(4) as u64;
    let input = tokens(instructions);
    let text = tokens(utterance.text());
    let audio = if aloud { utterance.played_ms() / 50 } else { 0 };
    json!({
        "total_tokens": input + text + audio,
        "input_tokens": input,
        "output_tokens": text + audio,
        "input_token_details": {
            "text_tokens": input, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0,
            "cached_tokens_details": { "text_tokens": 0, "audio_tokens": 0, "image_tokens": 0 },
        },
        "output_token_details": { "text_tokens": text, "audio_tokens": audio },
    })
}
