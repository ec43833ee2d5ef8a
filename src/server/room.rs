//! The rooms: every session that this server conducts, found by id, owned by a cookie, counted by address.

mod lane;
pub mod log;
mod relayed;
mod session;
mod spend;
mod started;
mod ticket;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::lane::{Lane, Sound};
use self::log::MemoryLog;
use self::relayed::Answers;
pub use self::relayed::{RelayLane, To};
use self::session::{Limits, Session};
use self::spend::Spend;
use self::started::Started;
use self::ticket::{Redeemed, Tickets};
use super::auth::{self, Hash};
use super::clock::{unix_ms, unix_s};
use super::config::Config;
use super::metrics::Metrics;
use super::provider::Provider;
use super::rtc::Port;
use super::{faults, ice};
use crate::api::{ApiError, Exchanged, Ticket};
use crate::engine::interview::EndReason;
use crate::engine::interview::plan::Plan;
use crate::engine::interview::report::Report;
use crate::engine::link::Route;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::room::{PageMessage, RoomMessage};
use crate::engine::sdp::Offer;
use crate::engine::time::Epoch;

/// Messages that wait for one session.
const MAILBOX: usize = 512;
/// Room events that wait for one page.
const PAGE_QUEUE: usize = 512;
/// How long a session that is over can still be read.
const AFTERLIFE: Duration = Duration::from_secs(30 * 60);

/// What a session is told from outside.
#[derive(Debug)]
pub(in crate::server) enum ToSession {
    Exchange {
        /// [`Route::Relay`], or the provider's own calls.
        route: Route,
        offer: Offer,
        restart: bool,
        reply: oneshot::Sender<Result<Exchanged, ApiError>>,
    },
    /// What belongs to the negotiation of a relayed call beside offers.
    Signal {
        call: u32,
        signal: Signal,
    },
    /// A page opened the room channel. It replaces the one before.
    Join {
        page: PageId,
        lane: mpsc::Sender<RoomMessage>,
        sound: Sound,
        /// Set before another page takes its place.
        replaced: Arc<AtomicBool>,
        seen: Option<Seen>,
    },
    Page {
        page: PageId,
        message: PageMessage,
    },
    Left {
        page: PageId,
    },
    Report {
        reply: oneshot::Sender<Report>,
    },
    End {
        reason: EndReason,
        reply: oneshot::Sender<Report>,
    },
}

/// What a page says about its relayed call.
#[derive(Debug)]
pub(in crate::server) enum Signal {
    /// An address that the browser found after its offer.
    Candidate(String),
    /// Who wants to know of the end of the call: the other end learns of it when this one is dropped.
    Watch(oneshot::Sender<()>),
    Bye,
}

/// Names one connection of a page, counted over the whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageId(u64);

/// How far a page that comes back has seen the session's events.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The numbering, as the welcome named it.
    pub epoch: Epoch,
    /// The last number in it.
    pub after: u64,
}

/// One session as the API sees it.
#[derive(Clone, Debug)]
struct Entry {
    owner: Hash,
    ip: IpAddr,
    mailbox: mpsc::Sender<ToSession>,
    tickets: Arc<Mutex<Tickets>>,
    /// Answers to offers of relayed calls, to be given again.
    answers: Arc<Mutex<Answers>>,
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

/// A page's end of the room channel.
#[derive(Debug)]
pub struct PageLane {
    page: PageId,
    mailbox: mpsc::Sender<ToSession>,
    /// Ends when the session does not want this page any more.
    pub events: mpsc::Receiver<RoomMessage>,
    /// Sound both ways, for as long as the page has a call on the Socket route.
    pub sound: Sound,
    replaced: Arc<AtomicBool>,
}

impl PageLane {
    /// Hands on what the page says. False when the session is gone.
    pub async fn send(&self, message: PageMessage) -> bool {
        self.mailbox.send(ToSession::Page { page: self.page, message }).await.is_ok()
    }

    /// Whether another page has the room now. A lane that ends without that may be opened again.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    /// The page is gone.
    pub async fn leave(&self) {
        _ = self.mailbox.send(ToSession::Left { page: self.page }).await;
    }
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

    /// Whether as much was spent today as may be: no interview can begin.
    #[must_use]
    pub fn is_out_of_money(&self) -> bool {
        self.spend.spent_until(unix_ms()).is_some()
    }

    /// What every session has recorded.
    #[must_use]
    pub fn log(&self) -> &MemoryLog {
        &self.log
    }

    /// Creates a session. Returns its first ticket and the secret of the cookie that owns it.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when the house or this address has no place left; [`ApiError::Upstream`] when the house has no money
    /// left today.
    pub fn start(&self, start: Start) -> Result<(Ticket, String), ApiError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forget_old();
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
        inner.forget_old();
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

    /// Opens the room channel of a session that the cookie owns. `seen`: what a page that comes back need not be told again.
    ///
    /// # Errors
    /// [`ApiError::Session`] if it does not.
    pub async fn join(&self, session_id: &str, cookie: Option<&str>, seen: Option<Seen>) -> Result<PageLane, ApiError> {
        let entry = self.owned(session_id, cookie)?;
        let page = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.pages += 1;
            PageId(inner.pages)
        };
        let (lane, events) = mpsc::channel(PAGE_QUEUE);
        let (sound, replaced) = (Sound::new(), Arc::<AtomicBool>::default());
        let join = ToSession::Join { page, lane, sound: sound.clone(), replaced: Arc::clone(&replaced), seen };
        entry.mailbox.send(join).await.map_err(|_| ApiError::Over)?;
        Ok(PageLane { page, mailbox: entry.mailbox, events, sound, replaced })
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
        let (tickets, answers) = (Arc::default(), Arc::default());
        Entry { owner, ip, mailbox, tickets, answers, over: None }
    }

    fn issue(&self, entry: &Entry, session_id: &str) -> Ticket {
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
}

impl Inner {
    fn forget_old(&mut self) {
        self.started.retain(|_, it| it.is_known());
        self.sessions.retain(|_, it| !it.mailbox.is_closed());
    }
}
