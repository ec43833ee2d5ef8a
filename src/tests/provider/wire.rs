//! What carries the packets of a test's peer: a UDP socket, or a TCP connection in frames (RFC 4571).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;

pub(crate) enum Wire {
    Udp(UdpSocket),
    Tcp {
        far: SocketAddr,
        out: mpsc::UnboundedSender<Vec<u8>>,
        frames: mpsc::UnboundedReceiver<Vec<u8>>,
    },
    /// Not there yet.
    None,
}

impl Wire {
    /// A socket on loopback, and its address.
    pub(crate) async fn udp() -> (Self, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let local = socket.local_addr().unwrap();
        (Self::Udp(socket), local)
    }

    /// A connection to the passive candidate on loopback that `answer` names, and its address.
    pub(crate) async fn tcp(answer: &str) -> (Self, SocketAddr) {
        let passive = |line: &&str| line.starts_with("a=candidate:") && line.contains(" 127.0.0.1 ");
        let mut lines = answer.lines().filter(passive);
        let line = lines.find(|it| it.contains("tcptype passive")).unwrap_or_else(|| panic!("{answer}"));
        let port: u16 = line.split(' ').nth(5).unwrap().parse().unwrap();
        let far = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect(far).await.unwrap();
        let local = stream.local_addr().unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let (out, mut outbox) = mpsc::unbounded_channel::<Vec<u8>>();
        let (inbox, frames) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(bytes) = outbox.recv().await {
                let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
                if writer.write_all(&[&len, &bytes[..]].concat()).await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok(len) = reader.read_u16().await {
                let mut bytes = vec![0; usize::from(len)];
                if reader.read_exact(&mut bytes).await.is_err() || inbox.send(bytes).is_err() {
                    return;
                }
            }
        });
        (Self::Tcp { far, out, frames }, local)
    }

    /// The next packet, and where it comes from.
    pub(crate) async fn recv(&mut self) -> (Vec<u8>, SocketAddr) {
        match self {
            Self::Udp(socket) => {
                let mut bytes = Vec::with_capacity(2_048);
                let (_, source) = socket.recv_buf_from(&mut bytes).await.unwrap();
                (bytes, source)
            }
            Self::Tcp { far, frames, .. } => match frames.recv().await {
                Some(bytes) => (bytes, *far),
                None => std::future::pending().await,
            },
            Self::None => std::future::pending().await,
        }
    }

    /// Sends a packet. One towards an address of another interface is lost: it does not leave a loopback socket.
    pub(crate) fn send(&self, bytes: &[u8], destination: SocketAddr) {
        match self {
            Self::Udp(socket) => drop(socket.try_send_to(bytes, destination)),
            Self::Tcp { far, out, .. } if *far == destination => drop(out.send(bytes.to_vec())),
            Self::Tcp { .. } | Self::None => {}
        }
    }
}
