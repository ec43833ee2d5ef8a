//! What a request for a ticket was answered: the same request is answered the same again, for as long as that is of use.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::{Inner, Rooms, ticket};
use crate::api::{ApiError, Ticket};

/// How long the answer to a `request_id` is given again.
const REPLAY: Duration = Duration::from_secs(120);
/// From this age on a ticket may be dead before the page has made its offer: whoever asks again gets a fresh one.
const OLD: Duration = Duration::from_secs(ticket::LIFE.as_secs() / 2);

/// What `ephemeral-token` answered.
#[derive(Clone, Debug)]
pub(super) struct Started {
    at: Instant,
    ip: IpAddr,
    secret: String,
    ticket: Ticket,
}

impl Started {
    pub(super) fn new(ip: IpAddr, secret: String, ticket: Ticket) -> Self {
        Self { at: Instant::now(), ip, secret, ticket }
    }

    pub(super) fn is_known(&self) -> bool {
        self.at.elapsed() < REPLAY
    }
}

impl Rooms {
    /// The answer to a request that came before: its ticket, and the secret of the cookie. `session_id`: the session that it
    /// asks for and that its cookie owns, if it is not to be a new one.
    pub(super) fn again(
        &self,
        inner: &mut Inner,
        request_id: &str,
        session_id: Option<&str>,
        ip: IpAddr,
    ) -> Option<Result<(Ticket, String), ApiError>> {
        let known = inner.started.get_mut(request_id)?;
        let same = match session_id {
            // The cookie is proof enough: a network may be left between a request and its repetition.
            Some(it) => it == known.ticket.session_id,
            // The id is the page's own secret; a different address guessed or stole it.
            None => known.ip == ip,
        };
        if !same {
            return Some(Err(ApiError::Conflict));
        }
        if known.at.elapsed() >= OLD {
            let entry = inner.sessions.get(&known.ticket.session_id).filter(|it| it.over.is_none());
            let Some(entry) = entry else { return Some(Err(ApiError::Over)) };
            known.ticket = self.issue(entry, &known.ticket.session_id);
            known.at = Instant::now();
        }
        Some(Ok((known.ticket.clone(), known.secret.clone())))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::PoisonError;

    use super::super::ticket::Redeemed;
    use super::super::{Rooms, Start};
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn start(rooms: &Rooms, request_id: &str) -> Result<(Ticket, String), ApiError> {
        start_from(rooms, request_id, None, HERE)
    }

    fn start_from(
        rooms: &Rooms,
        request_id: &str,
        cookie: Option<String>,
        ip: IpAddr,
    ) -> Result<(Ticket, String), ApiError> {
        let request_id = request_id.to_owned();
        rooms.start(Start { request_id, minutes: 5, application_id: None, cookie, ip })
    }

    /// Time passes for everything that was answered so far.
    fn pass(rooms: &Rooms, time: Duration) {
        let mut inner = rooms.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.started.values_mut().for_each(|it| it.at -= time);
        for entry in inner.sessions.values() {
            entry.tickets.lock().unwrap_or_else(PoisonError::into_inner).age(time);
        }
    }

    fn is_good(rooms: &Rooms, ticket: &Ticket) -> bool {
        let entry = rooms.entry(&ticket.session_id).unwrap();
        let mut tickets = entry.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(tickets.redeem(&ticket.client_secret, "e", Instant::now()), Ok(Redeemed::First(..)))
    }

    /// A page whose network was away asks again, and must not be given a ticket that is dead by then.
    #[tokio::test]
    async fn a_request_that_is_repeated_late_gets_a_ticket_that_is_good() {
        for late_s in [20, 40, 70, 110] {
            let rooms = Rooms::of_a_test();
            let (first, secret) = start(&rooms, "r1").unwrap();
            let renew = || rooms.renew("r2".to_owned(), &first.session_id, Some(&secret), HERE);
            let second = renew().unwrap();
            pass(&rooms, Duration::from_secs(late_s));
            let (again, same) = start(&rooms, "r1").unwrap();
            assert_eq!((&again.session_id, &same), (&first.session_id, &secret), "one session, {late_s} s later");
            assert_eq!(again == first, late_s < 30, "{late_s} s later");
            assert!(is_good(&rooms, &again) && is_good(&rooms, &renew().unwrap()), "{late_s} s later");
            assert_eq!(second == renew().unwrap(), late_s < 30, "{late_s} s later");
            pass(&rooms, REPLAY - Duration::from_secs(1));
            assert_eq!(start(&rooms, "r1").is_ok_and(|it| it.0.session_id == first.session_id), late_s >= 30);
        }
    }

    /// S003-16: the answer to a request was lost with the network, and the next one gives the page another address.
    #[tokio::test]
    async fn a_renewal_is_repeated_from_another_address_with_the_cookie() {
        let rooms = Rooms::of_a_test();
        let (ticket, secret) = start(&rooms, "r1").unwrap();
        let renew = |cookie: &str, ip| rooms.renew("r2".to_owned(), &ticket.session_id, Some(cookie), ip);
        let first = renew(&secret, HERE).unwrap();
        let again = renew(&secret, Ipv4Addr::UNSPECIFIED.into()).unwrap();
        assert!(again == first, "the same ticket");
        assert_eq!(renew("stolen", Ipv4Addr::UNSPECIFIED.into()).map(drop), Err(ApiError::Session));
        assert!(is_good(&rooms, &again));
    }

    #[tokio::test]
    async fn a_late_repetition_is_refused_where_there_is_nothing_to_come_back_to() {
        let rooms = Rooms::of_a_test();
        let (ticket, secret) = start(&rooms, "r1").unwrap();
        let stolen = start_from(&rooms, "r1", None, Ipv4Addr::UNSPECIFIED.into());
        assert_eq!(stolen.map(drop), Err(ApiError::Conflict), "from elsewhere");
        let (other, _) = start_from(&rooms, "r2", Some(secret.clone()), HERE).unwrap();
        let another = rooms.renew("r1".to_owned(), &other.session_id, Some(&secret), HERE);
        assert_eq!(another.map(drop), Err(ApiError::Conflict), "for another session");
        rooms.set_over(&ticket.session_id);
        pass(&rooms, Duration::from_secs(40));
        assert_eq!(start(&rooms, "r1").map(drop), Err(ApiError::Over));
    }
}
