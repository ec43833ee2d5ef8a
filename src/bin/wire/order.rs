//! What the line can be told: `delay 25 jitter 5 loss 0.02` (milliseconds, share of packets; what is not named is none),
//! `cut`, `cut udp`, `cut for 3000`, `cut tcp for 500`, `heal`, and `count`, which changes nothing.

use std::time::Duration;

/// An order, for both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Quality(Quality),
    /// Nothing of this kind gets through, for so long or until it is healed.
    Cut(Kind, Option<Duration>),
    Heal,
    Count,
}

/// What happens to every packet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Quality {
    pub(super) delay: Duration,
    /// At most so much more or less than the delay.
    pub(super) jitter: Duration,
    /// Share of the packets, 0 to 1.
    pub(super) loss: f64,
}

/// Packets that share a fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Tcp,
    Udp,
}

impl Kind {
    /// Whether this packet (IPv4 or IPv6, without extension headers) is one of them.
    pub(super) fn has(self, packet: &[u8]) -> bool {
        let number = match packet.first().map_or(0, |it| it >> 4) {
            4 => packet.get(9),
            6 => packet.get(6),
            _ => None,
        };
        match self {
            Self::Any => true,
            Self::Tcp => number == Some(&6),
            Self::Udp => number == Some(&17),
        }
    }
}

impl Order {
    /// Reads an order, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["heal"] => Some(Self::Heal),
            ["count"] => Some(Self::Count),
            ["cut", rest @ ..] => {
                let (kind, rest) = match rest {
                    ["udp", rest @ ..] => (Kind::Udp, rest),
                    ["tcp", rest @ ..] => (Kind::Tcp, rest),
                    rest => (Kind::Any, rest),
                };
                match rest {
                    [] => Some(Self::Cut(kind, None)),
                    ["for", time] => Some(Self::Cut(kind, Some(milliseconds(time)?))),
                    _ => None,
                }
            }
            [] => None,
            pairs => Quality::parse(pairs).map(Self::Quality),
        }
    }
}

impl Quality {
    fn parse(words: &[&str]) -> Option<Self> {
        let mut quality = Self::default();
        for pair in words.chunks(2) {
            match pair {
                ["delay", time] => quality.delay = milliseconds(time)?,
                ["jitter", time] => quality.jitter = milliseconds(time)?,
                ["loss", share] => quality.loss = share.parse().ok().filter(|it| (0.0..=1.0).contains(it))?,
                _ => return None,
            }
        }
        Some(quality)
    }
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(it: u64) -> Duration {
        Duration::from_millis(it)
    }

    #[test]
    fn orders_are_read_and_anything_else_is_refused() {
        let quality = |delay, jitter, loss| Order::Quality(Quality { delay: ms(delay), jitter: ms(jitter), loss });
        for (text, expected) in [
            ("delay 25 jitter 5 loss 0.02", Some(quality(25, 5, 0.02))),
            ("  loss 1 ", Some(quality(0, 0, 1.0))),
            ("cut", Some(Order::Cut(Kind::Any, None))),
            ("cut udp", Some(Order::Cut(Kind::Udp, None))),
            ("cut for 3000", Some(Order::Cut(Kind::Any, Some(ms(3_000))))),
            ("cut tcp for 500", Some(Order::Cut(Kind::Tcp, Some(ms(500))))),
            ("heal", Some(Order::Heal)),
            ("count", Some(Order::Count)),
            ("", None),
            ("loss 1.5", None),
            ("loss NaN", None),
            ("delay -1", None),
            ("delay", None),
            ("cut sctp", None),
            ("cut for", None),
            ("heal udp", None),
        ] {
            assert_eq!(Order::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_packet_is_known_by_its_protocol() {
        let mut four = vec![0x45; 20];
        let mut six = vec![0x60; 40];
        for (number, tcp, udp) in [(6, true, false), (17, false, true), (1, false, false)] {
            (four[9], six[6]) = (number, number);
            for packet in [&four, &six] {
                assert!(Kind::Any.has(packet));
                assert_eq!((Kind::Tcp.has(packet), Kind::Udp.has(packet)), (tcp, udp), "{number}");
            }
        }
        assert!(Kind::Any.has(&[]) && !Kind::Udp.has(&[]) && !Kind::Udp.has(&[0x45]));
    }
}
