//! A piece of sound on the room channel: one binary message of 20 ms, both ways.
//!
//! Twelve bytes of header, little-endian: sequence number, epoch, timestamp. Then signed 16 bit samples, little-endian,
//! mono, at [`FRAME_RATE_HZ`] (S003-21, S003-23).

use crate::engine::time::Epoch;

/// Samples in a second.
pub const FRAME_RATE_HZ: u32 = 24_000;

/// Samples of a usual frame: 20 ms.
pub const FRAME_SAMPLES: usize = 480;

/// The most samples that a frame may hold: 100 ms.
pub const MAX_FRAME_SAMPLES: usize = 5 * FRAME_SAMPLES;

/// Bytes before the samples.
pub const HEADER_BYTES: usize = 12;

/// What stands before the samples of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Counts the frames of one direction, from zero, and wraps.
    pub seq: u32,
    /// From the page: the attempt to connect that the frame belongs to. From the server: the playout, which begins anew
    /// whenever the interviewer is cut off; what is older is not to be heard any more.
    pub epoch: u32,
    /// Samples since the epoch began, and wraps.
    pub timestamp: u32,
}

impl Header {
    /// The message that carries `pcm` under this header.
    #[must_use]
    pub fn frame(self, pcm: &[i16]) -> Vec<u8> {
        let head = [self.seq, self.epoch, self.timestamp].into_iter().flat_map(u32::to_le_bytes);
        head.chain(pcm.iter().flat_map(|it| it.to_le_bytes())).collect()
    }

    /// Reads a message. None for what is no frame: too short, too long, or half a sample at the end.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<(Self, &[u8])> {
        let (head, pcm) = frame.split_at_checked(HEADER_BYTES)?;
        if pcm.len() % 2 != 0 || pcm.len() > 2 * MAX_FRAME_SAMPLES {
            return None;
        }
        let word = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        Some((Self { seq: word(0)?, epoch: word(4)?, timestamp: word(8)? }, pcm))
    }
}

/// Says of which attempt a frame is.
pub fn stamp(frame: &mut [u8], epoch: Epoch) {
    if let Some(word) = frame.get_mut(4..8) {
        word.copy_from_slice(&epoch.0.to_le_bytes());
    }
}

/// The samples in the bytes after a header.
#[must_use]
pub fn samples(pcm: &[u8]) -> Vec<i16> {
    pcm.chunks_exact(2).map(|it| i16::from_le_bytes([it[0], it[1]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let header = Header { seq: 7, epoch: u32::MAX, timestamp: 480 };
        for pcm in [vec![], vec![i16::MIN, -1, 0, 1, i16::MAX], vec![3; MAX_FRAME_SAMPLES]] {
            let frame = header.frame(&pcm);
            let (read, bytes) = Header::read(&frame).unwrap();
            assert_eq!((read, samples(bytes)), (header, pcm));
        }
        let mut frame = header.frame(&[1, 2]);
        assert_eq!(frame[..], [7, 0, 0, 0, 255, 255, 255, 255, 224, 1, 0, 0, 1, 0, 2, 0]);
        stamp(&mut frame, Epoch(0x0102));
        assert_eq!(frame[..], [7, 0, 0, 0, 2, 1, 0, 0, 224, 1, 0, 0, 1, 0, 2, 0]);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for len in [0, 11, 13, HEADER_BYTES + 2 * MAX_FRAME_SAMPLES + 2] {
            assert_eq!(Header::read(&vec![0; len]), None, "{len} bytes");
        }
    }
}
