//! One session: a task that owns the director, the calls, and the page's lane. Everything reaches it as a message.

mod backlog;
mod calls;
mod carried;
mod figures;
mod page;
mod pending;
mod relayed;
mod reports;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::backlog::Backlog;
use self::calls::{Call, FromTask};
use self::figures::Figures;
use self::page::{Heartbeat, Page};
use self::pending::Pending;
use super::ToSession;
use super::log::MemoryLog;
use super::spend::Spend;
use crate::api::ApiError;
use crate::engine::floor::Patience;
use crate::engine::interview::cost::MicroUsd;
use crate::engine::interview::director::{Command, Director, Input, Rules};
use crate::engine::interview::plan::Plan;
use crate::engine::interview::record::{Record, State};
use crate::engine::link::Route;
use crate::engine::time::{Epoch, Tick};
use crate::server::carry::Ear;
use crate::server::clock::unix_ms;
use crate::server::metrics::Metrics;
use crate::server::provider::Provider;
use crate::server::rtc::Port;

/// How often the delay of the room channel is measured.
const PING: Duration = Duration::from_secs(10);

/// What a session may use up, and where the house counts it.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Time without a sign of the candidate.
    pub(super) idle: Duration,
    pub(super) cost_cap: Option<MicroUsd>,
    pub(super) spend: Spend,
    pub(super) metrics: Metrics,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    id: String,
    director: Director,
    provider: Provider,
    /// Where the media of relayed calls is received.
    port: Option<Port>,
    log: MemoryLog,
    records: u64,
    began: Instant,
    /// Where the session's own tasks report.
    reports: mpsc::Receiver<(Epoch, FromTask)>,
    report: mpsc::Sender<(Epoch, FromTask)>,
    /// Of the call, or of what is to become one.
    epoch: Epoch,
    /// The latest that was given out. None is given twice.
    newest: Epoch,
    /// Counts the exchanges that are to make a call. Only the latest may.
    attempt: Epoch,
    call: Option<Call>,
    /// What may take its place.
    pending: Option<Pending>,
    calls: u32,
    /// How far the latest call on the Socket route has heard its page, and since which call that is counted. A page that was not
    /// told of a new call goes on from an older one.
    ear: Option<(RangeInclusive<u32>, Ear)>,
    /// When this session may begin as many calls as any.
    calls_earned_at: Instant,
    page: Option<Page>,
    /// Room channels so far.
    joins: u32,
    /// Names the numbering of the events. A server that starts again begins another one.
    numbering: Epoch,
    events: u64,
    backlog: Backlog,
    heartbeat: Heartbeat,
    figures: Figures,
    metrics: Metrics,
    spend: Spend,
    /// What the house was told of the cost.
    billed: MicroUsd,
    /// What this session begins and must not be orphaned: exchanges and hang-ups.
    tasks: TaskTracker,
}

impl Session {
    pub(super) fn open(
        id: &str,
        plan: Plan,
        application_id: Option<String>,
        provider: Provider,
        log: MemoryLog,
        limits: Limits,
        tasks: TaskTracker,
    ) -> Self {
        let began_at = unix_ms();
        let opened = Record::Opened { plan, application_id, started_at: began_at };
        let state = State::fold(id, [&opened]);
        let rules = Rules {
            patience: Patience::default(),
            exact: provider.is_embedded(),
            transcription: provider.transcription(),
            idle: limits.idle,
            began_at,
            prices: provider.prices(),
            cost_cap: limits.cost_cap,
        };
        let (report, reports) = mpsc::channel(256);
        let mut session = Self {
            id: id.to_owned(),
            director: Director::new(rules, state, Tick::ZERO),
            provider,
            port: None,
            log,
            records: 0,
            began: Instant::now(),
            reports,
            report,
            epoch: Epoch::default(),
            newest: Epoch::default(),
            attempt: Epoch::default(),
            call: None,
            pending: None,
            calls: 0,
            ear: None,
            calls_earned_at: Instant::now(),
            page: None,
            joins: 0,
            numbering: Epoch(rand::random()),
            events: 0,
            backlog: Backlog::default(),
            heartbeat: Heartbeat::default(),
            figures: Figures::default(),
            metrics: limits.metrics,
            spend: limits.spend,
            billed: 0,
            tasks,
        };
        session.append(opened);
        session
    }

    /// Relayed calls receive here; without a port there are none.
    pub(super) fn receiving_on(self, port: Option<Port>) -> Self {
        Self { port, ..self }
    }

    /// Lives until the interview is over and its report is not asked for any more.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<ToSession>,
        shutdown: CancellationToken,
        afterlife: Duration,
        over: impl Fn(),
    ) {
        let mut pings = interval(PING);
        let mut forget_at = None;
        while forget_at.is_none_or(|at| Instant::now() < at) {
            let own = self.director.poll_timeout().map(|at| self.began + at.0);
            let waits = self.pending_until().into_iter().chain(self.orphan_until());
            let deadline = own.into_iter().chain(waits).min().or(forget_at);
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.outside(message),
                    None => break,
                },
                Some((epoch, report)) = self.reports.recv() => self.inside(epoch, report),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    self.drop_overdue();
                    self.direct(Input::Timeout);
                }
                _ = pings.tick() => self.ping(),
                () = shutdown.cancelled() => break,
            }
            self.end_orphan();
            if self.director.state().ended.is_some() && forget_at.is_none() {
                forget_at = Some(Instant::now() + afterlife);
                over();
            }
        }
        if !self.is_over() {
            // The server stops in the middle of it.
            self.log_session("shutdown");
        }
        self.hang_up();
        self.log.forget(&self.id);
    }

    fn now(&self) -> Tick {
        Tick(self.began.elapsed())
    }

    fn outside(&mut self, message: ToSession) {
        match message {
            ToSession::Exchange { reply, .. } if self.director.state().ended.is_some() => {
                _ = reply.send(Err(ApiError::Over));
            }
            ToSession::Exchange { route: Route::Relay, offer, restart, reply } => self.relay(&offer, restart, reply),
            ToSession::Exchange { offer, restart, reply, .. } => self.exchange(offer, restart, reply),
            ToSession::Signal { call, signal } => self.signal(call, signal),
            ToSession::Join { page, lane, sound, replaced, seen } => {
                self.join(Page::new(page, lane, sound, replaced), seen);
            }
            ToSession::Page { page, message } if self.page.as_ref().is_some_and(|it| it.id == page) => {
                self.page_says(&message);
            }
            // The word of a page that was replaced.
            ToSession::Page { .. } => {}
            ToSession::Left { page } => {
                self.page.take_if(|it| it.id == page);
            }
            ToSession::Report { reply } => _ = reply.send(self.director.state().report()),
            ToSession::End { reason, reply } => {
                self.direct(Input::End(reason));
                _ = reply.send(self.director.state().report());
            }
        }
    }

    fn direct(&mut self, input: Input<'_>) {
        self.director.handle(self.now(), input);
        while let Some(command) = self.director.poll_command() {
            match command {
                Command::Append(record) => {
                    match record {
                        Record::Ended { reason, .. } => {
                            self.metrics.ended(reason);
                            self.log_session(reason.name());
                            self.drop_pending();
                            if let Some(call) = &self.call {
                                call.fall_silent();
                            }
                        }
                        Record::Tampered { what, .. } => {
                            tracing::warn!(session = self.id, ?what, "the candidate's side changed the call");
                        }
                        _ => {}
                    }
                    self.append(record);
                }
                Command::Tell(event) => self.tell(event),
                Command::Send(event) => {
                    if let Some(call) = &self.call {
                        call.send(event);
                    }
                }
                Command::Hangup => self.hang_up(),
            }
        }
    }

    /// Adds what the session costs to what the house has spent today.
    fn bill(&mut self) {
        let cost = self.director.cost();
        let more = cost.saturating_sub(std::mem::replace(&mut self.billed, cost));
        if more > 0 && self.spend.add(unix_ms(), more) {
            self.direct(Input::OutOfBudget);
        }
    }

    fn append(&mut self, record: Record) {
        match self.log.append(&self.id, self.records, record) {
            Ok(()) => self.records += 1,
            Err(error) => tracing::error!(%error, session = self.id, "a record was not kept"),
        }
    }
}
