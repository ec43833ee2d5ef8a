//! The calls of a session: made, led and ended, one after another.

use std::time::Duration;

use tokio::time::sleep;

use super::super::PageId;
use super::{Call, FromTask, Reply, Session};
use crate::api::{ApiError, Exchanged};
use crate::engine::interview::director::Input;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::sdp::Offer;
use crate::server::provider::{ProviderError, Sideband};

/// How long a page may take to ask for a new call after the end of the one before.
const NOTICE: Duration = Duration::from_secs(4);

impl Session {
    /// Begins an exchange in a task of its own: it must not be orphaned when the page's request goes away.
    pub(super) fn exchange(&mut self, offer: Offer, restart: bool, reply: Reply) {
        if self.director.state().ended.is_some() {
            _ = reply.send(Err(ApiError::Over));
            return;
        }
        if !restart && self.call.is_some() {
            // A page that wants a new call has none; and nobody shall talk to one that we do not listen to any more.
            self.hang_up();
            self.direct(Input::CallLost);
        }
        let running = self.call.as_ref().map(|call| (call.id.clone(), call.number));
        let (provider, persona) = (self.provider.clone(), self.director.state().plan.persona.clone());
        let session_id = self.id.clone();
        let number = self.calls + 1;
        if !restart {
            self.epoch = self.epoch.next();
            self.calls = number;
        }
        let (epoch, to_session) = (self.epoch, self.report.clone());
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
            _ = to_session.send((epoch, FromTask::Made { answer, restart, reply })).await;
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
                _ = reply.send(Err(error));
                return;
            }
        };
        if restart {
            _ = reply.send(if stale { Err(ApiError::NoRestart) } else { Ok(exchanged) });
            return;
        }
        let number = exchanged.call;
        // Whoever asked is gone, or a newer attempt is under way, or the interview ended meanwhile.
        let unwanted = stale || self.director.state().ended.is_some() || reply.send(Ok(exchanged)).is_err();
        if unwanted {
            self.free(id);
            return;
        }
        let sideband = self.attach(id.clone());
        self.call = Some(Call { id, number, sideband });
    }

    pub(super) fn attach(&self, call_id: String) -> Sideband {
        let (epoch, to_session) = (self.epoch, self.report.clone());
        self.provider.sideband(call_id, move |report| {
            let to_session = to_session.clone();
            Box::pin(async move {
                _ = to_session.send((epoch, FromTask::Sideband(report))).await;
            })
        })
    }

    /// A call is over, which the page mostly knows before us: it has ended it. Looks again in a while.
    pub(super) fn look_again(&self) {
        let Some((page, _)) = self.page else { return };
        let (epoch, to_session) = (self.epoch, self.report.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                // A session that is gone has no page to tell.
                () = sleep(NOTICE) => drop(to_session.send((epoch, FromTask::Over { page })).await),
                () = to_session.closed() => {}
            }
        });
    }

    /// A page that was there when its call ended and has not asked for another believes that it has one still.
    pub(super) fn unnoticed(&mut self, then: PageId) {
        let same = self.page.as_ref().is_some_and(|(page, _)| *page == then);
        if same && self.call.is_none() && self.director.state().ended.is_none() {
            self.direct(Input::CallBroken(UpstreamFault::Lost));
        }
    }

    pub(super) fn hang_up(&mut self) {
        if let Some(call) = self.call.take() {
            self.free(call.id);
        }
    }

    /// Ends a call at the provider, which may take its time: nobody waits for it.
    pub(super) fn free(&self, call_id: String) {
        let provider = self.provider.clone();
        self.tasks.spawn(async move { provider.hang_up(&call_id).await });
    }
}
