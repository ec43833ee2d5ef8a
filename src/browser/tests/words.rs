//! Words that come from the browser, and words that go to the page.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{CustomEvent, DomException, EventTarget};

use super::super::announce::announce;
use super::super::clock::{now, request_id, window};
use super::super::{BrowserError, Listener, signal};
use crate::engine::device::MicFault;
use crate::engine::protocol::room::RoomMessage;

#[wasm_bindgen_test]
fn every_dom_exception_of_the_microphone_has_its_fault() -> Result<(), BrowserError> {
    let table = [
        ("NotAllowedError", MicFault::Blocked),
        ("SecurityError", MicFault::Blocked),
        ("NotFoundError", MicFault::Missing),
        ("OverconstrainedError", MicFault::Missing),
        ("NotReadableError", MicFault::Busy),
        ("AbortError", MicFault::Busy),
        ("InvalidStateError", MicFault::Other),
    ];
    for (name, fault) in table {
        let exception = DomException::new_with_message_and_name("", name)
            .map_err(|error| BrowserError::from_js("DOMException", &error))?;
        assert_eq!(BrowserError::from_js("getUserMedia", &exception).mic_fault(), fault, "{name}");
    }
    assert_eq!(BrowserError::Missing("navigator.mediaDevices").mic_fault(), MicFault::Insecure);
    assert_eq!(BrowserError::from_js("x", &JsValue::from_str("odd")).mic_fault(), MicFault::Other);
    Ok(())
}

/// S003-30 to S003-34, S003-39, S003-71: every type is told under its name, in the schema's own form; what is not of the
/// schema is not.
#[wasm_bindgen_test]
fn every_event_of_the_schema_is_told_to_the_page() -> Result<(), BrowserError> {
    let table = [
        ("turn.start", r#"{"speaker":"candidate"}"#),
        ("turn.end", r#"{"speaker":"interviewer","spoken_ms":5}"#),
        (
            "question.ready",
            r#"{"idx":1,"total":5,"domain":"Web","difficultyTier":"core","text":"Why?","follow_up":false}"#,
        ),
        ("latency.ping", r#"{"id":7}"#),
        ("error", r#"{"code":"provider","message":"A problem."}"#),
        ("ai.state", r#"{"state":"thinking"}"#),
    ];
    let target = EventTarget::new().map_err(|error| BrowserError::from_js("EventTarget", &error))?;
    let heard: Rc<RefCell<Vec<(String, JsValue)>>> = Rc::default();
    let listeners: Vec<_> = table
        .iter()
        .map(|(name, _)| {
            let heard = Rc::clone(&heard);
            Listener::new(&target, name, move |event: CustomEvent| {
                heard.borrow_mut().push((event.type_(), event.detail()));
            })
        })
        .collect::<Result<_, _>>()?;
    let parse = |name: &str, payload: &str| {
        let text = format!(r#"{{"n":1,"type":"{name}","ts":1,"payload":{payload}}}"#);
        serde_json::from_slice::<RoomMessage>(text.as_bytes()).map_err(|_| BrowserError::Missing("message"))
    };
    for (name, payload) in table {
        announce(&target, &parse(name, payload)?)?;
        let (told, detail) = heard.take().pop().unwrap_or_default();
        assert_eq!(told, name);
        let detail = js_sys::JSON::stringify(&detail).map(String::from).unwrap_or_default();
        let same = |text: &str| serde_json::from_slice::<serde_json::Value>(text.as_bytes()).ok();
        assert_eq!(same(&detail), same(&format!(r#"{{"type":"{name}","ts":1,"payload":{payload}}}"#)), "{name}");
    }
    // Who comes late is told what is going on (S003-63).
    let snapshot = r#"{"session_id":"s","persona":"Mariam","total":5,"minutes":10,"ai":"thinking","question":{"idx":1,"total":5,"domain":"Web","difficultyTier":"core","text":"Why?"}}"#;
    announce(&target, &parse("welcome", snapshot)?)?;
    let told: Vec<_> = heard.take().into_iter().map(|(told, _)| told).collect();
    assert_eq!(told, ["question.ready", "ai.state"]);
    announce(&target, &parse("clock", r#"{"elapsed_ms":1,"left_ms":2,"running":true}"#)?)?;
    assert!(heard.borrow().is_empty());
    drop(listeners);
    Ok(())
}

/// S000-22: what our server says while a relayed call is negotiated, and what is no word of it.
#[wasm_bindgen_test]
fn every_word_of_a_negotiation_is_understood() {
    let table = [
        (r#"{"type":"answer","id":"3","sdp":"v=0","call":1}"#, "Answer { epoch: Epoch(3), sdp: \"v=0\" }"),
        (r#"{"type":"refused","id":"4","error":"no_restart"}"#, "Refused { epoch: Epoch(4), error: NoRestart }"),
        (r#"{"type":"bye"}"#, "Bye"),
        (
            r#"{"type":"candidate","candidate":"candidate:1","sdp_mid":"0","sdp_m_line_index":0}"#,
            "Candidate(Candidate { candidate: \"candidate:1\", sdp_mid: Some(\"0\"), sdp_m_line_index: Some(0) })",
        ),
    ];
    for (text, word) in table {
        assert_eq!(signal::read(text).map(|it| format!("{it:?}")).as_deref(), Some(word));
    }
    for text in ["", "{}", r#"{"type":"answer","sdp":"v=0"}"#, r#"{"type":"candidate","candidate":""}"#] {
        assert!(signal::read(text).is_none(), "{text}");
    }
}

#[wasm_bindgen_test]
fn time_moves_on() {
    let before = now();
    assert!(now() >= before);
}

/// Our server takes up to 64 letters, digits, `_` and `-`. An insecure page has no `randomUUID`.
#[wasm_bindgen_test]
fn every_request_has_an_id_that_the_server_takes() -> Result<(), BrowserError> {
    let refused = |error: JsValue| BrowserError::from_js("crypto", &error);
    let (crypto, name) = (window()?.crypto().map_err(refused)?, JsValue::from_str("randomUUID"));
    let secure = [request_id(), request_id()];
    js_sys::Reflect::set(&crypto, &name, &JsValue::UNDEFINED).map_err(refused)?;
    let insecure = [request_id(), request_id()];
    js_sys::Reflect::delete_property(&crypto, &name).map_err(refused)?;
    assert_eq!((secure[0].len(), insecure[0].len()), (36, 33), "one of each kind: {secure:?} {insecure:?}");
    for [one, other] in [secure, insecure] {
        assert_ne!(one, other);
        assert!(one.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-')), "{one}");
        assert!((1..=64).contains(&one.len()), "{one}");
    }
    Ok(())
}
