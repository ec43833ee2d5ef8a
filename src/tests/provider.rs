//! The embedded provider against a real WebRTC peer on loopback: events, sound, ears, faults.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "provider/call.rs"]
mod call;
#[path = "provider/faults.rs"]
mod faults;
#[path = "provider/line.rs"]
mod line;
#[path = "provider/peer.rs"]
#[expect(dead_code, reason = "shared with the tests of the relay")]
mod peer;
#[path = "provider/secrets.rs"]
mod secrets;
#[path = "provider/socket.rs"]
mod socket;
#[path = "../server/voice/session/strict.rs"]
mod strict;
#[path = "provider/words.rs"]
mod words;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use str0m::ice::{StunMessage, TransId};

use crate::call::{House, KEY, jfk};
use crate::line::Line;
use crate::peer::{Packet, Peer};

const MS: Duration = Duration::from_millis(1);

fn patient() -> Value {
    turns(&json!({ "silence_duration_ms": 400, "create_response": false }))
}

fn turns(detection: &Value) -> Value {
    json!({ "type": "realtime", "model": "gpt-realtime-2.1", "audio": { "input": { "turn_detection": detection } } })
}

/// S001-02, S001-03, S002-17, S002-30, S002-32: a spoken turn over `oai-events` and media, its sound in step with its words.
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

    // Counted in frames of 20 ms, in the order in which everything arrived: a busy machine changes the times only.
    let started = call.frames_before(call.time_of("output_audio_buffer.started"));
    let stopped = call.frames_before(call.time_of("output_audio_buffer.stopped"));
    let (first, last) = call.loud_span().unwrap();
    // The sound that arrived lies between started and stopped.
    assert!(first + 2 >= started && first < started + 8, "sound begins with frame {first}, started after {started}");
    assert!(last < stopped + 2 && last + 20 > stopped, "sound ends with frame {last}, stopped after {stopped}");
    // Words come with their sound: evenly, none before it, the last one shortly before the end.
    let words: Vec<_> = deltas.iter().map(|(at, _)| call.frames_before(*at)).collect();
    assert!(words[0] + 3 > started, "the first word after frame {}, started after {started}", words[0]);
    let last_word = words[words.len() - 1];
    assert!(last_word < last && last_word + 50 > last, "the last word after frame {last_word} of {last}");
    assert!(words.windows(2).all(|pair| pair[1] - pair[0] < 60), "{words:?}");
    house.provider.close().await;
    assert_eq!(house.provider.sessions(), 0);
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
    let mut jumps = 0;
    for pair in packets.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1);
        // A busy machine may skip frames; then the clock still went on.
        let ticks = pair[1].time.wrapping_sub(pair[0].time);
        assert!(ticks > 0 && ticks % 960 == 0, "{ticks} ticks");
        jumps += usize::from(ticks > 960);
    }
    // However long it stands still: that is one jump.
    assert!(jumps * 5 < packets.len(), "{jumps} jumps in {} packets", packets.len());
    assert_eq!(packets.iter().filter(|it| it.marker).count(), 2);
    // How far the clock is ahead of the timestamps. The quickest packet of each half was not held up.
    let ahead = |it: &Packet| {
        let told_ms = i64::from(it.time.wrapping_sub(packets[0].time) / 48);
        i64::try_from((it.at - packets[0].at).as_millis()).unwrap() - told_ms
    };
    let (one, other) = packets.split_at(packets.len() / 2);
    let quickest = [one, other].map(|half| half.iter().map(ahead).min().unwrap());
    assert!(quickest[0].abs_diff(quickest[1]) < 60, "{quickest:?} ms between the timestamps and the clock");
}

/// S000-33: a candidate whose network lets no UDP through, both ways.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_without_udp_is_no_obstacle() {
    let house = House::open().await;
    let (peer, offer) = Peer::offer_over_tcp().await;
    let mut call = house.call_from(peer, offer, patient()).await;
    let began = Instant::now();
    call.peer.play(jfk());
    call.next("input_audio_buffer.speech_started").await;
    call.say("Good morning.");
    call.next("output_audio_buffer.stopped").await;
    assert!(call.heard(began, Instant::now()).is_some(), "sound arrived");
    call.peer.close();
    house.until_calls(0, 5_000 * MS).await;
}

/// S000-32: a far end that reports loss is sent less.
#[tokio::test(flavor = "multi_thread")]
async fn the_bitrate_follows_what_the_far_end_reports() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    call.say(&"Whatever is sent on a line that is full gets lost, and so less of it is sent. ".repeat(6));
    call.next("output_audio_buffer.started").await;
    let before = call.packets.len();
    call.listen(2_000 * MS).await;
    let bytes = |packets: &[Packet]| packets.iter().map(|it| it.payload.len()).sum::<usize>() / packets.len();
    let full = bytes(&call.packets[before..]);
    call.peer.lose(3);
    let began = Instant::now();
    loop {
        call.listen(1_000 * MS).await;
        let now = bytes(&call.packets[call.packets.len() - 50..]);
        if now * 4 < full * 3 {
            break;
        }
        assert!(began.elapsed() < 20_000 * MS, "{now} bytes a packet, {full} without loss");
    }
    assert!(!call.types().contains(&"output_audio_buffer.stopped"), "it is still speaking");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_voice_is_heard_to_start_and_to_stop() {
    let house = House::open().await;
    let mut late = Vec::new();
    let (mut call, started) = loop {
        let mut call = house.call(turns(&json!({ "silence_duration_ms": 2000, "create_response": false }))).await;
        let began = Instant::now();
        call.peer.play(jfk());
        let started = call.next("input_audio_buffer.speech_started").await;
        // Speech begins at 0.37 s; the reorder window and three hops of attack come on top. A busy machine makes it
        // longer, never shorter.
        let heard = call.time_of("input_audio_buffer.speech_started").duration_since(began);
        if heard < 1_200 * MS {
            break (call, started);
        }
        late.push(heard);
        assert!(late.len() < 5, "heard after {late:?}");
    };
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
    let (first, last) = call.loud_span().unwrap();
    let heard_ms = (last - first) as u64 * 20;
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
        assert!(moved.elapsed() < 8_000 * MS, "no sound after the restart");
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
    assert_eq!(house.provider.sessions(), 1);
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
            let received = tokio::time::timeout(5_000 * MS, socket.recv(&mut bytes)).await;
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
    assert_eq!(house.provider.sessions(), 2);
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
    let house = House::with(|settings| settings.gone_after = 3_000 * MS).await;
    let call = house.call(patient()).await;
    let mut sideband = Line::new(house.sideband(&call).await);
    drop(call);
    let freed = house.until_calls(0, 20_000 * MS).await;
    assert!(freed > 1_000 * MS, "{freed:?}");
    assert_eq!(sideband.closed().await, Some(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_closes_is_freed_at_once_and_one_that_never_comes_soon() {
    let house = House::with(|settings| settings.connect_within = 6_000 * MS).await;
    let call = house.call(patient()).await;
    call.peer.close();
    let freed = house.until_calls(0, 4_000 * MS).await;
    println!("a closed peer is freed in {freed:?}");
    let (_peer, offer) = Peer::offer().await;
    assert_eq!(house.post_offer(offer, &json!({ "type": "realtime" })).await.status(), 201);
    assert_eq!(house.provider.sessions(), 1);
    house.until_calls(0, 20_000 * MS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_too_long_is_told_so_and_ends() {
    let house = House::with(|settings| settings.session_limit = 4_000 * MS).await;
    let mut call = house.call(patient()).await;
    assert_eq!(call.next("error").await["error"]["code"], "session_expired");
    house.until_calls(0, 5_000 * MS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_ends_the_call_for_both_sides() {
    let house = House::open().await;
    let mut call = house.call(patient()).await;
    let url = house.url(&format!("{}/hangup", call.path));
    let response = house.http.post(&url).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "");
    house.until_calls(0, 5_000 * MS).await;
    // The peer's own connection ends too, and with it its events.
    call.listen(10_000 * MS).await;
    assert!(call.peer.seen.is_closed());
    assert_eq!(house.http.post(&url).bearer_auth(KEY).send().await.unwrap().status(), 404);
}

/// Prints what it costs. The bounds only catch what would be noticed.
#[tokio::test(flavor = "multi_thread")]
async fn answers_and_first_sound_come_soon() {
    let house = House::open().await;
    let mut calls = Vec::new();
    for _ in 0..6 {
        calls.push(house.call(patient()).await);
    }
    let mut answers: Vec<_> = calls.iter().map(|call| call.answer_ms).collect();
    answers.sort_unstable_by(f64::total_cmp);
    println!("SDP answers in ms: {answers:.1?}");
    assert!(answers[3] < 300.0, "{answers:?}");
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
    assert!(waits[10] < 400, "{waits:?}");
}
