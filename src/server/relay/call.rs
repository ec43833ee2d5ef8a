//! One relayed call: a task that owns the peer and the provider's session, and beats the clock of the media.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use super::mouth::Mouth;
use super::{Command, FromRelay};
use crate::engine::audio::FRAME_RATE_HZ;
use crate::engine::playout::{Output, Playout};
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::room::reduce;
use crate::engine::protocol::server::{ServerEvent, ServerMessage};
use crate::engine::time::Tick;
use crate::server::carry::words::Words;
use crate::server::media::hearing::{Heard, Hearing};
use crate::server::provider::{End, FromSideband, Upstream};
use crate::server::rtc::flow::Flow;
use crate::server::rtc::pace::{FRAME, Pace};
use crate::server::rtc::{Datagram, Peer, PeerEvent, mailbox};

/// A peer that never connected is gone after this.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
/// A peer that was not heard for so long is gone. Its page may need that long to find another path.
const GONE: Duration = Duration::from_secs(30);
/// How far ahead of real time the candidate's sound may come: after a break the network brings some at once.
const AHEAD: Duration = Duration::from_secs(2);
/// What a browser has received and not yet played, beside what is on its way: its jitter buffer and its sound card. A
/// guess in the middle of what they take, as nobody tells us.
const UNPLAYED: Duration = Duration::from_millis(60);

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    HungUp,
    PeerClosed,
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
    hearing: Hearing,
    mouth: Mouth,
    /// What the conducting session is about to be told.
    news: VecDeque<FromRelay>,
    began: Instant,
    /// When media began to flow, and how much of it was sent.
    stream: Option<(Instant, Pace)>,
    /// The provider's session takes sound.
    open: bool,
    flow: Flow,
    /// Until when what was heard would last, had it come in real time.
    heard_until: Instant,
    /// The candidate's sound should come and does not.
    starved: bool,
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
            hearing: Hearing::new(FRAME_RATE_HZ),
            mouth: Mouth::new(),
            news: VecDeque::new(),
            began: Instant::now(),
            stream: None,
            open: false,
            flow: Flow::default(),
            heard_until: Instant::now(),
            starved: false,
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

    /// Waits for one thing and deals with it.
    async fn step(&mut self, beat: &mut Interval) -> Result<(), Why> {
        let deadline = tokio::time::Instant::from_std(self.peer.deadline());
        tokio::select! {
            biased;
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
        let Some((start, pace)) = self.stream.as_mut() else {
            let late = now.duration_since(self.began) > CONNECT_WITHIN;
            return if late { Err(Why::NeverConnected) } else { Ok(()) };
        };
        let due = pace.due(now.duration_since(*start));
        if now.duration_since(self.peer.last_heard()) > GONE {
            return Err(Why::PeerVanished);
        }
        let starved = self.flow.is_starved(now);
        if starved != self.starved {
            self.starved = starved;
            self.news.push_back(FromRelay::Hearing(!starved));
        }
        let cut_off = self.flow.is_cut_off(now, self.peer.last_heard());
        self.peer.skip_audio(due.skip);
        for _ in 0..due.send {
            // Nobody would hear it: it is said when the path is back.
            let sound = if cut_off { None } else { self.playout.frame() };
            let packet = self.mouth.say(sound.as_ref().map(|(_, pcm)| pcm));
            self.peer.send_audio(&packet.opus, packet.first, now);
        }
        self.settle(0)
    }

    fn command(&mut self, command: Command) -> Result<(), Why> {
        match command {
            Command::Send(event) => self.send(*event)?,
            Command::Tell(message) => self.peer.send_own(message).map_err(|_| Why::TooSlow)?,
            Command::Restart { offer, answer } => {
                // Whoever asked may have gone; the restart is as good without.
                _ = answer.send(self.peer.restart(&offer, Instant::now()));
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
            }
            // A page has no say on this route: it speaks to the session, on the room channel.
            PeerEvent::ChannelOpen | PeerEvent::Text(_) => {}
            PeerEvent::Audio { seq, payload } => {
                let now = Instant::now();
                self.flow.audio(now);
                // Nobody speaks faster than in real time: what does is not even decoded.
                let heard_until = self.heard_until.max(now);
                if heard_until > now + AHEAD {
                    return Ok(());
                }
                let (upstream, open, mut samples) = (&self.upstream, self.open, 0);
                // What was lost is filled up: the provider counts time in sound.
                self.hearing.packet(seq, payload, |heard| {
                    let (Heard::Sound(pcm) | Heard::MadeUp(pcm)) = heard;
                    samples += pcm.len();
                    if open {
                        // A provider that does not read misses sound, and never an event.
                        _ = upstream.hear(encode(pcm));
                    }
                });
                self.heard_until = heard_until + Duration::from_secs_f64(samples as f64 / f64::from(FRAME_RATE_HZ));
            }
            PeerEvent::Report { loss } => {
                if let Some(rate) = self.mouth.report(Tick(self.began.elapsed()), loss) {
                    tracing::debug!(loss, ?rate, "another bitrate");
                }
            }
            PeerEvent::Closed => return Err(Why::PeerClosed),
        }
        Ok(())
    }

    fn provider(&mut self, report: FromSideband) -> Result<(), Why> {
        match report {
            FromSideband::Event(message) => self.provider_says(message),
            FromSideband::Opened => {
                self.open = true;
                self.news.push_back(FromRelay::Line(FromSideband::Opened));
                Ok(())
            }
            FromSideband::Closed(end) => {
                self.news.push_back(FromRelay::Line(FromSideband::Closed(end)));
                Err(Why::Upstream)
            }
        }
    }

    fn provider_says(&mut self, message: Box<ServerMessage>) -> Result<(), Why> {
        if let ServerEvent::OutputAudioDelta { at, delta } = &message.event {
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
                // Silence goes out from the next frame on. What was heard until then is our best guess.
                Output::Cut { .. } => {
                    self.words.forget();
                    if let Some(epoch) = self.playout.unsettled() {
                        let ahead = self.peer.rtt().unwrap_or_default() / 2 + UNPLAYED;
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
