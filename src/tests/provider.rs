//! The embedded provider against a real WebRTC peer on loopback: events, sound, ears, faults.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "provider/call.rs"]
mod call;
#[path = "provider/line.rs"]
mod line;
#[path = "provider/peer.rs"]
mod peer;
#[path = "provider/secrets.rs"]
mod secrets;
#[path = "provider/socket.rs"]
mod socket;
#[path = "provider/words.rs"]
mod words;

use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use str0m::ice::{StunMessage, TransId};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::call::{House, KEY, jfk};
use crate::peer::Peer;

const MS: Duration = Duration::from_millis(1);

fn patient() -> Value {
    turns(&json!({ "silence_duration_ms": 400, "create_response": false }))
}

fn turns(detection: &Value) -> Value {
    json!({ "type": "realtime", "model": "gpt-realtime-2.1", "audio": { "input": { "turn_detection": detection } } })
}

/// S001-02, S001-03, S002-30, S002-32: a spoken turn over `oai-events` and media, its sound in step with its words.
#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_is_heard_in_step_with_its_words() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    call.peer.send(&json!({ "type": "session.update", "session": { "type": "realtime", "instructions": "Be kind." } }));
    let updated = call.next("session.updated").await;
    assert_eq!(updated["session"]["instructions"], "Be kind.");
    assert_eq!(updated["session"]["model"], "gpt-realtime-2.1");
    assert_eq!(updated["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"], 400);

    let before = call.events.len();
    let text = "Good morning, my name is Mariam. Shall we talk about memory and threads?";
    call.say(text);
    call.next("output_audio_buffer.stopped").await;
    call.listen(200 * MS).await;
    assert_eq!(
        call.types_from(before),
        [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "output_audio_buffer.started",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
            "output_audio_buffer.stopped",
        ]
    );
    let deltas: Vec<_> = call.events.iter().filter(|(_, it)| it["delta"].is_string()).collect();
    let said: String = deltas.iter().filter_map(|(_, it)| it["delta"].as_str()).collect();
    assert_eq!(said, text);

    // The sound that arrived lies between started and stopped.
    let (started, stopped) = (call.time_of("output_audio_buffer.started"), call.time_of("output_audio_buffer.stopped"));
    let (first, last) = call.heard(call.packets[0].at, Instant::now()).unwrap();
    assert!(
        first + 20 * MS >= started && first < started + 150 * MS,
        "sound begins {:?} after started",
        first - started
    );
    assert!(last <= stopped + 40 * MS && last + 400 * MS > stopped, "sound ends {:?} before stopped", stopped - last);
    // Words come with their sound: evenly, none before it, the last one shortly before the end.
    assert!(deltas[0].0 + 60 * MS > started);
    let last_word = deltas.last().unwrap().0;
    assert!(last_word < last && last_word + 1_000 * MS > last, "last word {:?} before the end", last - last_word);
    let gaps = deltas.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(gaps.max().unwrap() < 1_200 * MS);
    house.provider.close().await;
    assert_eq!(house.provider.calls(), 0);
}

/// RTP is continuous: every sequence number, 960 ticks a frame, one marker for each talk, and no burst.
#[tokio::test(flavor = "multi_thread")]
async fn media_is_continuous_and_evenly_paced() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    call.say("One two three.");
    call.next("output_audio_buffer.stopped").await;
    call.say("Four.");
    call.next("output_audio_buffer.stopped").await;
    call.listen(500 * MS).await;
    let packets = &call.packets;
    for pair in packets.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1);
        // A busy machine may skip frames; then the clock still went on.
        assert_eq!(pair[1].time.wrapping_sub(pair[0].time) % 960, 0);
    }
    assert_eq!(packets.iter().filter(|it| it.marker).count(), 2);
    let (first, last) = (&packets[0], &packets[packets.len() - 1]);
    let (wall, told) = ((last.at - first.at).as_millis(), u128::from(last.time.wrapping_sub(first.time) / 48));
    assert!(wall.abs_diff(told) < 150, "the timestamps say {told} ms, the clock {wall} ms");
    assert!(packets.len() as u128 * 20 > told * 8 / 10, "{} packets in {told} ms", packets.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_voice_is_heard_to_start_and_to_stop() {
    let house = House::open().await;
    let mut call = house.call(turns(&json!({ "silence_duration_ms": 2000, "create_response": false }))).await;
    let began = Instant::now();
    call.peer.play(jfk());
    let started = call.next("input_audio_buffer.speech_started").await;
    // Speech begins at 0.37 s; the reorder window and three hops of attack come on top.
    assert!(began.elapsed() < 700 * MS, "heard after {:?}", began.elapsed());
    let stopped = call.next("input_audio_buffer.speech_stopped").await;
    let committed = call.next("input_audio_buffer.committed").await;
    let added = call.next("conversation.item.added").await;
    call.next("conversation.item.done").await;
    let spoken = stopped["audio_end_ms"].as_u64().unwrap() - started["audio_start_ms"].as_u64().unwrap();
    assert!((11_500..14_500).contains(&spoken), "{spoken} ms");
    assert_eq!(added["item"]["content"], json!([{ "type": "input_audio", "transcript": null }]));
    for event in [&stopped, &committed] {
        assert_eq!(event["item_id"], started["item_id"]);
    }
    assert_eq!(added["item"]["id"], started["item_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_is_quiet_within_frames_and_truncated_to_what_was_heard() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    call.say("This is a rather long explanation of many things that nobody will want to hear to its end today.");
    call.next("output_audio_buffer.started").await;
    call.listen(1_000 * MS).await;
    call.peer.play(jfk());
    call.next("input_audio_buffer.speech_started").await;
    let done = call.next("response.done").await;
    call.next("output_audio_buffer.cleared").await;
    let truncated = call.next("conversation.item.truncated").await;
    let cut = call.time_of("input_audio_buffer.speech_started");
    call.listen(600 * MS).await;
    assert_eq!(done["response"]["status"], "cancelled");
    assert_eq!(done["response"]["status_details"]["reason"], "turn_detected");
    let after = call.levels().into_iter().filter(|(at, db)| *at > cut && *db > -45.0).count();
    assert!(after <= 3, "{after} loud frames after the cut");
    let (first, last) = call.heard(call.packets[0].at, Instant::now()).unwrap();
    let heard_ms = (last - first).as_millis() as u64;
    let told_ms = truncated["audio_end_ms"].as_u64().unwrap();
    assert!(told_ms.abs_diff(heard_ms) < 250, "told {told_ms} ms, heard {heard_ms} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_interrupted_is_said_to_its_end() {
    let house = House::open().await;
    let detection = json!({ "interrupt_response": false, "create_response": false, "silence_duration_ms": 400 });
    let mut call = house.call(turns(&detection)).await;
    call.say("Hello. I am an AI interviewer, and this will take five minutes.");
    call.next("output_audio_buffer.started").await;
    call.peer.play(jfk());
    call.next("input_audio_buffer.speech_started").await;
    let done = call.next("response.done").await;
    assert_eq!(done["response"]["status"], "completed");
    call.next("output_audio_buffer.stopped").await;
    assert!(!call.types().contains(&"output_audio_buffer.cleared"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ice_restart_from_another_address_keeps_channel_and_sound() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    call.say("One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen.");
    call.next("output_audio_buffer.started").await;
    let offer = call.peer.restart().await;
    let request = house.http.patch(house.url(&call.path)).bearer_auth(KEY).header("content-type", "application/sdp");
    let response = request.body(offer).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let moved = Instant::now();
    call.peer.answer(response.text().await.unwrap());
    let count = call.packets.len();
    while call.packets.len() < count + 5 {
        assert!(moved.elapsed() < 3_000 * MS, "no sound after the restart");
        call.listen(5 * MS).await;
    }
    println!("audio back {:?} after the answer of an ICE restart", moved.elapsed());
    call.next("output_audio_buffer.stopped").await;
    call.peer.send(&json!({ "type": "conversation.item.retrieve", "item_id": "nobody", "event_id": "mine" }));
    assert_eq!(call.next("error").await["error"]["event_id"], "mine");
    // Another peer's offer is not a restart.
    let (_other, offer) = Peer::offer().await;
    let request = house.http.patch(house.url(&call.path)).bearer_auth(KEY).header("content-type", "application/sdp");
    assert_eq!(request.body(offer).send().await.unwrap().status(), 400);
    assert_eq!(house.provider.calls(), 1);
}

/// Firefox checks consent without USE-CANDIDATE (RFC 7675): such requests are answered for the whole call.
#[tokio::test(flavor = "multi_thread")]
async fn consent_checks_are_answered_whatever_their_attributes() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    let field = |sdp: &str, name: &str| sdp.lines().find_map(|it| it.strip_prefix(name)).unwrap().trim().to_owned();
    let username = format!("{}:{}", field(&call.answer, "a=ice-ufrag:"), field(&call.offer, "a=ice-ufrag:"));
    let password = field(&call.answer, "a=ice-pwd:");
    let port: u16 = field(&call.answer, "a=candidate:").split(' ').nth(5).unwrap().parse().unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(("127.0.0.1", port)).await.unwrap();
    let sha1 = str0m::crypto::from_feature_flags().sha1_hmac_provider;
    let mut bytes = [0; 512];
    for round in 0..12 {
        let request = StunMessage::binding_request(&username, TransId::new(), true, 1, 1, false);
        let id = request.trans_id();
        let hmac = |key: &[u8], parts: &[&[u8]]| sha1.sha1_hmac(key, parts);
        let len = request.to_bytes(Some(password.as_bytes()), &mut bytes, hmac).unwrap();
        socket.send(&bytes[..len]).await.unwrap();
        loop {
            let received = tokio::time::timeout(1_000 * MS, socket.recv(&mut bytes)).await;
            let len = received.unwrap_or_else(|_| panic!("request {round} was not answered")).unwrap();
            let answer = StunMessage::parse(&bytes[..len]).unwrap();
            if answer.is_successful_binding_response() && answer.trans_id() == id {
                break;
            }
        }
        call.listen(250 * MS).await;
    }
    // A wrong password is not answered, and does not disturb the call.
    let request = StunMessage::binding_request(&username, TransId::new(), true, 1, 1, false);
    let id = request.trans_id();
    let len = request.to_bytes(Some(b"wrong"), &mut bytes, |key, parts| sha1.sha1_hmac(key, parts)).unwrap();
    socket.send(&bytes[..len]).await.unwrap();
    while let Ok(len) = tokio::time::timeout(300 * MS, socket.recv(&mut bytes)).await {
        let answer = StunMessage::parse(&bytes[..len.unwrap()]).unwrap();
        assert_ne!(answer.trans_id(), id);
        if answer.is_binding_request() {
            break;
        }
    }
    call.say("Still here.");
    call.next("output_audio_buffer.stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_on_one_port_do_not_mix() {
    let house = House::open().await;
    let mut speaking = house.call(patient()).await;
    let mut silent = house.call(patient()).await;
    assert_eq!(house.provider.calls(), 2);
    speaking.say("Only the first call hears this sentence.");
    silent.peer.play(jfk());
    speaking.next("output_audio_buffer.stopped").await;
    silent.next("input_audio_buffer.speech_started").await;
    assert!(!silent.types().iter().any(|it| it.starts_with("response.")));
    assert!(!speaking.types().iter().any(|it| it.contains("speech_started")));
    assert_eq!(silent.heard(silent.packets[0].at, Instant::now()), None, "silence stays silence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanished_is_freed_and_its_control_socket_closed() {
    let house = House::with(|settings| settings.gone_after = 1_500 * MS).await;
    let call = house.call(patient()).await;
    let mut sideband = house.sideband(&call).await;
    drop(call);
    let freed = house.until_calls(0, 3_000 * MS).await;
    assert!(freed > 1_000 * MS, "{freed:?}");
    let close = loop {
        if let Message::Close(frame) = sideband.next().await.unwrap().unwrap() {
            break frame.unwrap();
        }
    };
    assert_eq!(u16::from(close.code), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_closes_is_freed_at_once_and_one_that_never_comes_soon() {
    let house = House::with(|settings| settings.connect_within = 1_000 * MS).await;
    let call = house.call(patient()).await;
    call.peer.close();
    let freed = house.until_calls(0, 1_000 * MS).await;
    println!("a closed peer is freed in {freed:?}");
    let (_peer, offer) = Peer::offer().await;
    assert_eq!(house.post_offer(offer, &json!({ "type": "realtime" })).await.status(), 201);
    assert_eq!(house.provider.calls(), 1);
    house.until_calls(0, 2_000 * MS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_too_long_is_told_so_and_ends() {
    let house = House::with(|settings| settings.session_limit = 1_000 * MS).await;
    let mut call = house.call(patient()).await;
    assert_eq!(call.next("error").await["error"]["code"], "session_expired");
    house.until_calls(0, 1_000 * MS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_ends_the_call_for_both_sides() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    let url = house.url(&format!("{}/hangup", call.path));
    let response = house.http.post(&url).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "");
    house.until_calls(0, 1_000 * MS).await;
    // The peer's own connection ends too, and with it its events.
    call.listen(2_000 * MS).await;
    assert!(call.peer.seen.is_closed());
    assert_eq!(house.http.post(&url).bearer_auth(KEY).send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_socket_sees_and_steers_the_call() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    let mut sideband = house.sideband(&call).await;
    let create = json!({ "type": "response.create", "response": { "metadata": { "say0": "Hello." } } });
    sideband.send(Message::text(create.to_string())).await.unwrap();
    call.next("output_audio_buffer.stopped").await;
    let mut types = Vec::new();
    while types.last().is_none_or(|it| it != "output_audio_buffer.stopped") {
        let text = sideband.next().await.unwrap().unwrap().into_text().unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        types.push(event["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(types, call.types()[1..], "all but session.created");

    match house.socket("rtc_nobody", KEY).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 404);
            let body: Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
            assert_eq!(body["error"]["code"], "call_id_not_found");
        }
        other => panic!("{:?}", other.err()),
    }
    assert!(matches!(house.socket("rtc_nobody", "sk-wrong").await, Err(Error::Http(it)) if it.status() == 401));

    for message in [Message::text("x".repeat(300 * 1024)), Message::binary(vec![1])] {
        let mut rude = house.sideband(&call).await;
        rude.send(message).await.unwrap();
        assert!(closed(&mut rude).await);
    }
    let mut flooding = house.sideband(&call).await;
    for _ in 0..1_000 {
        if flooding.send(Message::text(r#"{"type":"nonsense"}"#)).await.is_err() {
            break;
        }
    }
    assert!(closed(&mut flooding).await);
    call.say("Still here.");
    call.next("response.done").await;
}

async fn closed(socket: &mut call::Socket) -> bool {
    let end = async {
        while let Some(Ok(message)) = socket.next().await
            && !message.is_close()
        {}
    };
    tokio::time::timeout(5_000 * MS, end).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_flood_on_the_channel_is_told_and_ends_the_call() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    call.peer.send_raw("not json");
    assert_eq!(call.next("error").await["error"]["code"], "invalid_event");
    for _ in 0..400 {
        call.peer.send_raw("{}");
    }
    loop {
        if call.next("error").await["error"]["code"] == "rate_limit_exceeded" {
            break;
        }
    }
    house.until_calls(0, 1_000 * MS).await;
}

/// Nothing that a client sends is our fault, and nothing of it leaves a call behind.
#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_with_their_reason() {
    let house = House::with(|settings| settings.max_calls = 1).await;
    let (_peer, offer) = Peer::offer().await;
    let calls = house.url("/v1/realtime/calls");
    let post = || house.http.post(&calls).bearer_auth(KEY);
    let sdp = |body: String| post().header("content-type", "application/sdp").body(body);
    let form = |parts: &[(&str, &str)]| {
        let form = parts.iter().fold(reqwest::multipart::Form::new(), |form, (name, text)| {
            form.text((*name).to_owned(), (*text).to_owned())
        });
        post().multipart(form)
    };
    let realtime = r#"{"type":"realtime"}"#;
    let ours = |path: &str| house.url(path);
    let table = [
        ("no key", house.http.post(&calls), 401, "invalid_api_key"),
        ("wrong key", house.http.post(&calls).bearer_auth("sk-wrong"), 401, "invalid_api_key"),
        ("other scheme", house.http.post(&calls).basic_auth("a", Some(KEY)), 401, "invalid_api_key"),
        ("no body", post(), 415, "unsupported_content_type"),
        ("json", post().json(&json!({})), 415, "unsupported_content_type"),
        ("empty offer", sdp(String::new()), 400, "invalid_offer"),
        ("nonsense offer", sdp("hello".to_owned()), 400, "invalid_offer"),
        ("nearly an offer", sdp("v=0\r\nm=audio 9 x 1\r\n".to_owned()), 400, "invalid_offer"),
        ("not utf-8", post().header("content-type", "application/sdp").body(vec![0xff, 0xfe]), 400, "invalid_body"),
        ("large offer", sdp(format!("v=0\r\n{}", "a".repeat(70_000))), 400, "invalid_offer"),
        ("huge offer", sdp("v=0".repeat(100_000)), 413, "invalid_body"),
        ("huge form", form(&[("sdp", &"v=0".repeat(100_000))]), 413, "invalid_form"),
        ("with video", sdp(offer.replace("m=audio", "m=video")), 400, "invalid_offer"),
        ("no fingerprint", sdp(offer.replace("a=fingerprint", "a=x")), 400, "invalid_offer"),
        ("no boundary", post().header("content-type", "multipart/form-data").body("x"), 400, "invalid_body"),
        (
            "broken form",
            post().header("content-type", "multipart/form-data; boundary=x").body("y"),
            400,
            "invalid_form",
        ),
        ("no sdp", form(&[("session", realtime)]), 400, "missing_required_parameter"),
        ("no session", form(&[("sdp", &offer)]), 400, "missing_required_parameter"),
        ("session not json", form(&[("sdp", &offer), ("session", "{")]), 400, "invalid_value"),
        ("session not an object", form(&[("sdp", &offer), ("session", "[]")]), 400, "invalid_value"),
        ("bad session", form(&[("sdp", &offer), ("session", r#"{"type":"cat"}"#)]), 400, "invalid_value"),
        (
            "unknown call",
            house.http.post(ours("/v1/realtime/calls/rtc_x/hangup")).bearer_auth(KEY),
            404,
            "call_id_not_found",
        ),
        (
            "restart of no call",
            house.http.patch(ours("/v1/realtime/calls/rtc_x")).bearer_auth(KEY),
            404,
            "call_id_not_found",
        ),
        (
            "no upgrade, no call",
            house.http.get(ours("/v1/realtime?call_id=rtc_x")).bearer_auth(KEY),
            404,
            "call_id_not_found",
        ),
        ("no call named", house.http.get(ours("/v1/realtime")).bearer_auth(KEY), 400, "missing_required_parameter"),
        ("other method", house.http.get(&calls).bearer_auth(KEY), 405, "method_not_allowed"),
        ("nowhere", house.http.get(ours("/v1/nowhere")).bearer_auth(KEY), 404, "unknown_url"),
    ];
    for (case, request, status, code) in table {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{case}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], code, "{case}: {body}");
        assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string(), "{case}");
        assert_eq!(house.provider.calls(), 0, "{case}");
    }
    assert_eq!(form(&[("sdp", &offer), ("session", realtime)]).send().await.unwrap().status(), 201);
    let (_second, offer) = Peer::offer().await;
    assert_eq!(form(&[("sdp", &offer), ("session", realtime)]).send().await.unwrap().status(), 429);
}

/// Prints what it costs. The bounds only catch what would be noticed.
#[tokio::test(flavor = "multi_thread")]
async fn answers_and_first_sound_come_soon() {
    let house = House::open().await;
    let mut calls = Vec::new();
    for _ in 0..6 {
        calls.push(house.call(patient()).await);
    }
    let answers: Vec<_> = calls.iter().map(|call| format!("{:.1}", call.answer_ms)).collect();
    println!("SDP answers in ms: {}", answers.join(" "));
    assert!(calls[1..].iter().all(|call| call.answer_ms < 100.0));
    let mut call = calls.swap_remove(0);
    drop(calls);
    let mut waits = Vec::new();
    for n in 0..20 {
        let asked = Instant::now();
        call.say(&format!("Question {n}. What is it?"));
        call.next("output_audio_buffer.stopped").await;
        let (first, _) = call.heard(asked, Instant::now()).unwrap();
        waits.push((first - asked).as_millis());
    }
    waits.sort_unstable();
    let created = call.events.iter().filter(|(_, it)| it["type"] == "response.created").map(|(at, _)| *at);
    let talks = call.packets.iter().filter(|it| it.marker).map(|it| it.at);
    let mut first: Vec<_> = created.zip(talks).map(|(from, to)| (to - from).as_millis()).collect();
    first.sort_unstable();
    println!("response.created to first packet of speech in ms: {first:?}");
    println!("response.create to first sound above -45 dBFS in ms: {waits:?}");
    assert!(waits[10] < 200, "{waits:?}");
}
