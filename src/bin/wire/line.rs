//! One direction of the line, pure: packets and times go in, packets come out when they are due.

use std::{collections::VecDeque, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::order::{Kind, Order, Quality};

/// A queue that keeps the order, as the queues of a network do: a packet that is fast waits for a slow one before it.
pub(super) struct Line {
    quality: Quality,
    cut: Option<Cut>,
    random: StdRng,
    /// When it is due, and what.
    under_way: VecDeque<(Duration, Vec<u8>)>,
    tally: Tally,
}

struct Cut {
    kind: Kind,
    until: Option<Duration>,
}

/// What became of the packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) carried: u64,
    pub(super) lost: u64,
}

impl Tally {
    pub(super) fn and(self, other: Self) -> Self {
        Self { carried: self.carried + other.carried, lost: self.lost + other.lost }
    }
}

impl Line {
    /// A line without a fault, whose accidents are those of `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            quality: Quality::default(),
            cut: None,
            random: StdRng::seed_from_u64(seed),
            under_way: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    pub(super) fn obey(&mut self, now: Duration, order: Order) {
        match order {
            Order::Quality(quality) => self.quality = quality,
            Order::Cut(kind, time) => {
                self.cut = Some(Cut { kind, until: time.map(|it| now + it) });
                // What is on the line when it is cut goes with it.
                let before = self.under_way.len();
                self.under_way.retain(|(due, packet)| *due <= now || !kind.has(packet));
                self.tally.lost += (before - self.under_way.len()) as u64;
            }
            Order::Heal => self.cut = None,
            Order::Count => {}
        }
    }

    /// Takes a packet that is sent now.
    pub(super) fn push(&mut self, now: Duration, packet: Vec<u8>) {
        let is_cut =
            self.cut.as_ref().is_some_and(|it| it.until.is_none_or(|until| now < until) && it.kind.has(&packet));
        if is_cut || self.random.random_bool(self.quality.loss) {
            self.tally.lost += 1;
            return;
        }
        let Quality { delay, jitter, .. } = self.quality;
        let (least, most) = (delay.saturating_sub(jitter), delay + jitter);
        let due = now + self.random.random_range(least..=most);
        let due = self.under_way.back().map_or(due, |(last, _)| due.max(*last));
        self.under_way.push_back((due, packet));
    }

    /// When the next packet arrives.
    pub(super) fn due(&self) -> Option<Duration> {
        self.under_way.front().map(|(due, _)| *due)
    }

    /// A packet that has arrived by now.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Vec<u8>> {
        let (_, packet) = self.under_way.pop_front_if(|(due, _)| *due <= now)?;
        self.tally.carried += 1;
        Some(packet)
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(it: u64) -> Duration {
        Duration::from_millis(it)
    }

    fn packet(protocol: u8, number: u8) -> Vec<u8> {
        let mut packet = vec![0x45; 20];
        (packet[9], packet[19]) = (protocol, number);
        packet
    }

    const TCP: u8 = 6;
    const UDP: u8 = 17;

    fn order(text: &str) -> Order {
        Order::parse(text).unwrap()
    }

    /// The numbers of those that have arrived by now.
    fn arrived(line: &mut Line, now: Duration) -> Vec<u8> {
        std::iter::from_fn(|| line.pop(now)).map(|it| it[19]).collect()
    }

    #[test]
    fn a_line_without_a_fault_carries_at_once_and_in_order() {
        let mut line = Line::new(1);
        for number in 0..3 {
            line.push(ms(7), packet(UDP, number));
        }
        assert_eq!(line.due(), Some(ms(7)));
        assert_eq!(arrived(&mut line, ms(7)), [0, 1, 2]);
        assert_eq!((line.due(), line.tally()), (None, Tally { carried: 3, lost: 0 }));
    }

    #[test]
    fn delay_and_jitter_stay_in_their_range_and_keep_the_order() {
        let mut line = Line::new(1);
        line.obey(ms(0), order("delay 25 jitter 5"));
        let (mut shortest, mut longest) = (ms(1_000), ms(0));
        for number in 0..200 {
            // Far enough apart that none waits for the one before it.
            let sent = ms(100) * number;
            line.push(sent, packet(UDP, 0));
            let due = line.due().unwrap();
            assert!(line.pop(due - Duration::from_nanos(1)).is_none() && line.pop(due).is_some());
            (shortest, longest) = (shortest.min(due - sent), longest.max(due - sent));
        }
        assert!(shortest >= ms(20) && shortest < ms(21), "{shortest:?}");
        assert!(longest <= ms(30) && longest > ms(29), "{longest:?}");

        let from = ms(100_000);
        for number in 0..200 {
            line.push(from + Duration::from_micros(100) * u32::from(number), packet(UDP, number));
        }
        assert_eq!(arrived(&mut line, from + ms(60)), (0..200).collect::<Vec<u8>>());
    }

    #[test]
    fn loss_takes_its_share_and_the_same_seed_takes_the_same() {
        let lost = |seed| {
            let mut line = Line::new(seed);
            line.obey(ms(0), order("loss 0.02"));
            for _ in 0..10_000 {
                line.push(ms(0), packet(UDP, 0));
            }
            line.tally().lost
        };
        assert!((150..250).contains(&lost(1)), "{}", lost(1));
        assert_eq!(lost(1), lost(1));
        assert_ne!((lost(1), lost(2)), (lost(2), lost(3)));
    }

    #[test]
    fn a_cut_takes_what_is_under_way_and_ends_at_its_time() {
        let mut line = Line::new(1);
        line.obey(ms(0), order("delay 50"));
        line.push(ms(0), packet(UDP, 0));
        line.push(ms(30), packet(UDP, 1));
        line.obey(ms(50), order("cut for 3000"));
        line.push(ms(60), packet(UDP, 2));
        line.push(ms(3_049), packet(TCP, 3));
        line.push(ms(3_050), packet(UDP, 4));
        assert_eq!(arrived(&mut line, ms(9_000)), [0, 4], "the first was there already");
        assert_eq!(line.tally(), Tally { carried: 2, lost: 3 });
    }

    #[test]
    fn a_cut_of_one_protocol_leaves_the_other_until_it_is_healed() {
        let mut line = Line::new(1);
        line.obey(ms(0), order("cut udp"));
        line.push(ms(0), packet(UDP, 0));
        line.push(ms(0), packet(TCP, 1));
        line.obey(ms(9), order("heal"));
        line.push(ms(9), packet(UDP, 2));
        assert_eq!(arrived(&mut line, ms(9)), [1, 2]);
    }
}
