//! The calls of a session: made, led and ended, one after another.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::PageId;
use super::Session;
use super::relayed::Relayed;
use crate::api::{ApiError, Exchanged};
use crate::engine::interview::director::Input;
use crate::engine::protocol::client::ClientEvent;
use crate::engine::sdp::Offer;
use crate::engine::time::Epoch;
use crate::server::carry::Carry;
use crate::server::provider::{FromSideband, ProviderError, Sideband};

/// How many calls a page may begin at once, and how long it takes to earn another. Each is a session at the provider. A page
/// that mends its call again and again begins eight, at growing distances, before it gives up.
const CALLS: u32 = 20;
const CALL_AGAIN: Duration = Duration::from_secs(CALL_AGAIN_S as u64);
pub(super) const CALL_AGAIN_S: u32 = 6;

pub(super) type Reply = oneshot::Sender<Result<Exchanged, ApiError>>;

/// What the session's own tasks report. Each carries the epoch of its call or attempt; older ones are ignored.
#[derive(Debug)]
pub(super) enum FromTask {
    Made {
        answer: Result<(Exchanged, String), ApiError>,
        restart: bool,
        reply: Reply,
    },
    Line(FromSideband),
    /// On a carried call: the page drops what it has, and playing begins anew under this number.
    Cut(u32),
    /// On a carried call: whether the candidate's sound arrives.
    Hearing(bool),
    /// A carried call has its page back.
    Back,
    /// A call was over some time ago, and this page was there then.
    Over {
        page: PageId,
    },
}

/// The call that is open.
#[derive(Debug)]
pub(super) struct Call {
    /// Counts the calls of this session, from 1.
    pub(super) number: u32,
    /// The last event before it. What was told of calls until then says nothing of this one.
    pub(super) after: u64,
    pub(super) way: Way,
    /// The house has counted it.
    pub(super) counted: bool,
}

/// How we reach the provider.
#[derive(Debug)]
pub(super) enum Way {
    /// The browser has the call; we lead it. `id`: the provider's name for it.
    Direct { id: String, sideband: Sideband },
    /// The call is ours. It sounds in this page. Without it, it waits until then.
    Socket { page: PageId, epoch: Epoch, carry: Carry, until: Option<Instant> },
    /// The call is ours, and so is the browser's peer.
    Relay(Relayed),
}

impl Call {
    pub(super) const fn new(number: u32, after: u64, way: Way) -> Self {
        Self { number, after, way, counted: false }
    }

    /// The browser has it with the provider itself, and no sound comes our way.
    pub(super) const fn is_direct(&self) -> bool {
        matches!(self.way, Way::Direct { .. })
    }

    /// The interview is over: what is kept of the call hears nothing. On Direct the page's own end of it is closed.
    pub(super) fn fall_silent(&self) {
        match &self.way {
            Way::Direct { .. } => {}
            Way::Socket { carry, .. } => carry.mute(true),
            Way::Relay(relayed) => relayed.fall_silent(),
        }
    }

    pub(super) fn send(&self, event: ClientEvent) {
        match &self.way {
            Way::Direct { sideband, .. } => sideband.send(event),
            Way::Socket { carry, .. } => carry.send(event),
            Way::Relay(relayed) => relayed.send(event),
        }
    }
}

impl Session {
    /// Begins an exchange in a task of its own: it must not be orphaned when the page's request goes away.
    pub(super) fn exchange(&mut self, offer: Offer, restart: bool, reply: Reply) {
        if !restart && !self.may_call() {
            _ = reply.send(Err(ApiError::Busy { retry_after_s: CALL_AGAIN_S }));
            return;
        }
        // A call on the Socket route goes on until the new one stands: the page is as well heard as before, and keeps it if
        // there is no other in the end.
        if !restart {
            self.drop_pending();
            if self.carried().is_none() {
                // A page that wants a new call has none; and nobody shall talk to one that we do not listen to any more.
                self.replace_call();
            }
        }
        let running = self.call.as_ref().and_then(|call| match &call.way {
            Way::Direct { id, .. } => Some((id.clone(), call.number)),
            Way::Socket { .. } | Way::Relay(_) => None,
        });
        let (provider, persona) = (self.provider.clone(), self.director.state().plan.persona.clone());
        let session_id = self.id.clone();
        let number = self.calls + 1;
        if !restart {
            self.attempt = self.attempt.next();
            self.calls = number;
        }
        let (attempt, to_session) = (self.attempt, self.report.clone());
        self.tasks.spawn(async move {
            let answer = match (restart, running) {
                (true, Some((id, number))) => {
                    let answer = provider.restart(&id, &offer).await;
                    answer.map(|answer| (Exchanged { answer, call: number }, id))
                }
                (true, None) => Err(ProviderError::NoRestart),
                (false, _) => {
                    let call = provider.create_call(&offer, &persona, &session_id).await;
                    call.map(|call| (Exchanged { answer: call.answer, call: number }, call.id))
                }
            };
            let answer = answer.map_err(|error| error.logged());
            _ = to_session.send((attempt, FromTask::Made { answer, restart, reply })).await;
        });
    }

    pub(super) fn made(
        &mut self,
        answer: Result<(Exchanged, String), ApiError>,
        restart: bool,
        reply: Reply,
        stale: bool,
    ) {
        let (exchanged, id) = match answer {
            Ok(made) => made,
            Err(error) => {
                if let ApiError::Upstream { fault, .. } = error {
                    self.metrics.failed(fault);
                }
                _ = reply.send(Err(error));
                return;
            }
        };
        if restart {
            _ = reply.send(if stale { Err(ApiError::NoRestart) } else { Ok(exchanged) });
            return;
        }
        let number = exchanged.call;
        let answer = if self.is_over() {
            Err(ApiError::Over)
        } else if stale {
            Err(ApiError::Conflict) // A newer attempt is under way.
        } else {
            Ok(exchanged)
        };
        let unwanted = answer.is_err();
        // Or whoever asked is gone.
        if reply.send(answer).is_err() || unwanted {
            self.free(id);
            return;
        }
        let epoch = self.next_epoch();
        let sideband = self.attach(id.clone(), epoch);
        self.place(epoch, number, Way::Direct { id, sideband });
    }

    /// Whether the page may have another call, on whatever route: each opens a session at the provider.
    pub(super) fn may_call(&mut self) -> bool {
        let now = Instant::now();
        let earned_at = self.calls_earned_at.max(now) + CALL_AGAIN;
        let may = earned_at <= now + CALL_AGAIN * CALLS;
        if may {
            self.calls_earned_at = earned_at;
        }
        may
    }

    /// Whether the sound of the call goes through us.
    pub(super) const fn is_carried(&self) -> bool {
        matches!(&self.call, Some(Call { way: Way::Socket { .. } | Way::Relay(_), .. }))
    }

    fn attach(&self, call_id: String, epoch: Epoch) -> Sideband {
        let to_session = self.report.clone();
        self.provider.sideband(call_id, move |report| {
            let to_session = to_session.clone();
            Box::pin(async move {
                _ = to_session.send((epoch, FromTask::Line(report))).await;
            })
        })
    }

    /// The interview is over. A call that is still there is kept for the words that are under way, and hears nothing.
    pub(super) fn is_over(&self) -> bool {
        self.director.state().ended.is_some()
    }

    /// Ends the call that is there, if any, for another. Whatever still comes of it is of no interest any more.
    pub(super) fn replace_call(&mut self) {
        if self.call.is_some() {
            self.hang_up();
            self.direct(Input::CallLost);
        }
        self.epoch = self.next_epoch();
    }

    /// Names another call. Whatever is reported of it carries that.
    pub(super) fn next_epoch(&mut self) -> Epoch {
        self.newest = self.newest.next();
        self.newest
    }

    /// Ends the call that is there, and what might have taken its place.
    pub(super) fn hang_up(&mut self) {
        self.drop_pending();
        if let Some(call) = self.call.take() {
            self.end_call(call);
        }
    }

    pub(super) fn end_call(&self, call: Call) {
        // A call that is ours ends with its socket.
        if let Way::Direct { id, .. } = call.way {
            self.free(id);
        }
    }

    /// Ends a call at the provider, which may take its time: nobody waits for it.
    pub(super) fn free(&self, call_id: String) {
        let provider = self.provider.clone();
        self.tasks.spawn(async move { provider.hang_up(&call_id).await });
    }
}
