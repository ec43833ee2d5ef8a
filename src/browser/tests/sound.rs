//! The sound of a call on the room channel, with real worklets: what comes in is heard, and what is said goes out.

use std::cell::{Cell, RefCell};
use std::f32::consts::{FRAC_1_SQRT_2, TAU};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{AnalyserNode, AudioContext, MediaStream, OscillatorNode};

use super::super::BrowserError;
use super::super::clock::now;
use super::super::meter::{Meter, Voice};
use super::super::room_socket::{RoomSocket, SocketEvent};
use super::super::socket_audio::{Played, SocketAudio};
use super::{settle, until};
use crate::engine::audio::frame::{Header, samples};
use crate::engine::audio::{Backlog, FRAME_RATE_HZ, FRAME_SAMPLES, rms};
use crate::engine::protocol::room::PageMessage;
use crate::engine::time::Epoch;

#[wasm_bindgen(module = "/src/browser/tests/sound.js")]
extern "C" {
    fn serve_worklets(resampler: &str, jitter: &str, capture: &str, playback: &str);

    type SlowSocket;
    #[wasm_bindgen(constructor)]
    fn new() -> SlowSocket;
    #[wasm_bindgen(method)]
    fn open(this: &SlowSocket, open: bool);
    #[wasm_bindgen(method)]
    fn drain(this: &SlowSocket);
    #[wasm_bindgen(method)]
    fn tell(this: &SlowSocket, byte: u8);
    #[wasm_bindgen(method)]
    fn sent(this: &SlowSocket) -> String;
    #[wasm_bindgen(method)]
    fn free(this: &SlowSocket);
}

thread_local! {
    static SERVED: Cell<bool> = const { Cell::new(false) };
}

/// How soon whoever is interrupted is silent.
const AT_ONCE: Duration = Duration::from_millis(50);
/// What a second of frames may take.
const PACE_S: Range<f64> = 0.9..1.15;
/// Half of full scale: its root mean square is 0.354.
const VOLUME: f32 = 0.5;

#[expect(clippy::needless_pass_by_value, reason = "as map_err calls it")]
fn refused(error: JsValue) -> BrowserError {
    BrowserError::from_js("test", &error)
}

/// Makes the worklets known to this page.
pub(super) fn serve() {
    if !SERVED.replace(true) {
        serve_worklets(
            include_str!("../../../public/worklets/resampler.mjs"),
            include_str!("../../../public/worklets/jitter.mjs"),
            include_str!("../../../public/worklets/capture.mjs"),
            include_str!("../../../public/worklets/playback.mjs"),
        );
    }
}

/// A microphone into which somebody hums at 1 kHz, or nobody does.
fn microphone(context: &AudioContext, volume: f32) -> Result<(MediaStream, OscillatorNode), BrowserError> {
    let (tone, gain) = (context.create_oscillator().map_err(refused)?, context.create_gain().map_err(refused)?);
    let out = context.create_media_stream_destination().map_err(refused)?;
    tone.frequency().set_value(1_000.0);
    gain.gain().set_value(volume);
    tone.connect_with_audio_node(&gain).map_err(refused)?;
    gain.connect_with_audio_node(&out).map_err(refused)?;
    tone.start().map_err(refused)?;
    Ok((out.stream(), tone))
}

/// Frames of the playout `epoch` with a tone of 440 Hz.
fn tone(epoch: u32, frames: u32) -> Vec<Vec<u8>> {
    let frame = |seq: u32| {
        let timestamp = seq * FRAME_SAMPLES as u32;
        let sample = |i: u32| {
            let turns = (timestamp + i) as f32 * 440.0 / FRAME_RATE_HZ as f32;
            ((turns * TAU).sin() * VOLUME * 32_767.0) as i16
        };
        Header { seq, epoch, timestamp }.frame(&(0..FRAME_SAMPLES as u32).map(sample).collect::<Vec<_>>())
    };
    (0..frames).map(frame).collect()
}

/// Listens to a stream for 5 ms at a time, so that a few of them can be told apart.
fn ear(context: &AudioContext, stream: &MediaStream) -> Result<AnalyserNode, BrowserError> {
    let analyser = context.create_analyser().map_err(refused)?;
    analyser.set_fft_size(256);
    let source = context.create_media_stream_source(stream).map_err(refused)?;
    source.connect_with_audio_node(&analyser).map_err(refused)?;
    Ok(analyser)
}

fn peak(ear: &AnalyserNode) -> f32 {
    let mut heard = [0.0; 256];
    ear.get_float_time_domain_data(&mut heard);
    heard.into_iter().fold(0.0, |peak, it| it.abs().max(peak))
}

async fn silent_call(meter: &Meter) -> Result<SocketAudio, BrowserError> {
    serve();
    let (mic, _tone) = microphone(meter.context(), 0.0)?;
    SocketAudio::start(meter.context(), &mic, |_| {}).await
}

/// S003-21, S003-05: what came over the socket is heard as loud as it was, and counted to the sample.
#[wasm_bindgen_test]
async fn s003_21_a_tone_in_frames_is_heard_and_counted() -> Result<(), BrowserError> {
    let meter = Meter::new()?;
    let call = silent_call(&meter).await?;
    meter.listen(Voice::Interviewer, Some(&call.stream()))?;
    assert_eq!(call.played(), Played::default());
    call.push(b"no frame");
    for frame in tone(1, 75) {
        call.push(&frame);
    }
    let expected = VOLUME * FRAC_1_SQRT_2;
    let level = || meter.rms(Voice::Interviewer).unwrap_or_default();
    until("the tone, as loud as it was sent", || (level() - expected).abs() < 0.02).await;
    let played = Played { epoch: 1, samples: 75 * FRAME_SAMPLES as u32, current: 1, gaps: 0, delay_ms: 60 };
    until("the count", || call.played() == played).await;
    until("silence", || level() < 0.001).await;
    Ok(())
}

/// S003-21: whoever is interrupted goes silent at once.
#[wasm_bindgen_test]
async fn s003_21_a_cut_is_silent_in_less_than_50_ms() -> Result<(), BrowserError> {
    let meter = Meter::new()?;
    let call = silent_call(&meter).await?;
    let ear = ear(meter.context(), &call.stream())?;
    let mut quickest = Duration::MAX;
    for epoch in 1..=8 {
        let frames = tone(epoch, 90);
        for frame in &frames {
            call.push(frame);
        }
        until("the tone", || peak(&ear) > 0.4).await;
        let cut_at = now();
        call.cut(epoch + 1);
        assert!(!call.is_settled());
        // Frames that were on their way.
        call.push(&frames[89]);
        while peak(&ear) > 0.01 {
            gloo_timers::future::sleep(Duration::from_millis(1)).await;
        }
        quickest = quickest.min(now().since(cut_at));
        until("the count", || call.is_settled()).await;
        let told = call.played();
        settle().await;
        assert_eq!(call.played(), told, "it stays until the next one sounds");
        let played = call.played();
        assert!(played.epoch == epoch && (1..90 * FRAME_SAMPLES as u32).contains(&played.samples), "{played:?}");
        assert!(peak(&ear) < 0.01, "what is older is not heard any more");
        // A machine that is busy makes it longer, never shorter.
        if epoch >= 3 && quickest < AT_ONCE {
            break;
        }
    }
    assert!(quickest < AT_ONCE, "{quickest:?}");
    Ok(())
}

/// S003-23: the microphone goes out as frames of 20 ms, 24 kHz, mono, at the pace of speech. Another may take its place.
#[wasm_bindgen_test]
async fn s003_23_a_microphone_goes_out_as_frames() -> Result<(), BrowserError> {
    serve();
    let meter = Meter::new()?;
    let context = meter.context();
    let ((loud, _), (silent, _)) = (microphone(context, VOLUME)?, microphone(context, 0.0)?);
    let frames = Rc::new(RefCell::new(Vec::new()));
    let call = {
        let frames = Rc::clone(&frames);
        SocketAudio::start(context, &loud, move |frame| frames.borrow_mut().push(frame)).await?
    };
    let count = || frames.borrow().len();
    until("the first frames", || count() >= 10).await;
    let mut took_s = 0.0;
    // A machine that stalls in between delays what is seen of the one or of the other: one try of five is enough.
    for _ in 0..5 {
        let (begin, before) = (context.current_time(), count());
        until("a second of frames", || count() >= before + 50).await;
        // The context's own clock: a busy machine delays both alike.
        took_s = context.current_time() - begin;
        if PACE_S.contains(&took_s) {
            break;
        }
    }
    assert!(PACE_S.contains(&took_s), "a second took {took_s} s");
    for (i, frame) in frames.borrow().iter().enumerate() {
        let (header, pcm) = Header::read(frame).ok_or(BrowserError::Missing("header"))?;
        let seq = i as u32;
        assert_eq!(header, Header { seq, epoch: 0, timestamp: seq * FRAME_SAMPLES as u32 });
        assert_eq!(pcm.len(), 2 * FRAME_SAMPLES);
    }
    let level = || {
        let frames = frames.borrow();
        let last = frames.last().and_then(|it| Header::read(it));
        last.map_or(0.0, |(_, pcm)| rms(&samples(pcm)))
    };
    until("the tone, as loud as it is", || (level() - VOLUME * FRAC_1_SQRT_2).abs() < 0.02).await;
    call.replace_mic(&silent)?;
    until("the other microphone", || level() < 0.001).await;
    drop(call);
    settle().await;
    let after = count();
    settle().await;
    assert_eq!((count(), Rc::strong_count(&frames)), (after, 1), "nothing is captured any more");
    Ok(())
}

/// S003-21: on a slow network the oldest sound is left out, and never an event.
#[wasm_bindgen_test]
fn s003_21_a_slow_socket_loses_sound_and_no_event() -> Result<(), BrowserError> {
    let (slow, told) = (SlowSocket::new(), Rc::new(RefCell::new(Vec::new())));
    let socket = {
        let told = Rc::clone(&told);
        RoomSocket::connect("ws://test", move |event| told.borrow_mut().push(event))
    };
    let result = socket.map(|socket| {
        let mut backlog = Backlog::default();
        backlog.begin(Epoch(1), None);
        slow.open(true);
        for number in 0..40 {
            let mut frame = Header::default().frame(&[0; FRAME_SAMPLES]);
            frame[0] = number;
            backlog.add(frame);
            socket.sound(&mut backlog);
        }
        assert!(socket.say(&PageMessage::Repeat));
        slow.drain();
        backlog.add(Header { seq: 40, ..Header::default() }.frame(&[0; FRAME_SAMPLES]));
        socket.sound(&mut backlog);
        slow.tell(9);
        assert_eq!(slow.sent(), "0 1 2 3 4 event 21 22 23 24 25", "100 ms, the event, and the oldest of what waited");
        assert_eq!(backlog.counts(), (10, 16));
    });
    slow.free();
    result?;
    assert_eq!(*told.borrow(), [SocketEvent::Sound(vec![9])]);
    Ok(())
}
