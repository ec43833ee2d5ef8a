//! Shows what the engine says. Signals change only when what they show does.

use leptos::prelude::GetUntracked as _;

use super::super::clock::now;
use super::super::screen::show;
use super::Inner;
use crate::engine::link::Phase;
use crate::engine::protocol::room::AiState;

impl Inner {
    pub(super) fn refresh(&self) {
        let (screen, now) = (&self.screen, now());
        let live = *self.phase.borrow() == Phase::Live;
        show(screen.phase, self.phase.borrow().clone());
        show(screen.steps, self.link.borrow().steps().clone());
        {
            let view = self.view.borrow();
            show(screen.ai, if live { view.ai(now) } else { AiState::Listening });
            show(screen.hearing, live && view.hearing());
            if self.shown_revision.replace(view.revision()) != view.revision() {
                show(screen.lines, view.lines().to_vec());
                show(screen.snapshot, view.snapshot().cloned());
            }
            show(screen.question, view.question().cloned());
            let clock = view.clock(now);
            let shown = screen.clock.try_get_untracked().unwrap_or_default();
            // Whole seconds are shown; more would draw the timer again twenty times a second.
            let seconds = |ms: u64| ms / 1_000;
            if (seconds(shown.elapsed_ms), seconds(shown.left_ms), shown.running)
                != (seconds(clock.elapsed_ms), seconds(clock.left_ms), clock.running)
            {
                show(screen.clock, clock);
            }
        }
        let figures = self.figures.borrow();
        if self.shown_figures.replace(figures.revision()) != figures.revision() {
            show(screen.quality, figures.quality().clone());
            show(screen.measured, figures.measured().clone());
        }
    }
}
