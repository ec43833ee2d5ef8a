//! Calls on the Relay route: the browser's peer is our own server.

use std::time::Duration;

use tokio::sync::oneshot;

use super::super::Signal;
use super::Session;
use super::calls::{CALL_AGAIN_S, Call, FromTask, Reply, Way};
use crate::api::{ApiError, Exchanged};
use crate::engine::interview::director::Input;
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::room::{PageStats, RoomMessage};
use crate::engine::sdp::Offer;
use crate::server::relay::{For, FromRelay, Relay};

/// A relayed call.
#[derive(Debug)]
pub(super) struct Relayed {
    relay: Relay,
    /// Dropped with the call, and so the other ends learn of its end.
    watchers: Vec<oneshot::Sender<()>>,
    /// The page said that it leaves.
    pub(super) left: bool,
}

impl Relayed {
    pub(super) fn send(&self, event: ClientEvent) {
        self.relay.send(event);
    }

    /// What is kept after the end hears nothing and says nothing.
    pub(super) fn fall_silent(&self) {
        self.relay.fall_silent();
    }

    /// Takes from a page's figures what the call needs to know.
    pub(super) fn measured(&self, stats: &PageStats) {
        let seconds = stats.buffered_ms.map(|ms| ms / 1_000.0);
        if let Some(buffered) = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok()) {
            self.relay.buffered(buffered);
        }
    }
}

impl Session {
    /// Answers an offer to our own peer. With `restart` it is a new offer of the call there is.
    pub(super) fn relay(&mut self, offer: &Offer, restart: bool, reply: Reply) {
        if restart {
            return self.restart_relayed(offer, reply);
        }
        let Some(port) = self.port.clone() else {
            _ = reply.send(Err(ApiError::Internal));
            return;
        };
        if reply.is_closed() {
            return; // Whoever asked is gone.
        }
        if !self.may_call() {
            _ = reply.send(Err(ApiError::Busy { retry_after_s: CALL_AGAIN_S }));
            return;
        }
        // The call that there is goes on if this offer makes no other.
        let (epoch, to_session) = (self.next_epoch(), self.report.clone());
        let whose = For { session_id: &self.id, persona: &self.director.state().plan.persona };
        let answered = Relay::answer(&port, &self.provider, whose, offer.as_str(), &self.tasks, move |report| {
            let to_session = to_session.clone();
            Box::pin(async move {
                let report = match report {
                    FromRelay::Line(report) => FromTask::Line(report),
                    FromRelay::Hearing(hearing) => FromTask::Hearing(hearing),
                };
                _ = to_session.send((epoch, report)).await;
            })
        });
        match answered {
            Ok((relay, answer)) => {
                // An exchange that is under way is not wanted any more.
                self.attempt = self.attempt.next();
                self.calls += 1;
                let call = self.calls;
                let relayed = Relayed { relay, watchers: Vec::new(), left: false };
                let answer = if self.place(epoch, call, Way::Relay(relayed)) {
                    Ok(Exchanged { answer, call })
                } else {
                    Err(ApiError::Over)
                };
                if reply.send(answer).is_err() {
                    self.end_relayed(call); // Whoever asked is gone.
                }
            }
            Err(error) => drop(reply.send(Err(ApiError::Offer(error.to_string())))),
        }
    }

    fn restart_relayed(&self, offer: &Offer, reply: Reply) {
        let Some(Call { number, way: Way::Relay(Relayed { relay, .. }), .. }) = &self.call else {
            _ = reply.send(Err(ApiError::NoRestart));
            return;
        };
        let (call, answered) = (*number, relay.restart(offer.as_str().to_owned()));
        self.tasks.spawn(async move {
            let answer = match answered.await {
                Ok(Ok(answer)) => Ok(Exchanged { answer, call }),
                Ok(Err(error)) => Err(ApiError::Offer(error.to_string())),
                // The call ended meanwhile.
                Err(_) => Err(ApiError::NoRestart),
            };
            _ = reply.send(answer);
        });
    }

    /// Takes what a page says of its relayed call beside offers. A call that is not there any more has nothing to say.
    pub(super) fn signal(&mut self, of: u32, signal: Signal) {
        let over = self.is_over();
        let waits = self.pending.as_ref().is_some_and(|it| it.call.number == of);
        let calls = self.call.iter_mut().chain(self.pending.as_mut().map(|it| &mut it.call));
        let relayed = calls.filter(|it| it.number == of).find_map(|it| match &mut it.way {
            Way::Relay(relayed) => Some(relayed),
            Way::Direct { .. } | Way::Socket { .. } => None,
        });
        let Some(relayed) = relayed else { return };
        match signal {
            Signal::Watch(watcher) => {
                relayed.watchers.retain(|it| !it.is_closed());
                relayed.watchers.push(watcher);
            }
            // What is kept for late words ends by itself.
            Signal::Bye if over => {}
            // One that nobody leads yet is not waited for.
            Signal::Bye if waits => self.drop_pending(),
            Signal::Bye => {
                relayed.left = true;
                relayed.relay.leave();
            }
        }
    }

    /// Ends the call of this number, be it the one that is there or the one that might have taken its place.
    fn end_relayed(&mut self, number: u32) {
        if self.pending.as_ref().is_some_and(|it| it.call.number == number) {
            self.drop_pending();
        } else if self.call.as_ref().is_some_and(|it| it.number == number) {
            self.hang_up();
            self.direct(Input::CallLost);
        }
    }

    /// Says on the call's own channel what the rest of a page may hear of (S003-06, S003-30).
    pub(super) fn announce(&self, message: &RoomMessage) {
        let Some(Call { way: Way::Relay(Relayed { relay, .. }), .. }) = &self.call else { return };
        if message.event.announced_as().is_some()
            && let Ok(text) = serde_json::to_string(message)
        {
            relay.tell(text);
        }
    }
}
