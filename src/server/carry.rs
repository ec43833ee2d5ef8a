//! A call on the Socket route: sound between a page and a session of our own at the provider (S003-21, S003-23).
//!
//! A task owns the session, the playout and the page's lane of sound. What the director says goes through it, and what the
//! provider says comes out of it as if the call were one of the browser's own: with the events of an output buffer, and
//! with the words at the pace of their sound.
//!
//! A call outlives its page's socket for a while: nothing is given out then, and the page that comes back goes on where both
//! sides have left off. Frames are numbered, so what was under way is sent again, and only that.

mod call;
pub(in crate::server) mod words;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::call::Call;
use super::provider::{FromSideband, Provider};
use super::room::Sound;
use crate::engine::audio::{FRAME_RATE_HZ, FRAME_SAMPLES, MOST_KEPT, Place};
use crate::engine::protocol::client::ClientEvent;
use crate::engine::time::Epoch;

/// What may wait of what a session orders. It takes no longer than the loop takes for one round.
const ORDERS: usize = 256;
/// And of what the provider says. A response comes in some hundred pieces at once.
const TOLD: usize = 256;
const FRAME: Duration = Duration::from_millis(20);
/// The longest that a call waits for its page: what the page says meanwhile is kept there for so long.
pub(in crate::server) const GRACE: Duration = FRAME.saturating_mul(MOST_KEPT as u32);

const _: () = assert!(FRAME.as_millis() as usize * FRAME_RATE_HZ as usize == 1_000 * FRAME_SAMPLES);

/// How far a call has heard its page, and when that was.
pub type Ear = Arc<Mutex<Option<(Place, Instant)>>>;

/// What comes from a carried call.
#[derive(Debug)]
pub enum FromCarry {
    /// Like from a sideband.
    Line(FromSideband),
    /// The page drops what it has: playing begins anew under this number.
    Cut(u32),
    /// Whether the candidate's sound arrives.
    Hearing(bool),
    /// The page that came back is attached: what it says from here on is heard.
    Back,
}

/// What a carried call begins with.
#[derive(Debug)]
pub struct Terms {
    /// The page's attempt. Its frames carry it.
    pub epoch: Epoch,
    /// The first playout, higher than any that the page has heard of.
    pub playout: u32,
    pub sound: Sound,
    pub muted: bool,
    /// How far the page was heard by the call that this one takes the place of.
    pub heard: Option<(Place, Instant)>,
}

/// A carried call. Dropping it ends the call.
#[derive(Debug)]
pub struct Carry {
    orders: mpsc::Sender<Order>,
    ear: Ear,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Send(Box<ClientEvent>),
    Played { epoch: u32, samples: u64 },
    Mute(bool),
    Leave,
    Attach { epoch: Epoch, sound: Sound, heard: u32 },
}

impl Drop for Carry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Carry {
    /// Begins a call. `whose`: our session's id. Everything that happens arrives at `report`, which is told of the end
    /// whatever it is.
    pub fn start(
        provider: &Provider,
        persona: &str,
        whose: &str,
        terms: Terms,
        report: impl Fn(FromCarry) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        let (tell, told) = mpsc::channel(TOLD);
        let upstream = provider.converse(persona, whose, move |it| {
            let tell = tell.clone();
            // A call that is gone has nobody to tell.
            Box::pin(async move { drop(tell.send(it).await) })
        });
        let (orders, ordered) = mpsc::channel(ORDERS);
        // What came before is of another call.
        terms.sound.clear();
        let ear: Ear = Arc::new(Mutex::new(terms.heard));
        let call = Call::new(upstream, terms, Arc::clone(&ear), report);
        Self { orders, ear, task: tokio::spawn(call.run(ordered, told)) }
    }

    /// Sends an event to the provider. One that finds the queue full is lost, and the call has been stuck for long then.
    pub fn send(&self, event: ClientEvent) {
        self.order(Order::Send(Box::new(event)));
    }

    /// The page tells how much it has played of a playout.
    pub fn played(&self, epoch: u32, samples: u64) {
        self.order(Order::Played { epoch, samples });
    }

    /// The candidate's microphone is switched off or on.
    pub fn mute(&self, muted: bool) {
        self.order(Order::Mute(muted));
    }

    /// The page is gone, and may come back.
    pub fn leave(&self) {
        self.order(Order::Leave);
    }

    /// The page is back, with another socket and as the attempt `epoch`. It has heard so many frames of this call.
    pub fn attach(&self, epoch: Epoch, sound: Sound, heard: u32) {
        self.order(Order::Attach { epoch, sound, heard });
    }

    /// How far the page was heard. To be read also when the call is over.
    pub const fn ear(&self) -> &Ear {
        &self.ear
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::warn!("a carried call does not take orders any more");
        }
    }
}
