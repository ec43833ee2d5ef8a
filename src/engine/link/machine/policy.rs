//! The numbers of the connection policy.

use std::time::Duration;

use super::super::steps::Step;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const FIRST_WAITS: [Duration; 2] = [ms(300), ms(1_000)];
const REPAIR_WAITS: [Duration; 7] = [ms(0), ms(500), ms(1_000), ms(2_000), ms(4_000), ms(8_000), ms(15_000)];

/// How long things may take, and how often they are tried.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Connecting as a whole, until the server says otherwise.
    pub connect: Duration,
    /// From the offer, or the word `call`, to a call that is live (S003-20).
    pub negotiation: Duration,
    /// The same for a call that is made anew in mid-interview, where the Socket stands ready: somebody is waiting to be
    /// heard.
    pub renegotiation: Duration,
    /// Another route, tried while the call goes on over the one there is.
    pub trial: Duration,
    /// How often WebRTC is tried again from the Socket.
    pub returns: u32,
    /// How long ICE may stay `disconnected`, with no packet to prove it wrong, before it is restarted.
    pub grace: Duration,
    /// The same after a change of network, where the far end may pause: it proves itself by connectivity checks alone.
    pub doubt: Duration,
    /// How long the browser may be without a network before that is shown.
    pub blink: Duration,
    /// How long a path may be doubted as soon as the browser has a network again.
    pub proof: Duration,
    /// How long a call that was lost without a network waits, unless the browser says before that it has one.
    pub outage: Duration,
    /// How long a closed data channel may wait for the word that the interview is over.
    pub hangup: Duration,
    /// One ICE restart. Over a live path it takes 72 to 230 ms.
    pub restart: Duration,
    /// ICE restarts in a row (S003-15).
    pub restarts: u32,
    /// A call that was live for so long starts the counts anew.
    pub steady: Duration,
    /// Two hosted calls that break within this time are enough of WebRTC.
    pub relapse: Duration,
    /// How long our server may be away, until it says after which time it closes an interview in which nobody is.
    pub absent: Duration,
    /// Getting the report.
    pub report: Duration,
    /// How long a call whose candidate has left waits, silent, for the last words to be written down.
    pub late: Duration,
    /// Waits before the next attempt of the first connection. Running off the end gives up.
    pub first_waits: &'static [Duration],
    /// The same for the repair of a call that was live once.
    pub repair_waits: &'static [Duration],
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect: ms(30_000),
            negotiation: ms(8_000),
            renegotiation: ms(4_000),
            trial: ms(6_000),
            returns: 3,
            grace: ms(2_000),
            doubt: ms(6_000),
            blink: ms(1_000),
            proof: ms(3_000),
            outage: ms(5_000),
            hangup: ms(1_000),
            restart: ms(1_500),
            restarts: 3,
            steady: ms(5_000),
            relapse: ms(300_000),
            absent: ms(600_000),
            report: ms(6_000),
            late: ms(3_000),
            first_waits: &FIRST_WAITS,
            repair_waits: &REPAIR_WAITS,
        }
    }
}

impl Policy {
    /// How long a step may take. A prompt waits for a person, so the microphone has nearly all the time there is.
    #[must_use]
    pub const fn limit(&self, step: Step) -> Duration {
        match step {
            Step::Microphone => ms(25_000),
            Step::Api | Step::Session => ms(6_000),
            Step::WebRtc => ms(8_000),
            Step::Audio => ms(5_000),
        }
    }

    pub(super) const fn waits(&self, first: bool) -> &'static [Duration] {
        if first { self.first_waits } else { self.repair_waits }
    }
}
