//! What becomes of the sound that a page sends on the Socket route, before the provider gets it.
//!
//! The room channel delays sound and never loses any on its way; a page loses some when its own queue is too long, and
//! then the numbering has a gap. So:
//!
//! - Sound that is late is waited for and nothing is made up. A provider counts silence in the sound that it gets, so it
//!   takes a line that hangs neither for speech nor for silence. Meanwhile the candidate's turn does not end:
//!   [`Intake::is_starved`] says so to the floor.
//! - Sound that is lost is replaced by silence, but never by so much that the provider takes the gap for a pause.
//! - A candidate who is muted is silent on purpose. There silence is sent in real time, whether frames come or not, so that
//!   the turn ends.
//!
//! Nobody speaks faster than the clock. A page whose line hung or broke sends what was said meanwhile when it can, and all of
//! that is handed on at once: the provider counts time in sound. So as much may come at once as did not come before, and a
//! moment more. What comes beyond that waits, and of what waits too long the oldest is dropped.

use std::collections::VecDeque;
use std::time::Duration;

use super::backlog::MOST_KEPT;
use super::frame::{FRAME_RATE_HZ, FRAME_SAMPLES, Header};
use crate::engine::time::Tick;

const RATE_HZ: u64 = FRAME_RATE_HZ as u64;
/// The least that is sent on, so that a page cannot make an event of every sample.
const LEAST: usize = FRAME_SAMPLES;
/// The most that is sent on at once. Usually it is a frame or two; more only after the line has hung.
const MOST: usize = 12_000;
/// What may come ahead of the clock, for clocks differ.
const AHEAD: Duration = Duration::from_secs(1);
/// What may be made up for: what a page keeps while its line is cut.
const BEHIND: Duration = Duration::from_millis(20 * MOST_KEPT as u64);
/// What waits for its time at the most: two seconds.
const WAITING: usize = 48_000;
/// The silence that stands for a gap, at most: less than the 400 ms that a provider takes for the end of speech.
const LONGEST_GAP: u32 = 7_200;
/// Without a frame for so long, nothing can be said about the candidate.
const STARVED: Duration = Duration::from_millis(300);
/// A muted page's silence is sent in pieces of this length.
const MUTED: Duration = Duration::from_millis(60);

/// How far the sound of a page was heard: number and timestamp that the next frame should have.
pub type Place = (u32, u32);

/// The sound of one call on its way to the provider.
#[derive(Clone, Debug)]
pub struct Intake {
    waiting: VecDeque<i16>,
    /// When everything that was sent on is as old as the clock. It lies in the past by what did not come.
    even_at: Tick,
    next: Option<Place>,
    /// When the latest frame came.
    heard_at: Option<Tick>,
    /// The candidate is muted, and up to here there is sound or silence.
    muted: Option<Tick>,
}

impl Intake {
    /// Sound from `since` on, and from the frame `next` on where a page goes on with what it has told another call.
    #[must_use]
    pub const fn new(since: Tick, next: Option<Place>) -> Self {
        Self { waiting: VecDeque::new(), even_at: since, next, heard_at: None, muted: None }
    }

    /// How far the page was heard. None before its first frame.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        self.next
    }

    /// The page is back after a cut. Nobody is silent in real time where there is no line, and the gap is made up for by the
    /// page itself.
    pub fn resume(&mut self, now: Tick) {
        self.muted = self.muted.map(|_| now);
    }

    /// The candidate's microphone is switched off or on.
    pub fn mute(&mut self, now: Tick, muted: bool) {
        self.muted = muted.then(|| self.muted.unwrap_or(now));
    }

    /// Takes a frame in. One that came before, or that is older than one that came, is ignored.
    pub fn take(&mut self, now: Tick, header: Header, pcm: &[i16]) {
        if let Some((seq, timestamp)) = self.next {
            let ahead = header.seq.wrapping_sub(seq);
            if ahead > u32::MAX / 2 {
                return;
            }
            if ahead > 0 && self.muted.is_none() {
                let gap = header.timestamp.wrapping_sub(timestamp);
                self.quiet(now, usize::try_from(gap.min(LONGEST_GAP)).unwrap_or_default());
            }
        }
        let samples = u32::try_from(pcm.len()).unwrap_or(u32::MAX);
        self.next = Some((header.seq.wrapping_add(1), header.timestamp.wrapping_add(samples)));
        self.heard_at = Some(now);
        // Whatever a muted page sends, nobody is to hear it. Its silence is counted by the clock alone, or a frame that is late
        // would be silent twice.
        if self.muted.is_none() {
            self.waiting.extend(pcm);
            self.trim(now);
        }
    }

    /// What is to be sent on now, in pieces of 20 ms to half a second.
    pub fn poll(&mut self, now: Tick) -> Option<Vec<i16>> {
        if let Some(until) = self.muted.filter(|until| now.since(*until) >= MUTED) {
            let samples = now.since(until).as_millis() * u128::from(RATE_HZ) / 1_000;
            self.quiet(now, usize::try_from(samples).unwrap_or(WAITING));
            self.muted = Some(now);
        }
        let count = self.may(now).min(MOST).min(self.waiting.len());
        if count < LEAST {
            return None;
        }
        self.even_at = self.even_at(now).after(lasts(count));
        Some(self.waiting.drain(..count).collect())
    }

    /// When to look again although no frame comes.
    #[must_use]
    pub fn poll_timeout(&self, now: Tick) -> Option<Tick> {
        let silence = self.muted.map(|until| until.after(MUTED));
        let starved = self.heard_at.map(|at| at.after(STARVED)).filter(|at| self.muted.is_none() && *at > now);
        let least =
            (self.waiting.len() >= LEAST).then(|| Tick(self.even_at.after(lasts(LEAST)).0.saturating_sub(AHEAD)));
        [silence, starved, least].into_iter().flatten().min()
    }

    /// Whether the candidate's sound should come and does not.
    #[must_use]
    pub fn is_starved(&self, now: Tick) -> bool {
        self.muted.is_none() && self.heard_at.is_some_and(|at| now.since(at) >= STARVED)
    }

    fn quiet(&mut self, now: Tick, samples: usize) {
        self.waiting.extend(std::iter::repeat_n(0, samples.min(WAITING)));
        self.trim(now);
    }

    /// What waits beyond that which may be sent on now is bounded.
    fn trim(&mut self, now: Tick) {
        let most = WAITING.saturating_add(self.may(now));
        self.waiting.drain(..self.waiting.len().saturating_sub(most));
    }

    /// How much may be sent on now, in samples.
    fn may(&self, now: Tick) -> usize {
        let may = now.after(AHEAD).since(self.even_at(now)).as_micros() * u128::from(RATE_HZ) / 1_000_000;
        usize::try_from(may).unwrap_or(MOST)
    }

    fn even_at(&self, now: Tick) -> Tick {
        self.even_at.max(Tick(now.0.saturating_sub(BEHIND)))
    }
}

fn lasts(samples: usize) -> Duration {
    Duration::from_micros(u64::try_from(samples).unwrap_or(u64::MAX).saturating_mul(1_000_000) / RATE_HZ)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u32 = 480;

    /// A page that sends one frame of its number after the other.
    struct Page {
        intake: Intake,
        seq: u32,
    }

    impl Page {
        fn new() -> Self {
            Self { intake: Intake::new(Tick::ZERO, None), seq: 0 }
        }

        fn lose(&mut self, frames: u32) {
            self.seq += frames;
        }

        fn send(&mut self, now: Tick) {
            let header = Header { seq: self.seq, epoch: 0, timestamp: self.seq * FRAME };
            self.intake.take(now, header, &[i16::try_from(self.seq % 30_000 + 1).unwrap(); 480]);
            self.seq += 1;
        }

        fn sent_on(&mut self, now: Tick) -> Vec<i16> {
            std::iter::from_fn(|| self.intake.poll(now)).flatten().collect()
        }
    }

    #[test]
    fn a_steady_page_is_sent_on_frame_by_frame() {
        let mut page = Page::new();
        for n in 0..500 {
            let now = Tick::from_ms(n * 20);
            page.send(now);
            assert_eq!(page.intake.poll(now).map(|it| it.len()), Some(480));
            assert_eq!(page.intake.poll(now), None);
            assert!(!page.intake.is_starved(now));
        }
    }

    /// A line that hung for eight seconds gives everything back; nothing was made up meanwhile.
    #[test]
    fn what_is_late_is_waited_for() {
        let mut page = Page::new();
        page.send(Tick::ZERO);
        assert_eq!(page.sent_on(Tick::ZERO).len(), 480);
        let starved = page.intake.poll_timeout(Tick::ZERO).unwrap();
        assert_eq!(starved, Tick::from_ms(300));
        assert!(page.intake.is_starved(starved));
        assert_eq!(page.intake.poll_timeout(starved), None, "nothing to do but wait");
        assert_eq!(page.intake.poll(Tick::from_ms(8_000)), None);
        let mut sound = Vec::new();
        for _ in 0..400 {
            page.send(Tick::from_ms(8_000));
            sound.extend(page.sent_on(Tick::from_ms(8_000)));
        }
        assert_eq!(sound.len(), 400 * 480);
        assert!(!page.intake.is_starved(Tick::from_ms(8_000)));
    }

    /// A page that sends a hundred times as fast as anybody speaks gets real time and a moment through, the newest of it.
    #[test]
    fn a_flood_gets_real_time_and_a_moment_through() {
        let mut page = Page::new();
        let mut sound = Vec::new();
        for n in 0..20_000 {
            let now = Tick::from_ms(n / 5);
            page.send(now);
            sound.extend(page.sent_on(now));
        }
        let seconds = sound.len() as f64 / 24_000.0;
        assert!((4.9..5.1).contains(&seconds), "{seconds} s in four seconds");
        assert!(page.intake.waiting.len() < WAITING + LEAST);
        assert!(*sound.last().unwrap() > 19_800, "the newest two seconds wait, the oldest are dropped");
        let now = Tick::from_ms(4_000);
        let next = page.intake.poll_timeout(now).unwrap();
        assert!(next >= now && next <= Tick::from_ms(4_020), "{next:?}");
        assert!(!page.sent_on(Tick::from_ms(4_040)).is_empty());
    }

    /// S003-14: all that was said during a cut may come at once when it is over, and no more; then it is real time again.
    #[test]
    fn s003_14_a_cut_is_made_up_for_once() {
        for (cut_s, came_s) in [(3, 3), (20, 20), (60, 20)] {
            let mut page = Page::new();
            page.send(Tick::ZERO);
            page.sent_on(Tick::ZERO);
            let now = Tick::from_ms(cut_s * 1_000);
            let mut sound = Vec::new();
            for _ in 0..MOST_KEPT {
                page.send(now);
                sound.extend(page.sent_on(now));
            }
            let seconds = sound.len() as f64 / 24_000.0;
            assert!((seconds - came_s as f64 - 1.0).abs() < 0.03 || came_s == 20 && seconds > 19.9, "{seconds} s");
            sound.clear();
            for n in 0..4_000 {
                let now = now.after(Duration::from_millis(n));
                page.send(now);
                sound.extend(page.sent_on(now));
            }
            let seconds = sound.len() as f64 / 24_000.0;
            assert!(seconds < 5.1, "{seconds} s in the next four seconds, after a cut of {cut_s} s");
        }
    }

    /// A call that takes another's place goes on where that has left off: no sound is lost between them, none comes twice.
    #[test]
    fn a_call_goes_on_where_the_one_before_has_left_off() {
        let mut page = Page::new();
        (0..10).for_each(|n| page.send(Tick::from_ms(n * 20)));
        assert_eq!(page.intake.place(), Some((10, 4_800)));
        page.intake = Intake::new(Tick::from_ms(200), page.intake.place());
        page.seq -= 2;
        let now = Tick::from_ms(3_200);
        (0..150).for_each(|_| page.send(now));
        let sound = page.sent_on(now);
        assert_eq!((sound.len(), sound[0]), (148 * 480, 11));
    }

    #[test]
    fn a_gap_is_silence_and_never_a_pause() {
        let mut page = Page::new();
        for (lost, samples) in [(1, 480), (10, 4_800), (500, LONGEST_GAP)] {
            page.send(Tick::ZERO);
            page.sent_on(Tick::ZERO);
            page.lose(lost);
            page.send(Tick::ZERO);
            let sound = page.sent_on(Tick::ZERO);
            assert_eq!(sound.iter().filter(|it| **it == 0).count(), usize::try_from(samples).unwrap(), "{lost} frames");
        }
        page.seq -= 3;
        page.send(Tick::ZERO);
        assert!(page.sent_on(Tick::ZERO).is_empty(), "what was there is not said again");
    }

    /// Who is muted is silent: in real time, whatever the page sends.
    #[test]
    fn a_muted_page_is_silent_in_real_time() {
        // In time, not at all, and every half a second.
        for sends in [1, u64::MAX, 25] {
            let mut page = Page::new();
            page.intake.mute(Tick::ZERO, true);
            let mut sound = Vec::new();
            for n in 0..100 {
                let now = Tick::from_ms(n * 20);
                if (n + 1).is_multiple_of(sends) {
                    (0..sends).for_each(|_| page.send(now));
                }
                sound.extend(page.sent_on(now));
                assert!(!page.intake.is_starved(now));
            }
            assert!(sound.iter().all(|it| *it == 0));
            let ms = sound.len() / 24;
            assert!((1_880..=2_000).contains(&ms), "{ms} ms of silence in two seconds");
            page.intake.mute(Tick::from_ms(2_000), false);
            page.sent_on(Tick::from_ms(2_000));
            assert_eq!(page.intake.poll(Tick::from_ms(9_000)), None, "and not a moment longer");
        }
    }

    #[test]
    fn crumbs_wait_until_they_are_worth_an_event() {
        let mut intake = Intake::new(Tick::ZERO, None);
        for n in 0..479 {
            intake.take(Tick::ZERO, Header { seq: n, epoch: 0, timestamp: n }, &[1]);
            assert_eq!(intake.poll(Tick::ZERO), None);
        }
        intake.take(Tick::ZERO, Header { seq: 479, epoch: 0, timestamp: 479 }, &[1]);
        assert_eq!(intake.poll(Tick::ZERO).map(|it| it.len()), Some(480));
    }
}
