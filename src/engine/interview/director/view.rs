//! What the page is shown of a session.

use super::{Director, Stage};
use crate::engine::interview::Snapshot;
use crate::engine::protocol::room::{AiState, RoomEvent};
use crate::engine::response::Stage as Flight;
use crate::engine::time::{Epoch, Tick};
use crate::engine::transcript::Line;

impl Director {
    /// Everything that a page needs to draw the room.
    #[must_use]
    pub fn snapshot(&self, now: Tick) -> Snapshot {
        let elapsed_ms = self.clock.elapsed_ms(now);
        Snapshot {
            session_id: self.state.session_id.clone(),
            application_id: self.state.application_id.clone(),
            persona: self.state.plan.persona.clone(),
            total: self.state.plan.total(),
            minutes: self.state.plan.minutes,
            question: self.state.asked.and_then(|(idx, follow_up)| self.state.plan.question(idx, follow_up)),
            lines: self.state.lines.iter().cloned().chain(self.answer_so_far(now)).collect(),
            ai: self.ai(),
            elapsed_ms,
            left_ms: self.limit_ms().saturating_sub(elapsed_ms),
            transcribes: self.rules.transcription.is_some(),
            ended: self.state.ended,
            // The shell numbers the events, and so names the numbering.
            epoch: Epoch::default(),
        }
    }

    /// The answer under way: a page that was loaded anew shows it too, and goes on counting.
    fn answer_so_far(&self, now: Tick) -> Option<Line> {
        let weighed = self.weighing.as_ref().map(|(turn, _)| turn.clone());
        self.line(&weighed.or_else(|| self.floor.turn(now))?)
    }

    /// The clock, for a page that enters.
    #[must_use]
    pub fn clock(&self, now: Tick) -> RoomEvent {
        let elapsed_ms = self.clock.elapsed_ms(now);
        let left_ms = self.limit_ms().saturating_sub(elapsed_ms);
        RoomEvent::Clock { elapsed_ms, left_ms, running: self.clock.is_running() }
    }

    pub(super) fn limit_ms(&self) -> u64 {
        u64::from(self.state.plan.minutes) * 60_000
    }

    fn ai(&self) -> AiState {
        match self.stage {
            Stage::Speaking { .. } if self.flight.stage() == Some(Flight::Sounding) => AiState::Speaking,
            Stage::Speaking { .. } => AiState::Thinking,
            Stage::Listening if self.weighing.is_some() => AiState::Thinking,
            Stage::Away | Stage::Entering { .. } | Stage::Listening | Stage::Ended => AiState::Listening,
        }
    }
}
