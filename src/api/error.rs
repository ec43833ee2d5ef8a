//! The one error of the API: what a caller may know, and its HTTP status.

use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::codec::JsonEncoding;
use serde::{Deserialize, Serialize};

use crate::engine::link::Fault;
use crate::engine::link::choice::Fallback;
use crate::engine::link::machine::Refusal;
use crate::engine::link::upstream::UpstreamFault;

/// Why a call to the API was refused. Safe to show: carries no upstream text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiError {
    #[error("{0}")]
    Invalid(String),
    #[error("the interview needs your consent before it starts")]
    Consent,
    #[error("this page may not call the interview server")]
    Origin,
    #[error("this interview is not open in this browser")]
    Session,
    #[error("this ticket is not valid any more")]
    Ticket,
    #[error("the interview is over")]
    Over,
    #[error("{0}")]
    Offer(String),
    #[error("another request with this id is under way")]
    Conflict,
    #[error("this provider cannot restart ICE")]
    NoRestart,
    #[error("all places are taken, try again in {retry_after_s} s")]
    Busy { retry_after_s: u32 },
    #[error("an open start with a hosted provider needs PRACTICE=1 on this address")]
    Closed,
    /// A page that asks for a call with the provider itself.
    #[error("calls of this interview go through our server only")]
    Sealed,
    /// `retry_after_s`: zero where the voice service did not say.
    #[error("{}", fault.what())]
    Upstream {
        fault: UpstreamFault,
        #[serde(default)]
        retry_after_s: u32,
    },
    #[error("something went wrong on our side")]
    Internal,
    #[error("the server could not be reached")]
    Transport,
}

impl ApiError {
    /// The HTTP status of this error.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) | Self::Offer(_) => 422,
            Self::Consent | Self::Origin | Self::Closed | Self::Sealed => 403,
            Self::Session | Self::Ticket => 401,
            Self::Over => 410,
            Self::Conflict | Self::NoRestart => 409,
            Self::Busy { .. } => 429,
            Self::Upstream { fault, .. } => match fault {
                UpstreamFault::Slow => 504,
                UpstreamFault::Limited | UpstreamFault::Quota | UpstreamFault::Overloaded => 503,
                _ => 502,
            },
            Self::Internal | Self::Transport => 500,
        }
    }

    /// Seconds after which it is worth asking again, where that is known.
    #[must_use]
    pub const fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Busy { retry_after_s } | Self::Upstream { retry_after_s, .. } if *retry_after_s > 0 => {
                Some(*retry_after_s)
            }
            _ => None,
        }
    }

    /// Whether trying again can get past it. A full house is final for who comes, and not for who `has_place`.
    #[must_use]
    pub fn refusal(&self, has_place: bool) -> Refusal {
        match self {
            Self::Busy { retry_after_s } if has_place => {
                Refusal::Passing(Fault::Busy { retry_after_s: *retry_after_s })
            }
            // A ticket that is dead came too late, or our server has forgotten it: there is another to be had.
            Self::Transport | Self::Ticket => Refusal::Passing(Fault::Offline),
            Self::Upstream { fault, retry_after_s } => {
                let refused = Fault::Provider { fault: *fault, retry_after_s: *retry_after_s };
                if fault.is_final() { Refusal::Final(refused) } else { Refusal::Passing(refused) }
            }
            Self::Internal | Self::Conflict => Refusal::Passing(UpstreamFault::Broken.into()),
            Self::NoRestart => Refusal::NoRestart,
            // Only an address that names the direct route leads here: the ticket names one that is open.
            Self::Sealed => Refusal::Hopeless(Fallback::Refused),
            Self::Busy { retry_after_s } => Refusal::Final(Fault::Busy { retry_after_s: *retry_after_s }),
            Self::Invalid(_) | Self::Offer(_) => Refusal::Final(UpstreamFault::Offer.into()),
            Self::Closed => Refusal::Final(UpstreamFault::Settings.into()),
            Self::Consent | Self::Origin | Self::Session | Self::Over => Refusal::Final(Fault::Refused),
        }
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let error = match error {
            // The caller's fault: the server answers 422, and the page never sees this.
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                Self::Invalid("the request is not what this address expects".to_owned())
            }
            ServerFnErrorErr::Request(_)
            | ServerFnErrorErr::Response(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_) => Self::Transport,
            ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::MiddlewareError(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::Serialization(_) => Self::Internal,
        };
        #[cfg(feature = "ssr")]
        crate::server::routes::set_status(&error);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_give_up_over_what_another_attempt_gets_past() {
        let busy = ApiError::Busy { retry_after_s: 7 };
        let room = Fault::Busy { retry_after_s: 7 };
        for (error, has_place, expected) in [
            (&ApiError::Ticket, true, Refusal::Passing(Fault::Offline)),
            (&ApiError::Transport, false, Refusal::Passing(Fault::Offline)),
            (&busy, true, Refusal::Passing(room)),
            (&busy, false, Refusal::Final(room)),
            (&ApiError::Session, true, Refusal::Final(Fault::Refused)),
            (&ApiError::NoRestart, true, Refusal::NoRestart),
        ] {
            assert_eq!(error.refusal(has_place), expected, "{error:?}");
        }
    }
}
