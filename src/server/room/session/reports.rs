//! What the session's own tasks report of its calls.

use std::time::Duration;

use tokio::time::sleep;

use super::super::PageId;
use super::Session;
use super::calls::{Call, FromTask, Way};
use crate::engine::interview::Speaker;
use crate::engine::interview::director::Input;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::room::{RoomEvent, project};
use crate::engine::protocol::server::ServerEvent;
use crate::engine::time::Epoch;
use crate::server::provider::{End, FromSideband};

/// How long a page may take to ask for a new call after the end of the one before.
const NOTICE: Duration = Duration::from_secs(4);
impl Session {
    /// Takes in what a task reports, if its call still has a say.
    pub(super) fn inside(&mut self, epoch: Epoch, report: FromTask) {
        let stale = epoch != self.epoch;
        match report {
            FromTask::Made { answer, restart, reply } => self.made(answer, restart, reply, epoch != self.attempt),
            FromTask::Over { page } => {
                if !stale {
                    self.unnoticed(page);
                }
            }
            report if self.is_pending(epoch) => self.hold(report),
            // A call that is gone, or that we gave up, has no more say.
            _ if stale || self.call.is_none() => {}
            FromTask::Line(report) => self.line(report),
            FromTask::Cut(epoch) => self.tell_page(RoomEvent::AudioCut { epoch }),
            // Nobody is heard whose page is gone.
            FromTask::Hearing(true) if self.orphan_until().is_some() => {}
            FromTask::Hearing(hearing) => self.direct(Input::Hearing(hearing)),
            FromTask::Back => self.tell_open(),
        }
    }

    /// The page hears the interviewer. On Direct nobody else can tell that the sound flows.
    pub(super) fn page_ready(&mut self) {
        self.swap_orphan();
        if self.call.as_ref().is_some_and(Call::is_direct) {
            self.count_call();
        }
    }

    fn count_call(&mut self) {
        let uncounted = self.call.as_mut().is_some_and(|call| !std::mem::replace(&mut call.counted, true));
        if uncounted {
            self.metrics.called(self.figures.route);
        }
    }

    fn line(&mut self, report: FromSideband) {
        let on_socket = matches!(&self.call, Some(Call { way: Way::Socket { .. }, .. }));
        match report {
            FromSideband::Opened => {
                let direct = self.call.as_ref().is_some_and(Call::is_direct);
                if !direct {
                    self.count_call();
                }
                if on_socket {
                    self.tell_open();
                } else {
                    // A sideband is given no `session.created`, and some providers give the page none either.
                    self.tell(RoomEvent::ProviderReady);
                }
                self.direct(if direct { Input::CallOpen } else { Input::CarriedOpen });
            }
            FromSideband::Event(message) => {
                if on_socket
                    && !self.is_over()
                    && let Some(caption) = caption(&message.event)
                {
                    self.tell(caption);
                }
                self.direct(Input::Provider(&message.event));
                self.bill();
            }
            FromSideband::Closed(end) => {
                let left = matches!(&self.call, Some(Call { way: Way::Relay(relayed), .. }) if relayed.left);
                // Nobody shall talk to a call that nobody leads; most are gone already, which is no error.
                self.hang_up();
                if let End::Fault(fault) = end {
                    self.metrics.failed(fault);
                }
                match (end, on_socket) {
                    (End::Fault(fault), _) => self.direct(Input::CallBroken(fault)),
                    // The page cannot know: its socket is as open as it was.
                    (End::Over, true) => self.direct(Input::CallBroken(UpstreamFault::Lost)),
                    (End::Over, false) => {
                        // A page that said so knows.
                        if !left {
                            self.look_again();
                        }
                        self.direct(Input::CallLost);
                    }
                }
            }
        }
    }

    /// A call is over, which the page mostly knows before us: it has ended it. Looks again in a while.
    pub(super) fn look_again(&self) {
        let Some(page) = self.page.as_ref().map(|page| page.id) else { return };
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
        let same = self.page.as_ref().is_some_and(|page| page.id == then);
        if same && self.call.is_none() && self.director.state().ended.is_none() {
            self.direct(Input::CallBroken(UpstreamFault::Lost));
        }
    }
}

/// What the page needs to hear of an event because it has no data channel: the interviewer's words as they are said. The
/// rest the director tells.
fn caption(event: &ServerEvent) -> Option<RoomEvent> {
    project(event).filter(|told| match told {
        RoomEvent::CaptionDelta { speaker, .. } => *speaker == Speaker::Interviewer,
        RoomEvent::CaptionDone(line) => line.speaker == Speaker::Interviewer,
        _ => false,
    })
}
