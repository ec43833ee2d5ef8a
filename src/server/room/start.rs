//! The door of the candidates: a session is started, and a ticket lets its page make a call.

use std::net::IpAddr;
use std::sync::PoisonError;

use tokio::time::Instant;

use super::relayed::To;
use super::started::Started;
use super::ticket::{self, Redeemed};
use super::{Entry, Inner, Rooms};
use crate::api::{ApiError, Exchanged, Ticket};
use crate::engine::link::Route;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::sdp::Offer;
use crate::server::auth::{self, Hash};
use crate::server::clock::{unix_ms, unix_s};
use crate::server::{faults, ice};

/// Sessions that are over can be read for a while: so many times as many as may be open.
const OVER: usize = 10;

/// A request for a session or for a fresh ticket.
#[derive(Debug)]
pub struct Start {
    pub request_id: String,
    pub minutes: u32,
    pub application_id: Option<String>,
    /// The cookie's secret.
    pub cookie: Option<String>,
    pub ip: IpAddr,
}

impl Rooms {
    /// Creates a session. Returns its first ticket and the secret of the cookie that owns it.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when the house or this address has no place left; [`ApiError::Upstream`] when the house has no money
    /// left today.
    pub fn start(&self, start: Start) -> Result<(Ticket, String), ApiError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forget_old(OVER * self.config.max_sessions as usize);
        if let Some(answer) = self.again(&mut inner, &start.request_id, None, start.ip) {
            return answer;
        }
        if let Some(retry_after_s) = self.spend.spent_until(unix_ms()) {
            return Err(ApiError::Upstream { fault: UpstreamFault::Quota, retry_after_s });
        }
        let open = || inner.sessions.values().filter(|it| it.over.is_none());
        if open().count() >= self.config.max_sessions as usize
            || open().filter(|it| it.ip == start.ip).count() >= self.config.max_sessions_per_ip as usize
        {
            return Err(ApiError::Busy { retry_after_s: 60 });
        }
        let owns_some = |secret: &String| {
            let owner = Hash::of(secret);
            inner.sessions.values().any(|it| it.owner.is(&owner))
        };
        let secret = start.cookie.filter(owns_some).unwrap_or_else(auth::secret);
        let session_id = auth::identifier();
        let entry = self.open(&session_id, start.minutes, start.application_id, Hash::of(&secret), start.ip);
        let ticket = self.issue(&entry, &session_id);
        inner.sessions.insert(session_id, entry);
        inner.started.insert(start.request_id, Started::new(start.ip, secret.clone(), ticket.clone()));
        self.metrics.started();
        Ok((ticket, secret))
    }

    /// A fresh ticket for a session that the cookie owns. The same `request_id` gets the same one, while that is good.
    ///
    /// # Errors
    /// [`ApiError::Session`] if it does not, [`ApiError::Over`] if the interview is over.
    pub fn renew(
        &self,
        request_id: String,
        session_id: &str,
        cookie: Option<&str>,
        ip: IpAddr,
    ) -> Result<Ticket, ApiError> {
        let entry = self.owned(session_id, cookie)?;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forget_old(OVER * self.config.max_sessions as usize);
        if let Some(answer) = self.again(&mut inner, &request_id, Some(session_id), ip) {
            return answer.map(|(ticket, _)| ticket);
        }
        if entry.over.is_some() || entry.mailbox.is_closed() {
            return Err(ApiError::Over);
        }
        let ticket = self.issue(&entry, session_id);
        let secret = cookie.unwrap_or_default().to_owned();
        inner.started.insert(request_id, Started::new(ip, secret, ticket.clone()));
        Ok(ticket)
    }

    /// Spends a ticket on an exchange. The same `request_id` gets the first answer again.
    ///
    /// # Errors
    /// [`ApiError::Sealed`] for a call with the provider itself where there shall be none; [`ApiError::Ticket`] if the ticket
    /// is unknown, expired or another session's; [`ApiError::Conflict`] if another request spent it; whatever became of the
    /// exchange.
    pub async fn exchange(
        &self,
        request_id: &str,
        session_id: &str,
        client_secret: &str,
        offer: Offer,
        to: To,
    ) -> Result<Exchanged, ApiError> {
        faults::exchange().await?;
        let entry = self.entry(session_id).ok_or(ApiError::Ticket)?;
        if self.config.sealed && to.route == Route::Direct {
            return Err(ApiError::Sealed);
        }
        let redeemed = {
            let mut tickets = entry.tickets.lock().unwrap_or_else(PoisonError::into_inner);
            tickets.redeem(client_secret, request_id, Instant::now())?
        };
        let mut outcome = match redeemed {
            Redeemed::Again(outcome) => outcome,
            Redeemed::First(set, outcome) => {
                if entry.over.is_some() {
                    return Err(ApiError::Over);
                }
                let answer = entry.exchange(to, offer).await;
                set.send_replace(Some(answer));
                outcome
            }
        };
        // The first request may have been dropped by its page; then nobody will ever know.
        let settled = outcome.wait_for(Option::is_some).await.map_err(|_| ApiError::Conflict)?;
        settled.clone().unwrap_or(Err(ApiError::Internal))
    }

    /// Whether as much was spent today as may be: no interview can begin.
    #[must_use]
    pub fn is_out_of_money(&self) -> bool {
        self.spend.spent_until(unix_ms()).is_some()
    }

    pub(super) fn issue(&self, entry: &Entry, session_id: &str) -> Ticket {
        let (client_secret, now_s) = (auth::secret(), unix_s());
        let mut tickets = entry.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.add(&client_secret, Instant::now());
        Ticket {
            session_id: session_id.to_owned(),
            client_secret,
            expires_at: now_s + ticket::LIFE.as_secs(),
            ice_servers: ice::servers(&self.config, session_id, now_s),
            ice_policy: self.config.ice_policy.name().to_owned(),
            route: self.config.webrtc_route(),
        }
    }
}

impl Inner {
    /// Keeps no more than `most` sessions that are over.
    fn forget_old(&mut self, most: usize) {
        self.started.retain(|_, it| it.is_known());
        self.sessions.retain(|_, it| !it.mailbox.is_closed());
        while let Some(id) = self.surplus(most) {
            self.sessions.remove(&id);
        }
    }

    /// The session that was over first, if there are more of them than `most`.
    fn surplus(&self, most: usize) -> Option<String> {
        let over = || self.sessions.iter().filter_map(|(id, it)| Some((it.over?, id)));
        if over().count() > most { over().min().map(|(_, id)| id.clone()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Whoever starts and ends interviews without pause does not fill the memory.
    #[tokio::test]
    async fn of_many_sessions_that_are_over_the_oldest_is_forgotten() {
        let rooms = Rooms::of_a_test();
        for id in ["open", "a", "b", "c"] {
            let entry = rooms.open(id, 5, None, Hash::of("owner"), Ipv4Addr::LOCALHOST.into());
            rooms.inner.lock().unwrap().sessions.insert(id.to_owned(), entry);
        }
        for id in ["b", "a", "c"] {
            rooms.set_over(id);
        }
        let kept = |most| {
            let mut inner = rooms.inner.lock().unwrap();
            inner.forget_old(most);
            let mut ids: Vec<_> = inner.sessions.keys().cloned().collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(kept(3), ["a", "b", "c", "open"]);
        assert_eq!(kept(2), ["a", "c", "open"]);
        assert_eq!(kept(0), ["open"], "which has its place");
    }
}
