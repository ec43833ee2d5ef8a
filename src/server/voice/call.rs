//! One call: a task that owns the peer, the ears and the session, and beats the clock of its media.

mod sidebands;

use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::sidebands::Sidebands;
pub use self::sidebands::{Farewell, Sideband, SidebandFeed};
use super::Settings;
use super::flood::Flood;
use super::session::{OutFrame, Session};
use super::transcribe::Desk;
use crate::engine::audio::RATE_HZ;
use crate::engine::protocol::server::ServerMessage;
use crate::engine::quality::OpusLadder;
use crate::engine::time::Tick;
use crate::server::media::hearing::{Heard, Hearing};
use crate::server::rtc::flow::Flow;
use crate::server::rtc::pace::{FRAME, Pace};
use crate::server::rtc::{Datagram, OfferError, Peer, PeerEvent, mailbox};

/// Commands that may wait. Whoever writes more waits.
pub const MAILBOX: usize = 64;

/// How long the control sockets of a call whose peer has left wait for the words of what was said on it.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What others ask of a call.
#[derive(Debug)]
pub enum Command {
    /// A new offer for the same call: an ICE restart.
    Restart { offer: String, answer: oneshot::Sender<Result<String, OfferError>> },
    /// A control socket wants to see every event.
    Attach(Sideband),
    /// An event from a control socket.
    Client(Utf8Bytes),
    /// The call is over.
    Hangup,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    HungUp,
    PeerClosed,
    PeerVanished,
    NeverConnected,
    Expired,
    Flooded,
    TooSlow,
    Stopping,
}

/// A call that is about to run.
#[derive(Debug)]
pub struct Call {
    id: String,
    peer: Peer,
    datagrams: mpsc::Receiver<Datagram>,
    inbox: mpsc::Receiver<Command>,
    session: Session,
    desk: Desk,
    hearing: Hearing,
    flow: Flow,
    ladder: OpusLadder,
    sidebands: Sidebands,
    flood: Flood,
    began: Instant,
    /// When media began to flow, and how much of it was sent.
    stream: Option<(Instant, Pace)>,
    gone_after: Duration,
    connect_within: Duration,
    session_limit: Duration,
}

impl Call {
    /// Puts a call together.
    #[must_use]
    pub fn new(
        id: String,
        peer: Peer,
        datagrams: mpsc::Receiver<Datagram>,
        inbox: mpsc::Receiver<Command>,
        session: Session,
        desk: Desk,
        settings: &Settings,
    ) -> Self {
        let began = Instant::now();
        Self {
            id,
            peer,
            datagrams,
            inbox,
            hearing: Hearing::new(RATE_HZ),
            flow: Flow::default(),
            ladder: OpusLadder::default(),
            session,
            desk,
            sidebands: Sidebands::default(),
            flood: Flood::new(began),
            began,
            stream: None,
            gone_after: settings.gone_after,
            connect_within: settings.connect_within,
            session_limit: settings.session_limit,
        }
    }

    /// Runs until somebody ends it.
    pub async fn run(mut self, stop: CancellationToken) {
        tracing::info!(call = %self.id, "call begins");
        // The first message of the channel, before anything that a sideband may cause.
        let created = self.session.created();
        let mut end = self.tell_peer(&created).err();
        let mut beat = tokio::time::interval(FRAME);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let end = loop {
            if let Some(end) = end {
                break end;
            }
            end = self.step(&mut beat, &stop).await.err();
        };
        if end == End::Expired {
            self.sidebands.expire();
        }
        if matches!(end, End::Expired | End::Flooded) {
            mailbox::linger(&mut self.peer, &mut self.datagrams).await;
        }
        self.peer.close();
        if matches!(end, End::PeerClosed | End::PeerVanished) {
            self.last_words(&stop).await;
        }
        tracing::info!(call = %self.id, ?end, seconds = self.began.elapsed().as_secs(), "call ends");
    }

    /// Waits for one thing and deals with it.
    async fn step(&mut self, beat: &mut Interval, stop: &CancellationToken) -> Result<(), End> {
        let deadline = tokio::time::Instant::from_std(self.peer.deadline());
        tokio::select! {
            biased;
            () = stop.cancelled() => return Err(End::Stopping),
            _ = beat.tick() => self.beat(Instant::now())?,
            Some(command) = self.inbox.recv() => self.command(command)?,
            Some(datagram) = self.datagrams.recv() => {
                mailbox::receive(&mut self.peer, &datagram, &mut self.datagrams);
            }
            Some(written) = self.desk.next() => written.tell(&mut self.session),
            () = tokio::time::sleep_until(deadline) => self.peer.timeout(Instant::now()),
        }
        while let Some(event) = self.peer.poll() {
            self.peer_event(event)?;
        }
        self.desk.take(&mut self.session);
        self.tell_all()
    }

    /// Tells the control sockets the words that were being written down when the peer left.
    async fn last_words(&mut self, stop: &CancellationToken) {
        let limit = tokio::time::Instant::now() + LAST_WORDS;
        while self.desk.is_busy() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(limit) => return,
                Some(command) = self.inbox.recv() => {
                    if matches!(command, Command::Hangup) {
                        return;
                    }
                }
                Some(written) = self.desk.next() => {
                    written.tell(&mut self.session);
                    while let Some(message) = self.session.poll() {
                        let text = serde_json::to_string(&message).unwrap_or_default();
                        self.sidebands.send(&Utf8Bytes::from(text));
                    }
                }
            }
        }
    }

    /// Sends the frames that are due, and looks whether anybody is still there.
    fn beat(&mut self, now: Instant) -> Result<(), End> {
        if let Some((start, pace)) = self.stream.as_mut() {
            let due = pace.due(now.duration_since(*start));
            self.peer.skip_audio(due.skip);
            let cut_off = self.flow.is_cut_off(now, self.peer.last_heard());
            for _ in 0..due.send {
                // Nobody would hear it: it is said when the path is back.
                let frame = if cut_off { OutFrame::silence() } else { self.session.frame() };
                self.peer.send_audio(&frame.opus, frame.first_of_talk, now);
            }
            if now.duration_since(self.peer.last_heard()) > self.gone_after {
                return Err(End::PeerVanished);
            }
        } else if now.duration_since(self.began) > self.connect_within {
            return Err(End::NeverConnected);
        }
        if now.duration_since(self.began) > self.session_limit {
            self.session.expire();
            self.tell_all()?;
            return Err(End::Expired);
        }
        Ok(())
    }

    fn command(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Restart { offer, answer } => {
                // Whoever asked may have gone; the restart is as good without.
                _ = answer.send(self.peer.restart(&offer, Instant::now()));
            }
            Command::Attach(sideband) => self.sidebands.attach(sideband),
            Command::Client(text) => {
                self.session.client(text.as_str());
            }
            Command::Hangup => return Err(End::HungUp),
        }
        Ok(())
    }

    fn peer_event(&mut self, event: PeerEvent) -> Result<(), End> {
        match event {
            PeerEvent::Connected => {
                self.stream.get_or_insert_with(|| (Instant::now(), Pace::default()));
            }
            PeerEvent::ChannelOpen => tracing::debug!(call = %self.id, "data channel open"),
            PeerEvent::Text(text) => {
                if !self.flood.allows(Instant::now()) {
                    self.session.flooded();
                    self.tell_all()?;
                    return Err(End::Flooded);
                }
                self.session.client(&text);
            }
            PeerEvent::Audio { seq, payload } => {
                self.flow.audio(Instant::now());
                let session = &mut self.session;
                self.hearing.packet(seq, payload, |heard| match heard {
                    Heard::Sound(pcm) => session.listen(pcm),
                    Heard::MadeUp(pcm) => session.lost(u32::try_from(pcm.len()).unwrap_or(u32::MAX)),
                });
            }
            PeerEvent::Report { loss } => {
                if let Some(rate) = self.ladder.report(Tick(self.began.elapsed()), loss) {
                    tracing::debug!(call = %self.id, loss, ?rate, "another bitrate");
                    self.session.set_rate(rate);
                }
            }
            PeerEvent::Closed => return Err(End::PeerClosed),
        }
        Ok(())
    }

    /// Hands what the session says to everybody who listens.
    fn tell_all(&mut self) -> Result<(), End> {
        while let Some(message) = self.session.poll() {
            let text = self.tell_peer(&message)?;
            self.sidebands.send(&text);
        }
        Ok(())
    }

    fn tell_peer(&mut self, message: &ServerMessage) -> Result<Utf8Bytes, End> {
        // Strings and numbers always have a JSON form; an empty message would be ignored by every client.
        let text = serde_json::to_string(message).unwrap_or_default();
        self.peer.send_text(text.clone()).map_err(|_| End::TooSlow)?;
        Ok(Utf8Bytes::from(text))
    }
}
