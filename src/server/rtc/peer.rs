//! One WebRTC peer: the far end of a call.
//!
//! [`Peer`] owns the sans-IO peer connection and keeps its rules: after every change the output is drained, messages wait
//! in order until the data channel takes them, audio leaves with continuous sequence numbers and timestamps. Its owner
//! feeds datagrams and time, and takes [`PeerEvent`]s.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use str0m::change::SdpOffer;
use str0m::media::{Mid, Pt};
use str0m::net::{Receive, TcpType};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

use super::demux::Registration;
use super::lane::{Lane, Overflow};
use super::offer::{self, OfferError};
use super::port::{Datagram, Port};

/// Ticks of the RTP clock in one frame of 20 ms; Opus always counts 48 kHz (RFC 7587, section 4.1).
const FRAME_TICKS: u32 = 960;

/// The label of the channel that carries events.
pub const EVENTS_LABEL: &str = "oai-events";

/// How often we look at what the far end reports.
const REPORTS: Duration = Duration::from_secs(1);

/// What happened at the far end.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerEvent {
    /// Media and data can flow. Comes again after an ICE restart.
    Connected,
    /// The channel for events is open.
    ChannelOpen,
    /// A message on it.
    Text(String),
    /// An audio packet, by its extended sequence number. The payload is Opus.
    Audio { seq: u64, payload: Bytes },
    /// The share of our audio packets that the far end says it lost lately (RFC 3550, section 6.4.1).
    Report { loss: f64 },
    /// The far end said good-bye, or the connection broke beyond repair.
    Closed,
}

/// One peer connection. Dropping it frees its place on the port without a good-bye; see [`Peer::close`].
#[derive(Debug)]
pub struct Peer {
    rtc: Rtc,
    port: Port,
    registration: Registration,
    audio: Option<AudioOut>,
    /// The channel for events, where the offer asked for a data channel at all.
    lane: Option<Lane>,
    /// A channel that we opened.
    own: Option<Lane>,
    events: VecDeque<PeerEvent>,
    rtt: Option<Duration>,
    deadline: Instant,
    last_heard: Instant,
    closed: bool,
}

/// The outbound stream.
#[derive(Clone, Copy, Debug)]
struct AudioOut {
    mid: Mid,
    pt: Pt,
    seq_no: SeqNo,
    /// The RTP timestamp of the next frame.
    time: u32,
}

impl AudioOut {
    /// The stream that an answer agreed to. The event that names it comes only with the connection.
    fn negotiated(rtc: &Rtc, answer: &str) -> Option<Self> {
        let section = answer.split("m=audio").nth(1)?;
        let mid = Mid::from(section.lines().find_map(|line| line.strip_prefix("a=mid:"))?.trim());
        let pt = *rtc.media(mid)?.remote_pts().first()?;
        // Sequence numbers start low: the rollover counter cannot be told to the far end (RFC 3711, section 3.3.1).
        let start = u64::from(rand::random::<u16>() >> 1);
        Some(Self { mid, pt, seq_no: start.into(), time: rand::random() })
    }
}

impl Peer {
    /// Answers an offer. The mailbox that belongs to `registration` brings the datagrams for [`Peer::receive`].
    ///
    /// # Errors
    /// [`OfferError`] says what is wrong with the offer.
    pub fn answer(
        port: &Port,
        registration: Registration,
        offer: &str,
        now: Instant,
    ) -> Result<(Self, String), OfferError> {
        let offer = parse(offer)?;
        let builder = Rtc::builder().clear_codecs().enable_opus(true, false).set_rtp_mode(true);
        let mut rtc = builder.set_stats_interval(Some(REPORTS)).build(now);
        for address in port.advertised() {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        for address in port.advertised_tcp() {
            if let Ok(candidate) = Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build() {
                rtc.add_local_candidate(candidate);
            }
        }
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|_| OfferError::NotSdp)?.to_sdp_string();
        let mut peer = Self {
            rtc,
            port: port.clone(),
            registration,
            audio: None,
            lane: answer.contains("m=application").then(Lane::default),
            own: None,
            events: VecDeque::new(),
            rtt: None,
            deadline: now,
            last_heard: now,
            closed: false,
        };
        peer.audio = AudioOut::negotiated(&peer.rtc, &answer);
        peer.register();
        peer.drain();
        peer.audio.is_some().then_some((peer, answer)).ok_or(OfferError::Codec)
    }

    /// Answers a later offer of the same call: an ICE restart. DTLS and the data channel stay as they are.
    ///
    /// # Errors
    /// [`OfferError`]; the call goes on as it was.
    pub fn restart(&mut self, offer: &str, now: Instant) -> Result<String, OfferError> {
        let offer_sdp = parse(offer)?;
        // Another certificate is another far end: the old session's keys are not for it.
        let known = self.rtc.direct_api().remote_dtls_fingerprint().map(ToString::to_string);
        let same = known.is_some_and(|known| {
            let hex = known.rsplit(' ').next().unwrap_or_default().to_ascii_lowercase();
            offer.to_ascii_lowercase().contains(&hex)
        });
        if !same {
            return Err(OfferError::OtherCall);
        }
        let answer = self.rtc.sdp_api().accept_offer(offer_sdp).map_err(|_| OfferError::OtherCall)?.to_sdp_string();
        self.last_heard = now;
        self.register();
        self.drain();
        Ok(answer)
    }

    /// Opens a second channel as soon as there is a connection, where the offer asked for data channels.
    pub fn open_channel(&mut self, label: &str) {
        if self.lane.is_some() && self.own.is_none() {
            self.own = Some(Lane::open(&mut self.rtc, label));
            self.drain();
        }
    }

    fn register(&mut self) {
        let ufrag = self.rtc.direct_api().local_ice_credentials().ufrag;
        self.registration.add_ufrag(&ufrag);
    }

    /// Takes a datagram from the mailbox.
    pub fn receive(&mut self, datagram: &Datagram, now: Instant) {
        let Datagram { source, local, protocol, bytes } = datagram;
        let Ok(receive) = Receive::new(*protocol, *source, *local, bytes) else { return };
        let input = Input::Receive(now, receive);
        // For STUN this checks the integrity: only then may the source stand for the call.
        if !self.rtc.accepts(&input) {
            return;
        }
        if is_stun(bytes) {
            self.registration.learn(*protocol, *source);
        }
        self.last_heard = now;
        self.apply(input);
    }

    /// Lets time pass. Due at [`Peer::deadline`] at the latest.
    pub fn timeout(&mut self, now: Instant) {
        self.apply(Input::Timeout(now));
    }

    /// When [`Peer::timeout`] is due.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When a datagram that belongs to this peer last came in.
    #[must_use]
    pub const fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// Takes the next event.
    pub fn poll(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// Sends a message on the event channel, after all earlier ones. It waits until the channel is open; a peer that
    /// offered none gets nothing.
    ///
    /// # Errors
    /// [`Overflow`] if the far end takes nothing; the message is dropped.
    pub fn send_text(&mut self, text: String) -> Result<(), Overflow> {
        let Some(lane) = self.lane.as_mut() else { return Ok(()) };
        lane.push(text)?;
        self.flush();
        self.drain();
        Ok(())
    }

    /// Sends a message on the channel that we opened; without one it goes nowhere.
    ///
    /// # Errors
    /// [`Overflow`] as in [`Peer::send_text`].
    pub fn send_own(&mut self, text: String) -> Result<(), Overflow> {
        let Some(own) = self.own.as_mut() else { return Ok(()) };
        own.push(text)?;
        self.flush();
        self.drain();
        Ok(())
    }

    /// Whether every message has arrived at the far end.
    pub fn is_flushed(&mut self) -> bool {
        [&self.lane, &self.own].into_iter().flatten().all(|lane| lane.is_flushed(&mut self.rtc))
    }

    /// The latest round trip on the path in use.
    #[must_use]
    pub const fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Sends one frame of audio; `marker` on the first after silence (RFC 3551, section 4.1).
    pub fn send_audio(&mut self, packet: &[u8], marker: bool, now: Instant) {
        let Some(out) = self.audio.as_mut() else { return };
        let (seq_no, time) = (out.seq_no.inc(), out.time);
        out.time = out.time.wrapping_add(FRAME_TICKS);
        let (mid, pt) = (out.mid, out.pt);
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.write_rtp(RtpWrite::new(pt, seq_no, time, now, packet).marker(marker));
        }
        self.timeout(now);
    }

    /// Lets the timestamp pass over frames that were never sent.
    pub fn skip_audio(&mut self, frames: u32) {
        if let Some(out) = self.audio.as_mut() {
            out.time = out.time.wrapping_add(FRAME_TICKS.wrapping_mul(frames));
        }
    }

    /// Says good-bye, as far as the network carries it.
    pub fn close(&mut self) {
        if self.rtc.close().is_ok() {
            self.drain();
        }
        self.closed = true;
    }

    fn apply(&mut self, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "peer connection broke");
            self.end();
        }
        self.flush();
        self.drain();
    }

    /// Hands messages to the channels as long as they take them.
    fn flush(&mut self) {
        let rtc = &mut self.rtc;
        let flushed = [&mut self.lane, &mut self.own].into_iter().flatten().try_for_each(|lane| lane.flush(rtc));
        if let Err(error) = flushed {
            tracing::debug!(%error, "data channel broke");
            self.end();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.deadline = at;
                    return;
                }
                Ok(Output::Transmit(it)) => self.port.send(it.proto, it.source, it.destination, &it.contents),
                Ok(Output::Event(event)) => self.on_event(event),
                Err(error) => {
                    tracing::debug!(%error, "peer connection broke");
                    self.end();
                    self.deadline += Duration::from_secs(1);
                    return;
                }
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected => self.events.push_back(PeerEvent::Connected),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                tracing::debug!("no path to the peer for now");
            }
            Event::ChannelOpen(id, label) => {
                if label == EVENTS_LABEL && self.lane.as_mut().is_some_and(|lane| lane.opened(id)) {
                    self.events.push_back(PeerEvent::ChannelOpen);
                }
                self.flush();
            }
            Event::ChannelData(data) if self.lane.as_ref().is_some_and(|lane| lane.is(data.id)) => {
                // Text by its meaning: some clients send their JSON as binary.
                let text = String::from_utf8_lossy(&data.data).into_owned();
                self.events.push_back(PeerEvent::Text(text));
            }
            Event::ChannelClose(id) if self.lane.as_ref().is_some_and(|lane| lane.is(id)) => self.end(),
            Event::ChannelClose(id) => _ = self.own.take_if(|own| own.is(id)),
            Event::MediaEgressStats(stats) => {
                self.events.extend(stats.loss.map(|loss| PeerEvent::Report { loss: f64::from(loss) }));
            }
            Event::PeerStats(stats) => {
                let pair = stats.selected_candidate_pair;
                self.rtt = pair.and_then(|pair| pair.current_round_trip_time).or(self.rtt);
            }
            Event::RtpPacket(packet) => {
                let payload = Bytes::copy_from_slice(&packet.payload);
                self.events.push_back(PeerEvent::Audio { seq: *packet.seq_no, payload });
            }
            Event::Closed => self.end(),
            _ => {}
        }
    }

    fn end(&mut self) {
        if !self.closed {
            self.closed = true;
            self.events.push_back(PeerEvent::Closed);
        }
    }
}

/// RFC 7983: the first byte tells the protocols of one port apart.
fn is_stun(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first <= 3)
}

fn parse(text: &str) -> Result<SdpOffer, OfferError> {
    SdpOffer::from_sdp_string(&offer::prepare(text)?).map_err(|_| OfferError::NotSdp)
}

#[cfg(test)]
mod tests {
    use str0m::media::{Direction, MediaKind};
    use str0m::net::Protocol;

    use super::*;
    use crate::server::rtc::PortSettings;

    fn offer() -> String {
        let mut rtc = Rtc::builder().clear_codecs().enable_opus(true, false).build(Instant::now());
        let mut change = rtc.sdp_api();
        change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        change.add_channel(EVENTS_LABEL.to_owned());
        change.apply().unwrap().0.to_sdp_string()
    }

    #[tokio::test]
    async fn an_offer_without_candidates_is_answered_as_the_dtls_client() {
        let public_ips = vec!["203.0.113.7".parse().unwrap()];
        let settings = PortSettings { tcp_port: Some(0), public_ips, ..PortSettings::default() };
        let port = Port::open(&settings).await.unwrap();
        let (registration, _mail) = port.demux().register();
        let (_peer, answer) = Peer::answer(&port, registration, &offer(), Instant::now()).unwrap();
        assert!(answer.contains("a=setup:active"), "{answer}");
        assert!(!answer.contains("a=ice-lite"));
        let number = port.advertised()[0].port();
        assert!(answer.contains(&format!("127.0.0.1 {number} typ host")), "{answer}");
        assert!(answer.contains(&format!("203.0.113.7 {number} typ host")), "{answer}");
        let number = port.advertised_tcp()[0].port();
        for ip in ["127.0.0.1", "203.0.113.7"] {
            assert!(answer.contains(&format!("{ip} {number} typ host tcptype passive")), "{answer}");
        }
        port.close();
    }

    /// S004-07: an address that a page names is not sent to, however long nobody connects.
    #[tokio::test]
    async fn a_bystander_that_an_offer_names_is_left_alone() {
        let bystander = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        bystander.set_nonblocking(true).unwrap();
        let named = bystander.local_addr().unwrap().port();
        let offer = offer() + &format!("a=candidate:1 1 udp 2122260223 127.0.0.1 {named} typ host\r\n");
        let port = Port::open(&PortSettings::default()).await.unwrap();
        let local = *port.advertised().last().unwrap();
        // A socket is not ready from the first moment on.
        while bystander.recv(&mut [0; 2_048]).is_err() {
            tokio::task::yield_now().await;
            port.send(Protocol::Udp, local, bystander.local_addr().unwrap(), b"ready");
        }
        let (registration, _mail) = port.demux().register();
        let mut now = Instant::now();
        let (mut peer, _) = Peer::answer(&port, registration, &offer, now).unwrap();
        for _ in 0..200 {
            now += Duration::from_millis(50);
            peer.timeout(now);
        }
        // What goes over loopback has arrived when it is sent.
        let heard = bystander.recv(&mut [0; 2_048]);
        assert_eq!(heard.map_err(|it| it.kind()), Err(std::io::ErrorKind::WouldBlock));
        port.close();
    }

    #[tokio::test]
    async fn a_restart_with_another_certificate_is_refused() {
        let port = Port::open(&PortSettings::default()).await.unwrap();
        let (registration, _mail) = port.demux().register();
        let (mut peer, _) = Peer::answer(&port, registration, &offer(), Instant::now()).unwrap();
        assert_eq!(peer.restart(&offer(), Instant::now()), Err(OfferError::OtherCall));
        port.close();
    }
}
