//! The Relay route: the browser's peer is our own server, and the server holds the session at the provider.
//!
//! [`Relay`] is what the conducting session has of such a call: it takes events like a sideband and reports like one. Behind
//! it runs one task, which owns the peer, the provider's session and the clock of the media. Of what the provider says
//! the browser gets just what the page needs, and nothing that it says on its data channels is listened to.

mod call;
mod ear;
mod mouth;

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use self::call::Call;
use super::provider::{FromSideband, Provider};
use super::rtc::{OfferError, Peer, Port};
use crate::engine::protocol::client::ClientEvent;

/// The label of the channel on which our server itself says what happens in the room (S003-06).
pub const ROOM_LABEL: &str = "interview-events";

/// Commands that may wait for a call. It deals with them at once.
const MAILBOX: usize = 256;
/// Reports of the provider's session that may wait.
const REPORTS: usize = 64;

/// What comes from a relayed call.
#[derive(Debug)]
pub enum FromRelay {
    /// What the provider's session does. It is opened when the browser is connected, too.
    Line(FromSideband),
    /// Whether the candidate's sound arrives.
    Hearing(bool),
}

/// What a call is asked for.
#[derive(Debug)]
enum Command {
    /// Something for the provider.
    Send(Box<ClientEvent>),
    /// A message of the room.
    Tell(String),
    Restart {
        offer: String,
        answer: oneshot::Sender<Result<String, OfferError>>,
    },
    /// The page has left the call.
    Leave,
    /// What the browser's jitter buffer holds.
    Buffered(Duration),
    /// Nobody is to be heard any more, neither way.
    FallSilent,
}

/// Whom a call is made for.
#[derive(Clone, Copy, Debug)]
pub struct For<'a> {
    /// Our session's id.
    pub session_id: &'a str,
    pub persona: &'a str,
}

/// A call that runs. Dropping it ends it with a good-bye.
#[derive(Debug)]
pub struct Relay {
    commands: mpsc::Sender<Command>,
}

impl Relay {
    /// Answers an offer and begins the call. Everything that happens arrives at `report`, the end at last.
    ///
    /// # Errors
    /// [`OfferError`] says what is wrong with the offer; then there is no call.
    pub fn answer(
        port: &Port,
        provider: &Provider,
        whose: For<'_>,
        offer: &str,
        tasks: &TaskTracker,
        report: impl Fn(FromRelay) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Result<(Self, String), OfferError> {
        let (registration, datagrams) = port.demux().register();
        let (mut peer, answer) = Peer::answer(port, registration, offer, Instant::now())?;
        peer.open_channel(ROOM_LABEL);
        let (to_call, reports) = mpsc::channel(REPORTS);
        let upstream = provider.converse(whose.persona, whose.session_id, move |report| {
            let to_call = to_call.clone();
            // A call that is over wants to know nothing more.
            Box::pin(async move { drop(to_call.send(report).await) })
        });
        let (commands, inbox) = mpsc::channel(MAILBOX);
        let call = Call::new(peer, upstream, datagrams, inbox, reports);
        tasks.spawn(async move { Box::pin(call.run(report)).await });
        Ok((Self { commands }, answer))
    }

    /// Sends an event to the provider.
    pub fn send(&self, event: ClientEvent) {
        self.command(Command::Send(Box::new(event)));
    }

    /// Says a message of the room to the page.
    pub fn tell(&self, message: String) {
        self.command(Command::Tell(message));
    }

    /// The page has left the call, which ends in a moment: as long as it may take to learn that this was the end of the
    /// interview.
    pub fn leave(&self) {
        self.command(Command::Leave);
    }

    /// The page tells how long its browser holds sound back before it plays it.
    pub fn buffered(&self, buffered: Duration) {
        self.command(Command::Buffered(buffered));
    }

    /// The interview is over. What the provider still says of what it heard is told, and from here on it hears silence, even
    /// from a page that is gone; the interviewer says nothing any more.
    pub fn fall_silent(&self) {
        self.command(Command::FallSilent);
    }

    /// Takes a new offer of the same peer: an ICE restart. The answer comes through what is returned; a call that ends
    /// meanwhile drops the other end.
    #[must_use]
    pub fn restart(&self, offer: String) -> oneshot::Receiver<Result<String, OfferError>> {
        let (answer, answered) = oneshot::channel();
        self.command(Command::Restart { offer, answer });
        answered
    }

    fn command(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            tracing::warn!("a relayed call does not take orders any more");
        }
    }
}
