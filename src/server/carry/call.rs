//! The task of one carried call.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::words::Words;
use super::{Ear, FRAME, FromCarry, Order, Terms};
use crate::engine::audio::frame::{self, Header};
use crate::engine::audio::{FRAME_RATE_HZ, FRAME_SAMPLES, Intake, Lead};
use crate::engine::playout::{Output, Playout};
use crate::engine::protocol::server::{ServerEvent, ServerMessage};
use crate::engine::time::{Epoch, Tick};
use crate::server::provider::{FromSideband, Upstream};
use crate::server::room::Sound;

/// How long a page may take to tell what it has played. Then our own count has to do.
const SETTLE: Duration = Duration::from_millis(300);
/// What a page may have played less than we count at a cut, in samples: 300 ms. What it said before it knew of the cut
/// tells of an earlier moment.
const BEHIND: u64 = 7_200;
/// What is kept of the interviewer's sound that was given out: five seconds. A page notices sooner that its line is cut.
const GIVEN: usize = 250;

/// What is to be told of a cut, and until when the page's own word is waited for.
#[derive(Clone, Copy, Debug)]
struct Settle {
    until: Tick,
    /// By our count.
    played: u64,
}

/// A call that is about to run.
pub(super) struct Call<R> {
    upstream: Upstream,
    epoch: Epoch,
    sound: Sound,
    intake: Intake,
    playout: Playout,
    lead: Lead,
    words: Words,
    began: Instant,
    /// The provider's session is set up.
    open: bool,
    /// There is no page, for now.
    away: bool,
    hearing: bool,
    ear: Ear,
    /// Counts the frames to the page.
    seq: u32,
    /// The latest of them, and what has to be given out again.
    given: VecDeque<Bytes>,
    again: VecDeque<Bytes>,
    settle: Option<Settle>,
    report: R,
}

impl<R> Call<R>
where
    R: Fn(FromCarry) -> BoxFuture<'static, ()> + Send + Sync + 'static,
{
    pub(super) fn new(upstream: Upstream, terms: Terms, ear: Ear, report: R) -> Self {
        // The call's clock begins where the page was heard last: what it said since may come at once.
        let now = Instant::now();
        let since = terms.heard.map_or(now, |(_, at)| at);
        let mut intake = Intake::new(Tick::ZERO, terms.heard.map(|(place, _)| place));
        intake.mute(Tick(now - since), terms.muted);
        Self {
            upstream,
            epoch: terms.epoch,
            sound: terms.sound,
            intake,
            playout: Playout::new(terms.playout),
            lead: Lead::default(),
            words: Words::default(),
            began: since,
            open: false,
            away: false,
            hearing: true,
            ear,
            seq: 0,
            given: VecDeque::new(),
            again: VecDeque::new(),
            settle: None,
            report,
        }
    }

    /// Runs until the provider's session is over, or nobody holds the call any more.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut told: mpsc::Receiver<FromSideband>) {
        loop {
            let wake = self.wake().map(|at| self.began + at.0);
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.order(order).await,
                    None => return,
                },
                told = told.recv() => match told {
                    Some(FromSideband::Opened) => {
                        self.open = true;
                        (self.report)(FromCarry::Line(FromSideband::Opened)).await;
                    }
                    Some(FromSideband::Event(message)) => self.event(message).await,
                    Some(end @ FromSideband::Closed(_)) => return (self.report)(FromCarry::Line(end)).await,
                    None => return,
                },
                // What is said before the provider listens waits for it.
                frame = self.sound.from_page.pop(), if self.open => self.frame(&frame),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
            self.tell().await;
            self.settle();
            self.listen().await;
            self.play().await;
        }
    }

    fn now(&self) -> Tick {
        Tick(self.began.elapsed())
    }

    /// When something is due although nothing comes.
    fn wake(&self) -> Option<Tick> {
        if !self.open {
            return None;
        }
        if self.away {
            return self.settle.map(|it| it.until);
        }
        let now = self.now();
        // Sound that is not there yet wakes us when it comes.
        let next = Some(self.lead.next()).filter(|_| !self.again.is_empty() || self.playout.has_frame());
        [next, self.settle.map(|it| it.until), self.intake.poll_timeout(now)].into_iter().flatten().min()
    }

    async fn order(&mut self, order: Order) {
        match order {
            Order::Send(event) => {
                if self.may_cut(|playout| playout.sent(&event)) {
                    self.upstream.send(*event);
                }
            }
            Order::Played { epoch, samples } => {
                let least = self.settle.map_or(0, |it| it.played.saturating_sub(BEHIND));
                self.playout.played(epoch, samples.max(least));
            }
            Order::Mute(muted) => {
                // What was said before is heard.
                self.drain();
                self.intake.mute(self.now(), muted);
            }
            Order::Leave => {
                self.away = true;
                self.hearing = false;
            }
            Order::Attach { epoch, sound, heard } => {
                self.drain();
                (self.epoch, self.sound, self.away) = (epoch, sound, false);
                self.intake.resume(self.now());
                let missed = |frame: &Bytes| {
                    Header::read(frame).is_some_and(|(it, _)| it.seq.wrapping_sub(heard) < u32::MAX / 2)
                };
                self.again = self.given.iter().filter(|frame| missed(frame)).cloned().collect();
                if self.open {
                    (self.report)(FromCarry::Back).await;
                }
            }
        }
    }

    /// Takes in what has come already.
    fn drain(&mut self) {
        while let Some(frame) = self.sound.from_page.try_pop() {
            self.frame(&frame);
        }
    }

    async fn event(&mut self, message: Box<ServerMessage>) {
        if let ServerEvent::OutputAudioDelta { at, delta } = &message.event {
            if let Ok(bytes) = BASE64_STANDARD.decode(delta) {
                self.playout.sound(at, &frame::samples(&bytes));
            }
            return self.play().await;
        }
        let event = message.event.clone();
        if let Some(message) = self.words.take(message, &self.playout) {
            self.say(message).await;
        }
        self.may_cut(|playout| playout.see(&event));
    }

    /// What the page says in sound.
    fn frame(&mut self, bytes: &[u8]) {
        let Some((header, pcm)) = Header::read(bytes) else { return };
        if header.epoch == self.epoch.0 {
            self.intake.take(self.now(), header, &frame::samples(pcm));
            let place = self.intake.place().map(|place| (place, Instant::now()));
            *self.ear.lock().unwrap_or_else(PoisonError::into_inner) = place;
        }
    }

    /// Hands on what the candidate says, and whether it arrives at all.
    async fn listen(&mut self) {
        if !self.open || self.away {
            return;
        }
        while let Some(pcm) = self.intake.poll(self.now()) {
            let bytes: Vec<u8> = pcm.into_iter().flat_map(i16::to_le_bytes).collect();
            if !self.upstream.hear(BASE64_STANDARD.encode(bytes)) {
                tracing::debug!("the provider does not take the candidate's sound");
            }
        }
        let hearing = !self.intake.is_starved(self.now());
        if hearing != self.hearing {
            self.hearing = hearing;
            (self.report)(FromCarry::Hearing(hearing)).await;
        }
    }

    /// Gives out what is due of the interviewer's sound, with its words.
    async fn play(&mut self) {
        while !self.away && self.lead.is_due(self.now()) {
            if let Some(frame) = self.again.pop_front() {
                self.lead.sent(self.now(), FRAME);
                self.sound.to_page.push(frame);
                continue;
            }
            let Some((at, pcm)) = self.playout.frame() else { break };
            self.lead.sent(self.now(), FRAME);
            let timestamp = at as u32; // Wraps, as the frame's does.
            let header = Header { seq: self.seq, epoch: self.playout.epoch(), timestamp };
            self.seq = self.seq.wrapping_add(1);
            let frame = Bytes::from(header.frame(&pcm));
            if self.given.len() == GIVEN {
                self.given.pop_front();
            }
            self.given.push_back(frame.clone());
            self.sound.to_page.push(frame);
            self.tell().await;
        }
        self.tell().await;
    }

    /// Does what may cut the sound off, and notes how much of it can have been heard then.
    fn may_cut<T>(&mut self, what: impl FnOnce(&mut Playout) -> T) -> T {
        let (now, before, given) = (self.now(), self.playout.unsettled(), self.playout.given());
        self.playout.repeats(!self.again.is_empty());
        let outcome = what(&mut self.playout);
        let after = self.playout.unsettled();
        if after.is_some() && after != before {
            let ahead = self.lead.ahead(now).as_millis() as u64 * u64::from(FRAME_RATE_HZ) / 1_000;
            let ahead = ahead + self.again.len() as u64 * FRAME_SAMPLES as u64;
            self.settle = Some(Settle { until: now.after(SETTLE), played: given.saturating_sub(ahead) });
        }
        outcome
    }

    /// Tells the provider what was heard of what was cut off, if the page does not.
    fn settle(&mut self) {
        let (now, unsettled) = (self.now(), self.playout.unsettled());
        match (unsettled, self.settle) {
            (None, _) => self.settle = None,
            (Some(epoch), Some(Settle { until, played })) if until <= now => self.playout.played(epoch, played),
            (Some(_), _) => {}
        }
    }

    /// Hands out what the playout makes of all this.
    async fn tell(&mut self) {
        while let Some(message) = self.words.due(&self.playout) {
            self.say(message).await;
        }
        while let Some(output) = self.playout.poll() {
            match output {
                Output::Event(event) => {
                    if matches!(event, ServerEvent::OutputCleared { .. }) {
                        for message in self.words.cut() {
                            self.say(message).await;
                        }
                    }
                    self.say(Box::new(ServerMessage { event_id: String::new(), event })).await;
                }
                Output::Send(event) => self.upstream.send(event),
                Output::Cut { epoch } => {
                    self.words.forget();
                    self.lead.cut(self.now());
                    self.given.clear();
                    self.again.clear();
                    self.sound.to_page.clear();
                    (self.report)(FromCarry::Cut(epoch)).await;
                }
            }
        }
    }

    async fn say(&self, message: Box<ServerMessage>) {
        (self.report)(FromCarry::Line(FromSideband::Event(message))).await;
    }
}
