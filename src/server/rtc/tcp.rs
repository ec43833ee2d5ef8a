//! ICE over TCP, for networks that let no UDP through (RFC 6544). Browsers connect to us, we connect to nobody.
//!
//! Each packet travels as a frame with its length before it (RFC 4571). A connection has to name a call of ours with its
//! first frame, and the call has to answer within some seconds; whatever else connects is closed. From then on the connection
//! belongs to that call: its frames go nowhere else, and it ends with the call. Towards a far end that reads too slowly
//! frames are dropped, as datagrams would be: late sound is of no use.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use str0m::net::Protocol;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::demux::{Demux, Mailbox};
use super::port::{Datagram, MAX_DATAGRAM_BYTES};
use crate::server::network::network;

/// Connections at a time, and of one network. An office behind one NAT makes some for each of its calls.
const MAX_LINES: usize = 1_000;
const MAX_LINES_PER_NETWORK: usize = 64;
/// For the first frame to come, and for a call to answer it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Nothing comes for so long only from what is gone: consent is renewed every few seconds (RFC 7675).
const IDLE: Duration = Duration::from_secs(40);
/// Frames that wait for a slow far end: a second of sound.
const OUTBOX: usize = 64;
/// For one frame to be taken by the network, and for the last words of a call.
const SEND: Duration = Duration::from_secs(10);
/// After an error of the listener, which mostly means that there are no file handles left.
const BREATH: Duration = Duration::from_millis(200);

/// The two ends of a connection. A far end may use one port towards several of our addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends {
    local: SocketAddr,
    source: SocketAddr,
}

/// The open connections. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<HashMap<Ends, mpsc::Sender<Bytes>>>>);

impl Lines {
    /// Sends a frame on the connection between the two, if there is one and it takes more.
    pub(super) fn send(&self, local: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        if let Some(line) = self.lock().get(&Ends { local, source: destination }) {
            // What a slow line does not take is lost, as datagrams are.
            _ = line.try_send(Bytes::copy_from_slice(bytes));
        }
    }

    /// A place for a connection, unless there are too many.
    fn open(&self, ends: Ends) -> Option<(Line, mpsc::Receiver<Bytes>)> {
        let (sender, outbox) = mpsc::channel(OUTBOX);
        let mut lines = self.lock();
        let ours = network(ends.source.ip());
        let of_network = lines.keys().filter(|it| network(it.source.ip()) == ours).count();
        // One that is not quite gone yet keeps its place.
        if lines.len() >= MAX_LINES || of_network >= MAX_LINES_PER_NETWORK || lines.contains_key(&ends) {
            return None;
        }
        lines.insert(ends, sender);
        drop(lines);
        Some((Line { lines: self.clone(), ends }, outbox))
    }

    // Every change is one call on a map, which a panic elsewhere cannot leave half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<Ends, mpsc::Sender<Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in the list, until it is dropped. What was sent before still leaves.
struct Line {
    lines: Lines,
    ends: Ends,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.lines.lock().remove(&self.ends);
    }
}

/// Takes connections until the port is closed.
pub(super) async fn serve(
    listener: TcpListener,
    demux: Demux,
    lines: Lines,
    closed: CancellationToken,
    patience: Duration,
) {
    loop {
        let accepted = tokio::select! {
            () = closed.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, source)) => {
                let Ok(local) = stream.local_addr() else { continue };
                let Some((line, outbox)) = lines.open(Ends { local, source }) else { continue };
                let (demux, closed) = (demux.clone(), closed.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = closed.cancelled() => {}
                        _ = carry(stream, line, outbox, &demux, patience) => {}
                    }
                });
            }
            Err(error) => {
                tracing::debug!(%error, "accept");
                sleep(BREATH).await;
            }
        }
    }
}

async fn carry(
    stream: TcpStream,
    line: Line,
    outbox: mpsc::Receiver<Bytes>,
    demux: &Demux,
    patience: Duration,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, writer) = stream.into_split();
    let first = timeout(patience, frame(&mut reader)).await??;
    let Some(call) = demux.named(&first) else { return Ok(()) };
    let ends = line.ends;
    call.put(datagram(ends, first));
    let writing = write(writer, outbox, patience);
    tokio::pin!(writing);
    // Whichever of them has enough, it is the end of all.
    tokio::select! {
        end = read(reader, ends, &call) => end,
        end = &mut writing => end,
        () = call.closed() => {
            // Nothing more comes, and the good-bye may still be on its way.
            drop(line);
            timeout(SEND, writing).await?
        }
    }
}

fn datagram(Ends { local, source }: Ends, bytes: Bytes) -> Datagram {
    Datagram { source, local, protocol: Protocol::Tcp, bytes }
}

async fn read(mut reader: impl AsyncRead + Unpin, ends: Ends, call: &Mailbox) -> io::Result<()> {
    loop {
        let bytes = timeout(IDLE, frame(&mut reader)).await??;
        // What a call does not take is lost, as datagrams are.
        call.put(datagram(ends, bytes));
    }
}

/// Reads one frame, and passes over empty ones. Whoever gives up in the middle of it cannot read on.
async fn frame(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let mut len = 0;
    while len == 0 {
        len = usize::from(reader.read_u16().await?);
    }
    if len > MAX_DATAGRAM_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; len];
    reader.read_exact(&mut bytes).await?;
    Ok(bytes.into())
}

/// Sends what is in the outbox until nobody can put more in. A call answers only who has passed its integrity check: one
/// that says nothing within `patience` does not know the far end.
async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut outbox: mpsc::Receiver<Bytes>,
    patience: Duration,
) -> io::Result<()> {
    let mut framed = Vec::new();
    let mut next = timeout(patience, outbox.recv()).await?;
    while let Some(bytes) = next {
        if let Ok(len) = u16::try_from(bytes.len()) {
            framed.clear();
            framed.extend(len.to_be_bytes());
            framed.extend(&bytes);
            timeout(SEND, writer.write_all(&framed)).await??;
        }
        next = outbox.recv().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::stun::tests::binding_request;
    use super::*;

    /// A listener on loopback whose only call is called "ours".
    struct Door {
        address: SocketAddr,
        demux: Demux,
        lines: Lines,
        closed: CancellationToken,
    }

    impl Door {
        async fn open() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (demux, lines, closed) = (Demux::default(), Lines::default(), CancellationToken::new());
            let patience = Duration::from_secs(3);
            tokio::spawn(serve(listener, demux.clone(), lines.clone(), closed.clone(), patience));
            Self { address, demux, lines, closed }
        }

        async fn knock(&self, bytes: &[u8]) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream
        }
    }

    fn framed(bytes: &[u8]) -> Vec<u8> {
        [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    fn request(ufrag: &str) -> Vec<u8> {
        framed(&binding_request(&format!("{ufrag}:theirs")))
    }

    #[tokio::test]
    async fn a_connection_that_names_no_call_is_closed() {
        let door = Door::open().await;
        let (mut call, _mail) = door.demux.register();
        call.name("ours");
        for (what, bytes) in [
            ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("media", framed(&[128; 40])),
            ("another call", request("nobodys")),
            ("too large", framed(&[0; MAX_DATAGRAM_BYTES + 1])),
        ] {
            let mut stream = door.knock(&bytes).await;
            // Closed in good order, or reset because we did not read all of it.
            assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)), "{what}");
        }
    }

    #[tokio::test]
    async fn a_call_has_to_answer_the_connection() {
        let door = Door::open().await;
        let (mut call, mut mail) = door.demux.register();
        call.name("ours");
        let mut unknown = door.knock(&request("ours")).await;
        let mut known = door.knock(&request("ours")).await;
        for _ in 0..2 {
            assert_eq!(mail.recv().await.unwrap().protocol, Protocol::Tcp);
        }
        let source = known.local_addr().unwrap();
        door.lines.send(door.address, source, b"yes");
        assert_eq!(unknown.read(&mut [0]).await.unwrap(), 0);
        known.write_all(&framed(&[128, 1, 2])).await.unwrap();
        assert_eq!(mail.recv().await.unwrap().bytes, [128, 1, 2][..]);
        door.lines.send(door.address, source, b"back");
        let mut back = [0; 11];
        known.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"\0\x03yes\0\x04back");
        door.closed.cancel();
        assert_eq!(known.read(&mut [0]).await.unwrap(), 0);
    }

    /// A connection reaches the call that it named and no other, whatever it says later.
    #[tokio::test]
    async fn a_connection_belongs_to_one_call() {
        let door = Door::open().await;
        let ((mut ours, mut mail), (mut other, mut others_mail)) = (door.demux.register(), door.demux.register());
        ours.name("ours");
        other.name("other");
        let mut stream = door.knock(&[request("ours"), request("other"), framed(&[128, 1])].concat()).await;
        for first in [0, 0, 128] {
            assert_eq!(mail.recv().await.unwrap().bytes[0], first);
        }
        assert!(others_mail.try_recv().is_err());
        door.lines.send(door.address, stream.local_addr().unwrap(), b"bye");
        // The call is over: its last words leave, and then the connection goes.
        drop((ours, mail));
        let mut said = Vec::new();
        timeout(SEND / 2, stream.read_to_end(&mut said)).await.unwrap().unwrap();
        assert_eq!(said, b"\0\x03bye");
        assert!(door.lines.lock().is_empty());
    }

    /// One port of a far end may be connected to two of our addresses.
    #[test]
    fn connections_are_known_by_both_ends() {
        let (lines, source) = (Lines::default(), "10.0.0.9:9".parse().unwrap());
        let [one, two] = ["10.0.0.1:1", "10.0.0.2:1"].map(|it| it.parse().unwrap());
        let (first, mut first_out) = lines.open(Ends { local: one, source }).unwrap();
        let (_second, mut second_out) = lines.open(Ends { local: two, source }).unwrap();
        assert!(lines.open(Ends { local: one, source }).is_none());
        lines.send(two, source, b"x");
        assert!(first_out.try_recv().is_err() && second_out.try_recv().is_ok());
        drop(first);
        lines.send(two, source, b"x");
        assert!(second_out.try_recv().is_ok());
    }

    #[test]
    fn one_network_does_not_take_every_place() {
        let local = "127.0.0.1:1".parse().unwrap();
        let networks =
            [["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"], ["2001:db8::1", "2001:db8::9:9", "2001:db8:0:1::1"]];
        for addresses in networks {
            let lines = Lines::default();
            let [one, same, other] = addresses.map(|it| it.parse::<IpAddr>().unwrap());
            let open = |ip, port| lines.open(Ends { local, source: SocketAddr::new(ip, port) });
            let mut held: Vec<_> = (0..).map_while(|port| open(if port % 2 == 0 { one } else { same }, port)).collect();
            assert_eq!(held.len(), MAX_LINES_PER_NETWORK);
            assert!(open(other, 1).is_some());
            held.pop();
            assert!(open(same, 9_999).is_some(), "a place that was left is free");
        }
    }
}
