//! Shows what the engine says. Signals change only when what they show does.

use super::super::clock::now;
use super::super::storage;
use super::Inner;
use crate::engine::link::Phase;
use crate::engine::protocol::room::AiState;

impl Inner {
    pub(super) fn refresh(&self) {
        let (screen, now) = (&self.screen, now());
        let live = *self.phase.borrow() == Phase::Live;
        screen.phase.show(self.phase.borrow().clone());
        {
            let link = self.link.borrow();
            screen.steps.show(link.steps().clone());
            screen.route.show(link.route());
            let routes = *link.routes();
            screen.choice.show(routes.choice());
            // In the lobby nothing is chosen yet.
            if *self.phase.borrow() != Phase::Lobby && self.session.routes.replace(Some(routes)) != Some(routes) {
                storage::remember_routes(&routes);
            }
        }
        {
            let view = self.view.borrow();
            screen.ai.show(if live { view.ai(now) } else { AiState::Listening });
            screen.can_repeat.show(live && self.channel.borrow().is_open() && view.can_repeat());
            screen.hearing.show(live && view.hearing());
            if self.shown_revision.replace(view.revision()) != view.revision() {
                screen.lines.show(view.lines().to_vec());
                screen.snapshot.show(view.snapshot().cloned());
            }
            screen.question.show(view.question().cloned());
            let clock = view.clock(now);
            let shown = screen.clock.get_untracked();
            // Whole seconds are shown; more would draw the timer again twenty times a second.
            let seconds = |ms: u64| ms / 1_000;
            if (seconds(shown.elapsed_ms), seconds(shown.left_ms), shown.running)
                != (seconds(clock.elapsed_ms), seconds(clock.left_ms), clock.running)
            {
                screen.clock.show(clock);
            }
        }
        let figures = self.figures.borrow();
        if self.shown_figures.replace(figures.revision()) != figures.revision() {
            screen.quality.show(figures.quality().clone());
            screen.measured.show(figures.measured().clone());
        }
    }
}
