//! WebRTC on the server: one port for all calls, and one [`Peer`] for each.
//!
//! [`Port`] owns a socket per local address and hands every packet to the call that it belongs to. [`Peer`] wraps the
//! sans-IO peer connection of one call: offers in, answers out, audio packets and text messages both ways. Neither knows
//! what the calls are about; whoever owns the peer runs its loop.

pub mod demux;
pub mod flow;
mod lane;
pub mod mailbox;
pub mod offer;
pub mod pace;
pub mod peer;
pub mod port;
mod stun;
mod tcp;

pub use lane::Overflow;
pub use offer::OfferError;
pub use peer::{Peer, PeerEvent};
pub use port::{Datagram, Port, PortError, PortSettings};
