//! How a room event is read from its text.
//!
//! By hand: what `derive` makes of `flatten` and `tag` keeps every payload in a buffer first and links a second decoder for
//! each type in it, which was a tenth of the browser part.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{AiState, RoomEvent, RoomMessage};
use crate::engine::interview::{EndReason, Speaker};
use crate::engine::time::Epoch;

/// A message whose payload is not read yet.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    n: u64,
    #[serde(default)]
    ts: u64,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Option<Box<RawValue>>,
}

/// Every field of the small payloads. One decoder serves them all; each event takes what it needs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    speaker: Option<Speaker>,
    spoken_ms: u64,
    active: Option<bool>,
    item_id: Option<String>,
    state: Option<AiState>,
    delta: Option<String>,
    heard_ms: Option<u64>,
    elapsed_ms: Option<u64>,
    left_ms: Option<u64>,
    running: Option<bool>,
    id: Option<u64>,
    rtt_ms: Option<u32>,
    code: Option<String>,
    message: Option<String>,
    reason: Option<EndReason>,
    epoch: Option<u32>,
    call: u32,
    from: Option<u32>,
}

impl<'de> Deserialize<'de> for RoomMessage {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Envelope { n, ts, kind, payload } = Envelope::deserialize(from)?;
        let event = event(&kind, payload.as_deref().map(RawValue::get)).map_err(D::Error::custom)?;
        Ok(Self { n, ts, event })
    }
}

fn event(kind: &str, payload: Option<&str>) -> serde_json::Result<RoomEvent> {
    let event = match kind {
        "welcome" => RoomEvent::Welcome(whole(payload)?),
        "question.ready" => RoomEvent::QuestionReady(whole(payload)?),
        "caption.done" => RoomEvent::CaptionDone(whole(payload)?),
        "provider.ready" => RoomEvent::ProviderReady,
        _ => return small(kind, payload),
    };
    Ok(event)
}

fn small(kind: &str, payload: Option<&str>) -> serde_json::Result<RoomEvent> {
    // A type that we do not know may have any payload.
    let fields = || whole::<Fields>(payload);
    let event = match kind {
        "turn.start" => RoomEvent::TurnStart { speaker: needed(fields()?.speaker)? },
        "turn.end" => {
            let Fields { speaker, spoken_ms, .. } = fields()?;
            RoomEvent::TurnEnd { speaker: needed(speaker)?, spoken_ms }
        }
        "speech" => {
            let Fields { active, item_id, .. } = fields()?;
            RoomEvent::Speech { active: needed(active)?, item_id: needed(item_id)? }
        }
        "ai.state" => RoomEvent::AiState { state: needed(fields()?.state)? },
        "caption.delta" => {
            let Fields { item_id, speaker, delta, .. } = fields()?;
            RoomEvent::CaptionDelta { item_id: needed(item_id)?, speaker: needed(speaker)?, delta: needed(delta)? }
        }
        "caption.cut" => {
            let Fields { item_id, heard_ms, .. } = fields()?;
            RoomEvent::CaptionCut { item_id: needed(item_id)?, heard_ms: needed(heard_ms)? }
        }
        "clock" => {
            let Fields { elapsed_ms, left_ms, running, .. } = fields()?;
            RoomEvent::Clock { elapsed_ms: needed(elapsed_ms)?, left_ms: needed(left_ms)?, running: needed(running)? }
        }
        "call.open" => {
            let Fields { epoch, call, from, .. } = fields()?;
            RoomEvent::CallOpen { epoch: Epoch(needed(epoch)?), call, from }
        }
        "audio.cut" => RoomEvent::AudioCut { epoch: needed(fields()?.epoch)? },
        "latency.ping" => {
            let Fields { id, rtt_ms, .. } = fields()?;
            RoomEvent::LatencyPing { id: needed(id)?, rtt_ms }
        }
        "error" => {
            let Fields { code, message, .. } = fields()?;
            RoomEvent::Error { code: needed(code)?, message: needed(message)? }
        }
        "ended" => RoomEvent::Ended { reason: needed(fields()?.reason)? },
        _ => RoomEvent::Unknown,
    };
    Ok(event)
}

fn whole<T: DeserializeOwned>(payload: Option<&str>) -> serde_json::Result<T> {
    serde_json::from_slice(payload.unwrap_or("null").as_bytes())
}

fn needed<T>(field: Option<T>) -> serde_json::Result<T> {
    field.ok_or_else(|| serde_json::Error::custom("a field is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::interview::{Question, Snapshot, Tier};
    use crate::engine::transcript::Line;

    fn all() -> Vec<RoomEvent> {
        let question =
            Question { idx: 1, total: 5, domain: "Web".into(), tier: Tier::Core, text: "Why?".into(), follow_up: true };
        let line = Line { at_ms: 7, solid: true, ..Line::spoken("a1", Speaker::Candidate, "Because \"it\" is.") };
        let snapshot = Snapshot {
            session_id: "s_1".into(),
            application_id: Some("APP-7".into()),
            persona: "Mariam".into(),
            total: 5,
            minutes: 10,
            question: Some(question.clone()),
            lines: vec![line.clone()],
            ai: AiState::Speaking,
            elapsed_ms: 1,
            left_ms: 2,
            transcribes: true,
            ended: Some(EndReason::TimeUp),
            epoch: Epoch(2),
        };
        let speaker = Speaker::Interviewer;
        vec![
            RoomEvent::Welcome(Box::new(snapshot)),
            RoomEvent::ProviderReady,
            RoomEvent::TurnStart { speaker },
            RoomEvent::TurnEnd { speaker, spoken_ms: 5 },
            RoomEvent::Speech { active: true, item_id: "u1".into() },
            RoomEvent::QuestionReady(question),
            RoomEvent::AiState { state: AiState::Thinking },
            RoomEvent::CaptionDelta { item_id: "a1".into(), speaker, delta: " so".into() },
            RoomEvent::CaptionDone(line),
            RoomEvent::CaptionCut { item_id: "a1".into(), heard_ms: 900 },
            RoomEvent::Clock { elapsed_ms: 1, left_ms: 2, running: true },
            RoomEvent::CallOpen { epoch: Epoch(4), call: 2, from: Some(90) },
            RoomEvent::AudioCut { epoch: 5 },
            RoomEvent::LatencyPing { id: 7, rtt_ms: Some(40) },
            RoomEvent::Error { code: "provider".into(), message: "A problem.".into() },
            RoomEvent::Ended { reason: EndReason::Completed },
            RoomEvent::Unknown,
        ]
    }

    /// The names of [`RoomEvent`]'s variants. A new one is a compile error here: add it to `all`, too.
    fn position(event: &RoomEvent) -> usize {
        match event {
            RoomEvent::Welcome(_) => 0,
            RoomEvent::ProviderReady => 1,
            RoomEvent::TurnStart { .. } => 2,
            RoomEvent::TurnEnd { .. } => 3,
            RoomEvent::Speech { .. } => 4,
            RoomEvent::QuestionReady(_) => 5,
            RoomEvent::AiState { .. } => 6,
            RoomEvent::CaptionDelta { .. } => 7,
            RoomEvent::CaptionDone(_) => 8,
            RoomEvent::CaptionCut { .. } => 9,
            RoomEvent::Clock { .. } => 10,
            RoomEvent::CallOpen { .. } => 11,
            RoomEvent::AudioCut { .. } => 12,
            RoomEvent::LatencyPing { .. } => 13,
            RoomEvent::Error { .. } => 14,
            RoomEvent::Ended { .. } => 15,
            RoomEvent::Unknown => 16,
        }
    }

    #[test]
    fn every_event_is_read_as_it_was_written() {
        for (at, event) in all().into_iter().enumerate() {
            assert_eq!(position(&event), at);
            let message = RoomMessage { n: 3, ts: 1_700_000_000_000, event };
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<RoomMessage>(&text).unwrap(), message, "{text}");
            let value = serde_json::to_value(&message).unwrap();
            assert_eq!(serde_json::from_value::<RoomMessage>(value).unwrap(), message, "{text}");
        }
    }

    #[test]
    fn the_order_of_the_keys_does_not_matter_and_unknown_ones_are_skipped() {
        let text = r#"{"payload":{"id":7,"more":[{}]},"later":{"n":9},"ts":1,"type":"latency.ping","n":2}"#;
        let message = RoomMessage { n: 2, ts: 1, event: RoomEvent::LatencyPing { id: 7, rtt_ms: None } };
        assert_eq!(serde_json::from_str::<RoomMessage>(text).unwrap(), message);
    }

    #[test]
    fn a_payload_that_lacks_a_field_is_an_error_and_an_unknown_type_is_not() {
        for text in [
            r#"{"n":1}"#,
            r#"{"type":"turn.start"}"#,
            r#"{"type":"turn.start","payload":{}}"#,
            r#"{"type":"turn.start","payload":{"speaker":"parrot"}}"#,
            r#"{"type":"welcome","payload":{"session_id":"s_1"}}"#,
            r#"{"type":"clock","payload":{"elapsed_ms":1,"left_ms":2}}"#,
        ] {
            assert!(serde_json::from_str::<RoomMessage>(text).is_err(), "{text}");
        }
        for text in [r#"{"type":"party"}"#, r#"{"type":"party","payload":[1]}"#] {
            let message = serde_json::from_str::<RoomMessage>(text).unwrap();
            assert_eq!(message.event, RoomEvent::Unknown, "{text}");
        }
    }
}
