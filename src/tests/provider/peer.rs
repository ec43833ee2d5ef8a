//! The far end of a call: a real WebRTC peer on a real socket.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use vivavoce::server::media::codec;

/// What the peer is asked to do.
enum Do {
    Send(String),
    /// Frames to send instead of silence.
    Play(Vec<Bytes>),
    /// A new offer from a new socket.
    Restart(oneshot::Sender<String>),
    Answer(String),
    /// Every so many-th audio packet does not arrive.
    Lose(u64),
    Close,
}

/// What the peer saw, and when.
#[derive(Debug)]
pub(crate) enum Seen {
    Event(Instant, Value),
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
        let mut end = End::new().await;
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
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    mid: Option<Mid>,
    channel: Option<ChannelId>,
    outbox: VecDeque<String>,
    playing: VecDeque<Bytes>,
    sent: u64,
    lose: u64,
    arrived: u64,
    connected: bool,
}

impl End {
    async fn new() -> Self {
        str0m::crypto::from_feature_flags().install_process_default();
        let mut rtc = Rtc::builder().clear_codecs().enable_opus(true, false).set_rtp_mode(true).build(Instant::now());
        let (socket, local) = open().await;
        rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
        Self {
            rtc,
            socket,
            local,
            pending: None,
            mid: None,
            channel: None,
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
        let mut buffer = vec![0; 2_048];
        loop {
            let Some(deadline) = self.drain(&out) else { return };
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => return, // vanished
                },
                _ = beat.tick() => self.frame(),
                received = self.socket.recv_from(&mut buffer) => {
                    let (len, source) = received.unwrap();
                    if self.is_lost(&buffer[..len]) {
                        continue;
                    }
                    let receive = Receive::new(Protocol::Udp, source, self.local, &buffer[..len]).unwrap();
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
            Do::Send(text) => self.outbox.push_back(text),
            Do::Play(frames) => self.playing.extend(frames),
            Do::Answer(answer) => {
                let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
                self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
                // A restart forgot the old ones; twice is as good as once.
                self.rtc.add_local_candidate(Candidate::host(self.local, "udp").unwrap());
            }
            Do::Restart(offered) => {
                (self.socket, self.local) = open().await;
                let mut change = self.rtc.sdp_api();
                change.ice_restart(false);
                let (offer, pending) = change.apply().unwrap();
                self.pending = Some(pending);
                offered.send(offer.to_sdp_string()).unwrap();
            }
            Do::Close => self.rtc.close().unwrap(),
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
                // Towards an address of another interface: not from a loopback socket.
                Output::Transmit(it) => drop(self.socket.try_send_to(&it.contents, it.destination)),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::ChannelOpen(id, label)) => {
                    assert_eq!(label, "oai-events");
                    self.channel = Some(id);
                }
                Output::Event(Event::ChannelData(data)) => {
                    let event = serde_json::from_slice(&data.data).unwrap();
                    out.send(Seen::Event(Instant::now(), event)).ok();
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

async fn open() -> (Arc<UdpSocket>, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let local = socket.local_addr().unwrap();
    (Arc::new(socket), local)
}
