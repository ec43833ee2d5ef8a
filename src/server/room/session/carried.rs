//! The session's calls on the Socket route: they come and go with their page, and wait for it a while.

use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use super::Session;
use super::calls::{Call, FromTask, Way};
use crate::engine::interview::director::Input;
use crate::engine::link::Route;
use crate::engine::protocol::room::RoomEvent;
use crate::engine::time::Epoch;
use crate::server::carry::{Carry, FromCarry, GRACE, Terms};

impl Session {
    /// Carries a call on the Socket route for the page that is there: the one that it had, `after`, or a new one in place of
    /// whatever there is. `heard`: how many frames of the one it had have come.
    pub(super) fn carry(&mut self, page_epoch: Epoch, after: Option<u32>, heard: u32) {
        let Some(page) = self.page.as_ref().filter(|_| self.director.state().ended.is_none()) else { return };
        let (id, sound, muted) = (page.id, page.sound.clone(), page.muted);
        if let Some(Call { number, way: Way::Socket { page, epoch, carry, until }, .. }) = &mut self.call
            && after == Some(*number)
        {
            (*page, *epoch, *until) = (id, page_epoch, None);
            carry.attach(page_epoch, sound, heard);
            // Who wants this one has given up every other.
            self.attempt = self.attempt.next();
            return self.drop_pending();
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

    /// The call on the Socket route.
    pub(super) const fn carried(&self) -> Option<&Carry> {
        match &self.call {
            Some(Call { way: Way::Socket { carry, .. }, .. }) => Some(carry),
            _ => None,
        }
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

    pub(super) fn leave_carried(&mut self) {
        if self.pending.is_some() {
            return self.swap();
        }
        self.hang_up();
        self.direct(Input::CallLost);
    }

    /// A call on the Socket route sounds in one page. Without that page it waits a little and the clock stands still; what is
    /// not fetched back is over. Where another one was being tried, the page that comes back says which of the two it has, and
    /// without a word of it that is the other one: it may have lost no more than its room channel.
    pub(super) fn end_orphan(&mut self) {
        if self.is_over() {
            return;
        }
        let (here, now) = (self.page.as_ref().map(|page| page.id), Instant::now());
        let Some(Call { way: Way::Socket { page, carry, until, .. }, .. }) = &mut self.call else { return };
        if Some(*page) == here {
            return;
        }
        match *until {
            None => {
                *until = Some(now + GRACE);
                carry.leave();
                self.direct(Input::Hearing(false));
            }
            Some(until) if until > now => {}
            Some(_) => self.leave_carried(),
        }
    }

    /// Until when a call waits for its page.
    pub(super) fn orphan_until(&self) -> Option<Instant> {
        match &self.call {
            Some(Call { way: Way::Socket { until, .. }, .. }) if !self.is_over() => *until,
            _ => None,
        }
    }

    /// The call of a page that will not come back for it is over, and so is what it tried.
    pub(super) fn lose_orphan(&mut self) {
        if self.orphan_until().is_some() {
            self.drop_pending();
            self.leave_carried();
        }
    }

    /// A page hears the interviewer that has not fetched its call back: it is on the other one.
    pub(super) fn swap_orphan(&mut self) {
        if self.orphan_until().is_some() {
            self.swap();
        }
    }

    /// Tells the page that its call on the Socket route stands.
    pub(super) fn tell_open(&mut self) {
        let Some(Call { number, way: Way::Socket { epoch, carry, .. }, .. }) = &self.call else { return };
        let place = *carry.ear().lock().unwrap_or_else(PoisonError::into_inner);
        let open = RoomEvent::CallOpen { epoch: *epoch, call: *number, from: place.map(|((seq, _), _)| seq) };
        self.tell_page(open);
        self.tell_page(RoomEvent::ProviderReady);
    }
}
