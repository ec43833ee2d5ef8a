//! Who has the turn. The candidate's turn ends by our patience, not by the provider's silence.
//!
//! The provider reports a stop after a short silence of its own, so that the caption can breathe; a turn ends only when
//! nothing was said for the whole patience. Any sound of the candidate takes the turn back.

use std::time::Duration;

use super::time::Tick;

/// Whoever looks at a deadline so late stood still, and what was said meanwhile may still be on its way.
const LATE: Duration = Duration::from_millis(200);
/// For it to arrive.
const CATCH_UP: Duration = Duration::from_millis(500);

/// How long we wait for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Counted from the last speech.
    pub wait: Duration,
    /// The silence that the provider has already let pass when it reports a stop. Its end of speech includes it.
    pub silence: Duration,
    /// What the provider puts before a start of speech.
    pub padding: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            wait: Duration::from_millis(1_600),
            silence: Duration::from_millis(400),
            padding: Duration::from_millis(300),
        }
    }
}

/// The candidate's turn that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The provider's items in speaking order.
    pub items: Vec<String>,
    /// Speech only, in milliseconds.
    pub spoken_ms: u64,
}

/// The state of the candidate's side of the conversation.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    patience: Patience,
    turn: Option<Turn>,
    /// Audio position and time at which the running speech began.
    speaking: Option<(u64, Tick)>,
    deadline: Option<Tick>,
    /// It was missed once, and moved.
    moved: bool,
    /// From here on the candidate's sound does not arrive.
    deaf_since: Option<Tick>,
}

impl Floor {
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self { patience, ..Self::default() }
    }

    /// The candidate is heard. Returns whether a turn begins with this.
    pub fn speech_started(&mut self, now: Tick, item_id: &str, audio_start_ms: u64) -> bool {
        self.deadline = None;
        self.speaking = Some((audio_start_ms, now));
        let begins = self.turn.is_none();
        let turn = self.turn.get_or_insert_default();
        if turn.items.last().map(String::as_str) != Some(item_id) {
            turn.items.push(item_id.to_owned());
        }
        begins
    }

    /// The candidate paused. From here patience runs.
    pub fn speech_stopped(&mut self, now: Tick, audio_end_ms: u64) {
        let Some(turn) = &mut self.turn else { return };
        if let Some((from_ms, _)) = self.speaking.take() {
            let around = Tick(self.patience.silence + self.patience.padding).as_ms();
            turn.spoken_ms += audio_end_ms.saturating_sub(from_ms).saturating_sub(around);
        }
        self.be_patient(now, self.patience.wait.saturating_sub(self.patience.silence));
    }

    /// When the turn ends unless something is said before.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Tick> {
        if self.deaf_since.is_some() { None } else { self.deadline }
    }

    /// The turn that ended by `now`, once.
    pub fn take_ended(&mut self, now: Tick) -> Option<Turn> {
        let deadline = self.poll_timeout().filter(|at| *at <= now)?;
        if now.since(deadline) > LATE && !std::mem::replace(&mut self.moved, true) {
            self.deadline = Some(now.after(CATCH_UP));
            return None;
        }
        self.take()
    }

    /// The turn as it is, ended by whoever asks.
    pub fn take(&mut self) -> Option<Turn> {
        self.deadline = None;
        self.speaking = None;
        self.turn.take()
    }

    /// The turn was not over: it goes on.
    pub fn resume(&mut self, turn: Turn) {
        self.turn = Some(turn);
    }

    /// The candidate speaks at this moment.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.speaking.is_some()
    }

    /// The candidate has the turn: speaks, or pauses within our patience.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        self.turn.is_some()
    }

    /// The turn under way, with what is being said at this moment.
    #[must_use]
    pub fn turn(&self, now: Tick) -> Option<Turn> {
        let turn = self.turn.as_ref()?;
        // What does not arrive is not counted.
        let until = self.deaf_since.map_or(now, |since| since.min(now));
        let running = self.speaking.map_or(0, |(_, since)| Tick(until.since(since)).as_ms());
        Some(Turn { spoken_ms: turn.spoken_ms + running, ..turn.clone() })
    }

    /// The line is gone: what was said stays, but silence counts no more until speech is heard again.
    pub fn freeze(&mut self, now: Tick) {
        self.turn = self.turn(now);
        self.deadline = None;
        self.speaking = None;
    }

    /// The line is back: a candidate in mid-turn has `pause` to go on.
    pub fn thaw(&mut self, now: Tick, pause: Duration) {
        if self.turn.is_some() && self.speaking.is_none() {
            self.be_patient(now, pause);
        }
    }

    /// The candidate's sound does not arrive: who cannot be heard is not silent, and patience stands still.
    pub fn deaf(&mut self, now: Tick) {
        self.deaf_since.get_or_insert(now);
    }

    /// The candidate's sound arrives again. Patience goes on where it stood.
    pub fn hears(&mut self, now: Tick) {
        if let (Some(since), Some(deadline)) = (self.deaf_since.take(), &mut self.deadline) {
            *deadline = deadline.after(now.since(since));
        }
    }

    /// Whether the candidate's sound should arrive and does not.
    #[must_use]
    pub const fn is_deaf(&self) -> bool {
        self.deaf_since.is_some()
    }

    fn be_patient(&mut self, now: Tick, wait: Duration) {
        self.deadline = Some(now.after(wait));
        self.moved = false;
        if let Some(since) = &mut self.deaf_since {
            *since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Tick {
        Tick::from_ms(ms)
    }

    #[test]
    fn a_turn_ends_after_the_whole_patience_counted_from_the_last_speech() {
        let mut floor = Floor::default();
        assert!(floor.speech_started(at(1_000), "a", 700));
        floor.speech_stopped(at(3_400), 3_400); // 2 s of speech and the provider's silence
        assert_eq!(floor.poll_timeout(), Some(at(4_600)), "1.6 s after the last word at 3.0 s");
        assert_eq!(floor.take_ended(at(4_599)), None);
        let turn = floor.take_ended(at(4_600)).unwrap();
        assert_eq!((turn.spoken_ms, turn.items), (2_000, vec!["a".to_owned()]));
        assert_eq!(floor.take_ended(at(9_000)), None, "once");
    }

    /// A server that stood still for a moment hears first what it has missed.
    #[test]
    fn a_deadline_that_was_slept_through_is_given_a_moment_once() {
        let stopped = || {
            let mut floor = Floor::default();
            floor.speech_started(at(0), "a", 0);
            floor.speech_stopped(at(2_000), 2_000);
            assert_eq!(floor.poll_timeout(), Some(at(3_200)));
            assert_eq!(floor.take_ended(at(4_000)), None, "800 ms late");
            floor
        };
        let mut floor = stopped();
        floor.speech_started(at(4_010), "b", 2_900);
        floor.speech_stopped(at(5_000), 3_900);
        assert_eq!(floor.take_ended(at(6_200)).map(|it| it.items.len()), Some(2), "the turn went on");
        let mut floor = stopped();
        assert_eq!(floor.poll_timeout(), Some(at(4_500)));
        assert!(floor.take_ended(at(9_000)).is_some(), "nothing came, and it is not waited for again");
    }

    #[test]
    fn a_thinking_pause_within_patience_keeps_one_turn() {
        let mut floor = Floor::default();
        floor.speech_started(at(300), "a", 0);
        floor.speech_stopped(at(1_300), 1_300);
        assert!(!floor.speech_started(at(2_300), "b", 2_000), "the same turn goes on");
        assert_eq!(floor.poll_timeout(), None, "nobody is cut off while speaking");
        floor.speech_stopped(at(4_700), 4_700);
        let turn = floor.take_ended(at(5_900)).unwrap();
        assert_eq!((turn.spoken_ms, turn.items.len()), (2_600, 2));
    }

    /// A line that hangs is neither speech nor silence.
    #[test]
    fn who_cannot_be_heard_is_not_silent() {
        for stopped_ms in [900, 1_100] {
            let mut floor = Floor::default();
            floor.speech_started(at(0), "a", 0);
            if stopped_ms < 1_000 {
                floor.speech_stopped(at(stopped_ms), 600);
                floor.deaf(at(1_000));
            } else {
                floor.deaf(at(1_000));
                floor.speech_stopped(at(stopped_ms), 600);
            }
            assert_eq!((floor.poll_timeout(), floor.take_ended(at(30_000))), (None, None));
            floor.hears(at(30_000));
            let left_ms = if stopped_ms < 1_000 { 1_100 } else { 1_200 };
            assert_eq!(floor.poll_timeout(), Some(at(30_000 + left_ms)), "what was left of patience");
            floor.hears(at(30_500));
            assert_eq!(floor.poll_timeout(), Some(at(30_000 + left_ms)), "once");
        }
    }

    #[test]
    fn a_lost_line_never_ends_a_turn() {
        let mut floor = Floor::default();
        floor.speech_started(at(0), "a", 0);
        floor.speech_stopped(at(1_000), 600);
        floor.freeze(at(2_000));
        assert_eq!(floor.take_ended(at(60_000)), None);
        floor.thaw(at(60_000), Duration::from_millis(1_600));
        assert_eq!(floor.poll_timeout(), Some(at(61_600)));
    }

    /// A line that is lost in the middle of a word takes nothing of it away.
    #[test]
    fn what_was_said_up_to_the_end_of_a_line_counts() {
        for (deaf, spoken_ms) in [(false, 4_300), (true, 3_300)] {
            let mut floor = Floor::default();
            floor.speech_started(at(0), "a", 0);
            floor.speech_stopped(at(1_000), 1_000);
            floor.speech_started(at(1_500), "b", 1_500);
            if deaf {
                floor.deaf(at(4_500));
            }
            assert_eq!(floor.turn(at(5_500)).map(|it| it.spoken_ms), Some(spoken_ms), "deaf: {deaf}");
            floor.freeze(at(5_500));
            assert_eq!(floor.turn(at(9_000)).map(|it| it.spoken_ms), Some(spoken_ms), "deaf: {deaf}");
            floor.hears(at(9_000));
            floor.speech_started(at(9_000), "c", 0);
            floor.speech_stopped(at(10_000), 1_700);
            assert_eq!(floor.take().map(|it| it.spoken_ms), Some(spoken_ms + 1_000), "deaf: {deaf}");
        }
    }
}
