//! What a session is told from outside.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{mpsc, oneshot};

use super::Sound;
use crate::api::{ApiError, Exchanged};
use crate::engine::interview::EndReason;
use crate::engine::interview::report::Report;
use crate::engine::link::Route;
use crate::engine::protocol::room::{PageMessage, RoomMessage};
use crate::engine::sdp::Offer;
use crate::engine::time::Epoch;

/// What a session is told from outside.
#[derive(Debug)]
pub(super) enum ToSession {
    Exchange {
        /// [`Route::Relay`], or the provider's own calls.
        route: Route,
        offer: Offer,
        restart: bool,
        reply: oneshot::Sender<Result<Exchanged, ApiError>>,
    },
    /// What belongs to the negotiation of a relayed call beside offers.
    Signal {
        call: u32,
        signal: Signal,
    },
    /// A page opened the room channel. It replaces the one before.
    Join {
        page: PageId,
        lane: mpsc::Sender<RoomMessage>,
        sound: Sound,
        /// Set before another page takes its place.
        replaced: Arc<AtomicBool>,
        seen: Option<Seen>,
    },
    Page {
        page: PageId,
        message: PageMessage,
    },
    Left {
        page: PageId,
    },
    Report {
        reply: oneshot::Sender<Report>,
    },
    End {
        reason: EndReason,
        reply: oneshot::Sender<Report>,
    },
}

/// What a page says about its relayed call.
#[derive(Debug)]
pub(super) enum Signal {
    /// Who wants to know of the end of the call: the other end learns of it when this one is dropped.
    Watch(oneshot::Sender<()>),
    Bye,
}

/// Names one connection of a page, counted over the whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageId(pub(super) u64);

/// How far a page that comes back has seen the session's events.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The numbering, as the welcome named it.
    pub epoch: Epoch,
    /// The last number in it.
    pub after: u64,
}
