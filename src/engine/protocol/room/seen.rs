//! A provider's event as the page reads it: those few that [`project`] lets through, and of each only what it takes.
//!
//! The page needs a dozen of the forty events. Decoding all of them, with items and responses, would be a tenth of the
//! browser part.

use serde::Deserialize;
use serde_json::Value;

use super::super::server::{ContentAt, ErrorBody, ServerEvent};
use super::{RoomEvent, project};

/// [`project`] for the text of an event, as it comes on the data channel. `None` also for what cannot be read.
#[must_use]
pub fn project_text(text: &str) -> Option<RoomEvent> {
    let seen: Seen = serde_json::from_slice(text.as_bytes()).ok()?;
    project(&seen.into_event()?)
}

#[derive(Deserialize)]
struct Seen {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    item_id: Option<String>,
    #[serde(default)]
    delta: Option<String>,
    #[serde(default)]
    transcript: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    audio_end_ms: Option<u64>,
    #[serde(default)]
    error: Option<SeenError>,
}

#[derive(Deserialize)]
struct SeenError {
    #[serde(default)]
    code: Option<String>,
}

impl Seen {
    /// The event, with the names that [`ServerEvent`] gives it. What the page may not know is not here; whether it may
    /// know what is here decides [`project`] alone.
    fn into_event(self) -> Option<ServerEvent> {
        let Self { kind, item_id, delta, transcript, text, audio_end_ms, error } = self;
        let at = |item_id| ContentAt { item_id, ..ContentAt::default() };
        let response_id = String::new();
        let event = match kind.as_str() {
            "session.created" => ServerEvent::SessionCreated { session: Value::Null },
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
                ServerEvent::OutputTranscriptDelta { at: at(item_id?), delta: delta? }
            }
            "response.output_text.delta" | "response.text.delta" => {
                ServerEvent::OutputTextDelta { at: at(item_id?), delta: delta? }
            }
            "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
                ServerEvent::OutputTranscriptDone { at: at(item_id?), transcript: transcript? }
            }
            "response.output_text.done" | "response.text.done" => {
                ServerEvent::OutputTextDone { at: at(item_id?), text: text? }
            }
            "conversation.item.truncated" => {
                ServerEvent::ItemTruncated { item_id: item_id?, content_index: 0, audio_end_ms: audio_end_ms? }
            }
            "conversation.item.input_audio_transcription.delta" => ServerEvent::InputTranscriptDelta {
                item_id: item_id?,
                content_index: 0,
                delta: delta.unwrap_or_default(),
            },
            "conversation.item.input_audio_transcription.completed" => ServerEvent::InputTranscriptCompleted {
                item_id: item_id?,
                content_index: 0,
                transcript: transcript.unwrap_or_default(),
                usage: Value::Null,
            },
            "error" => ServerEvent::Error { error: ErrorBody { code: error?.code, ..ErrorBody::default() } },
            _ => return None,
        };
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::server::ServerMessage;

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
        assert_eq!(told, 21);
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
