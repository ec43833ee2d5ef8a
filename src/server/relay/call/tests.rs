//! One turn of a call at a time.

use bytes::Bytes;
use str0m::Rtc;
use str0m::media::{Direction, MediaKind};
use str0m::net::Protocol;

use super::*;
use crate::server::provider::{Provider, Settings};
use crate::server::rtc::{Port, PortSettings};

/// The ends of a call that belong to others.
struct Ends {
    datagrams: mpsc::Sender<Datagram>,
    commands: mpsc::Sender<Command>,
    provider: mpsc::Sender<FromSideband>,
}

/// A call whose browser has not connected yet, and whose provider's session says what the test does.
fn call(port: &Port) -> (Call, Ends) {
    let mut rtc = Rtc::builder().clear_codecs().enable_opus(true, false).build(Instant::now());
    let mut change = rtc.sdp_api();
    change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
    let offer = change.apply().unwrap().0.to_sdp_string();
    let (registration, _) = port.demux().register();
    let (peer, _) = Peer::answer(port, registration, &offer, Instant::now()).unwrap();
    let upstream = Provider::new(Settings::nowhere()).unwrap().converse("Mariam", "s", |_| Box::pin(async {}));
    let ((datagrams, mail), (commands, inbox), (provider, reports)) =
        (mpsc::channel(64), mpsc::channel(8), mpsc::channel(8));
    (Call::new(peer, upstream, mail, inbox, reports), Ends { datagrams, commands, provider })
}

fn noise() -> Datagram {
    let source = "192.0.2.1:9".parse().unwrap();
    Datagram { source, local: source, protocol: Protocol::Udp, bytes: Bytes::from_static(&[0xff; 40]) }
}

/// Somebody who sends datagrams without an end keeps neither the provider nor the session from being heard.
#[tokio::test]
async fn a_flood_of_datagrams_starves_nobody() {
    let port = Port::open(&PortSettings::default()).await.unwrap();
    let (mut call, ends) = call(&port);
    let mut beat = tokio::time::interval(FRAME);
    ends.provider.send(FromSideband::Opened).await.unwrap();
    ends.commands.send(Command::Buffered(3 * SOUND_CARD)).await.unwrap();
    let mut turns = 0;
    while !call.open || call.buffered != 3 * SOUND_CARD {
        while ends.datagrams.try_send(noise()).is_ok() {}
        call.step(&mut beat).await.unwrap();
        turns += 1;
        assert!(turns < 500, "nobody else had a turn");
    }
    port.close();
}

/// The session is told of a call once sound can flow from end to end: not when the provider alone is there.
#[tokio::test]
async fn a_call_stands_when_both_ends_do() {
    let port = Port::open(&PortSettings::default()).await.unwrap();
    for provider_first in [true, false] {
        let (mut call, _ends) = call(&port);
        let mut told = Vec::new();
        for provider in [provider_first, !provider_first] {
            if provider {
                call.provider(FromSideband::Opened).unwrap();
            } else {
                call.peer_event(PeerEvent::Connected).unwrap();
            }
            told.push(call.news.drain(..).count());
        }
        // Again after an ICE restart.
        call.peer_event(PeerEvent::Connected).unwrap();
        assert_eq!((told, call.news.len()), (vec![0, 1], 0));
    }
    port.close();
}
