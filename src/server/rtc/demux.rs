//! Which call a datagram belongs to.
//!
//! A STUN request names the call itself: the first half of its USERNAME is the fragment that we put into the answer
//! (RFC 8445, section 7.2.2). Everything else is known by its source address, which a call learns once a STUN request from
//! there has passed the integrity check. Whoever forges a source gets the address of somebody else's call until that call's next
//! check at the most.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use str0m::net::Protocol;
use tokio::sync::mpsc;

use super::port::Datagram;

/// Datagrams that may wait for one call: a fifth of a second of audio. More are dropped, as a full socket buffer would.
const MAILBOX: usize = 64;

/// Addresses remembered for one call. A phone that wanders between networks uses two or three.
const MAX_ADDRESSES: usize = 16;

/// Where packets come from. The same address is another one on another protocol.
type Source = (Protocol, SocketAddr);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    by_ufrag: HashMap<String, Entry>,
    by_address: HashMap<Source, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    call: u64,
    mailbox: mpsc::Sender<Datagram>,
}

/// The table of all calls on the port. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Demux(Arc<Mutex<Table>>);

impl Demux {
    /// Opens a mailbox for a new call.
    #[must_use]
    pub fn register(&self) -> (Registration, mpsc::Receiver<Datagram>) {
        let (mailbox, datagrams) = mpsc::channel(MAILBOX);
        let mut table = self.lock();
        table.next += 1;
        let entry = Entry { call: table.next, mailbox };
        drop(table);
        (Registration { demux: self.clone(), entry, addresses: Vec::new() }, datagrams)
    }

    /// Drops the datagram into the mailbox of its call. Answers whether somebody took it.
    pub fn deliver(&self, datagram: Datagram) -> bool {
        let table = self.lock();
        let entry = match stun_ufrag(&datagram.bytes) {
            Some(ufrag) => table.by_ufrag.get(ufrag),
            None => table.by_address.get(&(datagram.protocol, datagram.source)),
        };
        entry.is_some_and(|entry| entry.mailbox.try_send(datagram).is_ok())
    }

    /// Whether a call has verified this source.
    #[must_use]
    pub fn knows(&self, protocol: Protocol, source: SocketAddr) -> bool {
        self.lock().by_address.contains_key(&(protocol, source))
    }

    // A panic elsewhere cannot leave the table half written: every change is one call on a map.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's place in the table. Dropping it forgets every name and address of the call.
#[derive(Debug)]
pub struct Registration {
    demux: Demux,
    entry: Entry,
    addresses: Vec<Source>,
}

impl Registration {
    /// Sends STUN requests for `ufrag` to this call. Earlier fragments stay valid: an ICE restart is not instant.
    pub fn add_ufrag(&self, ufrag: &str) {
        self.demux.lock().by_ufrag.insert(ufrag.to_owned(), self.entry.clone());
    }

    /// Sends everything from `source` to this call. Call it for verified sources only, and every time: a datagram with a forged
    /// source may have given the address to another call since.
    pub fn learn(&mut self, protocol: Protocol, source: SocketAddr) {
        let source = (protocol, source);
        let mut table = self.demux.lock();
        if self.addresses.contains(&source) {
            table.by_address.insert(source, self.entry.clone());
            return;
        }
        if self.addresses.len() >= MAX_ADDRESSES {
            let oldest = self.addresses.remove(0);
            table.forget(&oldest, self.entry.call);
        }
        table.by_address.insert(source, self.entry.clone());
        self.addresses.push(source);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut table = self.demux.lock();
        table.by_ufrag.retain(|_, entry| entry.call != self.entry.call);
        for address in &self.addresses {
            table.forget(address, self.entry.call);
        }
    }
}

impl Table {
    /// Another call may have taken the address over since.
    fn forget(&mut self, address: &Source, call: u64) {
        if self.by_address.get(address).is_some_and(|entry| entry.call == call) {
            self.by_address.remove(address);
        }
    }
}

/// Whether these bytes ask whether we are there (RFC 8489, section 5).
pub(super) fn is_binding_request(bytes: &[u8]) -> bool {
    const BINDING_REQUEST: [u8; 2] = [0, 1];
    const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

    bytes.get(..2) == Some(&BINDING_REQUEST) && bytes.get(4..8) == Some(&MAGIC_COOKIE)
}

/// The local fragment in the USERNAME of a STUN binding request, or `None` for anything else (RFC 8489, section 5).
fn stun_ufrag(bytes: &[u8]) -> Option<&str> {
    const USERNAME: [u8; 2] = [0, 6];
    const HEADER_BYTES: usize = 20;

    if !is_binding_request(bytes) {
        return None;
    }
    let mut rest = bytes.get(HEADER_BYTES..)?;
    while let [kind_1, kind_2, len_1, len_2, attributes @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*len_1, *len_2]));
        let value = attributes.get(..len)?;
        if [*kind_1, *kind_2] == USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        rest = attributes.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn binding_request(username: &str) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        bytes.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]); // SOFTWARE, padded
        bytes.extend([0, 6]);
        bytes.extend(u16::try_from(username.len()).unwrap().to_be_bytes());
        bytes.extend(username.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn from(source: &str, bytes: &[u8]) -> Datagram {
        let local = "127.0.0.1:1".parse().unwrap();
        let bytes = Bytes::copy_from_slice(bytes);
        Datagram { source: source.parse().unwrap(), local, protocol: Protocol::Udp, bytes }
    }

    #[test]
    fn the_username_of_a_binding_request_names_the_call() {
        assert_eq!(stun_ufrag(&binding_request("ours:theirs")), Some("ours"));
        let mut answer = binding_request("ours:theirs");
        answer[0] = 1;
        assert_eq!(stun_ufrag(&answer), None);
        let whole = binding_request("ours:theirs");
        for cut in 0..whole.len() - 1 {
            assert_eq!(stun_ufrag(&whole[..cut]), None, "cut to {cut}");
        }
    }

    #[test]
    fn two_calls_on_one_port_do_not_mix() {
        let demux = Demux::default();
        let (mut first, mut first_mail) = demux.register();
        let (second, mut second_mail) = demux.register();
        first.add_ufrag("one");
        second.add_ufrag("two");
        assert!(demux.deliver(from("10.0.0.1:1", &binding_request("two:x"))));
        assert!(second_mail.try_recv().is_ok());
        // Media is refused until its source is verified.
        assert!(!demux.deliver(from("10.0.0.1:1", &[128, 0])));
        first.learn(Protocol::Udp, "10.0.0.1:1".parse().unwrap());
        assert!(demux.deliver(from("10.0.0.1:1", &[128, 0])));
        assert!(first_mail.try_recv().is_ok());
        // A request still goes where its name says.
        assert!(demux.deliver(from("10.0.0.1:1", &binding_request("two:x"))));
        assert!(second_mail.try_recv().is_ok());
    }

    /// One datagram with a forged source does not make a call deaf: its next check takes the address back.
    #[test]
    fn a_call_takes_its_address_back() {
        let demux = Demux::default();
        let (mut owner, mut mail) = demux.register();
        let (mut thief, mut stolen) = demux.register();
        let source = "10.0.0.1:1".parse().unwrap();
        owner.learn(Protocol::Udp, source);
        thief.learn(Protocol::Udp, source);
        assert!(demux.deliver(from("10.0.0.1:1", &[128, 0])) && stolen.try_recv().is_ok());
        owner.learn(Protocol::Udp, source);
        assert!(demux.deliver(from("10.0.0.1:1", &[128, 0])) && mail.try_recv().is_ok());
        drop(thief);
        assert!(demux.deliver(from("10.0.0.1:1", &[128, 0])), "who leaves takes nothing of it along");
    }

    #[test]
    fn a_call_that_ended_leaves_nothing_behind() {
        let demux = Demux::default();
        let (mut ended, _mail) = demux.register();
        ended.add_ufrag("one");
        for port in 1..40 {
            ended.learn(Protocol::Udp, SocketAddr::from(([10, 0, 0, 1], port)));
        }
        assert_eq!(demux.lock().by_address.len(), MAX_ADDRESSES);
        let (mut heir, _heirs_mail) = demux.register();
        heir.learn(Protocol::Udp, SocketAddr::from(([10, 0, 0, 1], 39)));
        drop(ended);
        assert_eq!(demux.lock().by_address.len(), 1);
        assert!(demux.lock().by_ufrag.is_empty());
    }

    #[test]
    fn a_mailbox_is_bounded() {
        let demux = Demux::default();
        let (call, _mail) = demux.register();
        call.add_ufrag("one");
        let taken = (0..1_000).filter(|_| demux.deliver(from("10.0.0.1:1", &binding_request("one:x")))).count();
        assert_eq!(taken, MAILBOX);
    }
}
