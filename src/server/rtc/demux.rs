//! Which call a packet belongs to.
//!
//! A STUN request names the call itself: the first half of its USERNAME is the fragment that we put into the answer
//! (RFC 8445, section 7.2.2). A TCP connection belongs to the call that its first frame names. Other datagrams are known by
//! their source address. A call claims an address when a STUN request from there has passed the integrity check, and proves
//! it when its own check is answered from there. Whoever forges a source can claim what is nobody's yet, and prove nothing.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::port::Datagram;
use super::stun;

/// Datagrams that may wait for one call: a fifth of a second of audio. More are dropped, as a full socket buffer would.
const MAILBOX: usize = 64;

/// Addresses remembered for one call. A phone that wanders between networks uses two or three.
const MAX_ADDRESSES: usize = 16;

/// Names of one call: that of the latest answer, and that of the one before, as an ICE restart is not instant.
const MAX_UFRAGS: usize = 2;

#[derive(Debug, Default)]
struct Table {
    next: u64,
    by_ufrag: HashMap<String, Mailbox>,
    by_address: HashMap<SocketAddr, Contact>,
}

/// Where the packets of a call go. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Mailbox {
    call: u64,
    sender: mpsc::Sender<Datagram>,
}

impl Mailbox {
    /// Whether there was room for it.
    pub(super) fn put(&self, datagram: Datagram) -> bool {
        self.sender.try_send(datagram).is_ok()
    }

    /// Comes back when the call is over.
    pub(super) async fn closed(&self) {
        self.sender.closed().await;
    }
}

/// Whose an address is.
#[derive(Debug)]
struct Contact {
    owner: Mailbox,
    /// The latest of the others that claim it.
    claimant: Option<Mailbox>,
}

/// The table of all calls on the port. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Demux(Arc<Mutex<Table>>);

impl Demux {
    /// Opens a mailbox for a new call.
    #[must_use]
    pub fn register(&self) -> (Registration, mpsc::Receiver<Datagram>) {
        let (sender, datagrams) = mpsc::channel(MAILBOX);
        let mut table = self.lock();
        table.next += 1;
        let mailbox = Mailbox { call: table.next, sender };
        drop(table);
        let registration =
            Registration { demux: self.clone(), mailbox, ufrags: VecDeque::new(), addresses: VecDeque::new() };
        (registration, datagrams)
    }

    /// Drops a datagram of the UDP port into the mailbox of its call. Answers whether somebody took it.
    pub fn deliver(&self, datagram: Datagram) -> bool {
        let table = self.lock();
        if let Some(ufrag) = stun::ufrag(&datagram.bytes) {
            return table.by_ufrag.get(ufrag).is_some_and(|it| it.put(datagram));
        }
        let Some(Contact { owner, claimant }) = table.by_address.get(&datagram.source) else { return false };
        // The claimant's own check may be what is answered here: each of them looks for itself.
        let claimed = stun::is_stun(&datagram.bytes) && claimant.as_ref().is_some_and(|it| it.put(datagram.clone()));
        owner.put(datagram) || claimed
    }

    /// The mailbox of the call that a STUN request names.
    pub(super) fn named(&self, bytes: &[u8]) -> Option<Mailbox> {
        self.lock().by_ufrag.get(stun::ufrag(bytes)?).cloned()
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
    mailbox: Mailbox,
    /// The latest last.
    ufrags: VecDeque<String>,
    /// Those that were heard lately last.
    addresses: VecDeque<SocketAddr>,
}

impl Registration {
    /// Sends STUN requests for `ufrag` to this call. Of the earlier names only the latest stays valid. Answers whether the
    /// name is a new one.
    pub fn name(&mut self, ufrag: &str) -> bool {
        if self.ufrags.iter().any(|it| it == ufrag) {
            return false;
        }
        let mut table = self.demux.lock();
        if self.ufrags.len() >= MAX_UFRAGS
            && let Some(oldest) = self.ufrags.pop_front()
        {
            table.by_ufrag.remove(&oldest);
        }
        table.by_ufrag.insert(ufrag.to_owned(), self.mailbox.clone());
        self.ufrags.push_back(ufrag.to_owned());
        true
    }

    /// A STUN request from `source` has passed the integrity check: what comes from there goes to this call, unless it goes
    /// to another already.
    pub fn claim(&mut self, source: SocketAddr) {
        self.remember(source);
        let mailbox = self.mailbox.clone();
        let mut table = self.demux.lock();
        match table.by_address.get_mut(&source) {
            Some(contact) if contact.owner.call == mailbox.call => {}
            Some(contact) => contact.claimant = Some(mailbox),
            None => _ = table.by_address.insert(source, Contact { owner: mailbox, claimant: None }),
        }
    }

    /// `source` has answered a check of this call: what comes from there is for it alone.
    pub fn prove(&mut self, source: SocketAddr) {
        self.remember(source);
        let contact = Contact { owner: self.mailbox.clone(), claimant: None };
        self.demux.lock().by_address.insert(source, contact);
    }

    fn remember(&mut self, source: SocketAddr) {
        if let Some(known) = self.addresses.iter().position(|it| *it == source) {
            self.addresses.remove(known);
        } else if self.addresses.len() >= MAX_ADDRESSES
            && let Some(oldest) = self.addresses.pop_front()
        {
            self.demux.lock().forget(oldest, self.mailbox.call);
        }
        self.addresses.push_back(source);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut table = self.demux.lock();
        for ufrag in &self.ufrags {
            table.by_ufrag.remove(ufrag);
        }
        for address in &self.addresses {
            table.forget(*address, self.mailbox.call);
        }
    }
}

impl Table {
    /// What the call had of the address goes to whoever claims it, too.
    fn forget(&mut self, address: SocketAddr, call: u64) {
        let Some(contact) = self.by_address.get_mut(&address) else { return };
        if contact.claimant.as_ref().is_some_and(|it| it.call == call) {
            contact.claimant = None;
        }
        if contact.owner.call == call {
            match contact.claimant.take() {
                Some(claimant) => contact.owner = claimant,
                None => _ = self.by_address.remove(&address),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use str0m::net::Protocol;

    use super::stun::tests::binding_request;
    use super::*;

    fn from(source: &str, bytes: &[u8]) -> Datagram {
        let local = "127.0.0.1:1".parse().unwrap();
        let bytes = Bytes::copy_from_slice(bytes);
        Datagram { source: source.parse().unwrap(), local, protocol: Protocol::Udp, bytes }
    }

    const SOURCE: &str = "10.0.0.1:1";
    const MEDIA: [u8; 2] = [128, 0];
    const SUCCESS: [u8; 2] = [1, 1];

    fn source() -> SocketAddr {
        SOURCE.parse().unwrap()
    }

    #[test]
    fn two_calls_on_one_port_do_not_mix() {
        let demux = Demux::default();
        let (mut first, mut first_mail) = demux.register();
        let (mut second, mut second_mail) = demux.register();
        first.name("one");
        second.name("two");
        assert!(demux.deliver(from(SOURCE, &binding_request("two:x"))));
        assert!(second_mail.try_recv().is_ok());
        // Media is refused until its source is verified.
        assert!(!demux.deliver(from(SOURCE, &MEDIA)));
        first.claim(source());
        assert!(demux.deliver(from(SOURCE, &MEDIA)));
        assert!(first_mail.try_recv().is_ok());
        // A request still goes where its name says.
        assert!(demux.deliver(from(SOURCE, &binding_request("two:x"))));
        assert!(second_mail.try_recv().is_ok());
    }

    /// Datagrams with a forged source take nothing away from the call whose source that is, whoever was there first.
    #[test]
    fn only_who_proves_an_address_has_it() {
        for forger_first in [false, true] {
            let demux = Demux::default();
            let (mut owner, mut mail) = demux.register();
            let (mut forger, mut stolen) = demux.register();
            if forger_first {
                forger.claim(source());
            }
            owner.claim(source());
            // The answer to the owner's check comes to its mailbox in any case.
            assert!(demux.deliver(from(SOURCE, &SUCCESS)) && mail.try_recv().is_ok());
            owner.prove(source());
            while stolen.try_recv().is_ok() {}
            for _ in 0..3 {
                owner.claim(source());
                forger.claim(source());
                assert!(demux.deliver(from(SOURCE, &MEDIA)) && mail.try_recv().is_ok());
            }
            assert!(stolen.try_recv().is_err());
            drop(forger);
            assert!(demux.deliver(from(SOURCE, &MEDIA)), "who leaves takes nothing of it along");
        }
    }

    /// A NAT gives the address of a call that is not there any more to the next one.
    #[test]
    fn an_address_changes_hands() {
        let demux = Demux::default();
        let (mut lost, mut old_mail) = demux.register();
        let (mut heir, mut mail) = demux.register();
        lost.prove(source());
        heir.claim(source());
        assert!(demux.deliver(from(SOURCE, &SUCCESS)) && mail.try_recv().is_ok());
        heir.prove(source());
        while old_mail.try_recv().is_ok() {}
        assert!(demux.deliver(from(SOURCE, &MEDIA)) && mail.try_recv().is_ok());
        assert!(old_mail.try_recv().is_err());
        let (mut next, mut mail) = demux.register();
        next.claim(source());
        drop(heir);
        assert!(demux.deliver(from(SOURCE, &MEDIA)) && mail.try_recv().is_ok(), "and to who waits for it");
    }

    #[test]
    fn a_call_that_ended_leaves_nothing_behind() {
        let demux = Demux::default();
        let address = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let (mut ended, _mail) = demux.register();
        ended.name("one");
        for port in 1..40 {
            ended.claim(address(port));
            ended.prove(address(1));
        }
        assert_eq!(demux.lock().by_address.len(), MAX_ADDRESSES);
        assert!(demux.lock().by_address.contains_key(&address(1)), "one that is in use is kept");
        let (mut heir, _heirs_mail) = demux.register();
        heir.prove(address(39));
        drop(ended);
        assert_eq!(demux.lock().by_address.len(), 1);
        assert!(demux.lock().by_ufrag.is_empty());
    }

    /// Restarts without end do not fill the table.
    #[test]
    fn a_call_has_two_names_at_the_most() {
        let demux = Demux::default();
        let (mut call, _mail) = demux.register();
        for (name, new) in [("a", true), ("b", true), ("b", false), ("c", true)] {
            assert_eq!(call.name(name), new, "{name}");
        }
        for (name, known) in [("a", false), ("b", true), ("c", true)] {
            assert_eq!(demux.named(&binding_request(&format!("{name}:x"))).is_some(), known, "{name}");
        }
        assert_eq!(demux.lock().by_ufrag.len(), 2);
    }

    #[test]
    fn a_mailbox_is_bounded() {
        let demux = Demux::default();
        let (mut call, _mail) = demux.register();
        call.name("one");
        let taken = (0..1_000).filter(|_| demux.deliver(from(SOURCE, &binding_request("one:x")))).count();
        assert_eq!(taken, MAILBOX);
    }
}
