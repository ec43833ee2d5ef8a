//! Calls come and go, and the page says a few words: when a session begins, and when it goes on.

use std::time::Duration;

use super::directive::Purpose;
use super::guard::{Forgery, Guard};
use super::rollover::Lifetime;
use super::settings::opening;
use super::{Command, Director, READY_LIMIT, Stage, rejoin};
use crate::engine::interview::EndReason;
use crate::engine::interview::record::Record;
use crate::engine::protocol::room::{PageMessage, RoomEvent, TAMPERED};
use crate::engine::time::Tick;

/// For a candidate who was cut off by the line to find back into the answer.
pub(super) const GATHER: Duration = Duration::from_secs(6);
/// Who comes back after this needs to hear the question again. Before it, it is fresh, and stands on the page.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// Calls that the candidate's side may spoil before the interview is over.
const SECOND_CHANCES: u32 = 2;

impl Director {
    pub(super) fn call_open(&mut self, now: Tick, guard: Guard) {
        self.guard = guard;
        self.dead = false;
        self.floor.hears(now);
        self.deaf_since = None;
        self.wordless = self.state.unwritten();
        self.lifetime = Lifetime::from(now);
        self.interruptible = self.greeted;
        let transcription = self.rules.transcription.as_ref();
        self.send(opening(&self.state.plan.persona, transcription, self.interruptible));
        for event in rejoin(&self.state) {
            self.send(event);
        }
        self.stage = Stage::Entering { until: now.after(READY_LIMIT) };
        if self.page_ready {
            self.enter(now);
        }
    }

    pub(super) fn call_lost(&mut self, now: Tick) {
        self.last_sign = now;
        self.page_ready = false;
        if let Stage::Speaking { purpose, .. } = self.stage {
            self.record_said(now, true);
            self.resume = Some(purpose);
        }
        self.give_back();
        self.floor.freeze(now);
        self.floor.hears(now);
        self.deaf_since = None;
        self.clock.pause(now);
        self.left_at = Some(now);
        self.stage = Stage::Away;
        self.tell_clock(now);
    }

    /// Somebody else had a hand in the call: it ends here, and nothing of it goes on record from now on. The candidate may
    /// come back with a new one, a few times.
    pub(super) fn tampered(&mut self, now: Tick, what: Forgery) {
        self.append(Record::Tampered { what, at_ms: self.clock.elapsed_ms(now) });
        if self.state.tampered > SECOND_CHANCES {
            return self.end(now, EndReason::Tampered);
        }
        self.call_lost(now);
        let message = "The call was changed from this browser, so it was closed.".to_owned();
        self.tell(RoomEvent::Error { code: TAMPERED.to_owned(), message });
        self.out.push_back(Command::Hangup);
    }

    /// The candidate's sound arrives, or does not. Nobody's time runs out for want of a line.
    pub(super) fn hearing(&mut self, now: Tick, hearing: bool) {
        if hearing {
            self.floor.hears(now);
            let deaf = self.deaf_since.take().map_or(Duration::ZERO, |since| now.since(since));
            if let Stage::Speaking { give_up, .. } = &mut self.stage {
                *give_up = give_up.after(deaf);
            }
        } else {
            self.floor.deaf(now);
            self.deaf_since.get_or_insert(now);
        }
        match self.stage {
            Stage::Away | Stage::Entering { .. } | Stage::Ended => return,
            Stage::Speaking { .. } | Stage::Listening if hearing => self.clock.run(now),
            Stage::Speaking { .. } | Stage::Listening => self.clock.pause(now),
        }
        self.tell_clock(now);
    }

    /// What the page says of the path of a call that it alone sees. `lost_ms`: for how long it has been dead by now, which
    /// may be told late, and no time of it is the candidate's. What was heard meanwhile says otherwise.
    fn path(&mut self, now: Tick, dead: bool, lost_ms: u64) {
        let from = now.before(Duration::from_millis(lost_ms)).max(self.last_heard);
        self.clock.take_back(now, from);
        // What a page never said of this call it cannot take back: of one that we carry we know better.
        let dead = dead && self.stage != Stage::Away;
        if std::mem::replace(&mut self.dead, dead) != dead {
            self.hearing(now, !dead);
        }
        self.tell_clock(now);
    }

    pub(super) fn page(&mut self, now: Tick, message: &PageMessage) {
        match message {
            PageMessage::Ready => {
                self.last_sign = now;
                self.page_ready = true;
                if matches!(self.stage, Stage::Entering { .. }) {
                    self.enter(now);
                }
            }
            PageMessage::Repeat => {
                self.last_sign = now;
                if let (Stage::Listening, Some((idx, follow_up))) = (self.stage, self.answering) {
                    self.give_back();
                    self.floor.freeze(now);
                    self.speak(now, Purpose::Repeat { idx, follow_up });
                }
            }
            PageMessage::Finish => self.end(now, EndReason::Finished),
            PageMessage::Muted { .. } => self.last_sign = now,
            PageMessage::Path { dead, lost_ms } => self.path(now, *dead, *lost_ms),
            // The shell's: they are about how the voice travels.
            PageMessage::Call { .. } | PageMessage::Bye { .. } | PageMessage::Played { .. } => {}
            PageMessage::Pong { .. } | PageMessage::Stats(_) | PageMessage::Fallback { .. } | PageMessage::Unknown => {}
        }
    }

    /// The page is there, or we waited long enough for it: begin, or go on.
    pub(super) fn enter(&mut self, now: Tick) {
        if !self.floor.is_deaf() {
            self.clock.run(now);
        }
        self.tell_clock(now);
        let renewed = std::mem::take(&mut self.renewing);
        let fresh = self.left_at.take().is_some_and(|at| now.since(at) < FORGOTTEN);
        match (self.resume.take(), self.answering) {
            _ if !self.greeted => self.speak(now, Purpose::Greeting),
            (Some(purpose), _) if renewed => self.speak(now, purpose),
            (Some(Purpose::GoOn { idx, follow_up, begun: false }), _) if !fresh => {
                self.speak(now, Purpose::Rejoin { idx, follow_up });
            }
            (Some(Purpose::Ask { idx, follow_up, .. }), _) => self.speak(now, Purpose::Rejoin { idx, follow_up }),
            (Some(purpose), _) => self.speak(now, purpose),
            // Nothing needs to be said to somebody who goes on already.
            (None, Some(_)) if self.floor.is_speaking() => self.listen(now, GATHER),
            // An answer was begun: its question is known, and the candidate is in the middle of a thought.
            (None, Some((idx, follow_up))) if self.floor.is_taken() => {
                self.speak(now, Purpose::GoOn { idx, follow_up, begun: true });
            }
            (None, Some((idx, _))) if self.state.is_answered() => self.speak(now, self.after(now, idx)),
            // It was heard to its end, and is on the page: who thinks about it needs it again only after a long while.
            (None, Some((idx, follow_up))) if fresh => {
                self.speak(now, Purpose::GoOn { idx, follow_up, begun: false });
            }
            (None, Some((idx, follow_up))) => self.speak(now, Purpose::Rejoin { idx, follow_up }),
            (None, None) => self.speak(now, Purpose::Ask { idx: 0, follow_up: false, thanks: false }),
        }
    }
}
