//! What belongs to one route: the sound on the room channel, the negotiation of a relayed call, and how a page comes back.

use wasm_bindgen_futures::spawn_local;
use web_sys::MediaStream;

use super::super::clock::now;
use super::super::meter::Meter;
use super::super::room_socket::SocketEvent;
use super::super::signal::{self, Signal, Word};
use super::super::storage;
use super::recipes::{Attempt, broken};
use super::{Event, Inner};
use crate::engine::audio::frame::Header;
use crate::engine::link::machine::{Input, Refusal};
use crate::engine::link::progress::Reach;
use crate::engine::link::{Fault, Phase, Route, channel};
use crate::engine::protocol::room::PageMessage;
use crate::engine::quality::LineStats;
use crate::engine::time::Epoch;

/// Of the looks at the levels, those after which the server is told how much was heard: one in a second.
const BEATS_A_PLAYED: u32 = 20;

impl Inner {
    /// Closes the call of this attempt, and no other.
    pub(super) fn close(&self, epoch: Epoch) {
        let goes_on = self.link.borrow().attempt().1;
        self.epoch.set(goes_on);
        drop(self.carried.other.borrow_mut().take_if(|(of, _)| *of == epoch));
        if self.is_carried(epoch) {
            self.carried.backlog.borrow_mut().hold();
            self.say(&PageMessage::Bye { epoch });
        }
        let closes = self.peer.borrow().as_ref().is_some_and(|peer| peer.epoch() == epoch);
        if closes {
            drop(self.peer.take());
        }
        if self.peer.borrow().is_none() {
            drop(self.signal.take());
        }
        if self.peer.borrow().is_none() && !self.is_carried(goes_on) {
            self.media.hear_nobody();
        }
        if goes_on < epoch {
            // A try is over, and the call goes on that was there before: nothing of it is lost.
            self.opening.set(false);
        } else {
            self.view.borrow_mut().call_lost(now());
        }
    }

    /// Lets the interviewer be heard on a new route: at once, or when it is live if another call goes on until then.
    pub(super) fn hear_soon(&self, epoch: Epoch, stream: &MediaStream) {
        if self.is_tried(epoch) {
            // `stream.clone()` would be the DOM's method: another stream.
            self.carried.other.replace(Some((epoch, Clone::clone(stream))));
        } else {
            self.hear(stream);
        }
    }

    /// Whether this attempt is one while another call goes on.
    pub(super) fn is_tried(&self, epoch: Epoch) -> bool {
        let link = self.link.borrow();
        link.is_trying() && link.attempt().1 == epoch
    }

    /// Whether the sound on the room channel is of this attempt.
    fn is_carried(&self, epoch: Epoch) -> bool {
        self.carried.sound.borrow().as_ref().is_some_and(|(of, _)| *of == epoch)
    }

    /// No call on the room channel is to go on.
    pub(super) fn forget_sound(&self) {
        // Out of the cell first: closing must not find it borrowed.
        let sound = self.carried.sound.take();
        drop(sound);
        self.carried.number.take();
        if self.carried.backlog.take().is_behind() {
            self.tell_silence();
        }
    }

    /// Asks for the call on the room channel, if there is to be one and the channel is open.
    pub(super) fn call(&self) {
        let epoch = self.epoch.get();
        if self.is_carried(epoch) {
            let (after, heard) = (self.carried.number.get(), self.carried.heard.get());
            self.say(&PageMessage::Call { epoch, after, heard });
        }
    }

    /// The call on the room channel stands: what it has missed of the candidate goes first.
    pub(super) fn call_open(&self, epoch: Epoch, call: u32, from: Option<u32>) {
        if self.is_carried(epoch) {
            let same = self.carried.number.replace(Some(call)) == Some(call);
            if !same {
                self.carried.heard.set(0);
            }
            self.view.borrow_mut().call_stands(now(), same);
            let behind = self.carried.backlog.borrow().is_behind();
            self.carried.backlog.borrow_mut().begin(epoch, from);
            self.flush_sound(behind);
        }
        self.step(Input::Reached(epoch, Reach::CallOpen));
    }

    /// Takes a frame of the candidate's sound.
    pub(super) fn send_sound(&self, frame: Vec<u8>) {
        self.carried.backlog.borrow_mut().add(frame);
        let behind = self.carried.backlog.borrow().is_behind();
        self.flush_sound(behind);
    }

    /// Sends what the socket can take. Whoever was `behind` and is not any more tells what had to wait.
    fn flush_sound(&self, behind: bool) {
        let mut backlog = self.carried.backlog.borrow_mut();
        if let Some(socket) = self.socket.borrow().as_ref() {
            socket.sound(&mut backlog);
        }
        if behind && !backlog.is_behind() {
            drop(backlog);
            self.tell_silence();
        }
    }

    /// Plays a frame of the interviewer's sound.
    pub(super) fn play_sound(&self, frame: &[u8]) {
        self.carried.frames.set(self.carried.frames.get() + 1);
        if let Some((header, _)) = Header::read(frame) {
            self.carried.heard.set(header.seq.wrapping_add(1));
        }
        if let Some((_, sound)) = self.carried.sound.borrow().as_ref() {
            sound.push(frame);
        }
    }

    /// A playout begins: what is older is not to be heard.
    pub(super) fn cut_sound(&self, epoch: u32) {
        if let Some((_, sound)) = self.carried.sound.borrow().as_ref() {
            sound.cut(epoch);
            self.carried.cut.set(true);
        }
    }

    /// Tells how much was heard, and notes how the line is.
    pub(super) fn beat_of_the_socket(&self) {
        let played = self.carried.sound.borrow().as_ref().map(|(_, sound)| (sound.played(), sound.is_settled()));
        let Some((played, settled)) = played else { return };
        self.keep_running();
        let polls = self.next_poll();
        // After a cut the count is only told once it is the last one.
        let told = if self.carried.cut.get() { settled } else { polls.is_multiple_of(BEATS_A_PLAYED) };
        if told {
            self.carried.cut.set(false);
            self.say(&PageMessage::Played { epoch: played.epoch, samples: played.samples.into() });
        }
        let (received, lost, gaps) = (self.carried.frames.get(), played.gaps.into(), played.gaps.into());
        // What goes over the Socket takes as long as its heartbeat.
        let rtt_ms = self.view.borrow().rtt_ms().map(f64::from);
        let held_ms = (received > 0).then(|| played.delay_ms.into());
        let (sent, dropped) = self.carried.backlog.borrow().counts();
        let (sent, dropped) = (sent.into(), dropped.into());
        let stats = LineStats { received, lost, sent, dropped, gaps, rtt_ms, held_ms, ..LineStats::default() };
        self.figure(polls, &stats);
        let stuck = self.carried.backlog.borrow().is_stuck();
        if stuck {
            self.channel(channel::Input::Stuck);
        }
    }

    /// On the Socket both voices go through the audio context. One that stands still is woken, and if it cannot be, the
    /// candidate has to press something.
    fn keep_running(&self) {
        let runs = self.media.meter.borrow().as_ref().is_some_and(Meter::runs);
        if !runs {
            self.media.resume();
            self.screen.sound_blocked.show(true);
        } else if self.carried.still.get() {
            self.screen.sound_blocked.show(!self.media.sound.get());
        }
        self.carried.still.set(!runs);
    }

    /// Tells the server why the Socket was fallen back to, as soon as it can be told.
    pub(super) fn tell_fallback(&self) {
        if let Some(socket) = self.socket.borrow().as_ref() {
            let mut untold = self.fallbacks.borrow_mut();
            untold.retain(|reason| !socket.say(&PageMessage::Fallback { reason: *reason }));
        }
    }

    /// Whether neither side speaks is for the link to know, once all that happened is dealt with.
    pub(super) fn quiet_changed(&self) -> Option<Event> {
        let quiet = self.view.borrow().is_quiet();
        (self.quiet.replace(quiet) != quiet).then_some(Event::Link(Input::Quiet(quiet)))
    }

    /// Whether our own server is the far end of the attempt under way.
    pub(super) fn is_relayed(&self) -> bool {
        self.link.borrow().attempt().0 == Route::Relay
    }

    /// The network is another one, and the negotiation may be on a path that is gone: the next offer goes over another
    /// socket, and the call goes on. An answer that is still owed is waited for.
    pub(super) fn leave_signal(&self, owed: bool) {
        let signal = self.signal.borrow_mut().take_if(|it| it.is_owed() == owed);
        if let Some(signal) = signal {
            signal.leave();
        }
    }

    /// Opens the negotiation of a relayed call, unless it is open. One that owes an answer gets no second offer.
    pub(super) fn negotiate(&self) -> Result<(), Refusal> {
        let id = self.session.id.borrow().clone().unwrap_or_default();
        self.leave_signal(true);
        if self.signal.borrow().is_none() {
            let push = self.pusher();
            let signal = Signal::open(&id, move |event| push(Event::Signal(event)));
            self.signal.replace(Some(signal.map_err(|error| broken(&error))?));
        }
        Ok(())
    }

    pub(super) fn signal_says(&self, event: SocketEvent) {
        match event {
            SocketEvent::Opened => {
                if let Some(signal) = self.signal.borrow().as_ref() {
                    signal.flush();
                }
            }
            SocketEvent::Text(text) => {
                if let Some(word) = signal::read(&text) {
                    if let (Word::Answer { .. } | Word::Refused { .. }, Some(signal)) = (&word, &*self.signal.borrow())
                    {
                        signal.answered();
                    }
                    self.negotiated(word);
                }
            }
            SocketEvent::Sound(_) => {}
            SocketEvent::Closed { code: channel::close::REFUSED } => {
                drop(self.signal.take());
                // Whoever tries again gets a new one.
                self.session.id.take();
                storage::forget_session();
                self.step(Input::RoomClosed(Fault::Refused));
            }
            SocketEvent::Closed { .. } => {
                drop(self.signal.take());
                // A call that stands goes on without: a restart opens another.
                let waits = self.peer.borrow().as_ref().filter(|peer| peer.awaits_answer()).map(|peer| peer.epoch());
                if let Some(epoch) = waits {
                    // A server that is there but cannot negotiate is not away.
                    let here = self.channel.borrow().is_open();
                    let fault = if here { Fault::Network } else { Fault::Offline };
                    self.step(Input::Refused(epoch, Refusal::Passing(fault)));
                }
            }
        }
    }

    fn negotiated(&self, word: Word) {
        match word {
            Word::Answer { epoch, sdp } => {
                let peer = self.peer.borrow();
                let Some(setting) = peer.as_ref().filter(|peer| peer.epoch() == epoch).map(|peer| peer.answer(&sdp))
                else {
                    return;
                };
                drop(peer);
                self.step(Input::Reached(epoch, Reach::AnswerReceived));
                let push = self.pusher();
                spawn_local(async move {
                    push(Event::Link(match setting.await {
                        Ok(()) => Input::Reached(epoch, Reach::AnswerSet),
                        Err(_) => Input::Refused(epoch, Refusal::Passing(Fault::Network)),
                    }));
                });
            }
            Word::Refused { epoch, error } => {
                let attempt = Attempt::of(self, epoch, false);
                if let Some(refusal) = attempt.refusal_of(&error) {
                    self.step(Input::Refused(epoch, refusal));
                }
            }
            Word::Candidate(candidate) => {
                if let Some(peer) = self.peer.borrow().as_ref() {
                    peer.add_candidate(&candidate);
                }
            }
            Word::Bye => {
                let epoch = self.peer.borrow().as_ref().map(|peer| peer.epoch());
                if let Some(epoch) = epoch {
                    self.step(Input::ChannelClosed(epoch));
                }
            }
        }
    }

    /// A tab that was in an interview and was loaded anew: the room channel tells how far it has come. Where another tab was
    /// in one, the candidate is asked.
    pub(super) fn come_back(&self) {
        if let Some(id) = storage::session() {
            self.session.id.replace(Some(id));
            self.push(Event::Channel(channel::Input::Join));
        } else {
            self.offer_elsewhere(storage::session_elsewhere());
        }
    }

    pub(super) fn offer_elsewhere(&self, id: Option<String>) {
        self.screen.elsewhere.show(id.is_some());
        self.session.elsewhere.replace(id);
    }

    /// There is nothing to come back to.
    pub(super) fn start_over(&self) {
        self.session.id.take();
        storage::forget_session();
        self.view.take();
    }

    /// Whether the interview of an earlier page is shown, to be continued.
    pub(super) fn is_back(&self) -> bool {
        *self.phase.borrow() == Phase::Lobby && self.session.id.borrow().is_some()
    }
}
