//! Which way the candidate wants the voice to travel, and why another one was taken.

use serde::{Deserialize, Serialize};

/// What the candidate chose in the lobby or in the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// WebRTC, and the WebSocket where that does not work.
    #[default]
    Automatic,
    WebRtc,
    WebSocket,
}

/// Why the link went on over the WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// This browser has no WebRTC.
    Unsupported,
    /// ICE failed, or found nothing to try.
    Ice,
    /// Negotiation took too long (S003-20).
    Timeout,
    /// The exchange was refused in a way that a WebSocket may get past.
    Refused,
    /// A call that had worked could not be mended.
    Lost,
}

impl Fallback {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Unsupported, Self::Ice, Self::Timeout, Self::Refused, Self::Lost];

    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Ice => "ice",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Lost => "lost",
        }
    }
}
