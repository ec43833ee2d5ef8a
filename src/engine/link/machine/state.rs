//! Where a connection stands.

use super::super::Route;
use crate::engine::interview::EndReason;
use crate::engine::time::{Epoch, Tick};

#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Nothing is open: in the lobby, or after a fault.
    Idle,
    /// `connect_by` bounds the first connection as a whole; a repair is bounded by its waits.
    Opening {
        connect_by: Option<Tick>,
    },
    Live {
        since: Tick,
    },
    Wobbling {
        since: Tick,
        until: Tick,
        /// When it is shown, though the path is not mended yet.
        show: Option<Tick>,
        then: Mend,
    },
    Restarting {
        until: Tick,
    },
    Waiting {
        until: Tick,
        connect_by: Option<Tick>,
    },
    /// Our server is away. The room channel says when it is back.
    Absent {
        until: Tick,
    },
    /// Another route is tried, and the call over the one `back` goes on until that stands.
    Trying {
        old: Epoch,
        since: Tick,
        back: Route,
        until: Tick,
    },
    Ending {
        until: Tick,
        reason: EndReason,
    },
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    Restart,
    Reopen,
}

impl State {
    /// Whether a call may exist.
    pub(super) const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Opening { .. }
                | Self::Live { .. }
                | Self::Wobbling { .. }
                | Self::Restarting { .. }
                | Self::Trying { .. }
        )
    }
}
