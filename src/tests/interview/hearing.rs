//! What a candidate hears on a call, and reads on its data channels.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use super::{Candidate, LIMIT};
use crate::peer::Seen;
use crate::strict::decoded;

impl Candidate {
    /// Waits for so many more loud frames on the Direct route.
    pub(crate) async fn until_loud(&mut self, frames: usize) {
        let (start, before) = (Instant::now(), self.loud_frames());
        while self.loud_frames() < before + frames {
            assert!(start.elapsed() < LIMIT, "{} loud frames", self.loud.len() - before);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many received frames of 20 ms held sound so far.
    pub(crate) fn loud_frames(&mut self) -> usize {
        self.look();
        self.loud.len()
    }

    /// How many of them arrived after this. Everything on a call is dated in the order in which it arrived.
    pub(crate) fn loud_after(&mut self, at: Instant) -> usize {
        self.look();
        self.loud.len() - self.loud.partition_point(|it| *it <= at)
    }

    /// Takes in what arrived on the call. A strict client could read each event of a provider; a page reads less.
    pub(super) fn look(&mut self) {
        while let Ok(seen) = self.peer.seen.try_recv() {
            let packet = match seen {
                Seen::Packet(packet) => packet,
                Seen::Event(at, event) => {
                    if !self.relayed {
                        decoded(event.clone());
                    }
                    self.events.push((at, event));
                    continue;
                }
                Seen::Room(message) => {
                    self.room.push(message);
                    continue;
                }
            };
            let pcm = self.decoder.decode(&packet.payload).unwrap();
            let power = pcm.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / pcm.len() as f64;
            if power.sqrt() > 300.0 {
                self.loud.push(packet.at);
            }
        }
    }

    /// Waits until so many frames more held sound.
    pub(crate) async fn hear_call(&mut self, frames: usize) {
        let (before, start) = (self.loud_frames(), Instant::now());
        while self.loud_frames() < before + frames {
            assert!(start.elapsed() < LIMIT, "{} loud frames of {frames}", self.loud_frames() - before);
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The event of this type that comes next on the call's data channel, counted from the `from`th of all.
    pub(crate) async fn on_call(&mut self, kind: &str, from: usize) -> (Instant, Value) {
        let start = Instant::now();
        loop {
            self.loud_frames();
            if let Some(found) = self.events[from..].iter().find(|(_, it)| it["type"] == kind) {
                return found.clone();
            }
            assert!(start.elapsed() < LIMIT, "no {kind} on the call");
            sleep(Duration::from_millis(10)).await;
        }
    }
}
