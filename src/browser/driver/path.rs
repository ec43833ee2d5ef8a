//! The path of a call as the server has to know it: on a direct call nobody but the page sees whether it is alive.

use std::time::Duration;

use super::super::clock::now;
use super::Inner;
use crate::engine::protocol::room::PageMessage;
use crate::engine::time::Tick;

/// What the server has to know of the call's path.
#[derive(Clone, Copy, Default)]
pub(super) enum PathNews {
    #[default]
    Alive,
    /// Since when.
    Dead(Tick),
    /// For how long it was dead.
    Back(Duration),
}

impl Inner {
    /// Notes that the path is dead, or is back, for the server to know: on a direct call nobody else can, and the clock has to
    /// stand still, from the path's last sign of life on.
    pub(super) fn path_is(&self, now: Tick, dead: bool, alive: bool) {
        match self.path.get() {
            PathNews::Alive if dead => self.path.set(PathNews::Dead(self.dead_since(now))),
            PathNews::Dead(since) if alive => self.path.set(PathNews::Back(now.since(since))),
            PathNews::Back(lost) if dead => self.path.set(PathNews::Dead(self.dead_since(now).before(lost))),
            _ => return,
        }
        self.tell_path();
    }

    fn dead_since(&self, now: Tick) -> Tick {
        self.link.borrow().alive().unwrap_or(now)
    }

    /// Tells how the path is, if that is news.
    pub(super) fn tell_path(&self) {
        let (dead, lost) = match self.path.get() {
            PathNews::Alive => return,
            PathNews::Dead(since) => (true, now().since(since)),
            PathNews::Back(lost) => (false, lost),
        };
        let news = PageMessage::Path { dead, lost_ms: Tick(lost).as_ms() };
        let told = self.socket.borrow().as_ref().is_some_and(|socket| socket.say(&news));
        if told && !dead {
            self.path.set(PathNews::Alive);
        }
    }
}
