//! Puts inbound packets back in order.
//!
//! A packet is given up when one three places later is here (60 ms); nothing waits for a clock. With FEC the packet
//! after a lost one can stand in for it, so the answer says which of the two it is.

use std::collections::BTreeMap;

use bytes::Bytes;

/// How far ahead a packet may be before the missing one is given up, in packets.
const WINDOW: u64 = 3;

/// A jump of more packets than this is a new stream and not loss: one second.
const JUMP: u64 = 50;

/// What to decode next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The next packet.
    Packet(Bytes),
    /// A lost packet; here is the one after it, which may carry its redundancy. It comes again as [`Frame::Packet`].
    Recover(Bytes),
    /// A lost packet, and the one after it is lost too.
    Lost,
}

/// A reorder window over extended RTP sequence numbers (RFC 3550, appendix A.1). Holds three packets at the most.
#[derive(Clone, Debug, Default)]
pub struct Jitter {
    /// The number that is due.
    due: Option<u64>,
    held: BTreeMap<u64, Bytes>,
    /// Where a stream that jumped backwards would go on; believed when it does.
    suspect: Option<u64>,
}

impl Jitter {
    /// An empty window. The first packet sets the beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet with its extended sequence number and answers with what is ready now, in order.
    pub fn push(&mut self, seq: u64, payload: Bytes) -> Vec<Frame> {
        let due = *self.due.get_or_insert(seq);
        if seq < due {
            // Late or twice; or a sender that began anew, which RFC 3550 believes after two packets in sequence.
            let restarted = due - seq > JUMP && self.suspect == Some(seq);
            self.suspect = (due - seq > JUMP).then_some(seq + 1);
            return if restarted { self.restart(seq, payload) } else { Vec::new() };
        }
        self.suspect = None;
        if seq - due > JUMP {
            return self.restart(seq, payload);
        }
        self.held.entry(seq).or_insert(payload);
        self.ready(due)
    }

    /// Hands out what is held, and takes `seq` for the beginning.
    fn restart(&mut self, seq: u64, payload: Bytes) -> Vec<Frame> {
        self.suspect = None;
        self.due = Some(seq + 1);
        std::mem::take(&mut self.held).into_values().chain([payload]).map(Frame::Packet).collect()
    }

    fn ready(&mut self, mut due: u64) -> Vec<Frame> {
        let mut ready = Vec::new();
        while let Some(last) = self.held.last_key_value().map(|(seq, _)| *seq) {
            ready.push(match self.held.remove(&due) {
                Some(payload) => Frame::Packet(payload),
                None if last - due < WINDOW => break,
                None => self.held.get(&(due + 1)).map_or(Frame::Lost, |next| Frame::Recover(next.clone())),
            });
            due += 1;
        }
        self.due = Some(due);
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `12` is packet 12, `r12` a recovery from packet 12, `-` a lost one.
    fn run(arrivals: &[u64]) -> String {
        let mut jitter = Jitter::new();
        let mut said = Vec::new();
        for seq in arrivals {
            for frame in jitter.push(*seq, Bytes::from(seq.to_string())) {
                let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
                said.push(match frame {
                    Frame::Packet(bytes) => text(bytes),
                    Frame::Recover(bytes) => format!("r{}", text(bytes)),
                    Frame::Lost => "-".to_owned(),
                });
            }
            assert!(jitter.held.len() as u64 <= WINDOW, "holds {} packets", jitter.held.len());
        }
        said.join(" ")
    }

    #[test]
    fn packets_come_out_in_order_and_losses_are_named() {
        for (case, arrivals, expected) in [
            ("in order", &[1, 2, 3, 4][..], "1 2 3 4"),
            ("swapped", &[1, 3, 2, 4], "1 2 3 4"),
            ("two late", &[1, 4 - 1, 4 - 2, 4], "1 2 3 4"),
            ("last moment", &[1, 3, 4, 2, 5], "1 2 3 4 5"),
            ("one lost", &[1, 3, 4, 5, 6], "1 r3 3 4 5 6"),
            ("one lost, still waiting", &[1, 3, 4], "1"),
            ("twice", &[1, 2, 2, 1, 3, 3], "1 2 3"),
            ("twice while held", &[1, 3, 3, 2], "1 2 3"),
            ("too late", &[1, 3, 4, 5, 2, 6], "1 r3 3 4 5 6"),
            ("two lost", &[1, 4, 5, 6], "1 - r4 4 5 6"),
            ("a burst of five", &[1, 7, 8, 9, 10], "1 - - - - r7 7 8 9 10"),
            ("the 16 bit counter wraps", &[65_534, 65_536, 65_535, 65_537], "65534 65535 65536 65537"),
            ("begins anywhere", &[1_000_000, 1_000_001], "1000000 1000001"),
            ("a jump ahead of more than a second", &[1, 3, 500, 501], "1 3 500 501"),
            ("a stray old packet", &[500, 501, 3, 502], "500 501 502"),
            ("a sender that began anew", &[500, 501, 3, 4, 5], "500 501 4 5"),
        ] {
            assert_eq!(run(arrivals), expected, "{case}");
        }
    }

    #[test]
    fn every_packet_is_accounted_for_once_whatever_the_network_does() {
        let mut seed = 7u64;
        let mut random = move |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let mut jitter = Jitter::new();
        let mut arrivals: Vec<(u64, u64)> = (0..5_000)
            .filter_map(|seq| {
                let (lost, late) = (random(10) == 0, random(25));
                (!lost).then_some((seq * 10 + late, seq))
            })
            .collect();
        arrivals.sort_unstable();
        let first = arrivals[0].1;
        let mut next = first;
        for (_, seq) in arrivals {
            for frame in jitter.push(seq, Bytes::copy_from_slice(&seq.to_be_bytes())) {
                if let Frame::Packet(bytes) = frame {
                    assert_eq!(bytes, next.to_be_bytes()[..], "in its own place");
                }
                next += 1;
            }
        }
        assert!(next > 4_990);
    }
}
