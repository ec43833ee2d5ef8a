//! Sound on its way to the server, when the network is slower than speech.
//!
//! A socket takes whatever it is given and delivers it late. So only a little is given to it at a time; the rest waits here,
//! and when too much waits the oldest is left out: what was said half a second ago is of less use than what is said now.
//! Events do not go through here, and none is ever left out (S003-21).

use std::collections::VecDeque;

use super::frame::{FRAME_SAMPLES, HEADER_BYTES};

/// What a socket may hold of ours: 100 ms of sound. Then it is still quick to say something else on it.
const SOCKET_BYTES: usize = 5 * (HEADER_BYTES + 2 * FRAME_SAMPLES);

/// The most frames that wait: 400 ms of sound.
const MOST_WAITING: usize = 20;

/// So many left out with none sent between them mean that nothing gets through at all: 2 s of sound.
const STUCK: u32 = 100;

/// Frames that wait until the socket can take them.
#[derive(Debug, Default)]
pub struct Backlog {
    waiting: VecDeque<Vec<u8>>,
    dropped: u32,
    /// How many were left out since one was sent.
    in_a_row: u32,
}

impl Backlog {
    /// Takes a new frame.
    pub fn add(&mut self, frame: Vec<u8>) {
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
            self.in_a_row += 1;
        }
        self.waiting.push_back(frame);
    }

    /// The frame to send next, while the socket still holds `unsent` bytes. None: nothing waits, or it has to.
    pub fn next(&mut self, unsent: usize) -> Option<Vec<u8>> {
        if unsent >= SOCKET_BYTES {
            return None;
        }
        self.in_a_row = 0;
        self.waiting.pop_front()
    }

    /// Whether the path swallows everything, though the socket is still called open.
    #[must_use]
    pub const fn is_stuck(&self) -> bool {
        self.in_a_row >= STUCK
    }

    /// How many frames were left out.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u8) -> Vec<u8> {
        vec![number; HEADER_BYTES + 2 * FRAME_SAMPLES]
    }

    /// A network that is slow is borne. One that takes nothing for two seconds is left.
    #[test]
    fn a_path_that_takes_nothing_is_found_out() {
        for (sent_every, stuck) in [(10, false), (100, false), (1_000, true)] {
            let mut backlog = Backlog::default();
            let found = (1..=500).any(|number: u32| {
                backlog.add(frame(0));
                backlog.next(if number.is_multiple_of(sent_every) { 0 } else { SOCKET_BYTES });
                backlog.is_stuck()
            });
            assert_eq!(found, stuck, "one of {sent_every} is sent");
        }
    }

    #[test]
    fn a_socket_that_keeps_up_gets_every_frame_at_once() {
        let mut backlog = Backlog::default();
        for number in 0..100 {
            backlog.add(frame(number));
            assert_eq!(backlog.next(0), Some(frame(number)));
            assert_eq!(backlog.next(0), None);
        }
        assert_eq!(backlog.dropped(), 0);
    }

    /// S003-21: what a slow network costs is the oldest sound, and never more delay than half a second.
    #[test]
    fn s003_21_a_slow_socket_loses_the_oldest_sound_and_keeps_the_order() {
        let (mut backlog, mut unsent, mut sent) = (Backlog::default(), 0, Vec::new());
        for number in 0..60 {
            backlog.add(frame(number));
            while let Some(frame) = backlog.next(unsent) {
                unsent += frame.len();
                sent.push(frame[0]);
            }
        }
        assert_eq!(sent, [0, 1, 2, 3, 4], "the socket holds 100 ms");
        // The network is back.
        while let Some(frame) = backlog.next(0) {
            sent.push(frame[0]);
        }
        assert_eq!(sent[5..], (40..60).collect::<Vec<_>>(), "the newest 400 ms follow, in order");
        assert_eq!(backlog.dropped(), 35);
    }
}
