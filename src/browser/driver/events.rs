//! What each event means.

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::super::announce;
use super::super::clock::{now, unix_ms};
use super::super::meter::Voice;
use super::super::peer::PeerEvent;
use super::super::room_socket::{RoomSocket, SocketEvent};
use super::super::{stats, storage};
use super::{Event, Inner, recipes};
use crate::engine::link::channel::{self, close};
use crate::engine::link::choice::Fallback;
use crate::engine::link::machine::{Ask, Command, Ice, Input, Refusal};
use crate::engine::link::progress::Reach;
use crate::engine::link::watchdog::Sample;
use crate::engine::link::{Fault, Phase, Route};
use crate::engine::protocol::room::{PageMessage, RoomEvent, RoomMessage, project_text};
use crate::engine::quality::LineStats;
use crate::engine::room_view::{Effect, Source};
use crate::engine::time::{Epoch, Tick};

/// Of the looks at the statistics, those that make a figure: one in two seconds.
const POLLS_A_FIGURE: u32 = 40;
/// And those after which the server is told: one in five seconds.
const POLLS_A_REPORT: u32 = 100;

impl Inner {
    pub(super) fn handle(&self, event: Event) {
        match event {
            Event::Link(input) => {
                // A channel that carries the sound shows by that whether it came through.
                let carries = self.link.borrow().route() == Route::Socket && self.channel.borrow().is_open();
                if input == Input::Online && !carries {
                    self.channel(channel::Input::Online);
                }
                if let Input::Online | Input::NetworkChanged = input {
                    self.leave_signal(false);
                }
                self.step(input);
            }
            Event::Channel(input) => self.channel(input),
            Event::Socket(event) => self.socket_says(event),
            Event::Signal(event) => self.signal_says(event),
            Event::Peer(epoch, event) => self.peer_says(epoch, event),
            Event::Line(epoch, at, stats) => self.line(epoch, at, &stats),
            Event::Sound(allowed) => {
                self.media.sound.set(allowed);
                self.screen.sound_blocked.show(!allowed);
            }
            Event::Paused { shown } => self.play_on(shown),
            Event::MicEnded => self.replace_lost_mic(),
            Event::ToneEnded => self.stop_tone(),
            Event::DevicesChanged => self.list_devices(true),
            Event::Recorded => self.keep_recordings(),
            Event::Timer => self.timer(),
        }
    }

    pub(super) fn run(&self, command: Command) {
        match command {
            Command::Open(epoch, route) => {
                self.epoch.set(epoch);
                self.opening.set(true);
                recipes::open(self, epoch, route);
            }
            Command::RestartIce(epoch) => {
                self.epoch.set(epoch);
                if let Some(peer) = self.peer.borrow().as_ref() {
                    peer.set_epoch(epoch);
                }
                recipes::restart(self, epoch);
            }
            Command::Close(epoch) => self.close(epoch),
            Command::Fallback(why) => {
                leptos::logging::warn!("INT_V2_WEBRTC_FALLBACK {}", why.name());
                self.fallbacks.borrow_mut().push(why);
                self.tell_fallback();
            }
            Command::Show(phase) => self.enter(phase),
            Command::Report(Ask::Page) => self.report_from_page(),
            Command::Report(ask) => recipes::report(self, ask),
        }
    }

    fn enter(&self, phase: Phase) {
        let now = now();
        self.path_is(now, phase == Phase::Recovering, phase == Phase::Live);
        self.view.borrow_mut().pause(now, phase != Phase::Live);
        match &phase {
            Phase::Live => {
                let other = self.carried.other.take();
                if let Some((_, stream)) = other {
                    self.hear(&stream);
                }
                if self.opening.take() {
                    self.greeted.set(false);
                    self.cushion.take();
                }
                if self.link.borrow().route() != Route::Socket {
                    self.forget_sound();
                }
                self.media.stay_awake();
                let (negotiation_ms, restarts) = {
                    let link = self.link.borrow();
                    (link.negotiation_ms(), link.ice_restarts())
                };
                self.figures.borrow_mut().connected(negotiation_ms, unix_ms(), restarts);
                if self.session.started_at.get() == 0.0 {
                    self.session.started_at.set(unix_ms());
                }
            }
            // Each stage of a repair is shown; it is one break.
            Phase::Recovering if *self.phase.borrow() != Phase::Recovering => {
                let mut figures = self.figures.borrow_mut();
                if self.link.borrow().is_renewal() {
                    figures.renewed()
                } else {
                    figures.interrupted()
                }
                drop(figures);
                self.drop_remark();
            }
            Phase::Lobby => self.forget_sound(),
            Phase::Connecting | Phase::Recovering => {}
            Phase::Ending => {
                self.forget_sound();
                self.finish_recording();
                self.release_mic();
                self.media.fall_silent();
                self.media.rest();
            }
            Phase::Failed(_) => {
                self.forget_sound();
                self.channel(channel::Input::Leave);
                self.release_mic();
                self.media.rest();
            }
            Phase::Ended(_) => {
                self.forget_sound();
                self.channel(channel::Input::Leave);
                self.release_mic();
                self.media.close();
                storage::end_session();
            }
        }
        self.phase.replace(phase);
    }

    /// Asks for the greeting once the interviewer can be heard.
    pub(super) fn greet(&self) {
        let can = *self.phase.borrow() == Phase::Live && self.media.sound.get() && self.channel.borrow().is_open();
        if can && !self.greeted.replace(true) {
            self.say(&PageMessage::Ready);
            self.figures.borrow_mut().asked(now());
        }
    }

    pub(super) fn channel(&self, input: channel::Input) {
        let (command, was, is) = {
            let mut channel = self.channel.borrow_mut();
            let was = channel.is_open();
            (channel.handle(now(), input), was, channel.is_open())
        };
        match command {
            Some(channel::Command::Connect) => self.connect_room(),
            Some(channel::Command::Disconnect) => drop(self.socket.take()),
            Some(channel::Command::Gone(fault)) => {
                drop(self.socket.take());
                self.step(Input::RoomClosed(fault));
            }
            None => {}
        }
        if was != is {
            if !is {
                self.carried.backlog.borrow_mut().hold();
            }
            self.step(Input::Room(is));
        }
    }

    fn connect_room(&self) {
        let Some(id) = self.session.id.borrow().clone() else { return };
        let (push, seen) = (self.pusher(), self.view.borrow().seen());
        match RoomSocket::open(&id, seen, move |event| push(Event::Socket(event))) {
            Ok(socket) => drop(self.socket.replace(Some(socket))),
            Err(error) => {
                leptos::logging::warn!("room channel: {error}");
                self.inbox.borrow_mut().push_back(Event::Channel(channel::Input::Closed { code: 1_006 }));
            }
        }
    }

    fn socket_says(&self, event: SocketEvent) {
        match event {
            SocketEvent::Opened => {
                self.channel(channel::Input::Opened);
                self.greeted.set(false);
                self.tell_silence();
                self.tell_path();
                self.tell_fallback();
                self.call();
            }
            SocketEvent::Text(text) => {
                self.channel(channel::Input::Heard);
                self.read(Source::Room, &text);
            }
            SocketEvent::Sound(frame) => self.play_sound(&frame),
            SocketEvent::Closed { code } => {
                drop(self.socket.take());
                if self.is_back() && code >= close::REFUSED {
                    self.start_over();
                } else if code == close::REFUSED {
                    // Whoever tries again gets a new one.
                    self.session.id.take();
                    storage::forget_session();
                }
                self.channel(channel::Input::Closed { code });
            }
        }
    }

    fn read(&self, source: Source, text: &str) {
        match serde_json::from_slice(text.as_bytes()) {
            Ok(message) => self.told(source, &message),
            Err(error) => leptos::logging::warn!("room event: {:?}", error.classify()),
        }
    }

    fn peer_says(&self, epoch: Epoch, event: PeerEvent) {
        match event {
            PeerEvent::Checking => self.step(Input::Reached(epoch, Reach::Candidates)),
            PeerEvent::Connected => {
                self.step(Input::Reached(epoch, Reach::Connected));
                self.step(Input::Ice(epoch, Ice::Connected));
            }
            PeerEvent::Disconnected => self.step(Input::Ice(epoch, Ice::Disconnected)),
            PeerEvent::Failed => self.step(Input::Ice(epoch, Ice::Failed)),
            PeerEvent::Track(stream) => self.hear_soon(epoch, &stream),
            PeerEvent::ChannelOpen => self.step(Input::Reached(epoch, Reach::ChannelOpen)),
            PeerEvent::ChannelClosed => self.step(Input::ChannelClosed(epoch)),
            PeerEvent::Room(text) => self.read(Source::Events, &text),
            PeerEvent::Candidate(candidate) => {
                if let Some(signal) = self.signal.borrow().as_ref() {
                    signal.candidate(&candidate);
                }
            }
            PeerEvent::NoCandidate => self.step(Input::Refused(epoch, Refusal::Hopeless(Fallback::Ice))),
            PeerEvent::Message(text) => {
                // Until a route that is tried is live, the call before it tells who speaks.
                let early = self.is_tried(epoch);
                if let Some(event) = project_text(&text).filter(|it| !early || *it == RoomEvent::ProviderReady) {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date")]
                    let ts = unix_ms() as u64;
                    self.told(Source::Channel, &RoomMessage { n: 0, ts, event });
                }
            }
        }
    }

    fn told(&self, source: Source, message: &RoomMessage) {
        let now = now();
        let told = self.view.borrow_mut().apply(now, source, message);
        if told.fresh
            && let Some(room) = announce::room()
        {
            _ = announce::announce(&room, message);
        }
        if let RoomEvent::Error { .. } | RoomEvent::Welcome(_) | RoomEvent::ProviderReady = message.event {
            self.show_notice();
        }
        match told.effect {
            None => {}
            Some(Effect::Say(message)) => self.say(&message),
            Some(Effect::ProviderReady) => self.step(Input::Reached(self.epoch.get(), Reach::ProviderReady)),
            Some(Effect::Sounding(sounding)) => {
                // Where no level can be measured the marker has to do.
                if sounding && self.media.rms(Voice::Interviewer).is_none() {
                    self.first_sound(now);
                }
                if !sounding {
                    self.start_recording();
                } else if !self.view.borrow().answering() {
                    self.drop_recording();
                }
            }
            Some(Effect::Answered { question, spoken_ms }) => {
                self.figures.borrow_mut().turn_ended(now);
                match question {
                    Some(question) => self.stop_recording(question, spoken_ms),
                    None => self.drop_recording(),
                }
            }
            // While the line is mended there is graver news than this.
            Some(Effect::Remark(text)) if *self.phase.borrow() == Phase::Live => self.remark(text),
            Some(Effect::Remark(_)) => {}
            Some(Effect::CallEnded(fault)) => self.step(Input::CallEnded(self.epoch.get(), fault)),
            Some(Effect::CallOpen { epoch, call, from }) => self.call_open(epoch, call, from),
            Some(Effect::Cut(epoch)) => self.cut_sound(epoch),
            Some(Effect::Over(reason)) => self.step(Input::Over(reason)),
        }
    }

    fn line(&self, epoch: Epoch, at: Tick, stats: &LineStats) {
        let polls = self.next_poll();
        let sample = Sample { at, received: stats.received, responses: stats.responses };
        self.step(Input::Packets(epoch, sample));
        self.figure(polls, stats);
    }

    pub(super) fn next_poll(&self) -> u32 {
        let polls = self.beats.polls.get().wrapping_add(1);
        self.beats.polls.set(polls);
        polls
    }

    /// Makes a figure of some of the looks at a live line.
    pub(super) fn figure(&self, polls: u32, stats: &LineStats) {
        if *self.phase.borrow() != Phase::Live {
            return;
        }
        if polls.is_multiple_of(POLLS_A_FIGURE) {
            self.figures.borrow_mut().line(now(), stats);
            let held = stats.jitter_ms.and_then(|ms| self.cushion.borrow_mut().follow(ms));
            if let (Some(ms), Some(peer)) = (held, self.peer.borrow().as_ref()) {
                peer.hold_back(ms);
            }
        }
        if polls.is_multiple_of(POLLS_A_REPORT) {
            self.tell_stats();
        }
    }

    fn timer(&self) {
        self.step(Input::Timeout);
        self.channel(channel::Input::Timeout);
        let now = now();
        if self.link.borrow().is_open() && self.beats.next.get() <= now {
            self.next_beat(now);
            self.beat(now);
        }
    }

    fn beat(&self, now: Tick) {
        let rms = self.media.rms(Voice::Interviewer);
        let audible = self.view.borrow_mut().listen(now, rms);
        self.view.borrow_mut().tick(now);
        if audible {
            self.first_sound(now);
        }
        if self.notice_until.get().is_some_and(|until| until <= now) {
            self.drop_remark();
        }
        self.poll_stats();
        self.beat_of_the_socket();
    }

    fn first_sound(&self, now: Tick) {
        let figure = self.figures.borrow_mut().heard(now);
        if figure {
            self.tell_stats();
        }
    }

    fn poll_stats(&self) {
        let asked = self.peer.borrow().as_ref().and_then(|peer| Some((peer.epoch(), peer.stats()?)));
        let Some((epoch, asked)) = asked.filter(|_| !self.beats.polling.replace(true)) else { return };
        let me = self.me.clone();
        spawn_local(async move {
            let stats = stats::read(asked).await;
            let Some(inner) = me.upgrade() else { return };
            inner.beats.polling.set(false);
            if let Ok(stats) = stats {
                inner.push(Event::Line(epoch, now(), stats));
            }
        });
    }

    pub(super) fn tell_stats(&self) {
        if let Some(id) = self.session.id.borrow().as_ref() {
            storage::see_session(id);
        }
        let stats = Box::new(self.figures.borrow().page().clone());
        self.say(&PageMessage::Stats(stats));
    }

    /// Why a microphone that was given is gone again.
    pub(super) fn mic_lost(&self) {
        self.push(Event::Link(Input::Refused(self.epoch.get(), Refusal::Final(Fault::Microphone))));
    }

    /// Says on the room's root that the microphone is granted.
    pub(super) fn permissions_ready(&self) {
        if *self.phase.borrow() == Phase::Lobby
            && let Some(room) = announce::room()
        {
            _ = announce::dispatch(&room, announce::PERMISSIONS_READY, &JsValue::NULL);
        }
    }
}
