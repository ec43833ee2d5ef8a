//! One relayed call: a task that owns the peer and the provider's session, and beats the clock of the media.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use super::ear::Ear;
use super::mouth::Mouth;
use super::{Command, FromRelay};
use crate::engine::audio::{FRAME_RATE_HZ, FRAME_SAMPLES};
use crate::engine::playout::{Output, Playout};
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::room::reduce;
use crate::engine::protocol::server::{ServerEvent, ServerMessage};
use crate::engine::time::Tick;
use crate::server::carry::words::Words;
use crate::server::provider::{End, FromSideband, Upstream};
use crate::server::rtc::pace::{FRAME, Pace};
use crate::server::rtc::{Datagram, Peer, PeerEvent, mailbox};

/// A peer that never connected is gone after this.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
/// A page that ends the interview leaves its call at the same moment, and what it says of the one may come after the other.
const PARTING: Duration = Duration::from_millis(500);
/// A peer that was not heard for so long is gone. Its page may need that long to find another path.
const GONE: Duration = Duration::from_secs(30);
/// What a browser has received and not yet played, beside what is on its way: in its jitter buffer, where the page has not
/// told how much that is, and on its way through the sound card.
const BUFFERED: Duration = Duration::from_millis(40);
const SOUND_CARD: Duration = Duration::from_millis(20);
/// No page is believed that its browser holds back more than that.
const MOST_BUFFERED: Duration = Duration::from_millis(500);

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    HungUp,
    Left,
    PeerVanished,
    NeverConnected,
    TooSlow,
    Upstream,
}

/// A call that is about to run.
#[derive(Debug)]
pub(super) struct Call {
    peer: Peer,
    upstream: Upstream,
    datagrams: mpsc::Receiver<Datagram>,
    inbox: mpsc::Receiver<Command>,
    reports: mpsc::Receiver<FromSideband>,
    playout: Playout,
    words: Words,
    ear: Ear,
    mouth: Mouth,
    /// What the conducting session is about to be told.
    news: VecDeque<FromRelay>,
    began: Instant,
    /// When media began to flow, and how much of it was sent.
    stream: Option<(Instant, Pace)>,
    /// The provider's session takes sound.
    open: bool,
    /// Both ends stand, and that was told.
    stands: bool,
    /// When the page left the call.
    left: Option<Instant>,
    /// Nothing is said or heard any more: the call is kept for what the provider still says.
    silent: bool,
    /// What the browser's jitter buffer holds.
    buffered: Duration,
}

impl Call {
    pub(super) fn new(
        peer: Peer,
        upstream: Upstream,
        datagrams: mpsc::Receiver<Datagram>,
        inbox: mpsc::Receiver<Command>,
        reports: mpsc::Receiver<FromSideband>,
    ) -> Self {
        Self {
            peer,
            upstream,
            datagrams,
            inbox,
            reports,
            playout: Playout::default(),
            words: Words::default(),
            ear: Ear::new(Instant::now()),
            mouth: Mouth::new(),
            news: VecDeque::new(),
            began: Instant::now(),
            stream: None,
            open: false,
            stands: false,
            left: None,
            silent: false,
            buffered: BUFFERED,
        }
    }

    /// Runs until somebody ends it.
    pub(super) async fn run(mut self, report: impl Fn(FromRelay) -> BoxFuture<'static, ()> + Send + Sync) {
        tracing::info!("relayed call begins");
        let mut beat = tokio::time::interval(FRAME);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let why = loop {
            let stepped = self.step(&mut beat).await;
            for news in self.news.drain(..) {
                report(news).await;
            }
            if let Err(why) = stepped {
                break why;
            }
        };
        if !matches!(why, Why::HungUp | Why::Upstream) {
            report(FromRelay::Line(FromSideband::Closed(End::Over))).await;
        }
        mailbox::linger(&mut self.peer, &mut self.datagrams).await;
        self.peer.close();
        tracing::info!(?why, seconds = self.began.elapsed().as_secs(), "relayed call ends");
    }

    /// Waits for one thing and deals with it. Whatever is ready has its turn soon: nobody comes first, and a flood of
    /// datagrams is taken a batch at a time.
    async fn step(&mut self, beat: &mut Interval) -> Result<(), Why> {
        let deadline = tokio::time::Instant::from_std(self.peer.deadline());
        tokio::select! {
            _ = beat.tick() => self.beat(Instant::now())?,
            command = self.inbox.recv() => self.command(command.ok_or(Why::HungUp)?)?,
            Some(datagram) = self.datagrams.recv() => {
                mailbox::receive(&mut self.peer, &datagram, &mut self.datagrams);
            }
            Some(report) = self.reports.recv() => self.provider(report)?,
            () = tokio::time::sleep_until(deadline) => self.peer.timeout(Instant::now()),
        }
        while let Some(event) = self.peer.poll() {
            self.peer_event(event)?;
        }
        Ok(())
    }

    /// Sends the frames that are due, and looks whether anybody is still there.
    fn beat(&mut self, now: Instant) -> Result<(), Why> {
        if !self.silent && self.left.is_some_and(|at| now.duration_since(at) > PARTING) {
            return Err(Why::Left);
        }
        let Some((start, pace)) = self.stream.as_mut() else {
            let late = now.duration_since(self.began) > CONNECT_WITHIN;
            return if late { Err(Why::NeverConnected) } else { Ok(()) };
        };
        let due = pace.due(now.duration_since(*start));
        if self.silent {
            self.keep_silent(due.skip + due.send);
        } else if now.duration_since(self.peer.last_heard()) > GONE {
            return Err(Why::PeerVanished);
        } else {
            self.news.extend(self.ear.news(now).map(FromRelay::Hearing));
        }
        let cut_off = self.left.is_some() || self.ear.is_cut_off(now, self.peer.last_heard());
        self.peer.skip_audio(due.skip);
        for _ in 0..due.send {
            // Nobody would hear it: it is said when the path is back.
            let sound = if cut_off { None } else { self.playout.frame() };
            let packet = self.mouth.say(sound.as_ref().map(|(_, pcm)| pcm));
            self.peer.send_audio(&packet.opus, packet.first, now);
        }
        self.settle(0)
    }

    /// The provider hears so many frames of silence, in which it finds the end of what was said last.
    fn keep_silent(&self, frames: u32) {
        if self.open {
            (0..frames).for_each(|_| _ = self.upstream.hear(encode(&[0; FRAME_SAMPLES])));
        }
    }

    fn command(&mut self, command: Command) -> Result<(), Why> {
        match command {
            Command::Send(event) => self.send(*event)?,
            Command::Tell(message) => self.peer.send_own(message).map_err(|_| Why::TooSlow)?,
            Command::Restart { offer, answer } => {
                // Whoever asked may have gone; the restart is as good without.
                _ = answer.send(self.peer.restart(&offer, Instant::now()));
            }
            Command::Leave => self.leave(),
            Command::Buffered(buffered) => self.buffered = buffered.min(MOST_BUFFERED),
            Command::FallSilent => {
                let given = self.playout.given();
                self.silent = true;
                self.playout.cut();
                self.settle(given)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, event: ClientEvent) -> Result<(), Why> {
        let given = self.playout.given();
        if self.playout.sent(&event) {
            self.upstream.send(event);
        }
        self.settle(given)
    }

    fn peer_event(&mut self, event: PeerEvent) -> Result<(), Why> {
        match event {
            PeerEvent::Connected => {
                self.stream.get_or_insert_with(|| (Instant::now(), Pace::default()));
                self.stand();
            }
            // A page has no say on this route: it speaks to the session, on the room channel.
            PeerEvent::ChannelOpen | PeerEvent::Text(_) => {}
            // The provider is given silence instead.
            PeerEvent::Audio { .. } if self.silent => {}
            PeerEvent::Audio { seq, payload } => {
                let (upstream, open) = (&self.upstream, self.open);
                self.ear.packet(Instant::now(), seq, payload, |pcm| {
                    if open {
                        // A provider that does not read misses sound, and never an event.
                        _ = upstream.hear(encode(pcm));
                    }
                });
            }
            PeerEvent::Report { loss } => {
                if let Some(rate) = self.mouth.report(Tick(self.began.elapsed()), loss) {
                    tracing::debug!(loss, ?rate, "another bitrate");
                }
            }
            PeerEvent::Closed => self.leave(),
        }
        Ok(())
    }

    fn provider(&mut self, report: FromSideband) -> Result<(), Why> {
        match report {
            FromSideband::Event(message) => self.provider_says(message),
            FromSideband::Opened => {
                self.open = true;
                self.stand();
                Ok(())
            }
            FromSideband::Closed(end) => {
                self.news.push_back(FromRelay::Line(FromSideband::Closed(end)));
                Err(Why::Upstream)
            }
        }
    }

    /// The page is gone. What it said last may still have to be written down, if that is the end of the interview.
    fn leave(&mut self) {
        self.left.get_or_insert_with(Instant::now);
    }

    /// A call stands when sound can flow from end to end: not before the browser is connected, nor before the provider is
    /// there.
    fn stand(&mut self) {
        if self.open && self.stream.is_some() && !std::mem::replace(&mut self.stands, true) {
            self.news.push_back(FromRelay::Line(FromSideband::Opened));
        }
    }

    fn provider_says(&mut self, message: Box<ServerMessage>) -> Result<(), Why> {
        if let ServerEvent::OutputAudioDelta { at, delta } = &message.event {
            if self.silent {
                return Ok(());
            }
            match decode(delta) {
                Some(pcm) => self.playout.sound(at, &pcm),
                None => tracing::debug!("sound of the provider that is none"),
            }
            return Ok(());
        }
        let event = message.event.clone();
        if let Some(message) = self.words.take(message, &self.playout) {
            self.tell(message)?;
        }
        if self.silent {
            self.words.forget();
        }
        let given = self.playout.given();
        self.playout.see(&event);
        self.settle(given)
    }

    /// Tells the page, as far as it may know, and whoever conducts.
    fn tell(&mut self, message: Box<ServerMessage>) -> Result<(), Why> {
        if let Some(text) = reduce(&message.event) {
            self.peer.send_text(text).map_err(|_| Why::TooSlow)?;
        }
        self.news.push_back(FromRelay::Line(FromSideband::Event(message)));
        Ok(())
    }

    /// Does what follows from sound and events. `given`: samples that had gone out before a cut.
    fn settle(&mut self, given: u64) -> Result<(), Why> {
        while let Some(message) = self.words.due(&self.playout) {
            self.tell(message)?;
        }
        while let Some(output) = self.playout.poll() {
            match output {
                Output::Event(event) => {
                    if matches!(event, ServerEvent::OutputCleared { .. }) {
                        for message in self.words.cut() {
                            self.tell(message)?;
                        }
                    }
                    self.tell(Box::new(ServerMessage { event_id: String::new(), event }))?;
                }
                Output::Send(event) => self.upstream.send(event),
                // Silence goes out from the next frame on. What the browser had not played by then was not heard.
                Output::Cut { .. } => {
                    self.words.forget();
                    if let Some(epoch) = self.playout.unsettled() {
                        let ahead = self.peer.rtt().unwrap_or_default() / 2 + self.buffered + SOUND_CARD;
                        self.playout.played(epoch, given.saturating_sub(samples(ahead)));
                    }
                }
            }
        }
        Ok(())
    }
}

fn samples(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).saturating_mul(u64::from(FRAME_RATE_HZ)) / 1_000
}

fn encode(pcm: &[i16]) -> String {
    BASE64.encode(pcm.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>())
}

fn decode(audio: &str) -> Option<Vec<i16>> {
    let bytes = BASE64.decode(audio).ok()?;
    Some(bytes.chunks_exact(2).map(|it| i16::from_le_bytes([it[0], it[1]])).collect())
}

#[cfg(test)]
mod tests;
