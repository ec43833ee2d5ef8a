//! The candidate's side of a relayed call: packets come in, sound at the pace of speech comes out.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::engine::audio::FRAME_RATE_HZ;
use crate::server::media::hearing::{Heard, Hearing};
use crate::server::rtc::flow::Flow;

/// How far ahead of real time the candidate's sound may come: after a break the network brings some at once.
const AHEAD: Duration = Duration::from_secs(2);

/// What hears the candidate.
#[derive(Debug)]
pub(super) struct Ear {
    hearing: Hearing,
    flow: Flow,
    /// Until when what was heard would last, had it come in real time.
    heard_until: Instant,
    /// Sound should come and does not.
    starved: bool,
}

impl Ear {
    pub(super) fn new(now: Instant) -> Self {
        Self { hearing: Hearing::new(FRAME_RATE_HZ), flow: Flow::default(), heard_until: now, starved: false }
    }

    /// Takes a packet, and hands on what can be heard now. What was lost is filled up: the provider counts time in sound.
    pub(super) fn packet(&mut self, now: Instant, seq: u64, payload: Bytes, mut hear: impl FnMut(&[i16])) {
        self.flow.audio(now);
        // Nobody speaks faster than in real time: what does is not even decoded.
        let until = self.heard_until.max(now);
        if until > now + AHEAD {
            return;
        }
        let mut samples = 0;
        self.hearing.packet(seq, payload, |heard| {
            let (Heard::Sound(pcm) | Heard::MadeUp(pcm)) = heard;
            samples += pcm.len();
            hear(pcm);
        });
        self.heard_until = until + Duration::from_secs_f64(samples as f64 / f64::from(FRAME_RATE_HZ));
    }

    /// Whether the candidate can be heard, where that has changed.
    pub(super) fn news(&mut self, now: Instant) -> Option<bool> {
        let starved = self.flow.is_starved(now);
        (std::mem::replace(&mut self.starved, starved) != starved).then_some(!starved)
    }

    /// Whether the path seems to be dead. `last`: when anything at all came.
    pub(super) fn is_cut_off(&self, now: Instant, last: Instant) -> bool {
        self.flow.is_cut_off(now, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::media::codec;
    use crate::server::rtc::flow::STARVED;

    const FRAME: Duration = Duration::from_millis(20);

    /// S000-23: nobody speaks faster than the clock, whatever a page sends; after that it is heard as before.
    #[test]
    fn sound_faster_than_real_time_is_not_handed_on() {
        let begin = Instant::now();
        let mut ear = Ear::new(begin);
        let mut samples = 0;
        for seq in 0..500 {
            ear.packet(begin, seq, codec::silence(), |pcm| samples += pcm.len());
        }
        let most = (AHEAD + 2 * FRAME).as_millis() as usize * 24;
        assert!(samples > most / 2 && samples <= most, "{samples} samples of ten seconds");
        let late = begin + AHEAD + Duration::from_secs(1);
        samples = 0;
        for n in 0..100 {
            ear.packet(late + FRAME * n, 500 + u64::from(n), codec::silence(), |pcm| samples += pcm.len());
        }
        assert!(samples >= 99 * 480, "{samples} samples of two seconds in real time");
    }

    #[test]
    fn silence_on_the_line_is_told_once() {
        let begin = Instant::now();
        let mut ear = Ear::new(begin);
        assert_eq!(ear.news(begin + 2 * STARVED), None, "nothing was to come yet");
        ear.packet(begin, 1, codec::silence(), |_| ());
        let after = |ms| begin + Duration::from_millis(ms);
        let told: Vec<_> = [100, 301, 400].into_iter().map(|ms| ear.news(after(ms))).collect();
        assert_eq!(told, [None, Some(false), None]);
        ear.packet(after(500), 2, codec::silence(), |_| ());
        assert_eq!((ear.news(after(510)), ear.news(after(520))), (Some(true), None));
    }
}
