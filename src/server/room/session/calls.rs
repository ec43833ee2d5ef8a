//! The calls of a session: made, led and ended, one after another.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::super::PageId;
use super::Session;
use super::relayed::Relayed;
use crate::api::{ApiError, Exchanged};
use crate::engine::interview::Speaker;
use crate::engine::interview::director::Input;
use crate::engine::link::Route;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::room::{RoomEvent, project};
use crate::engine::protocol::server::ServerEvent;
use crate::engine::sdp::Offer;
use crate::engine::time::Epoch;
use crate::server::carry::{Carry, FromCarry, GRACE, Terms};
use crate::server::provider::{End, FromSideband, ProviderError, Sideband};

/// How long a page may take to ask for a new call after the end of the one before.
const NOTICE: Duration = Duration::from_secs(4);
/// How many calls on the Socket route a page may begin at once, and how long it takes to earn another. Each is a session at
/// the provider, and takes no ticket.
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
    const fn is_direct(&self) -> bool {
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

    /// Carries a call on the Socket route for the page that is there: the one that it had, `after`, or a new one in place of
    /// whatever there is. `heard`: how many frames of the one it had have come.
    pub(super) fn carry(&mut self, page_epoch: Epoch, after: Option<u32>, heard: u32) {
        let Some(page) = self.page.as_ref().filter(|_| self.director.state().ended.is_none()) else { return };
        let (id, sound, muted) = (page.id, page.sound.clone(), page.muted);
        if let Some(Call { number, way: Way::Socket { page, epoch, carry, until }, .. }) = &mut self.call
            && after == Some(*number)
        {
            (*page, *epoch, *until) = (id, page_epoch, None);
            return carry.attach(page_epoch, sound, heard);
        }
        if !self.may_call() {
            let message = "Too many calls. Wait a moment, then try again.".to_owned();
            return self.tell_page(RoomEvent::Error { code: "flood".to_owned(), message });
        }
        // An exchange that is under way is not wanted any more.
        self.attempt = self.attempt.next();
        self.replace_call();
        // The one before may have been kept for a goodbye alone.
        if self.director.state().ended.is_some() {
            return;
        }
        self.calls += 1;
        // What was not heard of an answer belongs to its next call.
        let before = self.ear.take_if(|(calls, _)| after.is_some_and(|it| calls.contains(&it)));
        let first = before.as_ref().map_or(self.calls, |(calls, _)| *calls.start());
        let heard = before.and_then(|(_, ear)| *ear.lock().unwrap_or_else(PoisonError::into_inner));
        let (epoch, to_session) = (self.epoch, self.report.clone());
        let persona = self.director.state().plan.persona.clone();
        // Higher than any playout of a call before.
        let terms = Terms { epoch: page_epoch, playout: self.calls << 16, sound, muted, heard };
        let carry = Carry::start(&self.provider, &persona, &self.id, terms, move |report| {
            let to_session = to_session.clone();
            Box::pin(async move {
                let report = match report {
                    FromCarry::Line(report) => FromTask::Line(report),
                    FromCarry::Cut(epoch) => FromTask::Cut(epoch),
                    FromCarry::Hearing(hearing) => FromTask::Hearing(hearing),
                    FromCarry::Back => FromTask::Back,
                };
                _ = to_session.send((epoch, report)).await;
            })
        });
        self.figures.route = Route::Socket;
        self.ear = Some((first..=self.calls, Arc::clone(carry.ear())));
        let way = Way::Socket { page: id, epoch: page_epoch, carry, until: None };
        self.call = Some(Call::new(self.calls, self.events, way));
    }

    /// Whether the page may have another call that our server holds: each opens a session at the provider.
    pub(super) fn may_call(&mut self) -> bool {
        let now = Instant::now();
        let earned_at = self.calls_earned_at.max(now) + CALL_AGAIN;
        let may = earned_at <= now + CALL_AGAIN * CALLS;
        if may {
            self.calls_earned_at = earned_at;
        }
        may
    }

    /// The call on the Socket route.
    pub(super) const fn carried(&self) -> Option<&Carry> {
        match &self.call {
            Some(Call { way: Way::Socket { carry, .. }, .. }) => Some(carry),
            _ => None,
        }
    }

    /// Whether the sound of the call goes through us.
    pub(super) const fn is_carried(&self) -> bool {
        matches!(&self.call, Some(Call { way: Way::Socket { .. } | Way::Relay(_), .. }))
    }

    /// The page ends its call on the Socket route, perhaps because it is on another one.
    pub(super) fn bye(&mut self, page_epoch: Epoch) {
        if self.is_over() {
            // What is kept for late words ends by itself.
            return;
        }
        if matches!(&self.call, Some(Call { way: Way::Socket { epoch, .. }, .. }) if *epoch == page_epoch) {
            self.leave_carried();
        }
    }

    fn leave_carried(&mut self) {
        if self.pending.is_some() {
            return self.swap();
        }
        self.hang_up();
        self.direct(Input::CallLost);
    }

    /// A call on the Socket route sounds in one page. Without that page it waits a little and the clock stands still; what is
    /// not fetched back is over. Where another one was being tried, that goes on: its page may have lost no more than its room
    /// channel.
    pub(super) fn end_orphan(&mut self) {
        if self.is_over() {
            return;
        }
        let (here, now, tried) = (self.page.as_ref().map(|page| page.id), Instant::now(), self.pending.is_some());
        let Some(Call { way: Way::Socket { page, carry, until, .. }, .. }) = &mut self.call else { return };
        if Some(*page) == here {
            return;
        }
        match *until {
            None if !tried => {
                *until = Some(now + GRACE);
                carry.leave();
                self.direct(Input::Hearing(false));
            }
            Some(until) if until > now => {}
            Some(_) | None => self.leave_carried(),
        }
    }

    /// Until when a call waits for its page.
    pub(super) fn orphan_until(&self) -> Option<Instant> {
        match &self.call {
            Some(Call { way: Way::Socket { until, .. }, .. }) if !self.is_over() => *until,
            _ => None,
        }
    }

    /// The call of a page that will not come back for it is over.
    pub(super) fn lose_orphan(&mut self) {
        if self.orphan_until().is_some() {
            self.leave_carried();
        }
    }

    /// Tells the page that its call on the Socket route stands.
    fn tell_open(&mut self) {
        let Some(Call { number, way: Way::Socket { epoch, carry, .. }, .. }) = &self.call else { return };
        let place = *carry.ear().lock().unwrap_or_else(PoisonError::into_inner);
        let open = RoomEvent::CallOpen { epoch: *epoch, call: *number, from: place.map(|((seq, _), _)| seq) };
        self.tell_page(open);
        self.tell_page(RoomEvent::ProviderReady);
    }

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

    fn attach(&self, call_id: String, epoch: Epoch) -> Sideband {
        let to_session = self.report.clone();
        self.provider.sideband(call_id, move |report| {
            let to_session = to_session.clone();
            Box::pin(async move {
                _ = to_session.send((epoch, FromTask::Line(report))).await;
            })
        })
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

/// What the page needs to hear of an event because it has no data channel: the interviewer's words as they are said. The
/// rest the director tells.
fn caption(event: &ServerEvent) -> Option<RoomEvent> {
    project(event).filter(|told| match told {
        RoomEvent::CaptionDelta { speaker, .. } => *speaker == Speaker::Interviewer,
        RoomEvent::CaptionDone(line) => line.speaker == Speaker::Interviewer,
        _ => false,
    })
}
