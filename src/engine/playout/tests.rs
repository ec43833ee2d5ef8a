use super::*;
use crate::engine::protocol::server::Response;

fn at(response: &str, item: &str) -> ContentAt {
    ContentAt { response_id: response.to_owned(), item_id: item.to_owned(), ..ContentAt::default() }
}

fn done(response: &str) -> ServerEvent {
    ServerEvent::ResponseDone { response: Response { id: response.to_owned(), ..Response::default() } }
}

fn speech() -> ServerEvent {
    ServerEvent::SpeechStarted { audio_start_ms: 0, item_id: "u".to_owned() }
}

fn interruption(on: bool) -> ClientEvent {
    let session = serde_json::json!({ "audio": { "input": { "turn_detection": { "interrupt_response": on } } } });
    ClientEvent::SessionUpdate { session }
}

fn outputs(playout: &mut Playout) -> Vec<Output> {
    std::iter::from_fn(|| playout.poll()).collect()
}

fn started(id: &str) -> Output {
    Output::Event(ServerEvent::OutputStarted { response_id: id.to_owned() })
}

fn stopped(id: &str) -> Output {
    Output::Event(ServerEvent::OutputStopped { response_id: id.to_owned() })
}

fn cleared(id: &str) -> Output {
    Output::Event(ServerEvent::OutputCleared { response_id: id.to_owned() })
}

fn truncate(item: &str, audio_end_ms: u64) -> Output {
    let item_id = item.to_owned();
    Output::Send(ClientEvent::ConversationItemTruncate { item_id, content_index: 0, audio_end_ms })
}

/// Sound that comes at once is given out in frames of 20 ms; its beginning and end are told like a provider tells them.
#[test]
fn a_response_is_given_out_frame_by_frame_from_start_to_stop() {
    let mut playout = Playout::new(3);
    assert_eq!(playout.frame(), None, "nothing to hear yet");
    playout.sound(&at("r", "i"), &[5; 700]);
    assert_eq!(playout.frame(), Some((0, [5; FRAME_SAMPLES])));
    assert_eq!(outputs(&mut playout), [started("r")]);
    assert!(!playout.has_frame() && playout.is_sounding());
    assert_eq!(playout.frame(), None, "a part of a frame waits for the rest");
    playout.sound(&at("r", "i"), &[5; 300]);
    assert!(playout.has_frame());
    assert_eq!(playout.frame(), Some((480, [5; FRAME_SAMPLES])));
    playout.see(&done("r"));
    assert_eq!(outputs(&mut playout), [], "its last samples are not out yet");
    assert!(playout.has_frame());
    let (place, last) = playout.frame().unwrap();
    assert_eq!((place, &last[..40], &last[40..]), (960, &[5; 40][..], &[0; 440][..]));
    assert_eq!(outputs(&mut playout), [stopped("r")]);
    assert_eq!((playout.frame(), playout.is_sounding(), playout.epoch()), (None, false, 3));
}

#[test]
fn one_response_is_heard_after_the_other() {
    let mut playout = Playout::default();
    playout.sound(&at("a", "i"), &[1; 500]);
    playout.see(&done("a"));
    playout.sound(&at("b", "j"), &[2; 480]);
    playout.see(&done("b"));
    let frames: Vec<_> = std::iter::from_fn(|| playout.frame()).map(|(at, frame)| (at, frame[0], frame[479])).collect();
    assert_eq!(frames, [(0, 1, 1), (480, 1, 0), (960, 2, 2)]);
    assert_eq!(outputs(&mut playout), [started("a"), stopped("a"), started("b"), stopped("b")]);
}

/// Speech stops what is heard at once, and the provider is told how much of it was.
#[test]
fn an_interruption_cuts_and_truncates_to_what_was_heard() {
    let mut playout = Playout::default();
    playout.sound(&at("r", "i"), &[1; 48_000]);
    for _ in 0..50 {
        playout.frame();
    }
    outputs(&mut playout);
    playout.see(&speech());
    assert_eq!(outputs(&mut playout), [], "speech does not interrupt before the session says so");
    assert!(playout.sent(&interruption(true)), "the provider has to see it too");
    playout.see(&speech());
    assert_eq!(outputs(&mut playout), [cleared("r"), Output::Cut { epoch: 1 }]);
    assert_eq!((playout.frame(), playout.given(), playout.unsettled()), (None, 0, Some(0)));
    // What was generated before the provider knew is not played.
    playout.sound(&at("r", "i"), &[1; 480]);
    assert_eq!(playout.frame(), None);
    playout.played(7, 0);
    assert_eq!(playout.unsettled(), Some(0), "another epoch says nothing about this one");
    playout.played(0, 20_400);
    assert_eq!(outputs(&mut playout), [truncate("i", 850)]);
    playout.see(&done("r"));
    playout.sound(&at("s", "k"), &[2; 480]);
    assert_eq!(playout.frame().map(|(at, _)| at), Some(0), "places count from the cut");
    playout.played(0, 480);
    assert_eq!(outputs(&mut playout), [started("s")], "a cut is told of once");
}

/// Of a response of several items each is cut where it was heard; those that were not heard at all end at zero.
#[test]
fn every_item_of_a_response_is_truncated_for_itself() {
    let mut playout = Playout::default();
    playout.sent(&interruption(true));
    playout.sound(&at("q", "h"), &[9; 100]);
    playout.see(&done("q"));
    playout.frame();
    for item in ["i", "j", "k"] {
        playout.sound(&at("r", item), &[1; 2_400]);
    }
    for _ in 0..10 {
        playout.frame();
    }
    outputs(&mut playout);
    playout.see(&speech());
    playout.played(0, 480 + 2_400 + 1_200);
    let told = outputs(&mut playout);
    assert_eq!(told[2..], [truncate("j", 50), truncate("k", 0)]);
}

#[test]
fn what_was_heard_to_its_end_is_not_truncated_and_silence_is_not_cut() {
    let mut playout = Playout::default();
    playout.sent(&interruption(true));
    playout.sound(&at("r", "i"), &[1; 480]);
    playout.frame();
    outputs(&mut playout);
    playout.see(&speech());
    playout.played(0, 480);
    assert_eq!(outputs(&mut playout), [cleared("r"), Output::Cut { epoch: 1 }]);
    playout.see(&done("r"));
    playout.see(&speech());
    assert_eq!(outputs(&mut playout), []);
}

/// Over a WebSocket the provider has no output buffer: ours is cleared, and it is spared an error.
#[test]
fn clearing_the_output_buffer_is_done_here() {
    let mut playout = Playout::default();
    playout.sound(&at("r", "i"), &[1; 4_800]);
    playout.frame();
    outputs(&mut playout);
    assert!(!playout.sent(&ClientEvent::OutputAudioBufferClear));
    assert_eq!(outputs(&mut playout), [cleared("r"), Output::Cut { epoch: 1 }]);
    assert!(playout.sent(&ClientEvent::ResponseCancel { response_id: None }));
}

#[test]
fn sound_is_bounded_and_a_cut_nobody_tells_of_counts_as_heard() {
    let mut playout = Playout::default();
    playout.sent(&interruption(true));
    for _ in 0..400 {
        playout.sound(&at("r", "i"), &[1; 24_000]);
    }
    let frames = std::iter::from_fn(|| playout.frame()).count();
    assert_eq!(frames * FRAME_SAMPLES, MAX_WAITING_SAMPLES);
    playout.see(&speech());
    playout.see(&done("r"));
    playout.sound(&at("s", "j"), &[1; 960]);
    playout.frame();
    playout.see(&speech());
    assert_eq!(playout.unsettled(), Some(1));
    outputs(&mut playout);
    playout.played(1, 0);
    assert_eq!(outputs(&mut playout), [truncate("j", 0)]);
}

/// What a page has missed is given out again when the response is over: that is interrupted like any other sound, and
/// nobody is told twice that it has stopped.
#[test]
fn what_is_given_out_again_is_cut_although_nothing_sounds() {
    let mut playout = Playout::default();
    playout.sound(&at("r", "i"), &[1; 960]);
    playout.see(&done("r"));
    while playout.frame().is_some() {}
    outputs(&mut playout);
    playout.repeats(true);
    playout.see(&speech());
    assert_eq!(outputs(&mut playout), [], "speech does not interrupt before the session says so");
    playout.sent(&interruption(true));
    playout.see(&speech());
    assert_eq!(outputs(&mut playout), [Output::Cut { epoch: 1 }]);
    assert_eq!((playout.given(), playout.unsettled()), (0, None));
    playout.see(&speech());
    assert_eq!(outputs(&mut playout), [], "it is cut once");
    playout.repeats(true);
    playout.sent(&ClientEvent::OutputAudioBufferClear);
    assert_eq!(outputs(&mut playout), [Output::Cut { epoch: 2 }]);
    playout.repeats(false);
    playout.see(&speech());
    assert_eq!(outputs(&mut playout), [], "the page has it all");
}
