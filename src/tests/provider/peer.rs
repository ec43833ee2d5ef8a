//! The far end of a call: a real WebRTC peer on a real socket.

#[path = "wire.rs"]
mod wire;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::sync::{mpsc, oneshot};
use vivavoce::server::media::codec;

use self::wire::Wire;

/// What the peer is asked to do.
enum Do {
    Send(String),
    /// Frames to send instead of silence.
    Play(Vec<Bytes>),
    /// A new offer from a new socket.
    Restart(oneshot::Sender<String>),
    Answer(String),
    /// A candidate that came after the answer.
    Candidate(String),
    /// The network is dead until this is taken back.
    Cut(bool),
    /// Every so many-th audio packet does not arrive.
    Lose(u64),
    Close,
}

/// What the peer saw, and when.
#[derive(Debug)]
pub(crate) enum Seen {
    Event(Instant, Value),
    /// A message on the channel that the server opened.
    Room(Value),
    Packet(Packet),
}

/// An audio packet from the provider.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) at: Instant,
    pub(crate) seq: u64,
    pub(crate) time: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Bytes,
}

/// The handle of a peer. Dropping it makes the peer vanish without a word.
pub(crate) struct Peer {
    commands: mpsc::UnboundedSender<Do>,
    pub(crate) seen: mpsc::UnboundedReceiver<Seen>,
}

impl Peer {
    /// A peer and its offer. It waits for [`Peer::answer`].
    pub(crate) async fn offer() -> (Self, String) {
        let (wire, local) = Wire::udp().await;
        Self::begin(End::new(Protocol::Udp, wire, Some(local)))
    }

    /// A peer that has no UDP, and its offer. It connects to the TCP candidate of the answer.
    pub(crate) async fn offer_over_tcp() -> (Self, String) {
        Self::begin(End::new(Protocol::Tcp, Wire::None, None))
    }

    /// A peer whose offer names no candidate, the offer, and the candidate.
    pub(crate) async fn offer_and_trickle() -> (Self, String, String) {
        let (wire, local) = Wire::udp().await;
        let mut end = End::new(Protocol::Udp, wire, None);
        end.local = Some(local);
        let (peer, offer) = Self::begin(end);
        (peer, offer, Candidate::host(local, "udp").unwrap().to_sdp_string())
    }

    fn begin(mut end: End) -> (Self, String) {
        let mut change = end.rtc.sdp_api();
        end.mid = Some(change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None));
        change.add_channel("oai-events".to_owned());
        let (offer, pending) = change.apply().unwrap();
        end.pending = Some(pending);
        let (commands, inbox) = mpsc::unbounded_channel();
        let (out, seen) = mpsc::unbounded_channel();
        tokio::spawn(end.run(inbox, out));
        (Self { commands, seen }, offer.to_sdp_string())
    }

    pub(crate) fn answer(&self, answer: String) {
        self.commands.send(Do::Answer(answer)).ok();
    }

    /// Takes a candidate that the far end sent after its answer.
    pub(crate) fn candidate(&self, candidate: &str) {
        self.commands.send(Do::Candidate(candidate.to_owned())).ok();
    }

    /// Cuts the network, or mends it.
    pub(crate) fn cut(&self, cut: bool) {
        self.commands.send(Do::Cut(cut)).ok();
    }

    pub(crate) fn send(&self, event: &Value) {
        self.commands.send(Do::Send(event.to_string())).ok();
    }

    pub(crate) fn send_raw(&self, text: &str) {
        self.commands.send(Do::Send(text.to_owned())).ok();
    }

    pub(crate) fn play(&self, frames: Vec<Bytes>) {
        self.commands.send(Do::Play(frames)).ok();
    }

    /// From here on every `nth` audio packet is lost on its way to us. Zero: none.
    pub(crate) fn lose(&self, nth: u64) {
        self.commands.send(Do::Lose(nth)).ok();
    }

    pub(crate) fn close(&self) {
        self.commands.send(Do::Close).ok();
    }

    /// Moves to another socket, as a phone does that changes networks, and offers anew.
    pub(crate) async fn restart(&self) -> String {
        let (offer, offered) = oneshot::channel();
        self.commands.send(Do::Restart(offer)).ok();
        offered.await.unwrap()
    }
}

struct End {
    rtc: Rtc,
    protocol: Protocol,
    wire: Wire,
    local: Option<SocketAddr>,
    cut: bool,
    pending: Option<SdpPendingOffer>,
    mid: Option<Mid>,
    channel: Option<ChannelId>,
    /// The channel that the server opened.
    room: Option<ChannelId>,
    outbox: VecDeque<String>,
    playing: VecDeque<Bytes>,
    sent: u64,
    lose: u64,
    arrived: u64,
    connected: bool,
}

impl End {
    fn new(protocol: Protocol, wire: Wire, local: Option<SocketAddr>) -> Self {
        str0m::crypto::from_feature_flags().install_process_default();
        let mut rtc = Rtc::builder().clear_codecs().enable_opus(true, false).set_rtp_mode(true).build(Instant::now());
        if let Some(local) = local {
            rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
        }
        Self {
            rtc,
            protocol,
            wire,
            local,
            cut: false,
            pending: None,
            mid: None,
            channel: None,
            room: None,
            outbox: VecDeque::new(),
            playing: VecDeque::new(),
            sent: 0,
            lose: 0,
            arrived: 0,
            connected: false,
        }
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Do>, out: mpsc::UnboundedSender<Seen>) {
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        loop {
            let Some(deadline) = self.drain(&out) else { return };
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => return, // vanished
                },
                _ = beat.tick() => self.frame(),
                (bytes, source) = self.wire.recv() => {
                    if self.cut || self.is_lost(&bytes) {
                        continue;
                    }
                    let receive = Receive::new(self.protocol, source, self.local.unwrap(), &bytes).unwrap();
                    let input = Input::Receive(Instant::now(), receive);
                    if self.rtc.accepts(&input) {
                        self.rtc.handle_input(input).unwrap();
                    }
                }
                () = tokio::time::sleep_until(deadline.into()) => {
                    self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
                }
            }
        }
    }

    /// RFC 5761, section 4: what tells RTP from RTCP and everything else.
    fn is_lost(&mut self, bytes: &[u8]) -> bool {
        let is_audio = bytes[0] >> 6 == 2 && !(192..224).contains(&bytes[1]);
        self.arrived += u64::from(is_audio);
        is_audio && self.lose > 0 && self.arrived.is_multiple_of(self.lose)
    }

    async fn command(&mut self, command: Do) {
        match command {
            Do::Lose(nth) => self.lose = nth,
            Do::Cut(cut) => self.cut = cut,
            Do::Candidate(candidate) => {
                self.rtc.add_remote_candidate(Candidate::from_sdp_string(&candidate).unwrap());
            }
            Do::Send(text) => self.outbox.push_back(text),
            Do::Play(frames) => self.playing.extend(frames),
            Do::Answer(answer) => {
                if self.protocol == Protocol::Tcp {
                    let (wire, local) = Wire::tcp(&answer).await;
                    (self.wire, self.local) = (wire, Some(local));
                }
                let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
                self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
                // A restart forgot the old ones; twice is as good as once.
                self.rtc.add_local_candidate(self.candidate());
            }
            Do::Restart(offered) => {
                let (wire, local) = Wire::udp().await;
                (self.wire, self.local) = (wire, Some(local));
                self.cut = false;
                let mut change = self.rtc.sdp_api();
                change.ice_restart(false);
                let (offer, pending) = change.apply().unwrap();
                self.pending = Some(pending);
                offered.send(offer.to_sdp_string()).unwrap();
            }
            Do::Close => self.rtc.close().unwrap(),
        }
    }

    fn candidate(&self) -> Candidate {
        let local = self.local.unwrap();
        match self.protocol {
            Protocol::Tcp => Candidate::builder().tcp().host(local).tcptype(TcpType::Active).build().unwrap(),
            _ => Candidate::host(local, "udp").unwrap(),
        }
    }

    fn frame(&mut self) {
        let Some(mid) = self.mid.filter(|_| self.connected) else { return };
        let payload = self.playing.pop_front().unwrap_or_else(codec::silence);
        let pt = self.rtc.media(mid).unwrap().remote_pts()[0];
        self.sent += 1;
        let time = u32::try_from(self.sent * 960).unwrap();
        let write = RtpWrite::new(pt, self.sent.into(), time, Instant::now(), &payload[..]);
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.write_rtp(write);
        }
        self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
    }

    /// `None` when the connection is closed.
    fn drain(&mut self, out: &mpsc::UnboundedSender<Seen>) -> Option<Instant> {
        if let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) {
            while let Some(text) = self.outbox.front() {
                if !channel.write(false, text.as_bytes()).unwrap() {
                    break;
                }
                self.outbox.pop_front();
            }
        }
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => return self.rtc.is_alive().then_some(at),
                Output::Transmit(it) if !self.cut => self.wire.send(&it.contents, it.destination),
                Output::Transmit(_) => {}
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::ChannelOpen(id, label)) => match label.as_str() {
                    "oai-events" => self.channel = Some(id),
                    "interview-events" => self.room = Some(id),
                    label => panic!("a channel called {label}"),
                },
                Output::Event(Event::ChannelData(data)) => {
                    let event = serde_json::from_slice(&data.data).unwrap();
                    let of_room = self.room == Some(data.id);
                    out.send(if of_room { Seen::Room(event) } else { Seen::Event(Instant::now(), event) }).ok();
                }
                Output::Event(Event::RtpPacket(it)) => {
                    let packet = Packet {
                        at: Instant::now(),
                        seq: *it.seq_no,
                        time: it.header.timestamp,
                        marker: it.header.marker,
                        payload: Bytes::copy_from_slice(&it.payload),
                    };
                    out.send(Seen::Packet(packet)).ok();
                }
                Output::Event(_) => {}
            }
        }
    }
}
