//! A peer and a far end that means it well, or not.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use super::*;
use crate::server::rtc::{OfferError, PortSettings};

const LIMIT: Duration = Duration::from_secs(20);

/// The far end of a call.
struct Far {
    rtc: Box<Rtc>,
    pending: Option<SdpPendingOffer>,
    socket: UdpSocket,
    /// Where our peer is reached.
    near: Option<SocketAddr>,
    events: Option<ChannelId>,
}

impl Far {
    async fn offer() -> (Self, String) {
        Self::configured(RtcConfig::default()).await
    }

    async fn configured(config: RtcConfig) -> (Self, String) {
        str0m::crypto::from_feature_flags().install_process_default();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut rtc = Box::new(config.clear_codecs().enable_opus(true, false).build(Instant::now()));
        rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), "udp").unwrap());
        let mut change = rtc.sdp_api();
        change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        change.add_channel(EVENTS_LABEL.to_owned());
        let (offer, pending) = change.apply().unwrap();
        (Self { rtc, pending: Some(pending), socket, near: None, events: None }, offer.to_sdp_string())
    }

    fn restart(&mut self) -> String {
        let mut change = self.rtc.sdp_api();
        change.ice_restart(true);
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => return at,
                // What goes to another interface does not leave a loopback socket.
                Output::Transmit(it) if it.destination.ip().is_loopback() => {
                    self.near = Some(it.destination);
                    _ = self.socket.try_send_to(&it.contents, it.destination);
                }
                Output::Event(Event::ChannelOpen(id, label)) if label == EVENTS_LABEL => self.events = Some(id),
                Output::Transmit(_) | Output::Event(_) => {}
            }
        }
    }

    /// The first byte of what came in and was not looked at.
    async fn waiting(&mut self) -> Option<u8> {
        self.drain();
        let mut first = [0; 1];
        let peeked = timeout(Duration::from_millis(1), self.socket.peek(&mut first)).await;
        peeked.is_ok().then_some(first[0])
    }

    /// Says something that is no message of the far end's connection.
    async fn forge(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.near.unwrap()).await.unwrap();
    }
}

/// Both ends.
struct Pair {
    port: Port,
    peer: Box<Peer>,
    mail: mpsc::Receiver<Datagram>,
    far: Far,
}

impl Pair {
    async fn new() -> Self {
        Self::of(Far::offer().await).await
    }

    async fn of((mut far, offer): (Far, String)) -> Self {
        let port = Port::open(&PortSettings::default()).await.unwrap();
        let (registration, mail) = port.demux().register();
        let (peer, answer) = Peer::answer(&port, registration, &offer, Instant::now()).unwrap();
        far.accept(&answer);
        Self { port, peer: Box::new(peer), mail, far }
    }

    async fn connected() -> Self {
        let mut pair = Self::new().await;
        pair.until(PeerEvent::ChannelOpen).await;
        pair
    }

    /// Lets both ends do what they have to until our peer says this.
    async fn until(&mut self, wanted: PeerEvent) {
        let seen = timeout(LIMIT, async {
            loop {
                let event = self.next().await;
                if event == wanted {
                    return;
                }
                assert_ne!(event, PeerEvent::Closed);
            }
        });
        assert!(seen.await.is_ok(), "{wanted:?}");
    }

    async fn next(&mut self) -> PeerEvent {
        loop {
            if let Some(event) = self.peer.poll() {
                return event;
            }
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let Self { peer, mail, far, .. } = self;
        let mut bytes = vec![0; 2_048];
        let deadline = far.drain().min(peer.deadline());
        tokio::select! {
            Some(datagram) = mail.recv() => peer.receive(&datagram, Instant::now()),
            received = far.socket.recv_from(&mut bytes) => {
                let (len, source) = received.unwrap();
                let local = far.socket.local_addr().unwrap();
                let receive = Receive::new(Protocol::Udp, source, local, &bytes[..len]).unwrap();
                far.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
            }
            () = sleep_until(deadline.into()) => {
                far.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
                peer.timeout(Instant::now());
            }
        }
    }
}

/// A socket that somebody else has. What goes over loopback has arrived when it is sent.
struct Bystander(std::net::UdpSocket);

impl Bystander {
    /// Comes back when `port` can send, which it cannot from the first moment on.
    async fn new(port: &Port) -> Self {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let new = Self(socket);
        let local = *port.advertised().last().unwrap();
        while !new.heard() {
            tokio::task::yield_now().await;
            port.send(Protocol::Udp, local, new.address(), b"ready");
        }
        new
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn heard(&self) -> bool {
        match self.0.recv(&mut [0; 2_048]) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn an_offer_without_candidates_is_answered_as_the_dtls_client() {
    let public_ips = vec!["203.0.113.7".parse().unwrap()];
    let settings = PortSettings { tcp_port: Some(0), public_ips, ..PortSettings::default() };
    let port = Port::open(&settings).await.unwrap();
    let (registration, _mail) = port.demux().register();
    let (_, offer) = Far::offer().await;
    let (_peer, answer) = Peer::answer(&port, registration, &offer, Instant::now()).unwrap();
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
    let port = Port::open(&PortSettings::default()).await.unwrap();
    let bystander = Bystander::new(&port).await;
    let (_, offer) = Far::offer().await;
    let named = bystander.address().port();
    let offer = format!("{offer}a=candidate:1 1 udp 2122260223 127.0.0.1 {named} typ host\r\n");
    let (registration, _mail) = port.demux().register();
    let mut now = Instant::now();
    let (mut peer, _) = Peer::answer(&port, registration, &offer, now).unwrap();
    for _ in 0..200 {
        now += Duration::from_millis(50);
        peer.timeout(now);
    }
    assert!(!bystander.heard());
    port.close();
}

/// Every place that a far end checks from is remembered and checked in turn: there is an end to them, until it restarts.
#[tokio::test]
async fn a_far_end_is_not_everywhere() {
    let Pair { port, mut peer, mut far, mail: _mail } = Pair::new().await;
    let (first, last) = (Bystander::new(&port).await, Bystander::new(&port).await);
    let now = Instant::now();
    let check = |far: &mut Far| loop {
        match far.rtc.poll_output().unwrap() {
            Output::Transmit(it) if it.destination.ip().is_loopback() => return it,
            Output::Timeout(at) => far.rtc.handle_input(Input::Timeout(at)).unwrap(),
            _ => {}
        }
    };
    let it = check(&mut far);
    let from = |source| Datagram {
        source,
        local: it.destination,
        protocol: Protocol::Udp,
        bytes: Bytes::copy_from_slice(&it.contents),
    };
    // Without the password there is no answer: whose address is forged gets nothing from us.
    let mut unsigned = it.contents.to_vec();
    let signature = unsigned.len() - 12;
    unsigned[signature] ^= 1;
    peer.receive(&Datagram { bytes: unsigned.into(), ..from(first.address()) }, now);
    assert!(!first.heard());
    let more = (1..MAX_SOURCES).map(|port| SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap())));
    for source in std::iter::once(first.address()).chain(more) {
        peer.receive(&from(source), now);
    }
    assert!(first.heard(), "a check is answered");
    while first.heard() {}
    peer.receive(&from(last.address()), now);
    assert!(!last.heard(), "not from one place more");
    peer.receive(&from(first.address()), now);
    assert!(first.heard(), "and still from one that is known");

    let offer = far.restart();
    far.accept(&peer.restart(&offer, now).unwrap());
    let it = check(&mut far);
    let bytes = Bytes::copy_from_slice(&it.contents);
    peer.receive(&Datagram { bytes, ..from(last.address()) }, now);
    assert!(last.heard());
    port.close();
}

/// Who forges the far end's address ends no call: not by an alert while there are no keys yet to sign it with, and not by
/// anything after that.
#[tokio::test]
async fn what_nobody_has_signed_ends_no_call() {
    const HANDSHAKE: u8 = 22;
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let mut pair = Pair::new().await;
    // Until our peer has said hello, and the far end has not heard it yet.
    while pair.far.waiting().await != Some(HANDSHAKE) {
        pair.step().await;
    }
    pair.far.forge(&alert).await;
    pair.until(PeerEvent::ChannelOpen).await;

    let part = |n| vec![HANDSHAKE, 254, 253, 0, 0, 0, 0, 0, 0, 1, n, 0, 13, 2, 0, 0, 1, 0, n, 0, 0, 0, 0, 0, 1, 0];
    let forged = [alert.to_vec(), alert[..9].to_vec(), vec![128; 40], vec![200; 40]];
    for bytes in forged.into_iter().chain((0..100).map(part)) {
        pair.far.forge(&bytes).await;
        pair.step().await;
    }
    while pair.far.events.is_none() {
        pair.step().await;
    }
    let id = pair.far.events.unwrap();
    assert!(pair.far.rtc.channel(id).unwrap().write(false, b"hello").unwrap());
    pair.until(PeerEvent::Text("hello".to_owned())).await;
    pair.port.close();
}

/// Channels cost memory, and a call needs two.
#[tokio::test]
async fn a_far_end_cannot_open_channels_without_end() {
    let mut pair = Pair::connected().await;
    for n in 0..100 {
        let config = ChannelConfig { label: n.to_string(), ..ChannelConfig::default() };
        pair.far.rtc.direct_api().create_data_channel(config);
    }
    pair.until(PeerEvent::Closed).await;
    pair.port.close();
}

/// A restart that is refused for what it offers leaves everything as it was.
#[tokio::test]
async fn a_restart_is_of_the_same_call() {
    let Pair { port, mut peer, mut far, mail: _mail } = Pair::new().await;
    let (_, another) = Far::offer().await;
    let offer = far.restart();
    let mid = offer.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap();
    let before = peer.rtc.direct_api().local_ice_credentials();
    for (what, refused, why) in [
        ("another certificate", another, OfferError::OtherCall),
        ("another name", offer.replace(&format!("a=mid:{mid}"), "a=mid:x"), OfferError::OtherCall),
        ("another bundle", offer.replace("a=group:BUNDLE ", "a=group:BUNDLE x "), OfferError::OtherCall),
        ("no data channel", offer.split("m=application").next().unwrap().to_owned(), OfferError::OtherCall),
        ("no credentials", offer.replace("a=ice-pwd:", "a=x:"), OfferError::Credentials),
        ("no SDP", offer.replace("s=-", "s"), OfferError::NotSdp),
    ] {
        assert_eq!(peer.restart(&refused, Instant::now()), Err(why), "{what}");
        assert_eq!(peer.rtc.direct_api().local_ice_credentials(), before, "{what}");
    }
    assert_eq!(peer.poll(), None);
    far.accept(&peer.restart(&offer, Instant::now()).unwrap());
    assert_ne!(peer.rtc.direct_api().local_ice_credentials(), before);
    port.close();
}

/// One that cannot be agreed to has cost the call its path already: it ends, and does not wait for nobody.
#[tokio::test]
async fn a_restart_that_contradicts_the_call_ends_it() {
    // An association that was set up within the offer has to be named in every later one.
    let far = Far::configured(RtcConfig::default().set_snap_enabled(true)).await;
    let Pair { port, mut peer, mut far, mail: _mail } = Pair::of(far).await;
    let offer = far.restart();
    let silent: String = offer.split_inclusive('\n').filter(|line| !line.starts_with("a=sctp-init:")).collect();
    assert_ne!(silent, offer);
    assert_eq!(peer.restart(&silent, Instant::now()), Err(OfferError::OtherCall));
    assert_eq!(peer.poll(), Some(PeerEvent::Closed));
    port.close();
}
