//! ICE over TCP, for networks that let no UDP through (RFC 6544). Browsers connect to us, we connect to nobody.
//!
//! Each packet travels as a frame with its length before it (RFC 4571). A connection has to name a call of ours with its
//! first frame, and the call has to accept it within some seconds; whatever else connects is closed. Towards a far end
//! that reads too slowly frames are dropped, as datagrams would be: late sound is of no use.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use str0m::net::Protocol;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::demux::{Demux, is_binding_request};
use super::port::{Datagram, MAX_DATAGRAM_BYTES};

/// Connections at a time, and of one address. An office behind one NAT makes some for each of its calls.
const MAX_LINES: usize = 1_000;
const MAX_LINES_PER_IP: usize = 64;
/// For the first frame to come, and for a call to accept it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Nothing comes for so long only from what is gone: consent is renewed every few seconds (RFC 7675).
const IDLE: Duration = Duration::from_secs(40);
/// Frames that wait for a slow far end: a second of sound.
const OUTBOX: usize = 64;
/// For one frame to be taken by the network.
const SEND: Duration = Duration::from_secs(10);
/// After an error of the listener, which mostly means that there are no file handles left.
const BREATH: Duration = Duration::from_millis(200);

/// The open connections by their far ends. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<HashMap<SocketAddr, mpsc::Sender<Bytes>>>>);

impl Lines {
    /// Sends a frame on the connection from `destination`, if there is one and it takes more.
    pub(super) fn send(&self, destination: SocketAddr, bytes: &[u8]) {
        if let Some(line) = self.lock().get(&destination) {
            // What a slow line does not take is lost, as datagrams are.
            _ = line.try_send(Bytes::copy_from_slice(bytes));
        }
    }

    /// A place for a connection, unless there are too many.
    fn open(&self, source: SocketAddr) -> Option<(Line, mpsc::Receiver<Bytes>)> {
        let (sender, outbox) = mpsc::channel(OUTBOX);
        let mut lines = self.lock();
        let of_ip = |ip: IpAddr| lines.keys().filter(|it| it.ip() == ip).count();
        if lines.len() >= MAX_LINES || of_ip(source.ip()) >= MAX_LINES_PER_IP {
            return None;
        }
        lines.insert(source, sender);
        drop(lines);
        Some((Line { lines: self.clone(), source }, outbox))
    }

    // Every change is one call on a map, which a panic elsewhere cannot leave half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in the list, until it is dropped.
struct Line {
    lines: Lines,
    source: SocketAddr,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.lines.lock().remove(&self.source);
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
                let Some((line, outbox)) = lines.open(source) else { continue };
                let (demux, closed) = (demux.clone(), closed.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = closed.cancelled() => {}
                        _ = carry(stream, &line, outbox, &demux, patience) => {}
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
    line: &Line,
    outbox: mpsc::Receiver<Bytes>,
    demux: &Demux,
    patience: Duration,
) -> io::Result<()> {
    let local = stream.local_addr()?;
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    // Whichever of them has enough, it is the end of all.
    tokio::select! {
        end = read(reader, line.source, local, demux) => end,
        end = write(writer, outbox) => end,
        () = probation(line.source, demux, patience) => Ok(()),
    }
}

/// Ends when no call has accepted the connection in time.
async fn probation(source: SocketAddr, demux: &Demux, patience: Duration) {
    sleep(patience).await;
    if demux.knows(Protocol::Tcp, source) {
        std::future::pending().await
    }
}

async fn read(
    mut reader: impl AsyncRead + Unpin,
    source: SocketAddr,
    local: SocketAddr,
    demux: &Demux,
) -> io::Result<()> {
    let mut first = true;
    loop {
        let bytes = timeout(IDLE, frame(&mut reader)).await??;
        if bytes.is_empty() {
            continue;
        }
        let names_a_call = is_binding_request(&bytes);
        let taken = demux.deliver(Datagram { source, local, protocol: Protocol::Tcp, bytes });
        if std::mem::take(&mut first) && !(names_a_call && taken) {
            return Ok(());
        }
    }
}

/// Reads one frame. Whoever gives up in the middle of it cannot read on.
async fn frame(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let len = usize::from(reader.read_u16().await?);
    if len > MAX_DATAGRAM_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; len];
    reader.read_exact(&mut bytes).await?;
    Ok(bytes.into())
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut outbox: mpsc::Receiver<Bytes>) -> io::Result<()> {
    let mut framed = Vec::new();
    while let Some(bytes) = outbox.recv().await {
        let Ok(len) = u16::try_from(bytes.len()) else { continue };
        framed.clear();
        framed.extend(len.to_be_bytes());
        framed.extend(&bytes);
        timeout(SEND, writer.write_all(&framed)).await??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
            let patience = Duration::from_millis(500);
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
        let username = format!("{ufrag}:theirs");
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6];
        bytes.extend(u16::try_from(username.len()).unwrap().to_be_bytes());
        bytes.extend(username.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[tokio::test]
    async fn a_connection_that_names_no_call_is_closed() {
        let door = Door::open().await;
        let (call, _mail) = door.demux.register();
        call.add_ufrag("ours");
        for (what, bytes) in [
            ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("media", framed(&[128; 40])),
            ("another call", framed(&request("nobodys"))),
            ("too large", framed(&[0; MAX_DATAGRAM_BYTES + 1])),
        ] {
            let mut stream = door.knock(&bytes).await;
            // Closed in good order, or reset because we did not read all of it.
            assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)), "{what}");
        }
    }

    #[tokio::test]
    async fn a_call_has_to_accept_the_connection() {
        let door = Door::open().await;
        let (mut call, mut mail) = door.demux.register();
        call.add_ufrag("ours");
        let mut unknown = door.knock(&framed(&request("ours"))).await;
        let mut known = door.knock(&framed(&request("ours"))).await;
        for _ in 0..2 {
            assert_eq!(mail.recv().await.unwrap().protocol, Protocol::Tcp);
        }
        let source = known.local_addr().unwrap();
        call.learn(Protocol::Tcp, source);
        assert_eq!(unknown.read(&mut [0]).await.unwrap(), 0);
        known.write_all(&framed(&[128, 1, 2])).await.unwrap();
        assert_eq!(mail.recv().await.unwrap().bytes, [128, 1, 2][..]);
        door.lines.send(source, b"back");
        let mut back = [0; 6];
        known.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"\0\x04back");
        door.closed.cancel();
        assert_eq!(known.read(&mut [0]).await.unwrap(), 0);
    }

    #[test]
    fn one_address_does_not_take_every_place() {
        let lines = Lines::default();
        let from = |ip: u8, port: u16| SocketAddr::from(([10, 0, 0, ip], port));
        let mut held: Vec<_> = (0..).map_while(|port| lines.open(from(1, port))).collect();
        assert_eq!(held.len(), MAX_LINES_PER_IP);
        assert!(lines.open(from(2, 1)).is_some());
        held.pop();
        assert!(lines.open(from(1, 9_999)).is_some(), "a place that was left is free");
    }
}
