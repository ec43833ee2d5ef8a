//! The rooms: every session that this server conducts, found by id, owned by a cookie, counted by address.

mod lane;
pub mod log;
mod message;
mod page_lane;
mod relayed;
mod session;
mod spend;
mod start;
mod started;
mod ticket;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::lane::{Lane, Sound};
use self::log::MemoryLog;
pub use self::message::{PageId, Seen};
use self::message::{Signal, ToSession};
pub use self::page_lane::PageLane;
use self::relayed::{Answers, Negotiation};
pub use self::relayed::{RelayLane, To};
use self::session::{Limits, Session};
use self::spend::Spend;
pub use self::start::Start;
use self::started::Started;
use self::ticket::Tickets;
use super::auth::Hash;
use super::config::Config;
use super::metrics::Metrics;
use super::provider::Provider;
use super::rtc::Port;
use crate::api::ApiError;
use crate::engine::interview::EndReason;
use crate::engine::interview::plan::Plan;
use crate::engine::interview::report::Report;

/// Messages that wait for one session.
const MAILBOX: usize = 512;
/// How long a session that is over can still be read, unless there are too many.
const AFTERLIFE: Duration = Duration::from_secs(30 * 60);

/// One session as the API sees it.
#[derive(Clone, Debug)]
struct Entry {
    owner: Hash,
    ip: IpAddr,
    mailbox: mpsc::Sender<ToSession>,
    tickets: Arc<Mutex<Tickets>>,
    /// Answers to offers of relayed calls, to be given again.
    answers: Arc<Mutex<Answers>>,
    negotiation: Arc<Negotiation>,
    /// Set when the interview is over.
    over: Option<Instant>,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<String, Entry>,
    started: HashMap<String, Started>,
    pages: u64,
}

/// All sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rooms {
    inner: Arc<Mutex<Inner>>,
    config: Arc<Config>,
    provider: Provider,
    /// Where the media of relayed calls is received.
    port: Option<Port>,
    log: MemoryLog,
    spend: Spend,
    metrics: Metrics,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Rooms {
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        provider: Provider,
        metrics: Metrics,
        shutdown: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        let spend = Spend::new(config.cost_cap_day.filter(|_| !provider.is_embedded()));
        let (inner, log) = (Arc::default(), MemoryLog::default());
        Self { inner, config, provider, port: None, log, spend, metrics, shutdown, tasks }
    }

    /// Relayed calls receive on `port`; without one there are none.
    #[must_use]
    pub fn receiving_on(self, port: Port) -> Self {
        Self { port: Some(port), ..self }
    }

    /// Whoever speaks and listens in these rooms.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// What every session has recorded.
    #[must_use]
    pub fn log(&self) -> &MemoryLog {
        &self.log
    }

    /// The report of a session that the cookie owns, as far as it has come.
    ///
    /// # Errors
    /// [`ApiError::Session`] if it does not.
    pub async fn report(&self, session_id: &str, cookie: Option<&str>) -> Result<Report, ApiError> {
        self.ask(session_id, cookie, |reply| ToSession::Report { reply }).await
    }

    /// Ends a session that the cookie owns, which may be over already.
    ///
    /// # Errors
    /// [`ApiError::Session`] if the cookie does not own it.
    pub async fn finish(&self, session_id: &str, cookie: Option<&str>) -> Result<Report, ApiError> {
        self.ask(session_id, cookie, |reply| ToSession::End { reason: EndReason::Finished, reply }).await
    }

    async fn ask(
        &self,
        session_id: &str,
        cookie: Option<&str>,
        message: impl FnOnce(oneshot::Sender<Report>) -> ToSession,
    ) -> Result<Report, ApiError> {
        let entry = self.owned(session_id, cookie)?;
        let (reply, answered) = oneshot::channel();
        entry.mailbox.send(message(reply)).await.map_err(|_| ApiError::Over)?;
        answered.await.map_err(|_| ApiError::Over)
    }

    /// Sessions whose interview is not over.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.sessions.values().filter(|it| it.over.is_none()).count()
    }

    fn open(&self, id: &str, minutes: u32, application_id: Option<String>, owner: Hash, ip: IpAddr) -> Entry {
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let limits = Limits {
            idle: Duration::from_secs(60 * u64::from(self.config.idle_minutes)),
            cost_cap: self.config.cost_cap_session,
            spend: self.spend.clone(),
            metrics: self.metrics.clone(),
        };
        let plan = Plan::practice(minutes);
        let session = Session::open(
            id,
            plan,
            application_id,
            self.provider.clone(),
            self.log.clone(),
            limits,
            self.tasks.clone(),
        )
        .receiving_on(self.port.clone());
        let (rooms, id, shutdown) = (self.clone(), id.to_owned(), self.shutdown.clone());
        self.tasks.spawn(async move { session.run(inbox, shutdown, AFTERLIFE, || rooms.set_over(&id)).await });
        let (tickets, answers, negotiation) = Default::default();
        Entry { owner, ip, mailbox, tickets, answers, negotiation, over: None }
    }

    fn set_over(&self, session_id: &str) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = inner.sessions.get_mut(session_id) {
            entry.over.get_or_insert_with(Instant::now);
        }
    }

    fn entry(&self, session_id: &str) -> Option<Entry> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).sessions.get(session_id).cloned()
    }

    /// An unknown session and one of somebody else look the same from outside.
    fn owned(&self, session_id: &str, cookie: Option<&str>) -> Result<Entry, ApiError> {
        let owner = Hash::of(cookie.unwrap_or_default());
        self.entry(session_id).filter(|it| it.owner.is(&owner)).ok_or(ApiError::Session)
    }

    /// The sessions of a cookie, one at least.
    fn all_owned(&self, cookie: Option<&str>) -> Result<Vec<Entry>, ApiError> {
        let owner = Hash::of(cookie.ok_or(ApiError::Session)?);
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let owned: Vec<_> = inner.sessions.values().filter(|it| it.owner.is(&owner)).cloned().collect();
        if owned.is_empty() { Err(ApiError::Session) } else { Ok(owned) }
    }
}

#[cfg(test)]
impl Rooms {
    /// Rooms as they are without configuration.
    fn of_a_test() -> Self {
        let config = Config::with_environment(&[]).unwrap();
        let provider = Provider::of(&config, config.provider_addr).unwrap();
        Self::new(Arc::new(config), provider, Metrics::default(), Default::default(), Default::default())
    }
}
