//! The five steps of connecting, as they are shown while they happen (S001-28), and the eight below them (S004-26).

use super::Route;

/// One of the five steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// `getUserMedia`
    Microphone,
    /// Server and provider are ready.
    Api,
    /// The ticket.
    Session,
    /// Exchange and connected peer.
    WebRtc,
    /// `oai-events` open, `session.created`, and the first inbound packet where the far end never pauses.
    Audio,
}

impl Step {
    pub const ALL: [Self; 5] = [Self::Microphone, Self::Api, Self::Session, Self::WebRtc, Self::Audio];

    /// The step in words.
    #[must_use]
    pub const fn label(self, route: Route) -> &'static str {
        match self {
            Self::WebRtc if matches!(route, Route::Socket) => "WebSocket setup",
            Self::Microphone => "Microphone access",
            Self::Api => "API connection",
            Self::Session => "Session creation",
            Self::WebRtc => "WebRTC setup",
            Self::Audio => "Audio connection",
        }
    }

    /// The last part of its `data-testid`, `step-…`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Microphone => "microphone",
            Self::Api => "api",
            Self::Session => "session",
            Self::WebRtc => "webrtc",
            Self::Audio => "audio",
        }
    }
}

/// How a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepState {
    #[default]
    Pending,
    Active,
    /// Done, and how long it took.
    Done {
        ms: u32,
    },
    Failed,
}

impl StepState {
    /// The value of the `data-state` attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Done { .. } => "done",
            Self::Failed => "failed",
        }
    }
}

/// One of the eight sub-steps listed under Details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubStep {
    Started,
    PeerCreated,
    OfferSent,
    AnswerReceived,
    AnswerSet,
    Candidates,
    Connected,
    Streaming,
}

impl SubStep {
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::PeerCreated,
        Self::OfferSent,
        Self::AnswerReceived,
        Self::AnswerSet,
        Self::Candidates,
        Self::Connected,
        Self::Streaming,
    ];

    /// Whether there is such a sub-step on this route.
    #[must_use]
    pub const fn is_part_of(self, route: Route) -> bool {
        !matches!(route, Route::Socket) || matches!(self, Self::Started | Self::Connected | Self::Streaming)
    }

    /// The sub-step in words.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::PeerCreated => "Peer connection made",
            Self::OfferSent => "Offer sent",
            Self::AnswerReceived => "Answer made",
            Self::AnswerSet => "Answer set",
            Self::Candidates => "Candidates exchanged",
            Self::Connected => "Connected",
            Self::Streaming => "Audio streams",
        }
    }
}

/// The five steps and the marks below them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    states: [StepState; 5],
    /// Milliseconds since connecting began.
    marks: [Option<u32>; 8],
}

impl Steps {
    #[must_use]
    pub fn state(&self, step: Step) -> StepState {
        self.states[step as usize]
    }

    /// Changes one step.
    pub fn set(&mut self, step: Step, state: StepState) {
        self.states[step as usize] = state;
    }

    /// When a sub-step was reached, in milliseconds since connecting began.
    #[must_use]
    pub fn reached_ms(&self, sub: SubStep) -> Option<u32> {
        self.marks[sub as usize]
    }

    /// Marks a sub-step; the first time counts.
    pub fn mark(&mut self, sub: SubStep, ms: u32) {
        self.marks[sub as usize].get_or_insert(ms);
    }
}
