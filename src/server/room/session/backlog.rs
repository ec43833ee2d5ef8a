//! What was told lately, for a page that comes back and missed some of it.

use std::collections::VecDeque;

use crate::engine::protocol::room::{RoomEvent, RoomMessage};

/// Messages that are kept: some minutes of conversation. They fit into the queue of a page.
const KEPT: usize = 400;

/// The latest messages of a session, by number.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    kept: VecDeque<RoomMessage>,
    /// The number of the last message that was forgotten.
    forgotten: u64,
}

impl Backlog {
    pub(super) fn keep(&mut self, message: RoomMessage) {
        if let RoomEvent::CaptionDone(line) = &message.event {
            // The whole text replaces its pieces, of which there are hundreds.
            let is_piece =
                |it: &RoomEvent| matches!(it, RoomEvent::CaptionDelta { item_id, .. } if *item_id == line.item_id);
            self.kept.retain(|it| !is_piece(&it.event));
        }
        if self.kept.len() >= KEPT
            && let Some(oldest) = self.kept.pop_front()
        {
            self.forgotten = oldest.n;
        }
        self.kept.push_back(message);
    }

    /// What came after number `after`. None where some of it is not known any more.
    pub(super) fn since(&self, after: u64) -> Option<impl Iterator<Item = &RoomMessage>> {
        (after >= self.forgotten).then(|| self.kept.iter().filter(move |it| it.n > after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::interview::Speaker;
    use crate::engine::transcript::Line;

    #[test]
    fn what_was_missed_is_known_for_a_while() {
        let mut backlog = Backlog::default();
        let numbers =
            |backlog: &Backlog, after| backlog.since(after).map(|them| them.map(|it| it.n).collect::<Vec<_>>());
        assert_eq!(numbers(&backlog, 0), Some(vec![]));
        let told = |n| RoomMessage { n, ts: 0, event: RoomEvent::ProviderReady };
        // Some numbers belong to messages that nobody needs twice.
        (1..=3).for_each(|n| backlog.keep(told(10 * n)));
        assert_eq!(numbers(&backlog, 0), Some(vec![10, 20, 30]));
        assert_eq!(numbers(&backlog, 15), Some(vec![20, 30]));
        assert_eq!(numbers(&backlog, 30), Some(vec![]));
        (4..=KEPT as u64 + 2).for_each(|n| backlog.keep(told(10 * n)));
        assert_eq!(numbers(&backlog, 19), None, "20 is forgotten, and may have been missed");
        assert_eq!(numbers(&backlog, 20).map(|it| it.len()), Some(KEPT));
    }

    #[test]
    fn the_pieces_of_a_line_make_room_for_the_whole() {
        let mut backlog = Backlog::default();
        let speaker = Speaker::Interviewer;
        let piece = |n, item: &str| {
            let event = RoomEvent::CaptionDelta { item_id: item.to_owned(), speaker, delta: "so ".to_owned() };
            RoomMessage { n, ts: 0, event }
        };
        for (n, item) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            backlog.keep(piece(n, item));
        }
        backlog.keep(RoomMessage {
            n: 5,
            ts: 0,
            event: RoomEvent::CaptionDone(Line::spoken("a", speaker, "so so so")),
        });
        let left: Vec<_> = backlog.since(0).unwrap().map(|it| it.n).collect();
        assert_eq!(left, [3, 5], "and nothing counts as forgotten");
    }
}
