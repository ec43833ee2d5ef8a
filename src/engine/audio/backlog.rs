//! The candidate's sound on its way to the server, over a socket that may be slow and may break.
//!
//! A socket takes whatever it is given and delivers it late. So only a little is given to it at a time; the rest waits here,
//! and when too much waits the oldest is left out: what was said half a second ago is of less use than what is said now.
//! Events do not go through here, and none is ever left out (S003-21).
//!
//! A socket that breaks takes with it what was under way, and nobody hears what is said until there is another. So the last
//! seconds are kept, whether they were sent or not. A server that goes on with a call says how far it has heard, and
//! everything from there on is sent before what is new: an answer is whole, and no word is said twice.

use std::collections::VecDeque;

use super::frame::{FRAME_SAMPLES, HEADER_BYTES, Header, stamp};
use crate::engine::time::Epoch;

const FRAME_BYTES: usize = HEADER_BYTES + 2 * FRAME_SAMPLES;

/// What a socket may hold of ours: 100 ms of sound. Then it is still quick to say something else on it.
const SOCKET_BYTES: usize = 5 * FRAME_BYTES;

/// The same while we catch up, when delay is not our worry.
const BEHIND_BYTES: usize = 25 * FRAME_BYTES;

/// The most frames that wait while we do not: 400 ms of sound.
const MOST_WAITING: usize = 20;

/// So many new frames with none sent between them mean that nothing gets through at all: 2.4 s of sound.
const STUCK: u32 = 120;

/// The most frames that are kept: 20 s of sound, 1 MB. A server keeps a call for no longer.
pub const MOST_KEPT: usize = 1_000;

/// The latest frames of one microphone.
#[derive(Debug, Default)]
pub struct Backlog {
    kept: VecDeque<Vec<u8>>,
    /// How many of them are done with: sent, or left out.
    done: usize,
    /// The attempt on whose call they go. None: there is no call.
    call: Option<Epoch>,
    /// What was missed is sent first.
    behind: bool,
    sent: u32,
    dropped: u32,
    /// How many came since one was sent.
    in_a_row: u32,
}

impl Backlog {
    /// Takes a new frame.
    pub fn add(&mut self, frame: Vec<u8>) {
        if self.kept.len() == MOST_KEPT {
            self.kept.pop_front();
            self.done = self.done.saturating_sub(1);
        }
        self.kept.push_back(frame);
        if self.call.is_none() {
            return;
        }
        self.in_a_row += 1;
        if !self.behind && self.kept.len() - self.done > MOST_WAITING {
            self.done += 1;
            self.dropped += 1;
        }
    }

    /// The frame to send next, while the socket still holds `unsent` bytes. None: nothing waits, or it has to.
    pub fn next(&mut self, unsent: usize) -> Option<&[u8]> {
        let call = self.call?;
        if unsent >= if self.behind { BEHIND_BYTES } else { SOCKET_BYTES } {
            return None;
        }
        let Some(frame) = self.kept.get_mut(self.done) else {
            self.behind = false;
            return None;
        };
        self.in_a_row = 0;
        self.done += 1;
        self.sent += 1;
        stamp(frame, call);
        Some(frame)
    }

    /// The call on the attempt `epoch` stands. `from`: the number of the frame that its server has not heard yet; none if it
    /// has heard nothing of this microphone, and then what was said before is not for it.
    pub fn begin(&mut self, epoch: Epoch, from: Option<u32>) {
        let is_heard = |frame: &Vec<u8>| {
            // Numbers wrap.
            let old = |header: Header, from: u32| header.seq.wrapping_sub(from) > u32::MAX / 2;
            from.is_none_or(|from| Header::read(frame).is_none_or(|(header, _)| old(header, from)))
        };
        while self.kept.pop_front_if(|frame| is_heard(frame)).is_some() {}
        self.done = 0;
        self.behind = !self.kept.is_empty();
        self.in_a_row = 0;
        self.call = Some(epoch);
    }

    /// The call is gone, or the way to it. What is said from here on is kept for the next one.
    pub const fn hold(&mut self) {
        self.behind |= self.call.take().is_some();
    }

    /// Whether the path swallows everything, though the socket is still called open.
    #[must_use]
    pub const fn is_stuck(&self) -> bool {
        self.in_a_row >= STUCK
    }

    /// Whether something is sent, or is to be, that was said some time ago.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        self.behind
    }

    /// How many frames were sent, and how many left out.
    #[must_use]
    pub const fn counts(&self) -> (u32, u32) {
        (self.sent, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: u32) -> Vec<u8> {
        Header { seq, epoch: 0, timestamp: seq.wrapping_mul(480) }.frame(&[7; FRAME_SAMPLES])
    }

    /// A backlog whose call stands.
    fn open() -> Backlog {
        let mut backlog = Backlog::default();
        backlog.begin(Epoch(1), None);
        backlog
    }

    /// Number and epoch of what a socket that takes everything is given now.
    fn sent(backlog: &mut Backlog) -> Vec<(u32, u32)> {
        let read = |frame: &[u8]| Header::read(frame).map(|(header, _)| (header.seq, header.epoch));
        std::iter::from_fn(|| backlog.next(0).and_then(read)).collect()
    }

    fn of(epoch: u32, numbers: std::ops::Range<u32>) -> Vec<(u32, u32)> {
        numbers.map(|seq| (seq, epoch)).collect()
    }

    /// A network that is slow is borne. One that takes nothing for two seconds is left.
    #[test]
    fn a_path_that_takes_nothing_is_found_out() {
        for (sent_every, stuck) in [(10, false), (100, false), (1_000, true)] {
            let mut backlog = open();
            let found = (1..=500).any(|number: u32| {
                backlog.add(frame(number));
                backlog.next(if number.is_multiple_of(sent_every) { 0 } else { SOCKET_BYTES });
                backlog.is_stuck()
            });
            assert_eq!(found, stuck, "one of {sent_every} is sent");
        }
    }

    #[test]
    fn a_socket_that_keeps_up_gets_every_frame_at_once() {
        let mut backlog = open();
        for number in 0..2_000 {
            backlog.add(frame(number));
            assert_eq!(sent(&mut backlog), [(number, 1)]);
        }
        assert_eq!((backlog.counts(), backlog.kept.len(), backlog.is_behind()), ((2_000, 0), MOST_KEPT, false));
    }

    /// S003-21: what a slow network costs is the oldest sound, and never more delay than half a second.
    #[test]
    fn s003_21_a_slow_socket_loses_the_oldest_sound_and_keeps_the_order() {
        let (mut backlog, mut unsent, mut given) = (open(), 0, Vec::new());
        for number in 0..60 {
            backlog.add(frame(number));
            while let Some(frame) = backlog.next(unsent) {
                unsent += frame.len();
                given.push(frame[0]);
            }
        }
        assert_eq!(given, [0, 1, 2, 3, 4], "the socket holds 100 ms");
        // The network is back.
        assert_eq!(sent(&mut backlog), of(1, 40..60), "the newest 400 ms follow, in order");
        assert_eq!(backlog.counts(), (25, 35));
    }

    /// S003-14: what was under way at a cut, was left out before it or said during it is sent when there is a call again,
    /// from the frame on that the server asks for, and before what is new.
    #[test]
    fn s003_14_an_answer_is_whole_after_a_cut() {
        let mut backlog = open();
        for number in 0..100 {
            backlog.add(frame(number));
            sent(&mut backlog);
        }
        // The path is gone, and nobody knows yet.
        for number in 100..160 {
            backlog.add(frame(number));
            backlog.next(SOCKET_BYTES);
        }
        backlog.hold();
        for number in 160..300 {
            backlog.add(frame(number));
        }
        assert!(backlog.is_behind() && backlog.next(0).is_none() && !backlog.is_stuck());
        backlog.begin(Epoch(2), Some(93));
        let (mut unsent, mut first) = (0, Vec::new());
        while let Some(frame) = backlog.next(unsent) {
            unsent += frame.len();
            first.extend(Header::read(frame).map(|(header, _)| (header.seq, header.epoch)));
        }
        assert_eq!(first, of(2, 93..118), "half a second at once");
        backlog.add(frame(300));
        assert_eq!(sent(&mut backlog), of(2, 118..301));
        assert!(!backlog.is_behind());
        backlog.add(frame(301));
        assert_eq!(sent(&mut backlog), [(301, 2)]);
    }

    /// What a call is to hear begins with it, unless its server asks for more. A repetition is never sent.
    #[test]
    fn a_new_call_hears_what_it_asks_for() {
        for (from, expected) in
            [(None, of(3, 0..0)), (Some(48), of(3, 48..50)), (Some(50), of(3, 0..0)), (Some(70), of(3, 0..0))]
        {
            let mut backlog = Backlog::default();
            (0..50).for_each(|number| backlog.add(frame(number)));
            assert!(sent(&mut backlog).is_empty(), "there is no call yet");
            backlog.begin(Epoch(3), from);
            assert_eq!(sent(&mut backlog), expected, "{from:?}");
            backlog.add(frame(50));
            assert_eq!(sent(&mut backlog), [(50, 3)]);
        }
    }

    #[test]
    fn a_long_cut_costs_the_oldest_sound() {
        let mut backlog = open();
        let start = u32::MAX - 400;
        (0..1_150).for_each(|n| {
            if n == 100 {
                backlog.hold();
            }
            backlog.add(frame(start.wrapping_add(n)));
            sent(&mut backlog);
        });
        backlog.begin(Epoch(2), Some(start.wrapping_add(95)));
        let numbers: Vec<_> = sent(&mut backlog).into_iter().map(|(seq, _)| seq.wrapping_sub(start)).collect();
        assert_eq!(numbers, (150..1_150).collect::<Vec<_>>(), "the last twenty seconds, over the end of the numbers");
    }
}
