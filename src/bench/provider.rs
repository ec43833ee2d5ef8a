//! How fast the embedded provider is, on loopback, against a real WebRTC peer in the same process.
//!
//! Every figure is given with its median, its 95th percentile, the number of runs, and the ratio of its median to a floor
//! that was measured in the same run: what the same machine needs at this moment for the least that could do the job.
//! `make bench` runs it.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has no figures")]

#[path = "../tests/provider/call.rs"]
#[expect(dead_code, reason = "made for the tests, which need more of it")]
mod call;
#[path = "../tests/provider/peer.rs"]
#[expect(dead_code, reason = "made for the tests, which need more of it")]
mod peer;
#[path = "../server/voice/session/strict.rs"]
mod strict;

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};
use vivavoce::server::media::codec::{Decoder, Encoder, FRAME_SAMPLES};
use vivavoce::server::voice::persona::Persona;
use vivavoce::server::voice::speech::Speaker;

use crate::call::{Call, House, jfk};
use crate::peer::Peer;

/// How often a call is made. Cheaper things are done more often.
const RUNS: usize = 30;

/// Milliseconds of every run of one measurement.
struct Runs {
    name: &'static str,
    ms: Vec<f64>,
}

impl Runs {
    fn new(name: &'static str) -> Self {
        Self { name, ms: Vec::new() }
    }

    fn add(&mut self, time: Duration) {
        self.ms.push(time.as_secs_f64() * 1e3);
    }

    /// Linear between the two nearest runs.
    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.ms.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = share * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        below + (above - below) * at.fract()
    }

    fn show(&self, floor: Option<&Self>) {
        let (median, p95) = (self.quantile(0.5), self.quantile(0.95));
        let ratio = floor.map_or_else(|| "floor".to_owned(), |it| format!("{:.1}", median / it.quantile(0.5)));
        println!("{:<44} {:>5} {median:>11.4} {p95:>11.4} {ratio:>8}", self.name, self.ms.len());
    }
}

fn session() -> Value {
    json!({
        "type": "realtime", "model": "gpt-realtime-2.1",
        "audio": { "input": { "turn_detection": { "silence_duration_ms": 400, "create_response": false } } },
    })
}

/// The loudest level below which a frame counts as silence, in dBFS.
const AUDIBLE_DB: f64 = -45.0;

/// The time from a request to the first audible packet after it.
async fn first_sound(call: &mut Call, text: &str) -> Duration {
    let (asked, before) = (Instant::now(), call.packets.len());
    call.say(text);
    call.next("output_audio_buffer.stopped").await;
    // The decoder needs the whole stream, or its first frames would be wrong.
    let loud = call.levels().into_iter().skip(before).find(|(at, db)| *at > asked && *db > AUDIBLE_DB);
    loud.unwrap().0 - asked
}

async fn calls(runs: usize) {
    let house = House::open().await;
    let echo = Router::new().route("/", post(async |body: String| body));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let echo_url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, echo).await });

    let mut http = Runs::new("an offer echoed over HTTP");
    let mut answer = Runs::new("an offer answered");
    let mut connect = Runs::new("an offer to session.created");
    let mut event = Runs::new("an event and its answer (session.update)");
    let mut sound = Runs::new("response.create to sound, text known");
    let mut fresh = Runs::new("response.create to sound, text new");
    for run in 0..runs {
        let (_, offer) = Peer::offer().await;
        let began = Instant::now();
        house.http.post(&echo_url).body(offer).send().await.unwrap().text().await.unwrap();
        http.add(began.elapsed());

        let began = Instant::now();
        let mut call = house.call(session()).await;
        connect.add(began.elapsed());
        answer.ms.push(call.answer_ms);

        let began = Instant::now();
        call.peer.send(&json!({ "type": "session.update", "session": { "type": "realtime" } }));
        call.next("session.updated").await;
        event.add(began.elapsed());

        // Said once before, so that its packets are known. Both texts begin with the same sound: others begin more softly.
        first_sound(&mut call, "Run it again.").await;
        sound.add(first_sound(&mut call, "Run it again.").await);
        fresh.add(first_sound(&mut call, &format!("Run number {run}.")).await);
        call.peer.close();
    }
    http.show(None);
    answer.show(Some(&http));
    connect.show(Some(&http));
    event.show(None);
    sound.show(Some(&event));
    fresh.show(Some(&event));
    house.provider.close().await;
}

/// What one frame of 20 ms costs, against the time that it lasts.
fn frames(runs: usize) {
    let mut lasts = Runs::new("a frame lasts");
    lasts.add(Duration::from_millis(20));
    let mut decode = Runs::new("a frame decoded");
    let mut encode = Runs::new("a frame encoded");
    let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
    for packet in jfk().into_iter().cycle().take(runs * 20) {
        let began = Instant::now();
        let pcm = decoder.decode(&packet).unwrap().to_vec();
        decode.add(began.elapsed());
        let Ok(pcm) = <&[i16; FRAME_SAMPLES]>::try_from(pcm.as_slice()) else { continue };
        let began = Instant::now();
        encoder.encode(pcm).unwrap();
        encode.add(began.elapsed());
    }
    lasts.show(None);
    decode.show(Some(&lasts));
    encode.show(Some(&lasts));
}

/// How soon speech is there, with nothing but the voice in the way.
fn voice(runs: usize) {
    let speaker = Speaker::new().unwrap();
    let mut known = Runs::new("the first packet of a known text");
    let mut fresh = Runs::new("the first packet of a new text");
    for run in 0..runs * 4 {
        let text = format!("This is sentence number {run}, and nobody has heard it before.");
        for times in [&mut fresh, &mut known] {
            let began = Instant::now();
            let mut utterance = speaker.utterance(&text, &Persona::mariam());
            utterance.next_packet().unwrap();
            times.add(began.elapsed());
            while utterance.next_packet().is_some() {}
        }
    }
    known.show(None);
    fresh.show(Some(&known));
}

#[tokio::main]
async fn main() {
    println!("{:<44} {:>5} {:>11} {:>11} {:>8}", "milliseconds", "runs", "median", "p95", "x floor");
    calls(RUNS).await;
    frames(RUNS);
    voice(RUNS);
}
