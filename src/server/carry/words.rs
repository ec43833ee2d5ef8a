//! The interviewer's words, told when their sound goes out and not when they come in.
//!
//! Over a WebSocket a provider is done with a response long before it is heard. Told at once, its words would stand on the
//! page and in the record although the candidate interrupted the first of them.

use std::collections::VecDeque;

use crate::engine::playout::Playout;
use crate::engine::protocol::server::{ServerEvent, ServerMessage};

/// Words that wait for their sound.
#[derive(Debug, Default)]
pub(in crate::server) struct Words {
    /// Each with its place in the playout: the end of the sound that came before it.
    waiting: VecDeque<(u64, Box<ServerMessage>)>,
    /// Something was told of what sounds.
    told: bool,
}

impl Words {
    /// Takes what the provider says, and gives back what is no word of the interviewer's.
    pub(in crate::server) fn take(
        &mut self,
        message: Box<ServerMessage>,
        playout: &Playout,
    ) -> Option<Box<ServerMessage>> {
        match &message.event {
            ServerEvent::OutputTranscriptDelta { at, .. } | ServerEvent::OutputTranscriptDone { at, .. } => {
                if !playout.drops(&at.response_id) {
                    self.waiting.push_back((playout.end(), message));
                }
                None
            }
            ServerEvent::ResponseCreated { .. } => {
                self.told = false;
                Some(message)
            }
            _ => Some(message),
        }
    }

    /// The next words whose time has come.
    pub(in crate::server) fn due(&mut self, playout: &Playout) -> Option<Box<ServerMessage>> {
        let (_, message) = self.waiting.pop_front_if(|(at, _)| *at <= playout.given())?;
        self.told = true;
        Some(message)
    }

    /// What sounds is cut off, and what waits was not heard. From a server that tells all the words at once these are the
    /// only ones, and better than none.
    pub(in crate::server) fn cut(&mut self) -> impl Iterator<Item = Box<ServerMessage>> + use<> {
        let told = std::mem::take(&mut self.told);
        let waiting = std::mem::take(&mut self.waiting).into_iter().filter(move |_| !told);
        waiting.map(|(_, message)| message)
    }

    /// What waits will never sound.
    pub(in crate::server) fn forget(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::server::ContentAt;

    fn at() -> ContentAt {
        ContentAt { response_id: "r".to_owned(), item_id: "i".to_owned(), ..ContentAt::default() }
    }

    fn delta(delta: &str) -> Box<ServerMessage> {
        let event = ServerEvent::OutputTranscriptDelta { at: at(), delta: delta.to_owned() };
        Box::new(ServerMessage { event_id: String::new(), event })
    }

    fn done(text: &str) -> Box<ServerMessage> {
        let event = ServerEvent::OutputTranscriptDone { at: at(), transcript: text.to_owned() };
        Box::new(ServerMessage { event_id: String::new(), event })
    }

    fn due(words: &mut Words, playout: &Playout) -> Vec<ServerMessage> {
        std::iter::from_fn(|| words.due(playout)).map(|it| *it).collect()
    }

    #[test]
    fn words_are_told_with_their_sound() {
        let (mut words, mut playout) = (Words::default(), Playout::new(1));
        for text in ["Good ", "morning."] {
            assert_eq!(words.take(delta(text), &playout), None);
            playout.sound(&at(), &[1; 960]);
        }
        words.take(done("Good morning."), &playout);
        assert_eq!(due(&mut words, &playout), [*delta("Good ")]);
        playout.frame();
        assert!(due(&mut words, &playout).is_empty());
        playout.frame();
        assert_eq!(due(&mut words, &playout), [*delta("morning.")]);
        playout.frame();
        playout.frame();
        assert_eq!(due(&mut words, &playout), [*done("Good morning.")]);
    }

    #[test]
    fn what_was_not_heard_is_not_told() {
        let (mut words, mut playout) = (Words::default(), Playout::new(1));
        words.take(delta("Good "), &playout);
        playout.sound(&at(), &[1; 960]);
        words.take(delta("morning."), &playout);
        playout.frame();
        assert_eq!(due(&mut words, &playout), [*delta("Good ")]);
        playout.cut();
        assert_eq!(words.cut().count(), 0);
        assert_eq!(words.take(delta("everybody"), &playout), None);
        assert!(due(&mut words, &playout).is_empty(), "late words of what was cut");
    }

    #[test]
    fn words_that_come_all_at_once_are_better_than_none() {
        let (mut words, mut playout) = (Words::default(), Playout::new(1));
        playout.sound(&at(), &[1; 960]);
        words.take(done("Good morning."), &playout);
        playout.frame();
        playout.cut();
        assert!(words.cut().eq([done("Good morning.")]));
    }
}
