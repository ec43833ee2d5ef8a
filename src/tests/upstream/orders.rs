//! The orders in which servers of the protocol tell one response: what was recorded of them, and what they leave out.

use serde_json::{Value, json};

/// How a server tells a response.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialect {
    /// As OpenAI does over WebRTC (recorded in summer 2026).
    Ga,
    /// With the retired preview's names, and without what it did not have.
    Preview,
    /// The least that there is: no items, no parts, no deltas.
    Sparse,
    /// Everything, and much that nobody has asked for: unknown events, nulls and texts where objects are usual, a late
    /// `session.created`, races that somebody lost.
    Noisy,
}

pub(crate) const DIALECTS: [Dialect; 4] = [Dialect::Ga, Dialect::Preview, Dialect::Sparse, Dialect::Noisy];

impl Dialect {
    /// The events of response number `n`, which says `text`, to the end of its sound.
    pub(crate) fn response(self, n: usize, text: &str) -> Vec<Value> {
        let (id, item_id) = (format!("resp_{n}"), format!("item_a{n}"));
        let response =
            |status: &str| json!({ "object": "realtime.response", "id": id, "status": status, "output": [] });
        let item = json!({ "id": item_id, "type": "message", "role": "assistant", "content": [] });
        let at = |kind: &str| json!({ "type": kind, "event_id": "e", "response_id": id, "item_id": item_id, "output_index": 0, "content_index": 0 });
        let with = |mut event: Value, key: &str, value: Value| {
            event[key] = value;
            event
        };
        let added = json!({ "type": "response.output_item.added", "response_id": id, "output_index": 0, "item": item });
        let created = json!({ "type": "response.created", "event_id": "e", "response": response("in_progress") });
        let done = json!({ "type": "response.done", "event_id": "e", "response": response("completed") });
        let sound = |kind: &str| json!({ "type": format!("output_audio_buffer.{kind}"), "response_id": id });
        let words = |kind: &str| {
            let (first, second) = text.split_at(text.len() / 2);
            [
                with(at(&format!("{kind}.delta")), "delta", json!(first)),
                with(at(&format!("{kind}.delta")), "delta", json!(second)),
                with(at(&format!("{kind}.done")), "transcript", json!(text)),
            ]
        };
        let conversation =
            |kind: &str| json!({ "type": format!("conversation.item.{kind}"), "item": item, "previous_item_id": null });
        let part = json!({ "type": "audio", "transcript": "" });
        let limits = json!({
            "type": "rate_limits.updated",
            "rate_limits": [{ "name": "tokens", "limit": 9, "remaining": 8, "reset_seconds": 0.5 }],
        });
        match self {
            Self::Ga => {
                let [first, second, all] = words("response.output_audio_transcript");
                vec![
                    created,
                    added,
                    conversation("added"),
                    with(at("response.content_part.added"), "part", part.clone()),
                    with(first, "obfuscation", json!("x7")),
                    sound("started"),
                    second,
                    at("response.output_audio.done"),
                    all,
                    with(at("response.content_part.done"), "part", part),
                    conversation("done"),
                    json!({ "type": "response.output_item.done", "response_id": id, "output_index": 0, "item": item }),
                    done,
                    limits,
                    sound("stopped"),
                ]
            }
            Self::Preview => {
                let [first, second, all] = words("response.audio_transcript");
                vec![
                    created,
                    added,
                    conversation("created"),
                    with(at("response.content_part.added"), "part", part),
                    first,
                    sound("started"),
                    second,
                    at("response.audio.done"),
                    all,
                    done,
                    sound("stopped"),
                ]
            }
            Self::Sparse => {
                let [.., all] = words("response.output_audio_transcript");
                vec![created, sound("started"), all, done, sound("stopped")]
            }
            Self::Noisy => {
                let [first, second, all] = words("response.output_audio_transcript");
                let odd =
                    json!({ "status": "completed", "id": id, "status_details": "fine", "usage": "3", "output": [] });
                vec![
                    json!({ "type": "session.created", "session": { "type": "realtime" } }),
                    json!({ "type": "ping", "timestamp": 7 }),
                    created,
                    json!({ "type": "conversation.created", "conversation": { "id": "c" } }),
                    conversation("created"),
                    conversation("added"),
                    json!({ "type": "error", "error": { "code": "response_cancel_not_active", "message": "late" } }),
                    first,
                    sound("started"),
                    json!({ "type": "response.output_audio.delta", "item_id": 7 }),
                    second,
                    json!({ "type": "localai.progress", "of": null }),
                    all,
                    json!({ "type": "response.done", "response": odd }),
                    json!({ "type": "rate_limits.updated", "rate_limits": null }),
                    sound("stopped"),
                ]
            }
        }
    }

    /// What the candidate says under `item_id`, from the first sound to the last word: the words come late, and from some
    /// servers piece by piece as one growing text.
    pub(crate) fn answer(self, item_id: &str, text: &str) -> Vec<Value> {
        let item = json!({
            "id": item_id, "type": "message", "role": "user", "status": "completed",
            "content": [{ "type": "input_audio", "transcript": null }],
        });
        let kind = "conversation.item.input_audio_transcription";
        let completed = |text: &str| json!({ "type": format!("{kind}.completed"), "item_id": item_id, "content_index": 0, "transcript": text, "usage": { "type": "duration", "seconds": 3 } });
        // Some servers call by the same name what is not complete.
        let growing = |text: &str| {
            let mut event = completed(text);
            event["status"] = "in_progress".into();
            event
        };
        let mut events = vec![
            json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 1_000, "item_id": item_id }),
            json!({ "type": "input_audio_buffer.speech_stopped", "audio_end_ms": 4_600, "item_id": item_id }),
            json!({ "type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": null }),
        ];
        events.extend(match self {
            Self::Ga => vec![
                json!({ "type": "conversation.item.added", "item": item }),
                json!({ "type": "conversation.item.done", "item": item }),
                json!({ "type": format!("{kind}.delta"), "item_id": item_id, "content_index": 0, "delta": text, "obfuscation": "q" }),
                completed(text),
            ],
            Self::Preview => vec![json!({ "type": "conversation.item.created", "item": item }), completed(text)],
            Self::Sparse => vec![completed(text)],
            Self::Noisy => vec![
                json!({ "type": format!("{kind}.updated"), "item_id": item_id, "transcript": "I" }),
                growing("Could you repeat the question?"),
                completed("I"),
                completed(&text[..text.len() / 2]),
                completed(text),
            ],
        });
        events
    }
}
