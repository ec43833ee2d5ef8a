//! What the connection is told, and what it asks for.

use super::super::choice::{Choice, Fallback};
use super::super::progress::Reach;
use super::super::upstream::UpstreamFault;
use super::super::watchdog::Sample;
use super::super::{Fault, Phase, Route};
use crate::engine::interview::EndReason;
use crate::engine::time::Epoch;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The candidate begins, or tries again after a fault.
    Start,
    Reached(Epoch, Reach),
    Refused(Epoch, Refusal),
    Ice(Epoch, Ice),
    Packets(Epoch, Sample),
    /// The candidate chooses how the sound travels, in the lobby or in the room.
    Choose(Choice),
    /// Whether neither side speaks: only then is a route changed that works.
    Quiet(bool),
    /// `oai-events` closed under a running call: the provider hung up.
    ChannelClosed(Epoch),
    /// Our server ended the call, and says why.
    CallEnded(Epoch, UpstreamFault),
    Online,
    Offline,
    /// The browser is in another network, or in the same one in another way.
    NetworkChanged,
    /// The room channel opened or broke. On the Socket that is the path itself.
    Room(bool),
    /// The room channel is closed for good.
    RoomClosed(Fault),
    /// The server says that the interview is over.
    Over(EndReason),
    /// The candidate ends the interview. `late`: words that were said are not written down yet.
    Leave {
        late: bool,
    },
    /// The report is here, or will not come.
    Reported(bool),
    Timeout,
}

impl Input {
    /// The attempt that it is about.
    pub(super) const fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Reached(epoch, _)
            | Self::Refused(epoch, _)
            | Self::Ice(epoch, _)
            | Self::Packets(epoch, _)
            | Self::ChannelClosed(epoch)
            | Self::CallEnded(epoch, _) => Some(*epoch),
            Self::Start
            | Self::Choose(_)
            | Self::Quiet(_)
            | Self::Online
            | Self::Offline
            | Self::NetworkChanged
            | Self::Room(_)
            | Self::RoomClosed(_)
            | Self::Over(_)
            | Self::Leave { .. }
            | Self::Reported(_)
            | Self::Timeout => None,
        }
    }
}

/// What the ICE agent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ice {
    Connected,
    Disconnected,
    Failed,
}

/// Why a recipe stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It will not become valid by trying again.
    Final(Fault),
    /// Another attempt may get past it.
    Passing(Fault),
    /// The provider cannot restart ICE: only a new call helps.
    NoRestart,
    /// This browser, or this network, cannot have a WebRTC call.
    Hopeless(Fallback),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Microphone, readiness, ticket, offer, exchange, answer; on the Socket the room channel and the word `call`. Reports
    /// [`Reach`] by [`Reach`], or a [`Refusal`]. A call over the other kind of route may still be open.
    Open(Epoch, Route),
    /// Ticket, offer with `iceRestart`, exchange with `restart`, answer: on the peer that is there.
    RestartIce(Epoch),
    Close(Epoch),
    /// Automatic has left WebRTC for the Socket. To be logged and counted (S003-22).
    Fallback(Fallback),
    Show(Phase),
    /// Get the report and answer [`Input::Reported`].
    Report(Ask),
}

/// Where a report comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// End the interview and take its report.
    Finish,
    /// The interview is over already.
    Read,
    /// The server cannot be reached: what this page has seen.
    Page,
}
