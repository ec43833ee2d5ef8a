//! Dropping an owner leaves nothing behind.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Event, EventTarget};

use super::super::meter::{Meter, Voice};
use super::super::mic::Mic;
use super::super::peer::Peer;
use super::super::recorder::Take;
use super::super::room_socket::{RoomSocket, SocketEvent};
use super::super::speaker::Speaker;
use super::super::tone::Tone;
use super::super::{BrowserError, Listener};
use super::{audio_elements, is_live, settle, speak_on, until};
use crate::engine::time::Epoch;

fn target() -> Result<EventTarget, BrowserError> {
    EventTarget::new().map_err(|error| BrowserError::from_js("EventTarget", &error))
}

fn fire(target: &EventTarget, kind: &str) -> Result<(), BrowserError> {
    let event = Event::new(kind).map_err(|error| BrowserError::from_js("Event", &error))?;
    target.dispatch_event(&event).map_err(|error| BrowserError::from_js("dispatchEvent", &error))?;
    Ok(())
}

#[wasm_bindgen_test]
fn a_dropped_listener_hears_nothing() -> Result<(), BrowserError> {
    let (target, heard) = (target()?, Rc::new(Cell::new(0)));
    let listener = {
        let heard = Rc::clone(&heard);
        Listener::new(&target, "ping", move |_: Event| heard.set(heard.get() + 1))?
    };
    fire(&target, "ping")?;
    drop(listener);
    fire(&target, "ping")?;
    assert_eq!(heard.get(), 1);
    assert_eq!(Rc::strong_count(&heard), 1, "the closure is freed");
    Ok(())
}

/// A listener may go while its own handler runs: the end of a call is often found out in a callback.
#[wasm_bindgen_test]
fn a_listener_may_be_dropped_by_its_own_handler() -> Result<(), BrowserError> {
    let (target, held) = (target()?, Rc::new(RefCell::new(None)));
    let inner = Rc::clone(&held);
    let listener = Listener::new(&target, "ping", move |_: Event| drop(inner.take()))?;
    held.replace(Some(listener));
    fire(&target, "ping")?;
    fire(&target, "ping")?;
    assert!(held.borrow().is_none());
    Ok(())
}

/// S003-04, S003-23, S004-09: what the device gave is known, whatever was asked for.
#[wasm_bindgen_test]
async fn a_dropped_microphone_is_off() -> Result<(), BrowserError> {
    let mic = Mic::open(None).await?;
    let (track, given) = (Clone::clone(mic.track()), mic.given());
    assert!(is_live(&track));
    assert!(given.sample_rate_hz.is_some_and(|hz| hz >= 8_000), "{given:?}");
    drop(mic);
    assert!(!is_live(&track));
    Ok(())
}

/// S003-40, S004-10: attach, replace and detach leave no live track.
#[wasm_bindgen_test]
async fn attach_replace_and_detach_leave_no_live_track() -> Result<(), BrowserError> {
    let (first, second) = (Mic::open(None).await?, Mic::open(None).await?);
    let tracks = [Clone::clone(first.track()), Clone::clone(second.track())];
    let told = Rc::new(Cell::new(0));
    let peer = {
        let told = Rc::clone(&told);
        Peer::new(Epoch(0), &[], "all", &first, move |_, _| told.set(told.get() + 1))?
    };
    let sent = |peer: &Peer| {
        let sender: web_sys::RtcRtpSender = peer.connection().get_senders().get(0).into();
        sender.track().map(|track| track.id())
    };
    assert_eq!(sent(&peer), Some(tracks[0].id()));
    peer.replace_track(Some(second.track())).await?;
    drop(first);
    assert_eq!(sent(&peer), Some(tracks[1].id()));
    assert_eq!((is_live(&tracks[0]), is_live(&tracks[1])), (false, true));
    peer.replace_track(None).await?;
    assert_eq!(sent(&peer), None);
    let connection = peer.connection().clone();
    drop((peer, second));
    settle().await;
    assert_eq!(connection.connection_state(), web_sys::RtcPeerConnectionState::Closed);
    assert!(!tracks.iter().any(is_live));
    assert_eq!((told.get(), Rc::strong_count(&told)), (0, 1), "closing tells nothing and frees every listener");
    Ok(())
}

#[wasm_bindgen_test]
async fn a_dropped_speaker_and_tone_leave_no_element() -> Result<(), BrowserError> {
    let meter = Meter::new()?;
    let ended = Rc::new(Cell::new(false));
    let tone = {
        let ended = Rc::clone(&ended);
        Tone::start(meter.context(), move || ended.set(true))?
    };
    let speaker = Speaker::new("remote-audio")?;
    assert_eq!(audio_elements().len(), 2);
    until("the end of the tone", || ended.get()).await;
    drop((tone, speaker));
    assert_eq!(audio_elements().len(), 0);
    Ok(())
}

/// Chromium's fake microphone beeps once a second.
#[wasm_bindgen_test]
async fn the_meter_hears_the_microphone_and_forgets_it() -> Result<(), BrowserError> {
    let (mic, meter) = (Mic::open(None).await?, Meter::new()?);
    assert_eq!(meter.rms(Voice::Candidate), None);
    meter.listen(Voice::Candidate, Some(mic.stream()))?;
    until("a beep", || meter.rms(Voice::Candidate).is_some_and(|rms| rms > 0.005)).await;
    // A context that starves says that it runs, and has the same samples for whoever looks.
    let (time, still) = (JsValue::from_str("currentTime"), js_sys::Object::new());
    for (key, value) in [("value", JsValue::from_f64(0.0)), ("configurable", JsValue::TRUE)] {
        js_sys::Reflect::set(&still, &key.into(), &value).map_err(|error| BrowserError::from_js("set", &error))?;
    }
    js_sys::Object::define_property(meter.context(), &time, &still);
    until("no level of old samples", || meter.rms(Voice::Candidate).is_none()).await;
    js_sys::Reflect::delete_property(meter.context(), &time)
        .map_err(|error| BrowserError::from_js("delete", &error))?;
    until("a level again", || meter.rms(Voice::Candidate).is_some()).await;
    meter.listen(Voice::Candidate, None)?;
    assert_eq!(meter.rms(Voice::Candidate), None);
    let context = meter.context().clone();
    drop(meter);
    until("a closed context", || context.state() == web_sys::AudioContextState::Closed).await;
    Ok(())
}

#[wasm_bindgen_test]
async fn a_recording_is_kept_when_stopped_and_lost_when_dropped() -> Result<(), BrowserError> {
    let mic = Mic::open(None).await?;
    let urls = Rc::new(RefCell::new(Vec::new()));
    let start = || {
        let urls = Rc::clone(&urls);
        Take::start(mic.stream(), move |url| urls.borrow_mut().push(url))
    };
    let lost = start()?;
    speak_on().await?;
    drop(lost);
    settle().await;
    assert!(urls.borrow().is_empty());
    let kept = start()?;
    speak_on().await?;
    kept.stop();
    until("the recording", || !urls.borrow().is_empty()).await;
    assert!(urls.borrow().iter().all(|url| url.as_str().starts_with("blob:")));
    Ok(())
}

#[wasm_bindgen_test]
async fn a_socket_tells_that_nobody_is_there_unless_it_was_dropped() -> Result<(), BrowserError> {
    const NOBODY: &str = "ws://127.0.0.1:9/ws/interview";
    let told = Rc::new(RefCell::new(Vec::new()));
    let open = || {
        let told = Rc::clone(&told);
        RoomSocket::connect(NOBODY, move |event| told.borrow_mut().push(event))
    };
    drop(open()?);
    let socket = open()?;
    until("the close", || !told.borrow().is_empty()).await;
    settle().await;
    assert_eq!(*told.borrow(), [SocketEvent::Closed { code: 1_006 }]);
    drop(socket);
    assert!(RoomSocket::connect("ftp://nobody", |_| {}).is_err());
    Ok(())
}
