//! The control sockets of a call.

use std::sync::{Arc, OnceLock};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::mpsc;

/// Events that may wait for a control socket: more than the words of the longest text, which are told at once. One that falls
/// behind further is closed: the call does not wait.
const QUEUE: usize = 6_000;

/// More of them than a director and a few observers is a mistake.
const MAX_SIDEBANDS: usize = 8;

/// Why a control socket got its last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Farewell {
    /// The call is over.
    #[default]
    Over,
    /// The session was too long.
    Expired,
    /// The socket was too slow, or one of too many.
    GivenUp,
}

/// The call's end of a control socket.
#[derive(Debug)]
pub struct Sideband {
    events: mpsc::Sender<Utf8Bytes>,
    farewell: Arc<OnceLock<Farewell>>,
}

/// The socket's end.
#[derive(Debug)]
pub struct SidebandFeed {
    events: mpsc::Receiver<Utf8Bytes>,
    farewell: Arc<OnceLock<Farewell>>,
}

impl Sideband {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Self, SidebandFeed) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let farewell = Arc::default();
        (Self { events: sender, farewell: Arc::clone(&farewell) }, SidebandFeed { events: receiver, farewell })
    }

    fn part(&self, farewell: Farewell) {
        // The first reason is the one that counts.
        _ = self.farewell.set(farewell);
    }
}

impl SidebandFeed {
    /// The next event, or `None` when the call is over or has given this socket up.
    pub async fn recv(&mut self) -> Option<Utf8Bytes> {
        self.events.recv().await
    }

    /// Why there are no more events.
    #[must_use]
    pub fn farewell(&self) -> Farewell {
        self.farewell.get().copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(super) struct Sidebands(Vec<Sideband>);

impl Sidebands {
    /// The oldest gives way where there are too many.
    pub(super) fn attach(&mut self, sideband: Sideband) {
        self.0.retain(|it| !it.events.is_closed());
        if self.0.len() >= MAX_SIDEBANDS {
            self.0.remove(0).part(Farewell::GivenUp);
        }
        self.0.push(sideband);
    }

    /// Tells all of them that the session was too long.
    pub(super) fn expire(&mut self) {
        for sideband in self.0.drain(..) {
            sideband.part(Farewell::Expired);
        }
    }

    pub(super) fn send(&mut self, text: &Utf8Bytes) {
        self.0.retain(|it| match it.events.try_send(text.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                it.part(Farewell::GivenUp);
                false
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_socket_is_given_up_and_the_others_go_on() {
        let mut all = Sidebands::default();
        let ((slow, mut slow_feed), (quick, mut quick_feed)) = (Sideband::new(), Sideband::new());
        all.attach(slow);
        all.attach(quick);
        for n in 0..QUEUE + 2 {
            all.send(&Utf8Bytes::from(n.to_string()));
            assert_eq!(quick_feed.recv().await.unwrap().as_str(), n.to_string());
        }
        assert_eq!(slow_feed.farewell(), Farewell::GivenUp);
        assert_eq!(quick_feed.farewell(), Farewell::Over);
        let mut left = 0;
        while slow_feed.recv().await.is_some() {
            left += 1;
        }
        assert_eq!(left, QUEUE);
    }
}
