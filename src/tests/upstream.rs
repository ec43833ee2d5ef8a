//! Our server against a provider that plays a script: every fault and every order that servers of the protocol are known
//! for, through the real router and room channel. Whatever happens is a state of its own, and the session goes on with a
//! fresh ticket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "upstream/calls.rs"]
mod calls;
#[path = "interview/candidate.rs"]
#[expect(dead_code, reason = "shared with the tests of the interview")]
mod candidate;
#[path = "upstream/cuts.rs"]
mod cuts;
#[path = "upstream/house.rs"]
mod house;
#[path = "upstream/lines.rs"]
mod lines;
#[path = "upstream/odd.rs"]
mod odd;
#[path = "upstream/orders.rs"]
mod orders;
#[path = "provider/peer.rs"]
#[expect(dead_code, reason = "shared with the tests of the provider")]
mod peer;
#[path = "upstream/relay.rs"]
mod relay;
#[path = "upstream/script.rs"]
mod script;
#[path = "interview/signal.rs"]
#[expect(dead_code, reason = "shared with the tests of the interview")]
mod signal;
#[path = "upstream/socket.rs"]
mod socket;
#[path = "interview/sound.rs"]
mod sound;
#[path = "../server/voice/session/strict.rs"]
mod strict;
#[path = "upstream/watch.rs"]
mod watch;
