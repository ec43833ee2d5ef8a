//! How far one attempt to connect has come: which step is under way, since when, and what was reached.

use super::Route;
use super::steps::{Step, StepState, Steps, SubStep};
use crate::engine::time::Tick;

/// What an attempt reports as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    MicGranted,
    /// Server and provider are ready.
    ApiReady {
        /// What connecting may take as a whole.
        connect_timeout_ms: u32,
        /// How long our server waits for somebody who is away.
        idle_ms: u32,
        /// The provider sends RTP without pause.
        continuous: bool,
    },
    /// There is a session, and its calls go this way where they are WebRTC.
    TicketGiven(Route),
    PeerCreated,
    OfferSent,
    AnswerReceived,
    AnswerSet,
    /// Candidate pairs are being checked.
    Candidates,
    Connected,
    /// `oai-events` is open.
    ChannelOpen,
    /// `session.created` was seen, on whichever way.
    ProviderReady,
    FirstPacket,
    /// `call.open`: the call on the Socket stands, as a whole.
    CallOpen,
}

/// One attempt.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    steps: Steps,
    began: Tick,
    /// The step under way, and since when. None before the first attempt and after the last step.
    step: Option<(Step, Tick)>,
    negotiating: Option<Tick>,
    mic: bool,
    api: bool,
    ticket: bool,
    answer: bool,
    connected: bool,
    channel: bool,
    provider: bool,
    packet: bool,
}

impl Progress {
    /// An attempt that begins now.
    #[must_use]
    pub fn begin(now: Tick) -> Self {
        let mut progress = Self { began: now, ..Self::default() };
        progress.mark(now, SubStep::Started);
        progress.enter(now, Step::Microphone);
        progress
    }

    #[must_use]
    pub const fn steps(&self) -> &Steps {
        &self.steps
    }

    /// The step under way and when it began.
    #[must_use]
    pub const fn step(&self) -> Option<(Step, Tick)> {
        self.step
    }

    /// When the negotiation began, if it did.
    #[must_use]
    pub const fn negotiating(&self) -> Option<Tick> {
        self.negotiating
    }

    /// Notes what was reached. `continuous`: the far end sends packets though it says nothing, so without one there is no sound
    /// yet. Returns whether the attempt is complete.
    pub fn reach(&mut self, now: Tick, reach: Reach, continuous: bool) -> bool {
        match reach {
            Reach::MicGranted => self.mic = true,
            Reach::ApiReady { .. } => self.api = true,
            Reach::TicketGiven(_) => self.ticket = true,
            Reach::PeerCreated => self.mark(now, SubStep::PeerCreated),
            Reach::OfferSent => self.mark(now, SubStep::OfferSent),
            Reach::AnswerReceived => self.mark(now, SubStep::AnswerReceived),
            Reach::AnswerSet => {
                self.answer = true;
                self.mark(now, SubStep::AnswerSet);
            }
            Reach::Candidates => self.mark(now, SubStep::Candidates),
            Reach::Connected => {
                self.connected = true;
                self.mark(now, SubStep::Connected);
            }
            Reach::ChannelOpen => self.channel = true,
            Reach::ProviderReady => self.provider = true,
            Reach::FirstPacket => {
                self.packet = true;
                self.mark(now, SubStep::Streaming);
            }
            Reach::CallOpen => {
                (self.answer, self.connected) = (true, true);
                (self.channel, self.provider, self.packet) = (true, true, true);
                self.mark(now, SubStep::Connected);
                self.mark(now, SubStep::Streaming);
            }
        }
        while let Some((step, since)) = self.step.filter(|(step, _)| self.is_done(*step, continuous)) {
            self.steps.set(step, StepState::Done { ms: millis(since, now) });
            self.step = None;
            if let Some(next) = Step::ALL.into_iter().find(|next| *next > step) {
                self.enter(now, next);
            }
        }
        self.step.is_none()
    }

    /// Marks the step under way as failed.
    pub fn fail(&mut self) {
        if let Some((step, _)) = self.step.take() {
            self.steps.set(step, StepState::Failed);
        }
    }

    /// Milliseconds from `createOffer` to a connected peer.
    #[must_use]
    pub fn negotiation_ms(&self) -> Option<f64> {
        let from = self.steps.reached_ms(SubStep::PeerCreated)?;
        Some(f64::from(self.steps.reached_ms(SubStep::Connected)?.saturating_sub(from)))
    }

    const fn is_done(&self, step: Step, continuous: bool) -> bool {
        match step {
            Step::Microphone => self.mic,
            Step::Api => self.api,
            Step::Session => self.ticket,
            Step::WebRtc => self.answer && self.connected,
            Step::Audio => self.channel && self.provider && (self.packet || !continuous),
        }
    }

    fn enter(&mut self, now: Tick, step: Step) {
        self.step = Some((step, now));
        if step == Step::WebRtc {
            self.negotiating = Some(now);
        }
        self.steps.set(step, StepState::Active);
    }

    fn mark(&mut self, now: Tick, sub: SubStep) {
        self.steps.mark(sub, millis(self.began, now));
    }
}

fn millis(from: Tick, to: Tick) -> u32 {
    u32::try_from(to.since(from).as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S001-28: five steps, one after the other, though the browser tells things in an order of its own.
    #[test]
    fn steps_finish_in_order_whatever_order_things_happen_in() {
        let mut progress = Progress::begin(Tick::ZERO);
        let api = Reach::ApiReady { connect_timeout_ms: 30_000, idle_ms: 600_000, continuous: true };
        for (ms, reach) in [
            (5, Reach::MicGranted),
            (9, api),
            (20, Reach::TicketGiven(Route::Direct)),
            (21, Reach::PeerCreated),
            (30, Reach::ChannelOpen),
            (31, Reach::ProviderReady),
            (32, Reach::Connected),
        ] {
            assert!(!progress.reach(Tick::from_ms(ms), reach, true), "{reach:?}");
        }
        assert_eq!(progress.step(), Some((Step::WebRtc, Tick::from_ms(20))));
        assert!(!progress.reach(Tick::from_ms(40), Reach::AnswerSet, true));
        assert_eq!(progress.steps().state(Step::WebRtc), StepState::Done { ms: 20 });
        assert_eq!(progress.steps().state(Step::Audio), StepState::Active);
        assert!(progress.reach(Tick::from_ms(45), Reach::FirstPacket, true));
        assert_eq!(progress.steps().state(Step::Audio), StepState::Done { ms: 5 });
        assert_eq!(progress.negotiation_ms(), Some(11.0));
    }

    /// S003-07: on the Socket one word from the server stands for the whole negotiation.
    #[test]
    fn a_call_on_the_socket_is_complete_with_one_word() {
        let mut progress = Progress::begin(Tick::ZERO);
        let api = Reach::ApiReady { connect_timeout_ms: 30_000, idle_ms: 600_000, continuous: true };
        for reach in [Reach::MicGranted, api, Reach::TicketGiven(Route::Direct)] {
            assert!(!progress.reach(Tick::from_ms(5), reach, true), "{reach:?}");
        }
        assert_eq!(progress.negotiating(), Some(Tick::from_ms(5)));
        assert!(progress.reach(Tick::from_ms(9), Reach::CallOpen, true));
        assert_eq!(progress.negotiation_ms(), None, "no peer negotiated");
    }

    #[test]
    fn the_step_under_way_is_the_one_that_fails() {
        let mut progress = Progress::begin(Tick::ZERO);
        progress.reach(Tick::from_ms(5), Reach::MicGranted, true);
        progress.fail();
        let states = Step::ALL.map(|step| progress.steps().state(step).name());
        assert_eq!(states, ["done", "failed", "pending", "pending", "pending"]);
    }
}
