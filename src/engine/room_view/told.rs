//! Who told an event, and what came of it.

use crate::engine::interview::EndReason;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::room::PageMessage;
use crate::engine::time::Epoch;

/// Who told an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The room channel of our server.
    Room,
    /// The same events, as our server tells them on a channel of the call itself.
    Events,
    /// `oai-events` of the call.
    Channel,
}

/// What follows from an event, beyond what is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Say(PageMessage),
    ProviderReady,
    /// The interviewer's sound starts or stops.
    Sounding(bool),
    /// The candidate's turn is over. Before the first question it answers none.
    Answered {
        question: Option<u32>,
        spoken_ms: u64,
    },
    /// Something went wrong, and the call goes on: soon of no interest.
    Remark(String),
    /// The server ended the call for this reason.
    CallEnded(UpstreamFault),
    /// The call on the room channel stands: its number, and the frame from which on it is to hear us.
    CallOpen {
        epoch: Epoch,
        call: u32,
        from: Option<u32>,
    },
    /// Sound of an older playout is not to be heard any more.
    Cut(u32),
    Over(EndReason),
}

/// What came of an event: whether it was news, and what follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    pub fresh: bool,
    pub effect: Option<Effect>,
}

impl Told {
    pub(super) const STALE: Self = Self { fresh: false, effect: None };
    pub(super) const FRESH: Self = Self { fresh: true, effect: None };

    pub(super) const fn then(effect: Effect) -> Self {
        Self { fresh: true, effect: Some(effect) }
    }
}
