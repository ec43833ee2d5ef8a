//! One WebRTC peer: the far end of a call.
//!
//! [`Peer`] owns the sans-IO peer connection and keeps its rules: after every change the output is drained, messages wait
//! in order until the data channel takes them, audio leaves with continuous sequence numbers and timestamps. Its owner
//! feeds datagrams and time, and takes [`PeerEvent`]s.

mod audio;
mod channels;
mod negotiation;
#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc};

use self::audio::AudioOut;
use self::channels::Channels;
pub use self::channels::EVENTS_LABEL;
use super::demux::Registration;
use super::port::{Datagram, Port};
use super::stun;

/// How often we look at what the far end reports.
const REPORTS: Duration = Duration::from_secs(1);

/// Addresses that a far end may check from until it restarts ICE. Behind the strictest NAT a browser has one for each
/// pair of an interface of its own and an address of ours. The peer connection forgets none of them.
const MAX_SOURCES: usize = 64;

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
    /// What every offer of this call has in common.
    outline: String,
    audio: AudioOut,
    channels: Channels,
    /// Where the far end has checked from since the last restart.
    sources: HashSet<(Protocol, SocketAddr)>,
    events: VecDeque<PeerEvent>,
    rtt: Option<Duration>,
    deadline: Instant,
    last_heard: Instant,
    closed: bool,
}

impl Peer {
    /// Takes a datagram from the mailbox.
    pub fn receive(&mut self, datagram: &Datagram, now: Instant) {
        let Datagram { source, local, protocol, bytes } = datagram;
        let Ok(receive) = Receive::new(*protocol, *source, *local, bytes) else { return };
        let input = Input::Receive(now, receive);
        // For STUN from a new place this checks the integrity: only then may the source stand for the call.
        if !self.rtc.accepts(&input) || !self.admit(datagram) {
            return;
        }
        self.last_heard = now;
        // What it cannot read may be anybody's: whoever forges a source ends no call.
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "datagram passed over");
        }
        self.flush();
        self.drain();
    }

    /// Learns from a verified message where the far end is. False if it is at too many places.
    fn admit(&mut self, Datagram { source, protocol, bytes, .. }: &Datagram) -> bool {
        let on_udp = *protocol == Protocol::Udp;
        if stun::is_binding_request(bytes) {
            let place = (*protocol, *source);
            if self.sources.len() >= MAX_SOURCES && !self.sources.contains(&place) {
                return false;
            }
            self.sources.insert(place);
            if on_udp {
                self.registration.claim(*source);
            }
        } else if on_udp && stun::is_stun(bytes) {
            self.registration.prove(*source);
        }
        true
    }

    /// Lets time pass. Due at [`Peer::deadline`] at the latest.
    pub fn timeout(&mut self, now: Instant) {
        if let Err(error) = self.rtc.handle_input(Input::Timeout(now)) {
            tracing::debug!(%error, "peer connection broke");
            self.end();
        }
        self.flush();
        self.drain();
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

    /// The latest round trip on the path in use.
    #[must_use]
    pub const fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Says good-bye, as far as the network carries it.
    pub fn close(&mut self) {
        if self.rtc.close().is_ok() {
            self.drain();
        }
        self.closed = true;
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
                match self.channels.opened(id, &label) {
                    Ok(true) => self.events.push_back(PeerEvent::ChannelOpen),
                    Ok(false) => {}
                    Err(_) => self.end(),
                }
                self.flush();
            }
            Event::ChannelData(data) if self.channels.carries_events(data.id) => {
                // Text by its meaning: some clients send their JSON as binary.
                let text = String::from_utf8_lossy(&data.data).into_owned();
                self.events.push_back(PeerEvent::Text(text));
            }
            Event::ChannelClose(id) if self.channels.carries_events(id) => self.end(),
            Event::ChannelClose(id) => self.channels.closed(id),
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
