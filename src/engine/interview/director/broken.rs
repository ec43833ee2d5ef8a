//! Calls that break: the page makes another for the same session, as long as that helps.

use super::{Command, Director};
use crate::engine::interview::record::Record;
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::room::RoomEvent;
use crate::engine::time::Tick;

/// How many calls may stay mute, one after another, before the candidate is asked to try again.
const MUTE_CALLS: u32 = 2;
/// How many calls may break, one after another, before anything has come of them. The clock stands still between two calls,
/// so without an end to this an interview on a bad line would never be over.
const VAIN_CALLS: u32 = 5;

impl Director {
    /// The call broke.
    pub(super) fn call_broken(&mut self, now: Tick, fault: UpstreamFault) {
        self.call_lost(now);
        self.tell_fault(fault);
    }

    /// Ends the call for the provider's sake. The page makes another, or says what is to be done.
    pub(super) fn give_up_call(&mut self, now: Tick, fault: UpstreamFault) {
        self.call_broken(now, fault);
        self.out.push_back(Command::Hangup);
    }

    /// The provider says nothing on this call. On another it may; after some in vain it is left to the candidate when to try
    /// again, for what was said is not to be lost over it.
    pub(super) fn mute_call(&mut self, now: Tick) {
        let fault = self.failure.take().unwrap_or(UpstreamFault::Broken);
        self.mute_calls += 1;
        if self.mute_calls > MUTE_CALLS {
            self.mute_calls = 0;
            self.give_up_call(now, UpstreamFault::Unsteady);
        } else {
            self.give_up_call(now, fault);
        }
    }

    /// A page that is told of a passing fault makes a new call by itself. After some in vain the candidate is asked to, who
    /// may have as many again.
    fn tell_fault(&mut self, fault: UpstreamFault) {
        self.vain_calls += 1;
        let enough = self.vain_calls >= VAIN_CALLS;
        let fault = if enough && !fault.is_final() { UpstreamFault::Unsteady } else { fault };
        if fault.is_final() {
            self.vain_calls = 0;
        }
        self.tell(RoomEvent::Error { code: fault.code(), message: fault.notice() });
    }

    /// Whether a record shows that a call was good for something. A line that was broken off is the same line again.
    pub(super) const fn is_progress(record: &Record) -> bool {
        match record {
            Record::Said { line } => !line.interrupted,
            Record::Asked { .. } | Record::Answered { .. } | Record::Transcribed { .. } => true,
            Record::Opened { .. } | Record::Tampered { .. } | Record::Ended { .. } => false,
        }
    }
}
