//! The mailbox of a peer: what every owner of one does with it.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::{Datagram, Peer};

/// Datagrams handled before anything else has its turn again.
const MAX_BATCH: usize = 32;
/// For the last words of a call to arrive.
const LINGER: Duration = Duration::from_millis(500);

/// Hands on `datagram` and what waits behind it.
pub fn receive(peer: &mut Peer, datagram: &Datagram, waiting: &mut mpsc::Receiver<Datagram>) {
    peer.receive(datagram, Instant::now());
    for _ in 1..MAX_BATCH {
        let Ok(datagram) = waiting.try_recv() else { break };
        peer.receive(&datagram, Instant::now());
    }
}

/// Lets the last words arrive: closing at once would drop them.
pub async fn linger(peer: &mut Peer, datagrams: &mut mpsc::Receiver<Datagram>) {
    let limit = tokio::time::Instant::now() + LINGER;
    while !peer.is_flushed() {
        let deadline = tokio::time::Instant::from_std(peer.deadline());
        tokio::select! {
            () = sleep_until(limit) => return,
            () = sleep_until(deadline) => peer.timeout(Instant::now()),
            Some(datagram) = datagrams.recv() => peer.receive(&datagram, Instant::now()),
        }
    }
}
