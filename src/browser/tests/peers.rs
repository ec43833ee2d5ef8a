//! Our peer and another one in the same page.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Event, RtcDataChannel, RtcDataChannelEvent, RtcIceGatheringState, RtcPeerConnection};
use web_sys::{RtcSdpType, RtcSessionDescriptionInit};

use super::super::mic::Mic;
use super::super::peer::{Peer, PeerEvent};
use super::super::{BrowserError, Listener, stats};
use super::until;
use crate::api::IceServer;
use crate::engine::time::Epoch;

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` asks for")]
fn broken(error: wasm_bindgen::JsValue) -> BrowserError {
    BrowserError::from_js("far end", &error)
}

/// Answers an offer as a server does: with all its candidates in the answer, and without any of ours.
async fn answer(far: &RtcPeerConnection, offer: &str) -> Result<String, BrowserError> {
    let remote = RtcSessionDescriptionInit::new(RtcSdpType::Offer);
    remote.set_sdp(offer);
    JsFuture::from(far.set_remote_description(&remote)).await.map_err(broken)?;
    let answer = JsFuture::from(far.create_answer()).await.map_err(broken)?;
    JsFuture::from(far.set_local_description(answer.unchecked_ref())).await.map_err(broken)?;
    until("candidates", || far.ice_gathering_state() == RtcIceGatheringState::Complete).await;
    Ok(far.local_description().map(|it| it.sdp()).unwrap_or_default())
}

/// S003-02, S003-06, S003-14, S003-17: connect, talk, restart ICE, and the statistics say how it goes.
#[wasm_bindgen_test]
async fn two_peers_exchange_sound_and_events_and_restart_ice() -> Result<(), BrowserError> {
    let (mic, far_mic) = (Mic::open(None).await?, Mic::open(None).await?);
    let told: Rc<RefCell<Vec<(Epoch, PeerEvent)>>> = Rc::default();
    let peer = {
        let told = Rc::clone(&told);
        Peer::new(Epoch(3), &[], "all", &mic, move |epoch, event| told.borrow_mut().push((epoch, event)))?
    };
    let has = |kind: fn(&PeerEvent) -> bool| told.borrow().iter().any(|(_, event)| kind(event));

    let far = RtcPeerConnection::new().map_err(broken)?;
    far.add_track_0(far_mic.track(), far_mic.stream());
    let channel: Rc<RefCell<Option<RtcDataChannel>>> = Rc::default();
    let listener = {
        let channel = Rc::clone(&channel);
        Listener::new(&far, "datachannel", move |event: RtcDataChannelEvent| {
            channel.replace(Some(event.channel()));
        })?
    };

    let offer = peer.offer(false).await?;
    assert!(!offer.contains("a=candidate"), "nobody waited for candidates");
    let first = answer(&far, &offer).await?;
    peer.answer(&first).await?;
    until("a track", || has(|it| matches!(it, PeerEvent::Track(_)))).await;
    until("an open channel", || has(|it| matches!(it, PeerEvent::ChannelOpen))).await;
    until("a connection", || has(|it| matches!(it, PeerEvent::Connected))).await;
    until("the far channel", || channel.borrow().is_some()).await;
    let channel = channel.take().ok_or(BrowserError::Missing("channel"))?;
    assert_eq!(channel.label(), "oai-events");
    channel.send_with_str("hello").map_err(broken)?;
    until("a message", || has(|it| matches!(it, PeerEvent::Message(text) if text == "hello"))).await;
    assert!(told.borrow().iter().all(|(epoch, _)| *epoch == Epoch(3)));

    let look = async || stats::read(peer.stats().ok_or(BrowserError::Missing("receiver"))?).await;
    let before = look().await?;
    let moving = async |from: u64| -> Result<(), BrowserError> {
        while look().await?.received <= from {
            gloo_timers::future::TimeoutFuture::new(10).await;
        }
        Ok(())
    };
    moving(before.received).await?;
    let stats = look().await?;
    assert!(stats.candidate_type.is_some() && stats.responses > Some(0) && stats.bytes > 0, "{stats:?}");
    assert_eq!(stats.transport.as_deref(), Some("udp"));

    peer.set_epoch(Epoch(4));
    // S003-37: credentials run out, so a restart brings fresh ones.
    let fresh = IceServer { urls: vec!["stun:127.0.0.1:9".to_owned()], username: None, credential: None };
    peer.set_ice_servers(&[fresh], "all");
    let taken = peer.connection().get_configuration().get_ice_servers();
    assert_eq!(taken.map(|it| it.length()), Some(1));
    let offer = peer.offer(true).await?;
    let second = answer(&far, &offer).await?;
    let fragment = |sdp: &str| sdp.lines().find(|line| line.starts_with("a=ice-ufrag")).map(str::to_owned);
    assert_ne!(fragment(&first), fragment(&second), "credentials are new");
    peer.answer(&second).await?;
    moving(look().await?.received + 10).await?;
    channel.send_with_str("still there").map_err(broken)?;
    until("a message over the restarted path", || {
        let told = told.borrow();
        told.iter().any(|it| matches!(it, (Epoch(4), PeerEvent::Message(text)) if text == "still there"))
    })
    .await;

    let closed = Rc::new(RefCell::new(false));
    let watch = {
        let closed = Rc::clone(&closed);
        Listener::new(&channel, "close", move |_: Event| *closed.borrow_mut() = true)?
    };
    let count = told.borrow().len();
    drop(peer);
    until("the far end notices", || *closed.borrow()).await;
    assert_eq!(told.borrow().len(), count, "a dropped peer says nothing more");
    drop((listener, watch));
    far.close();
    Ok(())
}

/// Firefox has no `transport` row: the pair in use says so itself. Checks that nobody counts are not taken for unanswered.
#[wasm_bindgen_test]
async fn statistics_without_a_transport_row_tell_of_the_pair_in_use() -> Result<(), BrowserError> {
    for (in_use, responses) in
        [(r#""selected":true,"responsesReceived":3"#, Some(3)), (r#""nominated":true,"state":"succeeded""#, None)]
    {
        let report = js_sys::Map::new();
        for row in [
            r#"{"id":"r","type":"inbound-rtp","kind":"audio","packetsReceived":7}"#.to_owned(),
            r#"{"id":"f","type":"remote-inbound-rtp","kind":"audio","fractionLost":0.25}"#.to_owned(),
            r#"{"id":"a","type":"candidate-pair","nominated":false,"state":"succeeded","bytesSent":1}"#.to_owned(),
            format!(r#"{{"id":"b","type":"candidate-pair","localCandidateId":"c","bytesSent":9,{in_use}}}"#),
            r#"{"id":"c","type":"local-candidate","candidateType":"srflx","protocol":"udp"}"#.to_owned(),
        ] {
            let row = js_sys::JSON::parse(&row).map_err(broken)?;
            report.set(&js_sys::Reflect::get(&row, &"id".into()).map_err(broken)?, &row);
        }
        let stats = stats::read(js_sys::Promise::resolve(&wasm_bindgen::JsValue::from(report))).await?;
        assert_eq!((stats.received, stats.bytes, stats.responses), (7, 9, responses));
        assert_eq!((stats.candidate_type.as_deref(), stats.far_loss_pct), (Some("srflx"), Some(25.0)));
    }
    Ok(())
}
