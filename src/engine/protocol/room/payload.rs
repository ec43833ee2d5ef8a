//! What is told to the rest of the page with an event, as JSON.

use serde::Serialize;

use super::RoomEvent;

impl RoomEvent {
    /// The payload of an event that [is announced](RoomEvent::announced_as), as JSON; of any other nothing. Encoding the whole
    /// event says the same, and brings the encoding of all the others to the page.
    #[must_use]
    pub fn payload(&self) -> String {
        match self {
            Self::QuestionReady(question) => json(question),
            Self::TurnStart { speaker } => object(&[("speaker", json(speaker))]),
            Self::TurnEnd { speaker, spoken_ms } => {
                object(&[("speaker", json(speaker)), ("spoken_ms", spoken_ms.to_string())])
            }
            Self::LatencyPing { id, rtt_ms: None } => object(&[("id", id.to_string())]),
            Self::LatencyPing { id, rtt_ms: Some(ms) } => object(&[("id", id.to_string()), ("rtt_ms", ms.to_string())]),
            Self::Error { code, message } => object(&[("code", json(code)), ("message", json(message))]),
            Self::AiState { state } => object(&[("state", json(state))]),
            _ => object(&[]),
        }
    }
}

/// An object of fields that are JSON already. The names are ours and need no escape.
fn object(fields: &[(&str, String)]) -> String {
    let mut text = String::from("{");
    for (i, (name, value)) in fields.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        for piece in ["\"", name, "\":", value] {
            text.push_str(piece);
        }
    }
    text.push('}');
    text
}

fn json(value: &impl Serialize) -> String {
    // Plain data: encoding it cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::engine::interview::{Question, Speaker, Tier};
    use crate::engine::protocol::room::AiState;

    /// S003-30: the payload is that of the wire.
    #[test]
    fn s003_30_a_payload_is_the_one_of_the_wire() {
        let question = Question {
            idx: 1,
            total: 5,
            domain: "Web".to_owned(),
            tier: Tier::Core,
            text: "Why \"this\"?".to_owned(),
            follow_up: false,
        };
        for event in [
            RoomEvent::TurnStart { speaker: Speaker::Candidate },
            RoomEvent::TurnEnd { speaker: Speaker::Interviewer, spoken_ms: 5 },
            RoomEvent::QuestionReady(question),
            RoomEvent::LatencyPing { id: 7, rtt_ms: None },
            RoomEvent::LatencyPing { id: 8, rtt_ms: Some(40) },
            RoomEvent::Error { code: "provider".to_owned(), message: "A \"problem\".\n".to_owned() },
            RoomEvent::AiState { state: AiState::Thinking },
        ] {
            assert!(event.announced_as().is_some(), "{event:?}");
            let wire = serde_json::to_value(&event).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&event.payload()).unwrap(), wire["payload"], "{event:?}");
        }
        assert_eq!(RoomEvent::ProviderReady.payload(), "{}");
    }
}
