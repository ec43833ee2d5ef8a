//! What the candidate can do.

use super::super::meter::Voice;
use super::super::storage;
use super::{Driver, Event, Inner};
use crate::engine::link::Phase;
use crate::engine::link::channel;
use crate::engine::link::choice::Choice;
use crate::engine::link::machine::Input;
use crate::engine::link::view::{Levels, StartOptions};
use crate::engine::protocol::room::PageMessage;
use crate::engine::quality::Figures;
use crate::engine::room_view::{RoomView, loudness};

impl Driver {
    /// Starts the interview. To be called while handling a click, or the browser may block the sound.
    pub fn start(&self, options: StartOptions) {
        // Nobody was told yet that this tab is in an interview already: it is not thrown away unseen.
        if self.0.is_back() && self.0.view.borrow().snapshot().is_none() {
            return self.resume(options);
        }
        // A second click on the same button must not forget the session that the first one made.
        if self.0.is_idle() {
            self.0.begin_session(options);
            self.again();
        }
    }

    /// Goes on with the interview that an earlier page of this tab was in, or another tab. To be called while handling a
    /// click.
    pub fn resume(&self, mut options: StartOptions) {
        let elsewhere = self.0.session.elsewhere.take().filter(|_| self.0.is_idle());
        if let Some(id) = elsewhere {
            self.0.offer_elsewhere(None);
            storage::remember_session(&id);
            self.0.session.id.replace(Some(id));
        }
        if self.0.is_back() {
            // What did not work before the page was loaded anew is not waited for again.
            if storage::has_fallen() && options.routes.can_fall_back() {
                options.routes.fall_back();
            }
            self.0.link.borrow_mut().resume();
            self.0.link.borrow_mut().offer(options.routes);
            self.0.session.options.replace(options);
            self.again();
        }
    }

    /// Takes another route, in the next pause.
    pub fn choose_route(&self, choice: Choice) {
        self.0.push(Event::Link(Input::Choose(choice)));
    }

    /// Tries again after a fault, with the same session where there is one.
    pub fn retry(&self) {
        if self.0.is_idle() {
            let id = self.0.session.id.take().or_else(storage::session);
            self.0.session.id.replace(id);
            self.again();
        }
    }

    fn again(&self) {
        self.0.prepare_sound();
        self.0.screen.notice.show(None);
        self.0.push(Event::Link(Input::Start));
    }

    /// Ends the interview: microphone and sound are off at once, and the call is freed as soon as nothing is on its way. The
    /// report follows.
    pub fn end(&self) {
        // The figures first: the server writes its line when the interview is finished.
        self.0.tell_stats();
        self.0.say(&PageMessage::Finish);
        let late = self.0.view.borrow().answering();
        self.0.push(Event::Link(Input::Leave { late }));
        self.0.screen.hushed.show(false);
    }

    /// Asks for the microphone, in the lobby.
    pub fn ask_microphone(&self) {
        self.0.prepare_sound();
        self.0.reopen_mic(self.0.screen.input_id);
    }

    pub fn choose_input(&self, id: &str) {
        storage::remember_device(storage::INPUT, id);
        self.0.screen.input_id.show(Some(id.to_owned()));
        if self.0.media.mic.borrow().is_some() {
            self.0.reopen_mic(self.0.screen.input_id);
        }
    }

    pub fn choose_output(&self, id: &str) {
        storage::remember_device(storage::OUTPUT, id);
        self.0.screen.output_id.show(Some(id.to_owned()));
        self.0.route_sound();
    }

    /// Plays the test tone, or stops it.
    pub fn test_speaker(&self) {
        self.0.prepare_sound();
        self.0.toggle_tone();
    }

    pub fn mute(&self, muted: bool) {
        self.0.screen.muted.show(muted);
        self.0.apply_silence();
    }

    /// Silences microphone and sound at once, or lets both be heard again (S002-41).
    pub fn hush(&self, hushed: bool) {
        self.0.screen.hushed.show(hushed);
        self.0.apply_silence();
    }

    /// Asks for the question again.
    pub fn repeat(&self) {
        self.0.say(&PageMessage::Repeat);
    }

    /// The candidate pressed something: now the browser lets us be heard.
    pub fn start_sound(&self) {
        self.0.prepare_sound();
        self.0.play();
    }

    /// The levels of this moment.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let level = |voice| self.0.media.rms(voice).map_or(0.0, loudness);
        Levels { interviewer: level(Voice::Interviewer), candidate: level(Voice::Candidate) }
    }
}

impl Inner {
    /// Whether nothing is under way: in the lobby, or after a fault.
    fn is_idle(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Lobby | Phase::Failed(_))
    }

    /// Forgets the session before this one, if there was any.
    fn begin_session(&self, options: StartOptions) {
        if self.is_back() {
            // It would hold a place until somebody misses its page.
            self.say(&PageMessage::Finish);
        }
        self.channel(channel::Input::Leave);
        self.offer_elsewhere(None);
        storage::forget_session();
        let mut figures = Figures::default();
        if let Some(mic) = self.media.mic.borrow().as_ref() {
            let given = mic.given();
            figures.microphone(given.sample_rate_hz, given.channels);
        }
        self.figures.replace(figures);
        self.link.borrow_mut().offer(options.routes);
        self.view.replace(RoomView::default());
        self.session.options.replace(options);
        self.session.id.take();
        self.session.started_at.set(0.0);
        self.screen.report.show(None);
    }
}
