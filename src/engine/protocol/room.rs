//! The room channel: what the page and our server say to each other on `/ws/interview`.
//!
//! Server to page: numbered events in one schema, `{n, type, ts, payload}`. [`project`] is an allow-list and the only path
//! by which a provider event reaches the page: the server uses it for the room channel, and the page for the data
//! channel of a direct call ([`project_text`]). Everything is idempotent by item id, so both may tell the same thing.

mod payload;
mod seen;
mod wire;

use serde::{Deserialize, Serialize};

pub use seen::{project_text, reduce};

use super::server::ServerEvent;
use crate::engine::interview::{EndReason, Question, Snapshot, Speaker};
use crate::engine::link::choice::Fallback;
use crate::engine::time::Epoch;
use crate::engine::transcript::Line;

/// The code of the `error` with which a call ends that the candidate's side has changed.
pub const TAMPERED: &str = "tampered";

/// One event of the room, as it travels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoomMessage {
    /// Counts up from 1 within a session. Zero on events that the page projected itself.
    pub n: u64,
    /// Milliseconds since the Unix epoch.
    pub ts: u64,
    #[serde(flatten)]
    pub event: RoomEvent,
}

/// What happened in the room. A type that we do not know is [`RoomEvent::Unknown`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "payload")]
pub enum RoomEvent {
    /// The page is known; here is everything it needs to draw the room.
    #[serde(rename = "welcome")]
    Welcome(Box<Snapshot>),
    /// The provider's session exists: `session.created` was seen.
    #[serde(rename = "provider.ready")]
    ProviderReady,
    #[serde(rename = "turn.start")]
    TurnStart { speaker: Speaker },
    /// `spoken_ms`: how long the speaker really spoke, pauses left out; zero where nobody counted.
    #[serde(rename = "turn.end")]
    TurnEnd { speaker: Speaker, spoken_ms: u64 },
    /// The candidate's voice starts or stops within a turn.
    #[serde(rename = "speech")]
    Speech { active: bool, item_id: String },
    #[serde(rename = "question.ready")]
    QuestionReady(Question),
    #[serde(rename = "ai.state")]
    AiState { state: AiState },
    /// A piece of what is being said, to be appended to the line of `item_id`.
    #[serde(rename = "caption.delta")]
    CaptionDelta { item_id: String, speaker: Speaker, delta: String },
    /// The whole text of a line. `solid` once the log has it.
    #[serde(rename = "caption.done")]
    CaptionDone(Line),
    /// The interviewer was interrupted: the line ends after `heard_ms` of sound.
    #[serde(rename = "caption.cut")]
    CaptionCut { item_id: String, heard_ms: u64 },
    /// The call on this socket stands: sound may flow both ways. `epoch` is the one that the page asked with, `call` what our
    /// server counts it as. `from`: the page's frame that was not heard yet, where a call goes on after a cut.
    #[serde(rename = "call.open")]
    CallOpen {
        epoch: Epoch,
        call: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u32>,
    },
    /// A playout begins: frames of an older one are not to be heard any more.
    #[serde(rename = "audio.cut")]
    AudioCut { epoch: u32 },
    /// The clock as the server keeps it. It stands still while we are at fault.
    #[serde(rename = "clock")]
    Clock { elapsed_ms: u64, left_ms: u64, running: bool },
    /// To be answered with [`PageMessage::Pong`] at once. `rtt_ms`: how long the answer to the ping before was on its way.
    #[serde(rename = "latency.ping")]
    LatencyPing {
        id: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        rtt_ms: Option<u32>,
    },
    #[serde(rename = "error")]
    Error { code: String, message: String },
    /// The interview is over and the report can be read.
    #[serde(rename = "ended")]
    Ended { reason: EndReason },
    #[serde(rename = "unknown")]
    Unknown,
}

impl RoomEvent {
    /// The name under which it is told to the rest of the page (S003-30). None for what only the room itself needs.
    #[must_use]
    pub const fn announced_as(&self) -> Option<&'static str> {
        match self {
            Self::TurnStart { .. } => Some("turn.start"),
            Self::TurnEnd { .. } => Some("turn.end"),
            Self::QuestionReady(_) => Some("question.ready"),
            Self::LatencyPing { .. } => Some("latency.ping"),
            Self::Error { .. } => Some("error"),
            Self::AiState { .. } => Some("ai.state"),
            Self::Welcome(_)
            | Self::ProviderReady
            | Self::Speech { .. }
            | Self::CaptionDelta { .. }
            | Self::CaptionDone(_)
            | Self::CaptionCut { .. }
            | Self::CallOpen { .. }
            | Self::AudioCut { .. }
            | Self::Clock { .. }
            | Self::Ended { .. }
            | Self::Unknown => None,
        }
    }
}

/// Who has the floor, as the page shows it in `data-ai`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AiState {
    #[default]
    Listening,
    Thinking,
    Speaking,
}

impl AiState {
    /// The value of the `data-ai` attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Thinking => "thinking",
            Self::Speaking => "speaking",
        }
    }
}

/// What the page says on the room channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PageMessage {
    /// The data channel is open, the remote track delivers, sound is allowed: the greeting may begin.
    Ready,
    /// Say the question again.
    Repeat,
    /// The candidate ends the interview.
    Finish,
    Muted {
        muted: bool,
    },
    Pong {
        id: u64,
    },
    Stats(Box<PageStats>),
    /// Carry the call on this socket from here on, as the attempt `epoch`. It replaces any call there is, but for the one
    /// that the page had: `after` is that one's number, and `heard` counts its frames that came.
    Call {
        epoch: Epoch,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u32>,
        #[serde(default)]
        heard: u32,
    },
    /// The call of this attempt is not wanted any more.
    Bye {
        epoch: Epoch,
    },
    /// How many samples of a playout have really been heard. Said after [`RoomEvent::AudioCut`], and now and then.
    Played {
        epoch: u32,
        samples: u64,
    },
    /// Whether the path of a call that our server does not carry is dead, and for how long it has been.
    Path {
        dead: bool,
        lost_ms: u64,
    },
    /// The link goes on over this socket.
    Fallback {
        reason: Fallback,
    },
    #[serde(other)]
    Unknown,
}

/// What the page measured. Logged by the server as it is shown on the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageStats {
    /// From `createOffer` to a connected peer, the latest one, or what an ICE restart took.
    pub negotiation_ms: Option<f64>,
    /// How many of them there were.
    pub negotiations: u32,
    /// From the request of the first question to its first sound.
    pub first_audio_ms: Option<f64>,
    /// From the end of a turn of the candidate to the first sound of the answer, the latest one.
    pub turn_delay_ms: Option<f64>,
    pub jitter_ms: Option<f64>,
    /// Percent of the packets, in the direction that is worse.
    pub loss_pct: Option<f64>,
    pub rtt_ms: Option<f64>,
    /// Milliseconds since the Unix epoch.
    pub stream_started_at: Option<f64>,
    pub latency_sum_ms: f64,
    pub response_count: u32,
    /// `host`, `srflx`, `prflx` or `relay`, of our side of the selected pair.
    pub candidate_type: Option<String>,
    /// How that side travels to its far end, or to the TURN server: `udp`, `tcp` or `tls`.
    pub transport: Option<String>,
    /// What a TURN server forwarded for this page (S003-29): seconds, and bytes both ways.
    pub relay_seconds: u32,
    pub relay_bytes: u64,
    /// Holes in the sound that the browser had to fill.
    pub gaps: u32,
    /// How long the browser's jitter buffer holds sound back before it is heard, lately.
    pub buffered_ms: Option<f64>,
    /// Times that the line dropped and had to be mended.
    pub stalls: u32,
    /// What the microphone gave: sample rate in Hz, and channels.
    pub mic_rate_hz: Option<u32>,
    pub mic_channels: Option<u32>,
    pub ice_restarts: u32,
}

impl PageStats {
    /// The mean of the response delays; none before the first.
    #[must_use]
    pub fn mean_latency_ms(&self) -> Option<f64> {
        (self.response_count > 0).then(|| self.latency_sum_ms / f64::from(self.response_count))
    }
}

/// What of a provider's event the page may know. `None`: nothing.
#[must_use]
pub fn project(event: &ServerEvent) -> Option<RoomEvent> {
    let it = match event {
        ServerEvent::SessionCreated { .. } => RoomEvent::ProviderReady,
        ServerEvent::OutputStarted { .. } => RoomEvent::TurnStart { speaker: Speaker::Interviewer },
        ServerEvent::OutputStopped { .. } | ServerEvent::OutputCleared { .. } => {
            RoomEvent::TurnEnd { speaker: Speaker::Interviewer, spoken_ms: 0 }
        }
        ServerEvent::SpeechStarted { item_id, .. } => RoomEvent::Speech { active: true, item_id: item_id.clone() },
        ServerEvent::SpeechStopped { item_id, .. } => RoomEvent::Speech { active: false, item_id: item_id.clone() },
        ServerEvent::OutputTranscriptDelta { at, delta } | ServerEvent::OutputTextDelta { at, delta } => {
            RoomEvent::CaptionDelta { item_id: at.item_id.clone(), speaker: Speaker::Interviewer, delta: delta.clone() }
        }
        ServerEvent::OutputTranscriptDone { at, transcript: text } | ServerEvent::OutputTextDone { at, text } => {
            RoomEvent::CaptionDone(Line::spoken(&at.item_id, Speaker::Interviewer, text))
        }
        ServerEvent::ItemTruncated { item_id, audio_end_ms, .. } => {
            RoomEvent::CaptionCut { item_id: item_id.clone(), heard_ms: *audio_end_ms }
        }
        ServerEvent::InputTranscriptDelta { item_id, delta, .. } => {
            RoomEvent::CaptionDelta { item_id: item_id.clone(), speaker: Speaker::Candidate, delta: delta.clone() }
        }
        // What is cumulative replaces the line; the next one replaces it again.
        ServerEvent::InputTranscriptUpdated { item_id, transcript, .. }
        | ServerEvent::InputTranscriptCompleted { item_id, transcript, .. } => {
            RoomEvent::CaptionDone(Line::spoken(item_id, Speaker::Candidate, transcript))
        }
        ServerEvent::Error { error } if error.is_harmless() => return None,
        // The provider's own words stay on the server: they may quote the prompt.
        ServerEvent::Error { error } => RoomEvent::Error {
            code: error.code.clone().unwrap_or_else(|| "provider".to_owned()),
            message: "The voice service reported a problem.".to_owned(),
        },
        ServerEvent::SessionUpdated { .. }
        | ServerEvent::ItemAdded { .. }
        | ServerEvent::ItemDone { .. }
        | ServerEvent::ItemRetrieved { .. }
        | ServerEvent::ItemDeleted { .. }
        | ServerEvent::InputTranscriptFailed { .. }
        | ServerEvent::InputCommitted { .. }
        | ServerEvent::InputCleared
        | ServerEvent::InputTimeout { .. }
        | ServerEvent::ResponseCreated { .. }
        | ServerEvent::ResponseDone { .. }
        | ServerEvent::OutputItemAdded { .. }
        | ServerEvent::OutputItemDone { .. }
        | ServerEvent::ContentPartAdded { .. }
        | ServerEvent::ContentPartDone { .. }
        | ServerEvent::OutputAudioDelta { .. }
        | ServerEvent::OutputAudioDone { .. }
        | ServerEvent::FunctionArgumentsDelta { .. }
        | ServerEvent::FunctionArgumentsDone { .. }
        | ServerEvent::ConversationCreated { .. }
        | ServerEvent::InputTranscriptSegment { .. }
        | ServerEvent::DtmfReceived { .. }
        | ServerEvent::McpArgumentsDelta { .. }
        | ServerEvent::McpArgumentsDone { .. }
        | ServerEvent::McpCallStarted { .. }
        | ServerEvent::McpCallCompleted { .. }
        | ServerEvent::McpCallFailed { .. }
        | ServerEvent::McpToolsStarted { .. }
        | ServerEvent::McpToolsCompleted { .. }
        | ServerEvent::McpToolsFailed { .. }
        | ServerEvent::RateLimits { .. }
        | ServerEvent::Unknown => return None,
    };
    Some(it)
}
