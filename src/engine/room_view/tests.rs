use super::*;
use crate::engine::interview::Tier;
use crate::engine::protocol::room::project_text;

const HELLO: &str = "it_1";

/// A view on a virtual clock.
#[derive(Default)]
struct Sim {
    view: RoomView,
    now: u64,
    n: u64,
}

impl Sim {
    fn tell(&mut self, source: Source, event: RoomEvent) -> Told {
        self.n += u64::from(source == Source::Room);
        let n = if source == Source::Room { self.n } else { 0 };
        self.view.apply(Tick::from_ms(self.now), source, &RoomMessage { n, ts: 0, event })
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = ms;
        self
    }

    fn ai(&self) -> AiState {
        self.view.ai(Tick::from_ms(self.now))
    }
}

fn turn(speaker: Speaker, start: bool) -> RoomEvent {
    if start { RoomEvent::TurnStart { speaker } } else { RoomEvent::TurnEnd { speaker, spoken_ms: 0 } }
}

fn delta(text: &str) -> RoomEvent {
    RoomEvent::CaptionDelta { item_id: HELLO.to_owned(), speaker: Speaker::Interviewer, delta: text.to_owned() }
}

fn speech(active: bool, item_id: &str) -> RoomEvent {
    RoomEvent::Speech { active, item_id: item_id.to_owned() }
}

fn question(idx: u32) -> RoomEvent {
    RoomEvent::QuestionReady(Question {
        idx,
        total: 5,
        domain: "Databases".to_owned(),
        tier: Tier::Core,
        text: "What is an index?".to_owned(),
        follow_up: false,
    })
}

/// Both channels tell the same turn; it happens once, and the late teller does not start it again.
#[test]
fn a_turn_told_by_both_channels_happens_once() {
    let mut sim = Sim::default();
    let told = sim.tell(Source::Channel, turn(Speaker::Interviewer, true));
    assert_eq!(told, Told::then(Effect::Sounding(true)));
    assert_eq!(sim.tell(Source::Room, turn(Speaker::Interviewer, true)), Told::STALE);
    assert!(sim.tell(Source::Channel, turn(Speaker::Interviewer, false)).fresh);
    assert_eq!(sim.tell(Source::Room, turn(Speaker::Interviewer, true)), Told::STALE);
    assert_eq!(sim.ai(), AiState::Listening);
}

#[test]
fn without_a_data_channel_the_room_channel_tells_the_turns() {
    let mut sim = Sim::default();
    sim.tell(Source::Channel, turn(Speaker::Interviewer, true));
    sim.view.call_lost(Tick::ZERO);
    assert!(sim.tell(Source::Room, turn(Speaker::Interviewer, true)).fresh);
    assert!(sim.tell(Source::Room, turn(Speaker::Interviewer, false)).fresh);
}

/// S000-26: a route is changed when nobody has anything under way, and a breath in mid-answer is not that.
#[test]
fn a_breath_in_mid_answer_is_no_pause() {
    let mut sim = Sim::default();
    let quiet = |sim: &Sim| sim.view.is_quiet();
    assert!(quiet(&sim));
    sim.tell(Source::Room, speech(true, "u1"));
    assert!(!quiet(&sim), "the candidate speaks");
    sim.at(900).tell(Source::Room, speech(false, "u1"));
    assert!(!quiet(&sim), "and takes a breath");
    sim.at(2_900).tell(Source::Room, turn(Speaker::Candidate, false));
    assert!(quiet(&sim), "that was the answer");
    sim.tell(Source::Room, RoomEvent::AiState { state: AiState::Thinking });
    assert!(!quiet(&sim), "something is about to be said");
}

/// S003-08: markers and sound have to agree.
#[test]
fn speaking_needs_the_marker_and_the_sound() {
    let mut sim = Sim::default();
    sim.view.listen(Tick::ZERO, Some(0.2));
    assert_eq!(sim.ai(), AiState::Listening, "sound alone");
    sim.at(2_000).tell(Source::Room, RoomEvent::AiState { state: AiState::Thinking });
    sim.tell(Source::Channel, turn(Speaker::Interviewer, true));
    assert_eq!(sim.ai(), AiState::Thinking, "marker alone");
    sim.view.listen(Tick::from_ms(2_000), Some(0.2));
    assert_eq!(sim.ai(), AiState::Speaking);
    assert_eq!(sim.at(2_600).ai(), AiState::Speaking, "a pause between sentences");
    sim.tell(Source::Channel, turn(Speaker::Interviewer, false));
    sim.tell(Source::Room, RoomEvent::AiState { state: AiState::Listening });
    assert_eq!(sim.ai(), AiState::Listening);
}

/// The data channel is quicker than the room channel: on a bad line by so much that a candidate would take the floor.
#[test]
fn between_the_greeting_and_the_first_question_it_is_nobodys_turn() {
    let mut sim = Sim::default();
    sim.tell(Source::Channel, turn(Speaker::Interviewer, true));
    sim.tell(Source::Room, RoomEvent::AiState { state: AiState::Speaking });
    sim.tell(Source::Channel, turn(Speaker::Interviewer, false));
    assert_eq!(sim.ai(), AiState::Thinking, "the greeting is over, and nothing was asked");
    sim.tell(Source::Room, RoomEvent::AiState { state: AiState::Thinking });
    sim.tell(Source::Room, question(0));
    sim.tell(Source::Channel, turn(Speaker::Interviewer, true));
    sim.tell(Source::Room, RoomEvent::AiState { state: AiState::Speaking });
    sim.tell(Source::Channel, turn(Speaker::Interviewer, false));
    assert_eq!(sim.ai(), AiState::Listening, "after the question it is the candidate's, before our server says so");
}

/// A packet of the data channel that is lost comes a second later: nobody is listening meanwhile.
#[test]
fn a_question_whose_marker_is_late_is_not_the_candidates_turn() {
    let mut sim = Sim::default();
    sim.tell(Source::Channel, turn(Speaker::Interviewer, true));
    sim.tell(Source::Room, RoomEvent::AiState { state: AiState::Thinking });
    sim.tell(Source::Room, question(0));
    sim.at(1_000).tell(Source::Room, RoomEvent::AiState { state: AiState::Speaking });
    sim.tell(Source::Channel, turn(Speaker::Interviewer, false));
    assert_eq!(sim.ai(), AiState::Thinking, "the end of the greeting, late, and the question is not heard yet");
    sim.view.listen(Tick::from_ms(1_000), Some(0.2));
    assert_eq!(sim.ai(), AiState::Speaking, "the director's marker and the sound agree");
    sim.tell(Source::Channel, turn(Speaker::Interviewer, true));
    assert_eq!(sim.ai(), AiState::Speaking);
    sim.tell(Source::Channel, turn(Speaker::Interviewer, false));
    assert_eq!(sim.ai(), AiState::Listening);
}

#[test]
fn where_no_level_can_be_measured_the_marker_is_believed() {
    let mut sim = Sim::default();
    sim.tell(Source::Channel, turn(Speaker::Interviewer, true));
    sim.view.listen(Tick::ZERO, None);
    assert_eq!(sim.ai(), AiState::Speaking);
}

#[test]
fn words_told_by_both_channels_are_shown_once() {
    let mut sim = Sim::default();
    sim.tell(Source::Channel, delta("Hello "));
    sim.tell(Source::Room, delta("Hello "));
    sim.tell(Source::Channel, delta("there"));
    sim.tell(Source::Room, delta("there"));
    assert_eq!(sim.view.lines()[0].text.as_deref(), Some("Hello there"));
    let line = Line { solid: true, at_ms: 40, ..Line::spoken(HELLO, Speaker::Interviewer, "Hello there.") };
    sim.tell(Source::Room, RoomEvent::CaptionDone(line.clone()));
    sim.tell(Source::Channel, delta("there"));
    assert_eq!(sim.view.lines(), [line]);
}

#[test]
fn a_numbered_event_told_again_changes_nothing() {
    let mut sim = Sim::default();
    let message = RoomMessage { n: 4, ts: 0, event: delta("Once") };
    assert!(sim.view.apply(Tick::ZERO, Source::Room, &message).fresh);
    assert_eq!(sim.view.apply(Tick::ZERO, Source::Room, &message), Told::STALE);
    assert_eq!(sim.view.lines()[0].text.as_deref(), Some("Once"));
}

/// S003-12: a message of the room that the call's own channel brought first is not news on the room channel, and one that it
/// left out is. A page that comes back names what the room channel told.
#[test]
fn a_message_of_the_room_counts_once_whichever_channel_brings_it() {
    let mut sim = Sim::default();
    let message = |n, event| RoomMessage { n, ts: 0, event };
    let mut tell = |source, n, event| sim.view.apply(Tick::ZERO, source, &message(n, event)).fresh;
    let words = Line::spoken("u1", Speaker::Candidate, "Because it is sorted.");
    assert!(tell(Source::Events, 6, question(1)));
    assert!(tell(Source::Events, 7, RoomEvent::CaptionDone(words.clone())), "as good as on the room channel");
    assert!(tell(Source::Room, 5, delta("Late")), "the quick one does not hide what came before");
    assert!(!tell(Source::Room, 6, question(1)));
    assert_eq!(sim.view.seen(), None, "nothing to come back to");
    assert_eq!(sim.view.last_n, 6);
}

/// A turn of two pieces is one line that counts what was spoken, pauses left out.
#[test]
fn a_spoken_answer_grows_by_what_is_spoken() {
    let mut sim = Sim::default();
    sim.tell(Source::Room, question(2));
    sim.at(1_000).tell(Source::Channel, speech(true, "u1"));
    assert!(sim.view.hearing());
    sim.view.tick(Tick::from_ms(2_000));
    assert_eq!(sim.view.lines()[0].spoken_ms, 1_000);
    sim.at(2_000).tell(Source::Channel, speech(false, "u1"));
    sim.at(3_000).tell(Source::Channel, speech(true, "u2"));
    sim.at(3_500).tell(Source::Channel, speech(false, "u2"));
    assert_eq!(sim.view.lines().len(), 1);
    assert_eq!(sim.view.lines()[0].spoken_ms, 1_500);
    let end = RoomEvent::TurnEnd { speaker: Speaker::Candidate, spoken_ms: 1_480 };
    let told = sim.at(5_000).tell(Source::Room, end);
    assert_eq!(told, Told::then(Effect::Answered { question: Some(2), spoken_ms: 1_480 }));
    assert_eq!(sim.view.lines()[0].spoken_ms, 1_480);
    sim.at(9_000).tell(Source::Channel, speech(true, "u3"));
    assert_eq!(sim.view.lines().len(), 2, "the next turn is a line of its own");
}

#[test]
fn a_ping_is_answered_and_the_end_is_passed_on() {
    let mut sim = Sim::default();
    for (id, rtt_ms, known) in [(8, None, None), (9, Some(40), Some(40)), (10, None, Some(40))] {
        let told = sim.tell(Source::Room, RoomEvent::LatencyPing { id, rtt_ms });
        assert_eq!((told, sim.view.rtt_ms()), (Told::then(Effect::Say(PageMessage::Pong { id })), known));
    }
    let told = sim.tell(Source::Room, RoomEvent::Ended { reason: EndReason::Completed });
    assert_eq!(told, Told::then(Effect::Over(EndReason::Completed)));
}

#[test]
fn the_clock_runs_on_between_the_servers_words_and_stands_while_the_line_is_mended() {
    let mut sim = Sim::default();
    sim.at(1_000).tell(Source::Room, RoomEvent::Clock { elapsed_ms: 5_000, left_ms: 60_000, running: true });
    let clock = |sim: &Sim, ms| sim.view.clock(Tick::from_ms(ms));
    assert_eq!(clock(&sim, 3_000), Clock { elapsed_ms: 7_000, left_ms: 58_000, running: true });
    sim.view.pause(Tick::from_ms(3_000), true);
    assert_eq!(clock(&sim, 9_000), Clock { elapsed_ms: 7_000, left_ms: 58_000, running: false });
    sim.view.pause(Tick::from_ms(9_000), false);
    assert_eq!(clock(&sim, 10_000), Clock { elapsed_ms: 8_000, left_ms: 57_000, running: true });
    assert_eq!(clock(&sim, 100_000).left_ms, 0);
}

fn welcome(lines: Vec<Line>) -> Snapshot {
    Snapshot {
        session_id: "s".to_owned(),
        application_id: None,
        persona: "Mariam".to_owned(),
        total: 5,
        minutes: 15,
        question: None,
        lines,
        ai: AiState::Thinking,
        elapsed_ms: 1_000,
        left_ms: 9_000,
        transcribes: false,
        ended: None,
        epoch: Epoch(1),
    }
}

#[test]
fn a_welcome_restores_everything() {
    let mut sim = Sim::default();
    sim.tell(Source::Channel, delta("half a sen"));
    let line = Line { solid: true, ..Line::spoken("it_0", Speaker::Interviewer, "Welcome.") };
    let snapshot = Snapshot { ended: Some(EndReason::Idle), ..welcome(vec![line.clone()]) };
    let told = sim.tell(Source::Room, RoomEvent::Welcome(Box::new(snapshot)));
    assert_eq!(told, Told::then(Effect::Over(EndReason::Idle)));
    assert_eq!((sim.view.lines(), sim.ai()), (&[line][..], AiState::Thinking));
}

/// A page that is loaded anew in the middle of an answer shows it, goes on counting, and has one line of it in the end.
#[test]
fn an_answer_goes_on_in_a_page_that_was_loaded_anew() {
    for source in [Source::Channel, Source::Room] {
        let mut sim = Sim::default();
        let answer = |spoken_ms, solid| Line {
            text: None,
            at_ms: 700,
            spoken_ms,
            solid,
            ..Line::spoken("a", Speaker::Candidate, "")
        };
        sim.tell(Source::Room, RoomEvent::Welcome(Box::new(welcome(vec![answer(4_000, false)]))));
        assert!(sim.view.answering());
        assert_eq!(sim.view.lines(), [answer(4_000, false)]);
        sim.at(5_000).tell(source, speech(true, "b"));
        sim.at(7_000).view.tick(Tick::from_ms(7_000));
        assert_eq!(sim.view.lines(), [answer(6_000, false)]);
        sim.tell(source, speech(false, "b"));
        sim.at(9_000).tell(Source::Room, RoomEvent::TurnEnd { speaker: Speaker::Candidate, spoken_ms: 6_100 });
        sim.tell(Source::Room, RoomEvent::CaptionDone(answer(6_100, true)));
        assert_eq!(sim.view.lines(), [answer(6_100, true)], "{source:?}");
    }
}

/// S003-63: what the server tells next is not news after a welcome, so the welcome itself is told as events.
#[test]
fn s003_63_a_welcome_stands_for_the_events_that_led_to_it() {
    let RoomEvent::QuestionReady(asked) = question(3) else { return };
    let snapshot = Snapshot { question: Some(asked), ..welcome(Vec::new()) };
    let events = snapshot.events();
    assert_eq!(events, [question(3), RoomEvent::AiState { state: AiState::Thinking }]);
    assert_eq!(welcome(Vec::new()).events().len(), 1, "nothing was asked yet");
    let mut sim = Sim::default();
    sim.tell(Source::Room, RoomEvent::Welcome(Box::new(snapshot)));
    for event in events {
        assert!(!sim.tell(Source::Room, event.clone()).fresh, "{event:?}");
    }
}

/// A page that was away is told what became of its answer: it is still under way, or over, or too new for the server.
#[test]
fn a_welcome_says_whether_the_answer_is_still_under_way() {
    let mine = |solid| Line { text: None, solid, spoken_ms: 1_500, ..Line::spoken("a", Speaker::Candidate, "") };
    let said = |source: Source, lines: Vec<Line>| {
        let mut sim = Sim::default();
        sim.tell(source, speech(true, "a"));
        sim.at(2_000).tell(Source::Room, RoomEvent::Welcome(Box::new(welcome(lines))));
        sim.view.answer.map(|it| it.spoken_ms(Tick::from_ms(3_000)))
    };
    assert_eq!(said(Source::Channel, vec![mine(false)]), Some(3_000), "ours counts more finely");
    assert_eq!(said(Source::Channel, vec![mine(true)]), None, "it is on record");
    assert_eq!(said(Source::Channel, vec![]), Some(3_000), "the server has not heard of it yet");
    assert_eq!(said(Source::Room, vec![]), None, "the server has told of it, and knows of it no more");
}

/// S003-39, S003-52, S003-62: every type of S003-30 in its wire form, what it is called on the page, and what it changes.
#[test]
fn every_event_of_the_schema_is_parsed_and_folded() {
    let table = [
        (r#"{"type":"turn.start","ts":1,"payload":{"speaker":"interviewer"}}"#, "turn.start"),
        (r#"{"type":"turn.end","ts":2,"payload":{"speaker":"interviewer","spoken_ms":5}}"#, "turn.end"),
        (
            r#"{"type":"question.ready","ts":3,"payload":{"idx":1,"total":5,"domain":"Web","difficultyTier":"core","text":"Why?"}}"#,
            "question.ready",
        ),
        (r#"{"type":"latency.ping","ts":4,"payload":{"id":7}}"#, "latency.ping"),
        (r#"{"type":"error","ts":5,"payload":{"code":"upstream.lost","message":"A problem."}}"#, "error"),
        (r#"{"type":"ai.state","ts":6,"payload":{"state":"thinking"}}"#, "ai.state"),
    ];
    let mut view = RoomView::default();
    for (text, name) in table {
        let message: RoomMessage = serde_json::from_str(text).expect(text);
        assert_eq!(message.event.announced_as(), Some(name), "{text}");
        assert!(view.apply(Tick::ZERO, Source::Room, &message).fresh, "{text}");
    }
    assert_eq!(view.question().map(|it| it.idx), Some(1));
    assert_eq!(view.notice(), Some("A problem."));
    assert_eq!(view.ai(Tick::ZERO), AiState::Thinking);
    let unknown: RoomMessage =
        serde_json::from_str(r#"{"type":"party.start","ts":1}"#).expect("unknown types are understood as such");
    assert_eq!(view.apply(Tick::ZERO, Source::Room, &unknown), Told::STALE);
}

#[test]
fn a_question_can_be_asked_again_while_it_is_listened_to() {
    let mut sim = Sim::default();
    for (event, expected) in [
        (RoomEvent::AiState { state: AiState::Listening }, false),
        (question(0), true),
        (RoomEvent::AiState { state: AiState::Thinking }, false),
        (RoomEvent::AiState { state: AiState::Speaking }, false),
        (turn(Speaker::Interviewer, false), false),
        (RoomEvent::AiState { state: AiState::Listening }, true),
        (speech(true, "u1"), true),
    ] {
        sim.tell(Source::Room, event.clone());
        assert_eq!(sim.view.can_repeat(), expected, "{event:?}");
    }
}

#[test]
fn the_page_can_report_what_it_has_seen() {
    let mut sim = Sim::default();
    sim.tell(Source::Room, question(0));
    sim.at(500).tell(Source::Channel, speech(true, "u1"));
    sim.at(2_500).tell(Source::Channel, speech(false, "u1"));
    assert_eq!(sim.view.answer_so_far(Tick::from_ms(2_500)), Some((0, 2_000)));
    sim.tell(Source::Room, turn(Speaker::Candidate, false));
    sim.tell(Source::Room, question(1));
    let report = sim.view.report(Tick::from_ms(3_000), "s", 7, EndReason::Finished);
    let answers: Vec<Vec<u64>> =
        report.questions.iter().map(|it| it.answers.iter().map(|it| it.spoken_ms).collect()).collect();
    assert_eq!(answers, [vec![2_000], vec![]]);
    assert_eq!(report.transcript.len(), 1);
}

/// S001-22, S002-32, S002-33, S002-34, S002-35, S003-70: the preview's names and today's, and what the page does with each.
#[test]
fn the_provider_events_of_the_preview_and_their_successors_do_the_same() {
    let text = |view: &RoomView| view.lines().first().and_then(|it| it.text.clone());
    let created = project_text(r#"{"type":"session.created","session":{}}"#).expect("told");
    let told = Sim::default().tell(Source::Channel, created);
    assert_eq!(told.effect, Some(Effect::ProviderReady), "the connection stands");
    for kind in ["conversation.item.created", "conversation.item.added", "conversation.item.done"] {
        let item = r#"{"id":"it_1","type":"message","role":"assistant","content":[]}"#;
        let event = format!(r#"{{"type":"{kind}","previous_item_id":null,"item":{item}}}"#);
        assert_eq!(project_text(&event), None, "{kind}: a line appears with its words or its turn");
    }
    for kind in ["response.audio.delta", "response.output_audio.delta"] {
        let event = format!(r#"{{"type":"{kind}","response_id":"r","item_id":"it_1","delta":"AAAA"}}"#);
        assert_eq!(project_text(&event), None, "{kind}: the sound comes as sound");
    }
    for kind in ["response.audio_transcript", "response.output_audio_transcript"] {
        let mut sim = Sim::default();
        for (part, key, words) in [("delta", "delta", "Hel"), ("done", "transcript", "Hello.")] {
            let event = format!(r#"{{"type":"{kind}.{part}","item_id":"it_1","{key}":"{words}"}}"#);
            assert!(sim.tell(Source::Channel, project_text(&event).expect(kind)).fresh);
            assert_eq!(text(&sim.view).as_deref(), Some(words), "{kind}.{part}");
        }
    }
    let error =
        |code: &str| project_text(&format!(r#"{{"type":"error","error":{{"code":"{code}","message":"secret"}}}}"#));
    let mut sim = Sim::default();
    let told = sim.tell(Source::Channel, error("server_error").expect("told"));
    let remark = "The voice service reported a problem.".to_owned();
    assert_eq!(told.effect, Some(Effect::Remark(remark)), "the call goes on");
    assert_eq!(sim.view.notice(), None, "and nothing is left of it");
    assert_eq!(error("response_cancel_not_active"), None, "a race that nobody needs to know of");
}

/// The server ended the call: why is read at once, and forgotten when there is a new call.
#[test]
fn the_end_of_a_call_says_why_until_there_is_a_new_one() {
    let mut sim = Sim::default();
    for fault in UpstreamFault::ALL {
        let told = sim.tell(Source::Room, RoomEvent::Error { code: fault.code(), message: fault.notice() });
        assert_eq!(told.effect, Some(Effect::CallEnded(fault)));
        assert!(sim.view.notice().is_some_and(|it| it.starts_with(fault.what())));
        sim.tell(Source::Channel, RoomEvent::ProviderReady);
        assert_eq!(sim.view.notice(), None);
    }
    let changed = RoomEvent::Error { code: "tampered".to_owned(), message: "Changed.".to_owned() };
    let told = sim.tell(Source::Room, changed);
    assert_eq!(told.effect, Some(Effect::CallEnded(UpstreamFault::Lost)), "the page leaves it at once");
    assert_eq!(sim.view.notice(), Some("Changed."));
    let other = RoomEvent::Error { code: "invalid_event".to_owned(), message: "No.".to_owned() };
    assert_eq!(sim.tell(Source::Room, other).effect, Some(Effect::Remark("No.".to_owned())));
    assert_eq!(sim.view.notice(), Some("Changed."), "why the call is gone is the graver news");
}

/// S003-14: a call that waited for its page is shown as it is, and a new one as it was told to be.
#[test]
fn a_call_that_waited_goes_on_where_both_voices_are() {
    for (missed, same, hearing, spoken_ms) in [
        (None, true, true, Some(3_000)),
        (Some(speech(false, "u1")), true, false, Some(2_000)),
        (Some(turn(Speaker::Candidate, false)), true, false, None),
        (None, false, false, Some(2_000)),
    ] {
        let mut sim = Sim::default();
        sim.at(1_000).tell(Source::Room, speech(true, "u1"));
        sim.tell(Source::Room, question(0));
        sim.view.call_lost(Tick::from_ms(3_000));
        assert!(!sim.view.hearing());
        sim.at(8_000);
        if let Some(event) = missed.clone() {
            sim.tell(Source::Room, event);
        }
        sim.view.call_stands(Tick::from_ms(8_000), same);
        assert_eq!(sim.view.hearing(), hearing, "{missed:?}");
        let told = sim.view.answer_so_far(Tick::from_ms(9_000)).map(|(_, ms)| ms);
        assert_eq!(told, spoken_ms, "{missed:?}");
    }
    for (missed, sounding) in [(None, true), (Some(AiState::Listening), false)] {
        let mut sim = Sim::default();
        sim.tell(Source::Room, RoomEvent::AiState { state: AiState::Speaking });
        sim.view.call_lost(Tick::ZERO);
        missed.map(|state| sim.tell(Source::Room, RoomEvent::AiState { state }));
        assert!(!sim.view.sounding);
        sim.view.call_stands(Tick::ZERO, true);
        assert_eq!(sim.view.sounding, sounding);
    }
}
