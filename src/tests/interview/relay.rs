//! The Relay route: the browser's peer is our own server, and the server holds the session at the provider.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vivavoce::engine::interview::director::directive;
use vivavoce::engine::interview::plan::Plan;

use crate::call::jfk;
use crate::candidate::{Candidate, House};
use crate::peer::Peer;
use crate::signal::{Signal, enter};
use crate::spoken_answer;

const MS: Duration = Duration::from_millis(1);

/// In the room, and the page is ready.
async fn ready(house: &House) -> (Candidate, Signal) {
    let (peer, offer) = Peer::offer().await;
    let (mut candidate, signal) = enter(house, peer, &offer).await;
    candidate.on_call("session.created", 0).await;
    candidate.say(&json!({ "type": "ready" })).await;
    (candidate, signal)
}

/// The types of what came on the call's own channel, deltas left out.
fn types(candidate: &Candidate) -> Vec<&str> {
    let types = candidate.events.iter().map(|(_, it)| it["type"].as_str().unwrap());
    types.filter(|it| !it.ends_with(".delta")).collect()
}

/// S000-02, S000-05, S000-22, S003-06, S003-12, S003-74, S004-07: addresses trickle both ways, and an interview is held
/// from the first word to the report. The page is told by the provider's events on one channel and by our server on
/// another. Our server finds the page by its checks, and sends to nobody whose address a page only names.
#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_interview_is_held_from_the_first_word_to_the_report() {
    let house = House::open(&[]).await;
    let (peer, offer, address) = Peer::offer_and_trickle().await;
    assert!(!offer.contains("a=candidate:"));
    let bystander = UdpSocket::bind("127.0.0.1:0").unwrap();
    bystander.set_nonblocking(true).unwrap();
    let named = format!("candidate:7 1 udp 2122260223 127.0.0.1 {} typ host", bystander.local_addr().unwrap().port());
    let (mut candidate, mut signal) = enter(&house, peer, &format!("{offer}a={named}\r\n")).await;
    signal.say(&json!({ "type": "candidate", "candidate": named, "sdp_mid": "0", "sdp_m_line_index": 0 })).await;
    signal.say(&json!({ "type": "candidate", "candidate": address, "sdp_mid": "0", "sdp_m_line_index": 0 })).await;
    signal.say(&json!({ "type": "candidate", "candidate": "", "sdp_mid": null, "sdp_m_line_index": null })).await;
    let first = signal.wait("candidate").await;
    assert!(first["candidate"].as_str().unwrap().starts_with("candidate:"), "{first}");
    while signal.wait("candidate").await["candidate"] != "" {}

    let (_, created) = candidate.on_call("session.created", 0).await;
    assert_eq!(created, json!({ "type": "session.created" }), "and not a word of the session");
    candidate.say(&json!({ "type": "ready" })).await;
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 0);
    assert!(candidate.loud_frames() > 100, "the greeting was heard: {} loud frames", candidate.loud_frames());
    let greeting = candidate.line("interviewer", 0);
    assert!(greeting["text"].as_str().unwrap().contains("AI interviewer"), "{greeting}");
    // The room channel may be ahead of the call's own.
    candidate.on_call("response.output_audio_transcript.done", 0).await;
    let told = types(&candidate);
    let expected = ["session.created", "output_audio_buffer.started", "response.output_audio_transcript.done"];
    assert!(expected.iter().all(|it| told.contains(it)), "{told:?}");

    candidate.state("listening").await;
    candidate.peer.play(spoken_answer());
    candidate.turn("turn.start", "candidate").await;
    let turn = candidate.turn("turn.end", "candidate").await;
    let spoken_ms = turn["payload"]["spoken_ms"].as_u64().unwrap();
    assert!((4_000..7_000).contains(&spoken_ms), "{spoken_ms} ms");
    assert_eq!(candidate.next("question.ready").await["payload"]["idx"], 1);
    candidate.state("speaking").await;
    candidate.hear_call(20).await;
    let told = types(&candidate);
    for kind in
        ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "output_audio_buffer.stopped"]
    {
        assert!(told.contains(&kind), "{told:?}");
    }
    // Our own channel says what the room channel says, with the same numbers, of what may be said aloud.
    let announced = ["turn.start", "turn.end", "question.ready", "latency.ping", "error", "ai.state"];
    // Either may be ahead of the other.
    let until = candidate.room.last().unwrap()["n"].as_u64().unwrap();
    let start = Instant::now();
    while candidate.last_number() < until {
        assert!(start.elapsed() < 20_000 * MS, "event {} of {until}", candidate.last_number());
        candidate.linger(20 * MS).await;
    }
    let aloud = |it: &&Value| announced.contains(&it["type"].as_str().unwrap());
    let from = candidate.room[0]["n"].as_u64().unwrap();
    let within = |it: &&Value| (from..=until).contains(&it["n"].as_u64().unwrap());
    let on_channel: Vec<&Value> = candidate.told.iter().filter(aloud).filter(within).collect();
    assert_eq!(candidate.room.iter().collect::<Vec<_>>(), on_channel);
    for kind in ["turn.start", "turn.end", "question.ready"] {
        assert!(candidate.room.iter().any(|it| it["type"] == kind), "{kind}");
    }

    let report = candidate.post("finish", json!({ "request_id": "f1" })).await;
    assert_eq!(report["questions"][0]["answers"][0]["spoken_ms"], spoken_ms);
    assert_eq!(candidate.next("ended").await["payload"]["reason"], "finished");
    house.until_calls(0).await;
    signal.wait("bye").await;
    assert_eq!(bystander.recv(&mut [0; 2_048]).map_err(|it| it.kind()), Err(ErrorKind::WouldBlock));
}

/// Who is interrupted is silent at once, and the provider is told how much of it was heard.
#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_silences_the_interviewer_at_once() {
    let house = House::open(&[]).await;
    let (mut candidate, _signal) = ready(&house).await;
    candidate.next("question.ready").await;
    candidate.state("speaking").await;
    candidate.hear_call(10).await;
    let from = candidate.events.len();
    candidate.peer.play(jfk());
    let (cut, _) = candidate.on_call("output_audio_buffer.cleared", from).await;
    let (_, truncated) = candidate.on_call("conversation.item.truncated", from).await;
    let heard_ms = truncated["audio_end_ms"].as_u64().unwrap();
    candidate.linger(1_400 * MS).await;
    let sounded_ms = candidate.loud_frames() as u64 * 20;
    assert!(heard_ms > 0 && heard_ms < sounded_ms, "{heard_ms} of at most {sounded_ms} ms");
    let after = candidate.loud_after(cut);
    assert!(after <= 7, "{after} frames of sound after the cut");
    let cut: Vec<_> = candidate.told.iter().filter(|it| it["type"] == "caption.cut").collect();
    assert_eq!(cut.len(), 1, "{:?}", candidate.told);
    assert_eq!(cut[0]["payload"]["heard_ms"], heard_ms);
    candidate.turn("turn.start", "candidate").await;
}

/// S003-14..17, S003-42: a path that was dead for two seconds is replaced in mid-question. Session, channels and sound stay, and
/// what could not be heard is said when it can.
#[tokio::test(flavor = "multi_thread")]
async fn an_ice_restart_keeps_session_channels_and_sound() {
    let house = House::open(&[]).await;
    let (mut candidate, mut signal) = ready(&house).await;
    candidate.next("question.ready").await;
    candidate.state("speaking").await;
    candidate.hear_call(10).await;
    candidate.peer.cut(true);
    tokio::time::sleep(2_000 * MS).await;
    let before = candidate.loud_frames();
    let offer = candidate.peer.restart().await;
    let from = candidate.events.len();
    let peer = std::mem::replace(&mut candidate.peer, Peer::offer().await.0);
    assert_eq!(signal.offer(&peer, "2", &offer, true).await, 1, "the same call");
    candidate.peer = peer;
    candidate.hear_call(25).await;
    candidate.on_call("output_audio_buffer.stopped", from).await;
    assert!(candidate.loud_frames() > before + 25, "the question goes on where it was");
    candidate.state("listening").await;
    assert!(!candidate.told.iter().any(|it| it["payload"]["text"].as_str().is_some_and(|it| it.contains("again"))));
    assert_eq!(house.calls(), 1);
    candidate.peer.play(jfk());
    candidate.turn("turn.start", "candidate").await;
    // A restart of what is not there is refused, and the socket stays open.
    signal.say(&json!({ "type": "bye" })).await;
    house.until_calls(0).await;
    signal.say(&json!({ "type": "offer", "id": "3", "sdp": offer, "restart": true })).await;
    let refused = signal.wait("refused").await;
    assert_eq!((&refused["id"], &refused["error"]), (&json!("3"), &json!("no_restart")));
}

/// S004-03, S004-04: an offer as one shot, and its answer once more for whoever did not get it.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_answered_in_one_shot_and_once_more() {
    let house = House::open(&[]).await;
    let mut candidate = Candidate::start(&house, 5).await;
    candidate.join(&house).await;
    let (peer, offer) = Peer::offer().await;
    let body = json!({ "request_id": "o1", "client_secret": candidate.ticket, "sdp": offer });
    let post = |body: &Value| candidate.request_at("/webrtc/offer", body.clone()).send();
    for (what, change, status) in [
        ("no SDP", json!({ "sdp": "hello" }), 422),
        ("no id", json!({ "request_id": "" }), 422),
        ("a field of another type", json!({ "sdp": 7 }), 422),
        ("another ticket", json!({ "client_secret": "nobody's" }), 401),
    ] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(post(&body).await.unwrap().status(), status, "{what}");
    }
    let foreign = candidate.request_at("/webrtc/offer", body.clone()).header("origin", "http://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    assert_eq!(candidate.get("/webrtc/answer?call=1&").send().await.unwrap().status(), 404);

    let made: Value = post(&body).await.unwrap().json().await.unwrap();
    assert_eq!((&made["type"], &made["call"]), (&json!("answer"), &json!(1)));
    let again: Value = post(&body).await.unwrap().json().await.unwrap();
    assert_eq!(again, made, "the same request gets the same answer");
    let mut other = body.clone();
    other["request_id"] = json!("o2");
    assert_eq!(post(&other).await.unwrap().status(), 409, "the ticket is spent");
    for asked in [candidate.get("/webrtc/answer?call=1&"), candidate.get_bare("/webrtc/answer?call=1")] {
        assert_eq!(asked.send().await.unwrap().json::<Value>().await.unwrap(), made);
    }
    for (query, status) in [("call=2&", 404), ("call=0&", 404), ("call=x&", 422), ("", 422)] {
        let asked = candidate.get(&format!("/webrtc/answer?{query}"));
        assert_eq!(asked.send().await.unwrap().status(), status, "{query}");
    }
    let stranger = Candidate::start(&house, 5).await;
    let mut thief = Candidate::start(&house, 5).await;
    thief.trespass(&candidate);
    thief.forget_cookie();
    for (who, status) in [(&stranger, 404), (&thief, 401)] {
        assert_eq!(who.get("/webrtc/answer?call=1&").send().await.unwrap().status(), status);
        assert_eq!(who.get_bare("/webrtc/answer?call=1").send().await.unwrap().status(), status);
    }

    peer.answer(made["sdp"].as_str().unwrap().to_owned());
    (candidate.peer, candidate.relayed) = (peer, true);
    candidate.on_call("session.created", 0).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.hear_call(50).await;
}

/// A network that lets no UDP through is no obstacle on this route.
#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_without_udp_is_heard_and_hears() {
    let house = House::open(&[("VIVAVOCE_RTC_TCP_PORT", "0")]).await;
    let (peer, offer) = Peer::offer_over_tcp().await;
    let (mut candidate, _signal) = enter(&house, peer, &offer).await;
    candidate.on_call("session.created", 0).await;
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.next("question.ready").await;
    candidate.state("listening").await;
    assert!(candidate.loud_frames() > 100, "{} loud frames", candidate.loud_frames());
    candidate.peer.play(jfk());
    candidate.turn("turn.start", "candidate").await;
}

/// The negotiation is as well guarded as the room channel, and not everything that is said there is believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_negotiation_is_guarded() {
    let house = House::open(&[]).await;
    let candidate = Candidate::start(&house, 5).await;
    let mut thief = Candidate::start(&house, 5).await;
    thief.trespass(&candidate);
    thief.forget_cookie();
    let mut signal = Signal::open(&thief).await;
    assert_eq!(signal.next().await, None);
    assert_eq!(signal.said, [json!({ "closed": 4_401 })]);

    let mut signal = Signal::open(&candidate).await;
    for text in ["hello", "v=0\nm=video 9 x 1\n"] {
        signal.say(&json!({ "type": "offer", "id": "1", "sdp": text })).await;
        assert!(signal.wait("refused").await["error"]["offer"].is_string());
    }
    // Addresses of no call, and words of the future.
    for message in
        [json!({ "type": "candidate", "candidate": "x" }), json!({ "type": "bye" }), json!({ "type": "new" })]
    {
        signal.say(&message).await;
    }
    for n in 0..20 {
        signal.say(&json!({ "type": "offer", "id": n.to_string(), "sdp": "v=0" })).await;
    }
    while signal.wait("refused").await["error"]["busy"].is_null() {}
    signal.say(&json!("nonsense")).await;
    while signal.next().await.is_some() {}
    assert_eq!(signal.said.last(), Some(&json!({ "closed": 1_008 })));
}

/// One page negotiates on one socket, which is the newest. The call is none of the old one's, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_negotiation_replaces_the_one_before() {
    let house = House::open(&[]).await;
    let (mut candidate, first) = ready(&house).await;
    candidate.next("question.ready").await;
    candidate.hear_call(10).await;
    let mut old = vec![first];
    for _ in 0..5 {
        old.push(Signal::open(&candidate).await);
    }
    let mut newest = old.pop().unwrap();
    for signal in &mut old {
        while signal.next().await.is_some() {}
        assert_eq!(signal.said.last(), Some(&json!({ "closed": 4_409 })));
    }
    let offer = candidate.peer.restart().await;
    assert_eq!(newest.offer(&candidate.peer, "2", &offer, true).await, 1, "the same call");
    candidate.hear_call(25).await;
    assert_eq!(house.calls(), 1);
}

/// Each call that our server holds is a session at the provider. A page may not begin as many as it likes, on either route.
#[tokio::test(flavor = "multi_thread")]
async fn calls_on_relay_and_socket_are_counted_together() {
    let house = House::open(&[]).await;
    let mut candidate = Candidate::start(&house, 5).await;
    candidate.join(&house).await;
    candidate.next("welcome").await;
    let start = Instant::now();
    for epoch in 0..15 {
        candidate.say(&json!({ "type": "call", "epoch": epoch })).await;
    }
    candidate.say_raw("nonsense").await;
    assert_eq!(candidate.next("error").await["payload"]["code"], "invalid_event", "they were all granted");
    let mut signal = Signal::open(&candidate).await;
    let (_peer, offer) = Peer::offer().await;
    let mut made = 0;
    loop {
        signal.say(&json!({ "type": "offer", "id": "1", "sdp": offer })).await;
        let said = signal.next().await.unwrap();
        match said["type"].as_str().unwrap() {
            "answer" => made += 1,
            "refused" if said["error"]["busy"]["retry_after_s"] == 6 => break,
            "refused" => tokio::time::sleep(200 * MS).await, // Too many offers at once.
            _ => {}
        }
        assert!(made < 20, "nobody says no");
    }
    let earned = start.elapsed().as_secs() / 6;
    assert!((5..=5 + earned).contains(&made), "{made} calls after {:?}", start.elapsed());
    for epoch in 15..18 {
        candidate.say(&json!({ "type": "call", "epoch": epoch })).await;
    }
    assert_eq!(candidate.next("error").await["payload"]["code"], "flood");
    // The one that is heard, and perhaps the one that is tried. The others end in a moment.
    while house.calls() > 2 {
        assert!(start.elapsed() < 60_000 * MS, "{} calls", house.calls());
        tokio::time::sleep(5 * MS).await;
    }
}

/// Once the interview is over no call is made, whichever way it is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_made_after_the_end() {
    let house = House::open(&[]).await;
    let (mut candidate, mut signal) = ready(&house).await;
    candidate.next("question.ready").await;
    let ticket = candidate.renew().await;
    candidate.post("finish", json!({ "request_id": "f1" })).await;
    candidate.next("ended").await;
    house.until_calls(0).await;
    signal.wait("bye").await;
    let (_peer, offer) = Peer::offer().await;
    for restart in [false, true] {
        signal.say(&json!({ "type": "offer", "id": "2", "sdp": offer, "restart": restart })).await;
        assert_eq!(signal.wait("refused").await["error"], "over");
    }
    let body = json!({ "request_id": "o2", "client_secret": ticket, "sdp": offer });
    assert_eq!(candidate.request_at("/webrtc/offer", body).send().await.unwrap().status(), 410);
    candidate.say(&json!({ "type": "call", "epoch": 7 })).await;
    candidate.say_raw("nonsense").await;
    candidate.next("error").await;
    assert_eq!(house.calls(), 0);
    assert!(candidate.told.iter().all(|it| it["type"] != "call.open"));
    let mut late = Signal::open(&candidate).await;
    while late.next().await.is_some() {}
    assert_eq!(late.said, [json!({ "closed": 4_410 })]);
}

/// A call counts once sound can flow on it: an answer that leads nowhere is no call.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_counted_when_sound_can_flow() {
    let house = House::open(&[]).await;
    let mut candidate = Candidate::start(&house, 5).await;
    candidate.join(&house).await;
    candidate.next("welcome").await;
    let mut signal = Signal::open(&candidate).await;
    let (_nobody, offer) = Peer::offer().await;
    signal.say(&json!({ "type": "offer", "id": "1", "sdp": offer })).await;
    signal.wait("answer").await;
    house.until_calls(1).await;
    candidate.linger(500 * MS).await;
    let counted = |route: &str| house.metric(&format!("vivavoce_calls_total{{route=\"{route}\"}}")) as u32;
    assert_eq!(counted("relay"), 0, "nobody is connected");
    assert!(candidate.told.iter().all(|it| it["type"] != "provider.ready"), "{:?}", candidate.told);

    let (peer, offer) = Peer::offer().await;
    signal.offer(&peer, "2", &offer, false).await;
    (candidate.peer, candidate.relayed) = (peer, true);
    candidate.next("provider.ready").await;
    assert_eq!(counted("relay"), 1);

    // On Direct the provider's answer is no sound, either.
    let mut candidate = Candidate::enter(&house, 5).await;
    house.until_calls(2).await;
    candidate.linger(500 * MS).await;
    assert_eq!(counted("direct"), 0, "the page has not said that it hears anything");
    for _ in 0..2 {
        candidate.say(&json!({ "type": "ready" })).await;
    }
    candidate.next("question.ready").await;
    assert_eq!((counted("direct"), counted("relay")), (1, 1));
}

/// Sealed: the provider is out of reach, and of all that reaches the browser nothing holds the prompt or a later question.
#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_interview_gives_nothing_away() {
    let house = House::open(&[("SEALED", "1")]).await;
    let plan = Plan::practice(5);
    let mut candidate = Candidate::start(&house, 5).await;
    candidate.join(&house).await;
    let (peer, offer) = Peer::offer().await;
    let body = json!({ "request_id": "e1", "client_secret": candidate.ticket, "offer": offer });
    let refused = candidate.request("sdp-exchange", body).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let mut bytes = refused.text().await.unwrap();
    assert!(bytes.contains("sealed"), "{bytes}");
    bytes += &candidate.started;

    // The ticket is as good as it was.
    let body = json!({ "request_id": "o1", "client_secret": candidate.ticket, "sdp": offer });
    let made = candidate.request_at("/webrtc/offer", body).send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&made).unwrap();
    peer.answer(answer["sdp"].as_str().unwrap().to_owned());
    (candidate.peer, candidate.relayed) = (peer, true);
    candidate.on_call("session.created", 0).await;
    // Whoever tries to ask for more is not listened to.
    candidate.peer.send(&json!({ "type": "session.update", "session": { "type": "realtime" } }));
    candidate.peer.send(&json!({ "type": "conversation.item.retrieve", "item_id": "item_1" }));
    candidate.say(&json!({ "type": "ready" })).await;
    candidate.next("question.ready").await;
    candidate.state("listening").await;
    candidate.peer.play(spoken_answer());
    candidate.turn("turn.end", "candidate").await;
    let mut signal = Signal::open(&candidate).await;
    signal.say(&json!({ "type": "offer", "id": "2", "sdp": offer, "restart": true })).await;
    signal.next().await;
    candidate.loud_frames();
    assert!(!candidate.room.is_empty() && candidate.events.len() > 20, "{} events", candidate.events.len());
    for said in [&candidate.told, &candidate.room, &signal.said] {
        bytes += &serde_json::to_string(said).unwrap();
    }
    bytes += &made;
    bytes.extend(candidate.events.iter().map(|(_, it)| it.to_string()));
    // More tickets, the answer once more, the report as far as it has come, and the pages.
    let again = |n: u8| json!({ "request_id": format!("more-{n}"), "minutes": 5, "consent": true });
    let call = format!("/webrtc/answer?call={}&", answer["call"]);
    for request in [
        candidate.request("ephemeral-token", again(0)),
        candidate.request_at("/api/realtime-session", again(1)),
        candidate.get(&call),
        candidate.request("report", json!({})),
        candidate.get("/?"),
    ] {
        let answered = request.send().await.unwrap();
        assert_eq!(answered.status(), 200, "{}", answered.url());
        bytes += &format!("{:?}", answered.headers());
        bytes += &answered.text().await.unwrap();
    }
    let core = directive::core(&plan.persona);
    let phrases = core.split(", ").filter(|it| it.contains(' '));
    let prompt: Vec<_> = phrases.chain(["instructions"]).collect();
    let later = plan.questions[2..].iter().map(|it| it.text.as_str());
    for canary in prompt.iter().copied().chain(later) {
        assert!(!bytes.contains(canary), "{canary}");
    }
    assert!(bytes.contains(&plan.questions[0].text), "what was asked is there");
    // After the end no question is to come any more; how they were asked stays ours.
    for path in ["finish", "report"] {
        let report = candidate.request(path, json!({ "request_id": "f1" })).send().await.unwrap().text().await.unwrap();
        assert!(report.contains(&plan.questions[0].text), "{report}");
        for canary in &prompt {
            assert!(!report.contains(canary), "{path}: {canary}");
        }
    }
}
