//! The door of relayed calls: their offers, what else belongs to their negotiation, and their answers once more.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Entry, Rooms, Signal, ToSession};
use crate::api::{ApiError, Exchanged};
use crate::engine::link::Route;
use crate::engine::sdp::Offer;
use crate::server::faults;

/// For so long an answer is given again to a page that did not get it (S004-04).
const AGAIN: Duration = Duration::from_secs(60);
/// Calls whose answers are kept. A page that asks for an older one has long had another.
const KEPT: usize = 8;

/// Where an offer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct To {
    /// [`Route::Relay`]: to our own peer. Otherwise to the provider.
    pub route: Route,
    /// To the call that there is, for another path.
    pub restart: bool,
}

/// The latest answers of relayed calls.
#[derive(Debug, Default)]
pub(super) struct Answers(VecDeque<(Instant, Exchanged)>);

impl Answers {
    fn keep(&mut self, now: Instant, answer: Exchanged) {
        self.0.retain(|(_, it)| it.call != answer.call);
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((now, answer));
    }

    /// The latest answer of a call, with when it was given. None for a number beyond the latest relayed call; whatever is not
    /// kept of those before is over.
    fn find(&self, now: Instant, call: u32) -> Option<Result<(Instant, Exchanged), ApiError>> {
        let latest = self.0.iter().map(|(_, it)| it.call).max()?;
        let found = self.0.iter().find(|(at, it)| it.call == call && now < *at + AGAIN);
        match found {
            Some(given) => Some(Ok(given.clone())),
            None => (1..=latest).contains(&call).then_some(Err(ApiError::Over)),
        }
    }
}

impl Entry {
    /// Has the session answer an offer.
    pub(super) async fn exchange(&self, to: To, offer: Offer) -> Result<Exchanged, ApiError> {
        let To { route, restart } = to;
        let (reply, answered) = oneshot::channel();
        let asked = self.mailbox.send(ToSession::Exchange { route, offer, restart, reply }).await;
        asked.map_err(|_| ApiError::Over)?;
        let answer = answered.await.unwrap_or(Err(ApiError::Over))?;
        if route == Route::Relay {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.keep(Instant::now(), answer.clone());
        }
        Ok(answer)
    }
}

/// Which socket negotiates: the newest.
#[derive(Debug, Default)]
pub(super) struct Negotiation(Mutex<CancellationToken>);

impl Negotiation {
    /// A socket takes over. Returns what is cancelled when the next one does.
    fn take_over(&self) -> CancellationToken {
        let mine = CancellationToken::new();
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *newest, mine.clone()).cancel();
        mine
    }
}

/// A page's way to negotiate relayed calls of its session.
#[derive(Clone, Debug)]
pub struct RelayLane {
    entry: Entry,
    replaced: CancellationToken,
}

impl RelayLane {
    /// Makes a call, or restarts ICE of the one that there is.
    ///
    /// # Errors
    /// [`ApiError::Offer`], [`ApiError::NoRestart`], [`ApiError::Over`] when the interview is, [`ApiError::Busy`] when there were
    /// too many calls, or [`ApiError::Internal`] where no media is received.
    pub async fn offer(&self, offer: Offer, restart: bool) -> Result<Exchanged, ApiError> {
        faults::exchange().await?;
        self.entry.exchange(To { route: Route::Relay, restart }, offer).await
    }

    /// Comes back when another socket negotiates for this session.
    pub async fn replaced(&self) {
        self.replaced.cancelled().await;
    }

    /// Comes back when the session is gone.
    pub async fn closed(&self) {
        self.entry.mailbox.closed().await;
    }

    /// The page ends its call.
    pub async fn bye(&self, call: u32) {
        self.signal(call, Signal::Bye).await;
    }

    /// Comes back when the call is over, or if there is none of that number.
    pub async fn over(&self, call: u32) {
        let (watcher, over) = oneshot::channel();
        self.signal(call, Signal::Watch(watcher)).await;
        // Nothing is ever sent: the other end is dropped with the call.
        _ = over.await;
    }

    async fn signal(&self, call: u32, signal: Signal) {
        // A session that is gone has no call; whoever asks notices by itself.
        _ = self.entry.mailbox.send(ToSession::Signal { call, signal }).await;
    }
}

impl Rooms {
    /// Opens the negotiation of relayed calls for a session that the cookie owns, in place of the one before.
    ///
    /// # Errors
    /// [`ApiError::Session`] if it does not, [`ApiError::Over`] if the interview is over.
    pub fn relay(&self, session_id: &str, cookie: Option<&str>) -> Result<RelayLane, ApiError> {
        let entry = self.owned(session_id, cookie)?;
        if entry.over.is_some() || entry.mailbox.is_closed() {
            return Err(ApiError::Over);
        }
        let replaced = entry.negotiation.take_over();
        Ok(RelayLane { entry, replaced })
    }

    /// The answer of a relayed call once more, for a page that did not get it. None for a number beyond the latest one. Calls
    /// are numbered in their session; of several sessions of one cookie, without `session_id`, the newest answer is meant.
    ///
    /// # Errors
    /// [`ApiError::Session`] if the cookie does not own the session, [`ApiError::Over`] if it is too late.
    pub fn answer(
        &self,
        session_id: Option<&str>,
        cookie: Option<&str>,
        call: u32,
    ) -> Result<Option<Exchanged>, ApiError> {
        let entries = match session_id {
            Some(session_id) => vec![self.owned(session_id, cookie)?],
            None => self.all_owned(cookie)?,
        };
        let now = Instant::now();
        let find = |it: &Entry| it.answers.lock().unwrap_or_else(PoisonError::into_inner).find(now, call);
        let newest = entries.iter().filter_map(find).max_by_key(|it| it.as_ref().ok().map(|(at, _)| *at));
        Ok(newest.transpose()?.map(|(_, answer)| answer))
    }
}

#[cfg(test)]
impl RelayLane {
    /// A lane to a session that is no more than its mailbox.
    pub(in crate::server) fn to_nobody() -> (Self, impl Sized) {
        let (mailbox, session) = tokio::sync::mpsc::channel(1);
        let (tickets, answers, negotiation) = Default::default();
        let (owner, ip) = (crate::server::auth::Hash::of("owner"), std::net::Ipv4Addr::LOCALHOST.into());
        let entry = Entry { owner, ip, mailbox, tickets, answers, negotiation, over: None };
        (Self { replaced: entry.negotiation.take_over(), entry }, session)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::server::auth::Hash;

    #[test]
    fn an_answer_is_given_again_for_a_minute() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        let answer = |call, text: &str| Exchanged { answer: text.to_owned(), call };
        let given = |at, call, text: &str| Some(Ok((at, answer(call, text))));
        assert_eq!(answers.find(now, 1), None);
        answers.keep(now, answer(2, "first"));
        assert_eq!(answers.find(now, 2), given(now, 2, "first"));
        assert_eq!(answers.find(now, 1), Some(Err(ApiError::Over)), "a call of another route, or forgotten");
        for call in [0, 3] {
            assert_eq!(answers.find(now, call), None, "{call}");
        }
        answers.keep(now + AGAIN, answer(2, "restarted"));
        assert_eq!(answers.find(now + AGAIN, 2), given(now + AGAIN, 2, "restarted"));
        assert_eq!(answers.find(now + 2 * AGAIN, 2), Some(Err(ApiError::Over)));
        (3..3 + KEPT as u32).for_each(|call| answers.keep(now, answer(call, "")));
        assert_eq!((answers.0.len(), answers.find(now, 2)), (KEPT, Some(Err(ApiError::Over))));
    }

    /// S004-04: a lost answer is found by the call and the cookie alone.
    #[tokio::test]
    async fn of_several_sessions_of_a_cookie_the_newest_answer_is_meant() {
        let rooms = Rooms::of_a_test();
        let open = |id: &str, owner: &str| {
            let entry = rooms.open(id, 5, None, Hash::of(owner), Ipv4Addr::LOCALHOST.into());
            rooms.inner.lock().unwrap().sessions.insert(id.to_owned(), entry);
        };
        let keep = |id: &str, call, text: &str| {
            let answer = Exchanged { answer: text.to_owned(), call };
            rooms.entry(id).unwrap().answers.lock().unwrap().keep(Instant::now(), answer);
        };
        let find = |id, cookie, call| rooms.answer(id, Some(cookie), call).map(|it| it.map(|it| it.answer));
        for (id, owner) in [("a", "mine"), ("b", "mine"), ("c", "another's")] {
            open(id, owner);
        }
        keep("b", 1, "b1");
        keep("a", 1, "a1");
        keep("a", 2, "a2");
        keep("c", 1, "c1");
        assert_eq!(find(None, "mine", 1), Ok(Some("a1".to_owned())));
        assert_eq!(find(Some("b"), "mine", 1), Ok(Some("b1".to_owned())));
        assert_eq!(find(None, "mine", 2), Ok(Some("a2".to_owned())), "one session knows no such call");
        assert_eq!(find(None, "mine", 3), Ok(None));
        assert_eq!(find(None, "nobody's", 1), Err(ApiError::Session));
        assert_eq!(find(Some("c"), "mine", 1), Err(ApiError::Session));
    }
}
