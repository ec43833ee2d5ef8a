//! Whatever arrives, no parser panics, and what was read is read again from what is written.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vivavoce::engine::protocol::client::ClientMessage;
use vivavoce::engine::protocol::room::{PageMessage, RoomMessage, project, project_text};
use vivavoce::engine::protocol::server::ServerMessage;
use vivavoce::engine::protocol::session::SessionConfig;

/// Sessions in their recorded orders, and the room channel.
const CORPUS: &[&str] = &[
    include_str!("corpus/voice_turn.json"),
    include_str!("corpus/tool_call.json"),
    include_str!("corpus/preview.json"),
    include_str!("corpus/room.json"),
];

/// Every sample of the corpus.
fn corpus() -> Vec<String> {
    let events = CORPUS.iter().flat_map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap());
    events.map(|event| event.to_string()).collect()
}

/// Gives the text to everything that reads what others wrote, and reads again what it became.
fn read_by_all(text: &str) {
    if let Ok(message) = serde_json::from_str::<ServerMessage>(text) {
        let written = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<ServerMessage>(&written).unwrap(), message, "{text}");
        // The page reads the same out of it on its short way.
        assert_eq!(project_text(&written), project(&message.event), "{written}");
    }
    if let Ok(message) = serde_json::from_str::<ClientMessage>(text) {
        let written = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<ClientMessage>(&written).unwrap(), message, "{text}");
    }
    if let Ok(message) = serde_json::from_str::<PageMessage>(text) {
        let written = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<PageMessage>(&written).unwrap(), message, "{text}");
    }
    if let Ok(message) = serde_json::from_str::<RoomMessage>(text) {
        let written = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<RoomMessage>(&written).unwrap(), message, "{text}");
    }
    _ = project_text(text);
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let session = SessionConfig::new("sess_1", 1_800_000_000);
        let patch = value.get("session").unwrap_or(&value);
        if let Ok(next) = session.updated(patch) {
            // What a server echoes may be sent back to it.
            assert_eq!(next.updated(&next.echo()).unwrap(), next, "{text}");
        }
        let _ = session.started_with(patch);
    }
}

/// Numbers whose decimal form is exact to the last bit, which the reader does not promise for others.
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::from), any::<i32>().prop_map(|it| json!(f64::from(it) / 1024.0))]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        ".{0,12}".prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..5).prop_map(|it| Value::Object(Map::from_iter(it))),
        ]
    })
}

/// A key or a name out of the corpus, so that what is made up is worth reading.
fn word() -> impl Strategy<Value = String> {
    let mut words = Vec::new();
    for text in corpus() {
        words.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    words.sort();
    words.dedup();
    prop::sample::select(words)
}

/// An event of the list with some of its fields, whatever they hold.
fn event() -> impl Strategy<Value = Value> {
    let list: Value = serde_json::from_str(include_str!("events.json")).unwrap();
    let events = ["client", "server"].iter().flat_map(|side| list[side].as_array().unwrap().clone());
    prop::sample::select(events.collect::<Vec<_>>()).prop_flat_map(|event| {
        let fields = ["required", "optional"].iter().flat_map(|of| event[of].as_array().unwrap().clone());
        let fields: Vec<String> = fields.map(|it| it.as_str().unwrap().to_owned()).collect();
        let values = prop::collection::vec(prop::option::of(value()), fields.len());
        values.prop_map(move |values| {
            let some = fields.iter().zip(values).filter_map(|(name, value)| Some((name.clone(), value?)));
            let mut fields = Map::from_iter(some);
            fields.insert("type".to_owned(), event["type"].clone());
            Value::Object(fields)
        })
    })
}

#[test]
fn the_corpus_is_understood() {
    use vivavoce::engine::protocol::{client::ClientEvent, room::RoomEvent, server::ServerEvent};
    for text in corpus() {
        read_by_all(&text);
        let server = serde_json::from_str::<ServerMessage>(&text).is_ok_and(|it| it.event != ServerEvent::Unknown);
        let client = serde_json::from_str::<ClientMessage>(&text).is_ok_and(|it| it.event != ClientEvent::Unknown);
        let room = serde_json::from_str::<RoomMessage>(&text).is_ok_and(|it| it.event != RoomEvent::Unknown);
        let page = serde_json::from_str::<PageMessage>(&text).is_ok_and(|it| it != PageMessage::Unknown);
        // Another server's sign of life is passed over.
        assert!(server || client || room || page || text.contains(r#""type":"ping""#), "{text}");
    }
}

proptest! {
    #[test]
    fn any_json_is_survived(value in value()) {
        read_by_all(&value.to_string());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_by_all(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_event_with_any_fields_is_survived(event in event()) {
        read_by_all(&event.to_string());
    }

    /// Bytes of a sample are changed, taken out, doubled, or its end is cut off.
    #[test]
    fn a_damaged_event_is_survived(
        sample in prop::sample::select(corpus()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut bytes = sample.into_bytes();
        for (at, byte, kind) in damage {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => _ = bytes.remove(at),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        read_by_all(&String::from_utf8_lossy(&bytes));
    }
}
