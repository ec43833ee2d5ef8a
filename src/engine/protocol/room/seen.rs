//! A provider's event as the page reads it: those few that [`project`] lets through, and of each only what it takes.
//!
//! The page needs a dozen of the forty events. Decoding all of them, with items and responses, would be a tenth of the
//! browser part.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::server::{ContentAt, ErrorBody, ServerEvent};
use super::{RoomEvent, project};

/// [`project`] for the text of an event, as it comes on the data channel. `None` also for what cannot be read.
#[must_use]
pub fn project_text(text: &str) -> Option<RoomEvent> {
    let seen: Seen = serde_json::from_slice(text.as_bytes()).ok()?;
    project(&seen.into_event()?)
}

/// The fields that [`project_text`] reads, but for those of an error.
const READ: [&str; 6] = ["type", "item_id", "delta", "transcript", "text", "audio_end_ms"];

/// An event as our server sends it on to a page that has no call of its own at the provider: the text that
/// [`project_text`] takes, and in it no more than that reads. `None` where it would take nothing.
#[must_use]
pub fn reduce(event: &ServerEvent) -> Option<String> {
    project(event)?;
    let Value::Object(mut fields) = serde_json::to_value(event).ok()? else { return None };
    let error = fields.get_mut("error").and_then(|error| error.get_mut("code")).map(Value::take);
    fields.retain(|name, _| READ.contains(&name.as_str()));
    if let Some(code) = error {
        fields.insert("error".to_owned(), serde_json::json!({ "code": code }));
    }
    Some(Value::Object(fields).to_string())
}

/// The fields as they stand in the text: one of another type than expected counts as missing, as it does where the whole
/// event is read.
#[derive(Deserialize)]
struct Seen {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    item_id: Option<Box<RawValue>>,
    #[serde(default)]
    delta: Option<Box<RawValue>>,
    #[serde(default)]
    transcript: Option<Box<RawValue>>,
    #[serde(default)]
    text: Option<Box<RawValue>>,
    #[serde(default)]
    audio_end_ms: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct SeenError {
    #[serde(default)]
    code: Option<Box<RawValue>>,
}

fn read<T: DeserializeOwned>(field: Option<Box<RawValue>>) -> Option<T> {
    serde_json::from_slice(field?.get().as_bytes()).ok()
}

impl Seen {
    /// The event, with the names that [`ServerEvent`] gives it. What the page may not know is not here; whether it may
    /// know what is here decides [`project`] alone.
    fn into_event(self) -> Option<ServerEvent> {
        let Self { kind, item_id, delta, transcript, text, audio_end_ms, error } = self;
        let item_id = read::<String>(item_id);
        let at = |item_id| ContentAt { item_id, ..ContentAt::default() };
        let response_id = String::new();
        let event = match kind.as_str() {
            "session.created" | "transcription_session.created" => ServerEvent::SessionCreated { session: Value::Null },
            "output_audio_buffer.started" => ServerEvent::OutputStarted { response_id },
            "output_audio_buffer.stopped" => ServerEvent::OutputStopped { response_id },
            "output_audio_buffer.cleared" => ServerEvent::OutputCleared { response_id },
            "input_audio_buffer.speech_started" => {
                ServerEvent::SpeechStarted { audio_start_ms: 0, item_id: item_id.unwrap_or_default() }
            }
            "input_audio_buffer.speech_stopped" => {
                ServerEvent::SpeechStopped { audio_end_ms: 0, item_id: item_id.unwrap_or_default() }
            }
            "response.output_audio_transcript.delta" | "response.audio_transcript.delta" => {
                ServerEvent::OutputTranscriptDelta { at: at(item_id?), delta: read(delta)? }
            }
            "response.output_text.delta" | "response.text.delta" => {
                ServerEvent::OutputTextDelta { at: at(item_id?), delta: read(delta)? }
            }
            "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
                ServerEvent::OutputTranscriptDone { at: at(item_id?), transcript: read(transcript)? }
            }
            "response.output_text.done" | "response.text.done" => {
                ServerEvent::OutputTextDone { at: at(item_id?), text: read(text)? }
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
            "conversation.item.truncated" => ServerEvent::ItemTruncated {
                item_id: item_id?,
                content_index: 0,
                audio_end_ms: read::<f64>(audio_end_ms)? as u64,
            },
            "conversation.item.input_audio_transcription.delta" => ServerEvent::InputTranscriptDelta {
                item_id: item_id?,
                content_index: 0,
                delta: read(delta).unwrap_or_default(),
                logprobs: None,
            },
            "conversation.item.input_audio_transcription.updated" => ServerEvent::InputTranscriptUpdated {
                item_id: item_id?,
                content_index: 0,
                transcript: read(transcript)?,
            },
            "conversation.item.input_audio_transcription.completed" => ServerEvent::InputTranscriptCompleted {
                item_id: item_id?,
                content_index: 0,
                transcript: read(transcript).unwrap_or_default(),
                usage: Value::Null,
                logprobs: None,
                languages: None,
            },
            "error" => {
                let code = read::<SeenError>(error).and_then(|error| read(error.code));
                ServerEvent::Error { error: ErrorBody { code, ..ErrorBody::default() } }
            }
            _ => return None,
        };
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::interview::Speaker;
    use crate::engine::protocol::server::ServerMessage;
    use crate::engine::transcript::Line;

    /// One of each event, in the order of [`ServerEvent`]; then the retired names, and what fields may be missing.
    const EVENTS: &[&str] = &[
        r#"{"type":"session.created","event_id":"e","session":{"type":"realtime","instructions":"secret"}}"#,
        r#"{"type":"session.updated","session":{"instructions":"secret"}}"#,
        r#"{"type":"conversation.item.added","previous_item_id":null,"item":{"id":"i","type":"message","content":[]}}"#,
        r#"{"type":"conversation.item.done","previous_item_id":"h","item":{"id":"i","type":"message","content":[]}}"#,
        r#"{"type":"conversation.item.retrieved","item":{"id":"i","type":"message"}}"#,
        r#"{"type":"conversation.item.truncated","item_id":"i","content_index":0,"audio_end_ms":900}"#,
        r#"{"type":"conversation.item.deleted","item_id":"i"}"#,
        r#"{"type":"conversation.item.input_audio_transcription.delta","item_id":"i","content_index":0,"delta":"So"}"#,
        r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","content_index":0,"transcript":"So \u00e9 it is","usage":{"type":"duration","seconds":2}}"#,
        r#"{"type":"conversation.item.input_audio_transcription.failed","item_id":"i","content_index":0,"error":{"type":"server_error","code":"c","message":"m"}}"#,
        r#"{"type":"input_audio_buffer.committed","item_id":"i","previous_item_id":null}"#,
        r#"{"type":"input_audio_buffer.cleared"}"#,
        r#"{"type":"input_audio_buffer.speech_started","audio_start_ms":10,"item_id":"i"}"#,
        r#"{"type":"input_audio_buffer.speech_stopped","audio_end_ms":20,"item_id":"i"}"#,
        r#"{"type":"input_audio_buffer.timeout_triggered","item_id":"i","audio_start_ms":1,"audio_end_ms":2}"#,
        r#"{"type":"output_audio_buffer.started","response_id":"r"}"#,
        r#"{"type":"output_audio_buffer.stopped","response_id":"r"}"#,
        r#"{"type":"output_audio_buffer.cleared","response_id":"r"}"#,
        r#"{"type":"response.created","response":{"id":"r","status":"in_progress"}}"#,
        r#"{"type":"response.done","response":{"id":"r","status":"completed","output":[{"id":"i","type":"message"}]}}"#,
        r#"{"type":"response.output_item.added","response_id":"r","output_index":0,"item":{"id":"i"}}"#,
        r#"{"type":"response.output_item.done","response_id":"r","output_index":0,"item":{"id":"i"}}"#,
        r#"{"type":"response.content_part.added","response_id":"r","item_id":"i","output_index":0,"content_index":0,"part":{"type":"audio","transcript":""}}"#,
        r#"{"type":"response.content_part.done","response_id":"r","item_id":"i","output_index":0,"content_index":0,"part":{"type":"text","text":"Hi"}}"#,
        r#"{"type":"response.output_text.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"Hi"}"#,
        r#"{"type":"response.output_text.done","response_id":"r","item_id":"i","output_index":0,"content_index":0,"text":"Hi there"}"#,
        r#"{"type":"response.output_audio_transcript.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"Hi"}"#,
        r#"{"type":"response.output_audio_transcript.done","response_id":"r","item_id":"i","output_index":0,"content_index":0,"transcript":"Hi there"}"#,
        r#"{"type":"response.output_audio.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"AAAA"}"#,
        r#"{"type":"response.output_audio.done","response_id":"r","item_id":"i","output_index":0,"content_index":0}"#,
        r#"{"type":"response.function_call_arguments.delta","response_id":"r","item_id":"i","output_index":0,"call_id":"c","delta":"{"}"#,
        r#"{"type":"response.function_call_arguments.done","response_id":"r","item_id":"i","output_index":0,"call_id":"c","name":"f","arguments":"{}"}"#,
        r#"{"type":"conversation.created","conversation":{"id":"c","object":"realtime.conversation"}}"#,
        r#"{"type":"conversation.item.input_audio_transcription.updated","item_id":"i","transcript":"So it"}"#,
        r#"{"type":"conversation.item.input_audio_transcription.segment","item_id":"i","content_index":0,"id":"s","text":"So","speaker":"A","start":0.5,"end":1}"#,
        r#"{"type":"input_audio_buffer.dtmf_event_received","event":"5","received_at":1800000000}"#,
        r#"{"type":"response.mcp_call_arguments.delta","response_id":"r","item_id":"i","output_index":0,"delta":"{"}"#,
        r#"{"type":"response.mcp_call_arguments.done","response_id":"r","item_id":"i","output_index":0,"arguments":"{}"}"#,
        r#"{"type":"response.mcp_call.in_progress","item_id":"i","output_index":0}"#,
        r#"{"type":"response.mcp_call.completed","item_id":"i","output_index":0}"#,
        r#"{"type":"response.mcp_call.failed","item_id":"i","output_index":0}"#,
        r#"{"type":"mcp_list_tools.in_progress","item_id":"i"}"#,
        r#"{"type":"mcp_list_tools.completed","item_id":"i"}"#,
        r#"{"type":"mcp_list_tools.failed","item_id":"i"}"#,
        r#"{"type":"transcription_session.created","session":{"instructions":"secret"}}"#,
        r#"{"type":"transcription_session.updated","session":{"instructions":"secret"}}"#,
        r#"{"type":"rate_limits.updated","rate_limits":[{"name":"tokens","limit":9,"remaining":8,"reset_seconds":0.5}]}"#,
        r#"{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"bad","message":"secret","param":null,"event_id":null}}"#,
        r#"{"type":"response.audio.delta","response_id":"r","item_id":"i","delta":"AAAA"}"#,
        r#"{"type":"response.audio.done","response_id":"r","item_id":"i"}"#,
        r#"{"type":"a.later.event","item_id":7,"delta":{}}"#,
        r#"{"type":"response.text.delta","item_id":"i","delta":"Hi"}"#,
        r#"{"type":"response.text.done","item_id":"i","text":"Hi there"}"#,
        r#"{"type":"response.audio_transcript.delta","item_id":"i","delta":"Hi"}"#,
        r#"{"type":"response.audio_transcript.done","item_id":"i","transcript":"Hi there"}"#,
        r#"{"type":"conversation.item.created","item":{"id":"i"}}"#,
        r#"{"type":"input_audio_buffer.speech_started"}"#,
        r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"i"}"#,
        r#"{"type":"conversation.item.truncated","item_id":"i"}"#,
        r#"{"type":"response.output_audio_transcript.delta","delta":"Hi"}"#,
        r#"{"type":"response.output_audio_transcript.done","item_id":"i"}"#,
        r#"{"type":"error","error":{"message":"secret"}}"#,
        r#"{"type":"error","error":{"code":"response_cancel_not_active","message":"secret"}}"#,
        r#"{"type":"error"}"#,
        r#"{"type":"error","error":"secret"}"#,
        r#"{"type":"error","error":{"code":7,"message":["secret"]}}"#,
        r#"{"type":"conversation.item.truncated","item_id":"i","audio_end_ms":900.5}"#,
        r#"{"type":"input_audio_buffer.speech_started","item_id":7}"#,
        r#"{"type":"response.output_text.delta","item_id":"i","delta":{}}"#,
        r#"{"item_id":"i"}"#,
        "nonsense",
    ];

    #[test]
    fn the_short_way_tells_the_page_what_the_long_way_does() {
        let mut told = 0;
        for text in EVENTS {
            let long = serde_json::from_str::<ServerMessage>(text).ok().and_then(|it| project(&it.event));
            let short = project_text(text);
            assert_eq!(short, long, "{text}");
            assert!(!format!("{short:?}").contains("secret"), "{text}");
            told += usize::from(short.is_some());
        }
        assert_eq!(told, 28);
    }

    /// What our server sends on means the same to the page, and holds nothing that the page does not read.
    #[test]
    fn a_reduced_event_tells_the_page_the_same() {
        let mut told = 0;
        for text in EVENTS {
            let Ok(message) = serde_json::from_str::<ServerMessage>(text) else { continue };
            let reduced = reduce(&message.event);
            assert_eq!(reduced.as_deref().and_then(project_text), project(&message.event), "{text}");
            let reduced = reduced.unwrap_or_default();
            assert!(!reduced.contains("secret") && !reduced.contains("response_id"), "{reduced}");
            told += usize::from(!reduced.is_empty());
        }
        assert_eq!(told, 28);
    }

    /// S001-22, S002-32, S002-33, S002-34, S002-35: what the page does for each event that the requirements name, under its old name and
    /// its present one.
    #[test]
    fn the_named_events_mean_the_same_under_their_old_and_new_names() {
        let body = r#""item_id":"i","delta":"AAAA","transcript":"Hi","item":{"id":"i"},"error":{"code":"bad","message":"secret"}"#;
        let line = RoomEvent::CaptionDone(Line::spoken("i", Speaker::Interviewer, "Hi"));
        let failed =
            RoomEvent::Error { code: "bad".to_owned(), message: "The voice service reported a problem.".to_owned() };
        let table = [
            // The step "session" of the way in is done.
            (["session.created", "session.created"], Some(RoomEvent::ProviderReady)),
            // The server numbers the turns; an item without words draws nothing.
            (["conversation.item.created", "conversation.item.added"], None),
            // The sound itself comes as a track or as binary frames, never through this door.
            (["response.audio.delta", "response.output_audio.delta"], None),
            // The caption's whole text.
            (["response.audio_transcript.done", "response.output_audio_transcript.done"], Some(line)),
            // A notice with the code; the provider's own words stay out.
            (["error", "error"], Some(failed)),
        ];
        for (names, expected) in table {
            for name in names {
                let text = format!(r#"{{"type":"{name}",{body}}}"#);
                assert_eq!(project_text(&text), expected, "{name}");
                let message: ServerMessage = serde_json::from_str(&text).unwrap();
                assert_eq!(project(&message.event), expected, "{name}");
            }
        }
    }

    /// So that an event which [`project`] starts to let through cannot be forgotten in `into_event`.
    #[test]
    fn every_name_of_every_event_has_a_sample() {
        let source = include_str!("../server.rs");
        let (_, source) = source.split_once("pub enum ServerEvent {").unwrap();
        let (source, _) = source.split_once("\n}").unwrap();
        let attributes = source.lines().filter(|line| line.starts_with("    #[serde(rename"));
        let names: Vec<&str> = attributes.flat_map(|line| line.split('"').skip(1).step_by(2)).collect();
        assert!(names.len() > 40, "{names:?}");
        for name in names {
            let sample = format!(r#"{{"type":"{name}""#);
            assert!(EVENTS.iter().any(|text| text.starts_with(&sample)), "{name}");
        }
    }
}
