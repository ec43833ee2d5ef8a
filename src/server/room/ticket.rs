//! Tickets: single use, short-lived, bound to their session. One ticket lets one request exchange descriptions.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::{ApiError, Exchanged};
use crate::server::auth::Hash;

/// How long a ticket can be spent, and its answer be given again.
pub(super) const LIFE: Duration = Duration::from_secs(60);
/// A page asks for one ticket per attempt; older ones are not needed any more.
const KEPT: usize = 8;

type Answer = Option<Result<Exchanged, ApiError>>;

/// The tickets of one session.
#[derive(Debug, Default)]
pub(super) struct Tickets(Vec<Issued>);

#[derive(Debug)]
struct Issued {
    secret: Hash,
    at: Instant,
    spent: Option<(String, watch::Receiver<Answer>)>,
}

/// What a valid ticket brings.
#[derive(Debug)]
pub(super) enum Redeemed {
    /// The ticket is spent now: do the exchange, and put its outcome here.
    First(watch::Sender<Answer>, watch::Receiver<Answer>),
    /// The same request came before: its outcome is, or will be, here.
    Again(watch::Receiver<Answer>),
}

impl Tickets {
    pub(super) fn add(&mut self, secret: &str, now: Instant) {
        if self.0.len() >= KEPT {
            self.0.remove(0);
        }
        self.0.push(Issued { secret: Hash::of(secret), at: now, spent: None });
    }

    /// Time passes for every ticket.
    #[cfg(test)]
    pub(super) fn age(&mut self, time: Duration) {
        self.0.iter_mut().for_each(|it| it.at -= time);
    }

    /// Spends the ticket `secret` for `request_id`.
    pub(super) fn redeem(&mut self, secret: &str, request_id: &str, now: Instant) -> Result<Redeemed, ApiError> {
        let secret = Hash::of(secret);
        let ticket = self.0.iter_mut().find(|it| it.secret.is(&secret)).ok_or(ApiError::Ticket)?;
        match &ticket.spent {
            Some((by, outcome)) if by == request_id => Ok(Redeemed::Again(outcome.clone())),
            Some(_) => Err(ApiError::Conflict),
            None if ticket.at + LIFE <= now => Err(ApiError::Ticket),
            None => {
                let (set, outcome) = watch::channel(None);
                ticket.spent = Some((request_id.to_owned(), outcome.clone()));
                Ok(Redeemed::First(set, outcome))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ticket_is_spent_once_and_remembers_by_whom() {
        let now = Instant::now();
        let mut tickets = Tickets::default();
        tickets.add("a", now);
        assert!(matches!(tickets.redeem("b", "r1", now), Err(ApiError::Ticket)));
        assert!(matches!(tickets.redeem("a", "r1", now), Ok(Redeemed::First(..))));
        assert!(matches!(tickets.redeem("a", "r1", now), Ok(Redeemed::Again(_))));
        assert!(matches!(tickets.redeem("a", "r2", now), Err(ApiError::Conflict)));
    }

    #[tokio::test]
    async fn a_ticket_expires_after_a_minute() {
        let now = Instant::now();
        let mut tickets = Tickets::default();
        tickets.add("a", now);
        assert!(matches!(tickets.redeem("a", "r1", now + LIFE), Err(ApiError::Ticket)));
    }
}
