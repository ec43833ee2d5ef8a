//! The port that all calls share: UDP, and TCP where it is switched on.
//!
//! A socket per local address, because a peer connection takes a STUN request only when the address that it came in on is
//! one of its own candidates. All of them have the same port number, so that one hole in a firewall is enough.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Once};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use str0m::Rtc;
use str0m::net::Protocol;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::demux::Demux;
use super::tcp::{self, Lines};
use crate::server::config::Config;
use crate::server::faults;

/// Larger datagrams than this are cut; WebRTC stays below an Ethernet frame.
pub(super) const MAX_DATAGRAM_BYTES: usize = 2_048;

/// Free ports that are tried until one is free on every address.
const TRIES: usize = 8;

/// Why the port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    #[error("cannot list the network addresses of this machine")]
    Interfaces(#[source] io::Error),
    #[error("cannot open {protocol} port {port} for media")]
    Bind {
        protocol: &'static str,
        port: u16,
        #[source]
        source: io::Error,
    },
}

/// Where media is received.
#[derive(Clone, Debug, Default)]
pub struct PortSettings {
    /// The port of every address. Zero takes any free one.
    pub port: u16,
    /// The same for ICE over TCP. None: there is none.
    pub tcp_port: Option<u16>,
    /// Addresses under which a NAT in front of us is reached at the same port. Advertised in addition.
    pub public_ips: Vec<IpAddr>,
}

impl From<&Config> for PortSettings {
    fn from(config: &Config) -> Self {
        Self { port: config.rtc_port, tcp_port: config.rtc_tcp_port, public_ips: config.public_ip.clone() }
    }
}

/// A datagram as it came in.
#[derive(Clone, Debug)]
pub struct Datagram {
    pub source: SocketAddr,
    /// The address of the socket that received it.
    pub local: SocketAddr,
    pub protocol: Protocol,
    pub bytes: Bytes,
}

/// The open port. Cheap to clone; closed by [`Port::close`], or with its last clone.
#[derive(Clone, Debug)]
pub struct Port(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    advertised: Vec<SocketAddr>,
    advertised_tcp: Vec<SocketAddr>,
    lines: Lines,
    demux: Demux,
    receivers: Vec<JoinHandle<()>>,
    closed: CancellationToken,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl Port {
    /// Opens the sockets, starts to receive, and pays for the first peer connection of the process.
    ///
    /// # Errors
    /// [`PortError`] if there is no address to receive on, or the port is taken.
    pub async fn open(settings: &PortSettings) -> Result<Self, PortError> {
        warm_up();
        let ips = local_ips()?;
        let sockets = bind("UDP", &ips, settings.port, UdpSocket::bind, UdpSocket::local_addr).await?;
        let sockets: Vec<_> = sockets.into_iter().map(|(address, socket)| (address, Arc::new(socket))).collect();
        let listeners = match settings.tcp_port {
            Some(port) => bind("TCP", &ips, port, TcpListener::bind, TcpListener::local_addr).await?,
            None => Vec::new(),
        };
        let advertised = |locals: Vec<SocketAddr>| {
            let port = locals.first().map(SocketAddr::port);
            let public = settings.public_ips.iter().filter_map(|ip| Some(SocketAddr::new(*ip, port?)));
            public.chain(locals.iter().copied()).collect()
        };
        let (demux, lines, closed) = (Demux::default(), Lines::default(), CancellationToken::new());
        let receiver = |(local, socket): &(SocketAddr, Arc<UdpSocket>)| {
            tokio::spawn(receive(*local, Arc::clone(socket), demux.clone(), closed.clone()))
        };
        let mut receivers: Vec<_> = sockets.iter().map(receiver).collect();
        let advertised_tcp = advertised(listeners.iter().map(|(address, _)| *address).collect());
        let served = |(_, listener)| {
            tokio::spawn(tcp::serve(listener, demux.clone(), lines.clone(), closed.clone(), tcp::PATIENCE))
        };
        receivers.extend(listeners.into_iter().map(served));
        Ok(Self(Arc::new(Inner {
            advertised: advertised(sockets.iter().map(|(address, _)| *address).collect()),
            advertised_tcp,
            sockets,
            lines,
            demux,
            receivers,
            closed,
        })))
    }

    /// Whether packets are received on every address.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.0.closed.is_cancelled() && self.0.receivers.iter().all(|it| !it.is_finished())
    }

    /// Stops receiving.
    pub fn close(&self) {
        self.0.closed.cancel();
    }

    /// The table of calls.
    #[must_use]
    pub fn demux(&self) -> &Demux {
        &self.0.demux
    }

    /// The addresses that answers name, best first.
    #[must_use]
    pub fn advertised(&self) -> &[SocketAddr] {
        &self.0.advertised
    }

    /// The same for ICE over TCP. Empty where it is switched off.
    #[must_use]
    pub fn advertised_tcp(&self) -> &[SocketAddr] {
        &self.0.advertised_tcp
    }

    /// Sends a packet. A datagram goes from `source`, or through the first socket where `source` is an address of the NAT.
    /// What the socket cannot take at once is lost, as datagrams are.
    pub fn send(&self, protocol: Protocol, source: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        if protocol != Protocol::Udp {
            return self.0.lines.send(source, destination, bytes);
        }
        if faults::udp_is_cut() {
            return;
        }
        let same_family = |it: &&(SocketAddr, Arc<UdpSocket>)| it.0.is_ipv4() == destination.is_ipv4();
        let sockets = &self.0.sockets;
        let exact = sockets.iter().find(|(address, _)| *address == source);
        let Some((_, socket)) = exact.or_else(|| sockets.iter().find(same_family)) else { return };
        if let Err(error) = socket.try_send_to(bytes, destination) {
            tracing::trace!(%error, %destination, "datagram not sent");
        }
    }
}

/// The first peer connection of a process loads cryptography: 28 to 128 ms that no candidate should wait for.
fn warm_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        str0m::crypto::from_feature_flags().install_process_default();
        drop(Rtc::builder().build(Instant::now()));
    });
}

/// A socket for every address, all on one port. Addresses that go away meanwhile are left out.
async fn bind<S>(
    protocol: &'static str,
    ips: &[IpAddr],
    port: u16,
    open: impl AsyncFn(SocketAddr) -> io::Result<S>,
    address: impl Fn(&S) -> io::Result<SocketAddr>,
) -> Result<Vec<(SocketAddr, S)>, PortError> {
    let fails = |port| move |source| PortError::Bind { protocol, port, source };
    let mut tries = 0;
    'again: loop {
        tries += 1;
        let mut sockets = Vec::with_capacity(ips.len());
        let mut chosen = port;
        for ip in ips {
            match open(SocketAddr::new(*ip, chosen)).await {
                Ok(socket) => {
                    let address = address(&socket).map_err(fails(port))?;
                    chosen = address.port();
                    sockets.push((address, socket));
                }
                Err(source) if source.kind() == io::ErrorKind::AddrNotAvailable => {}
                Err(_) if port == 0 && tries < TRIES => continue 'again,
                Err(source) => return Err(fails(chosen)(source)),
            }
        }
        if sockets.is_empty() {
            return Err(fails(port)(io::ErrorKind::AddrNotAvailable.into()));
        }
        return Ok(sockets);
    }
}

/// Addresses of this machine, those that others can reach first, 127.0.0.1 always and last.
fn local_ips() -> Result<Vec<IpAddr>, PortError> {
    let found: BTreeSet<IpAddr> = if_addrs::get_if_addrs()
        .map_err(PortError::Interfaces)?
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| match ip {
            IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
            IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
        })
        .collect();
    Ok(found.into_iter().chain([IpAddr::V4(Ipv4Addr::LOCALHOST)]).collect())
}

async fn receive(local: SocketAddr, socket: Arc<UdpSocket>, demux: Demux, closed: CancellationToken) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(MAX_DATAGRAM_BYTES);
        let received = tokio::select! {
            () = closed.cancelled() => return,
            received = socket.recv_buf_from(&mut buffer) => received,
        };
        match received {
            Ok(_) if faults::udp_is_cut() => buffer.clear(),
            Ok((_, source)) => {
                let bytes = buffer.split().freeze();
                demux.deliver(Datagram { source, local, protocol: Protocol::Udp, bytes });
            }
            // An ICMP error of an earlier datagram is reported here; the socket itself is fine.
            Err(error) => {
                tracing::trace!(%error, "receive");
                tokio::task::yield_now().await;
            }
        }
    }
}
