//! A call that is made while the one on the Socket route goes on. Nobody leads it yet: the page says when it is on it, by
//! taking leave of the other one. A try that comes to nothing is so not noticed, not even by a page whose room channel
//! breaks.

use std::time::Duration;

use tokio::time::Instant;

use super::Session;
use super::calls::{Call, FromTask, Way};
use crate::engine::link::Route;
use crate::engine::protocol::room::RoomEvent;
use crate::engine::time::Epoch;
use crate::server::provider::{End, FromSideband};

/// How long a page may take until it is on the call. It gives up long before; a room channel that died unnoticed, and its
/// last word with it, is missed by then.
const LIMIT: Duration = Duration::from_secs(40);
/// What a call may report until then. A candidate who speaks is a handful of events.
const HELD: usize = 256;

/// A call that waits for its page.
#[derive(Debug)]
pub(super) struct Pending {
    /// What its reports carry.
    epoch: Epoch,
    pub(super) call: Call,
    /// What it has reported. Who leads it has to know whether somebody speaks.
    held: Vec<FromTask>,
    until: Instant,
}

impl Session {
    /// Puts a call in the place of the one there is: at once, or as soon as the page has left the one on the Socket route.
    /// Returns whether the interview still wants one.
    pub(super) fn place(&mut self, epoch: Epoch, number: u32, way: Way) -> bool {
        let call = Call::new(number, self.events, way);
        self.drop_pending();
        // A page that has not come back for its call takes no leave of it either.
        if self.carried().is_none() || self.orphan_until().is_some() {
            return self.take_over(epoch, call);
        }
        self.pending = Some(Pending { epoch, call, held: Vec::new(), until: Instant::now() + LIMIT });
        true
    }

    /// The page is on the call that waited for it, or has no other one.
    pub(super) fn swap(&mut self) {
        let Some(Pending { epoch, call, held, .. }) = self.pending.take() else { return };
        if self.take_over(epoch, call) {
            held.into_iter().for_each(|report| self.inside(epoch, report));
        }
    }

    fn take_over(&mut self, epoch: Epoch, call: Call) -> bool {
        self.replace_call();
        // The one before may have been kept for a goodbye alone.
        if self.is_over() {
            self.end_call(call);
            return false;
        }
        self.epoch = epoch;
        self.figures.route = call.way.route();
        self.call = Some(Call { after: self.events, ..call });
        true
    }

    pub(super) fn is_pending(&self, epoch: Epoch) -> bool {
        self.pending.as_ref().is_some_and(|it| it.epoch == epoch)
    }

    /// Keeps what a call reports that nobody leads yet.
    pub(super) fn hold(&mut self, report: FromTask) {
        match &report {
            // The page waits for it, and some providers tell it nothing.
            FromTask::Line(FromSideband::Opened) => self.tell_page(RoomEvent::ProviderReady),
            FromTask::Line(FromSideband::Closed(end)) => {
                if let End::Fault(fault) = end {
                    self.metrics.failed(*fault);
                }
                return self.drop_pending();
            }
            _ => {}
        }
        match &mut self.pending {
            Some(pending) if pending.held.len() < HELD => pending.held.push(report),
            _ => self.drop_pending(),
        }
    }

    /// When the call that waits is given up. Its page may be on it for as long as that has not come back for the other one.
    pub(super) fn pending_until(&self) -> Option<Instant> {
        self.pending.as_ref().filter(|_| self.orphan_until().is_none()).map(|it| it.until)
    }

    pub(super) fn drop_overdue(&mut self) {
        if self.pending_until().is_some_and(|until| until <= Instant::now()) {
            self.drop_pending();
        }
    }

    /// The call that waits is not wanted.
    pub(super) fn drop_pending(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.end_call(pending.call);
        }
    }
}

impl Way {
    const fn route(&self) -> Route {
        match self {
            Self::Direct { .. } => Route::Direct,
            Self::Socket { .. } => Route::Socket,
            Self::Relay(_) => Route::Relay,
        }
    }
}
