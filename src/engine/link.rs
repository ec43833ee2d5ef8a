//! The connection of one page: which step it is at, when it wobbles, and what to do then.

pub mod channel;
pub mod choice;
pub mod machine;
pub mod progress;
pub mod steps;
pub mod upstream;
pub mod view;
pub mod watchdog;

use std::time::Duration;

use self::upstream::UpstreamFault;
use super::interview::EndReason;

/// How the audio travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Browser to provider over WebRTC.
    #[default]
    Direct,
    /// Browser to our server over WebRTC.
    Relay,
    /// PCM16 over the room channel.
    Socket,
}

impl Route {
    /// The value of the `data-route` attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::Socket => "socket",
        }
    }

    /// What the badge says.
    #[must_use]
    pub const fn badge(self) -> &'static str {
        match self {
            Self::Direct | Self::Relay => "WebRTC",
            Self::Socket => "WebSocket",
        }
    }
}

/// Where the page is, from the lobby to the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Lobby,
    Connecting,
    Live,
    /// The line dropped; it is being mended and the clock stands still.
    Recovering,
    /// The interview is over; the report is on its way.
    Ending,
    Ended(EndReason),
    /// Connecting or mending failed for good. The candidate can try again.
    Failed(Fault),
}

impl Phase {
    /// The value of the `data-phase` attribute.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lobby => "lobby",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Recovering => "recovering",
            Self::Ending => "ending",
            Self::Ended(_) => "ended",
            Self::Failed(_) => "failed",
        }
    }
}

/// Why a connection could not be made or kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Microphone,
    /// Our server does not answer.
    Offline,
    /// Our server is full; seconds until a place may be free.
    Busy {
        retry_after_s: u32,
    },
    /// The session is unknown or belongs to another browser.
    Refused,
    /// The voice service does not do its part; seconds until it may, where it said so.
    Provider {
        fault: UpstreamFault,
        retry_after_s: u32,
    },
    /// The exchange worked, but no sound came through.
    Network,
    TimedOut,
    /// The interview goes on in another tab.
    Replaced,
}

impl Fault {
    /// What happened, in plain words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Microphone => "The microphone stopped.",
            Self::Offline => "The interview server does not answer.",
            Self::Busy { .. } => "All interview rooms are taken at the moment.",
            Self::Refused => "This interview is not open in this browser any more.",
            Self::Provider { fault, .. } => fault.what(),
            Self::Network => "Your network did not let the sound through.",
            Self::TimedOut => "Connecting took too long.",
            Self::Replaced => "The interview goes on in another tab.",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(self) -> String {
        let cure = match self {
            Self::Microphone => "Check that it is plugged in and allowed, then try again.",
            Self::Offline => "Check your internet connection, then try again. Nothing you said is lost.",
            Self::Busy { retry_after_s } | Self::Provider { retry_after_s, .. } if retry_after_s > 0 => {
                return format!("Try again in {retry_after_s} s.");
            }
            Self::Busy { .. } => "Wait a moment, then try again.",
            Self::Refused => "Start a new interview from the first page.",
            Self::Provider { fault, .. } => fault.cure(),
            Self::Network => "Switch a VPN off or use another network, then try again.",
            Self::TimedOut => "Try again. If it happens twice, use another network.",
            Self::Replaced => "Go on there, or choose \"Try again\" to bring it back here.",
        };
        cure.to_owned()
    }

    /// Whether a call over another route may get past it.
    #[must_use]
    pub const fn is_of_the_route(self) -> bool {
        use UpstreamFault::{Lost, Offer, Uncontrolled};
        matches!(self, Self::Network | Self::TimedOut | Self::Provider { fault: Offer | Uncontrolled | Lost, .. })
    }

    /// How long to wait at least before the next attempt.
    #[must_use]
    pub const fn wait(self) -> Duration {
        match self {
            Self::Busy { retry_after_s } | Self::Provider { retry_after_s, .. } => {
                Duration::from_secs(retry_after_s as u64)
            }
            _ => Duration::ZERO,
        }
    }
}

impl From<UpstreamFault> for Fault {
    fn from(fault: UpstreamFault) -> Self {
        Self::Provider { fault, retry_after_s: 0 }
    }
}
