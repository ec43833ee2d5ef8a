//! How good the line is: figures from the browser's statistics, a verdict in words, and what our own sound may cost on it.

mod cushion;
mod figures;
mod ladder;
mod tally;

pub use cushion::Cushion;
pub use figures::{Figures, LineStats};
pub use ladder::{OpusLadder, OpusRate};
pub use tally::{CANDIDATES, Gain, Sums, TRANSPORTS, Tally};

/// What the page shows of the line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// Round trip to the far end, in milliseconds.
    pub rtt_ms: Option<f64>,
    pub jitter_ms: Option<f64>,
    /// Percent of the packets that were lost in the last seconds, in the direction that is worse.
    pub loss_pct: Option<f64>,
    /// How long sound is held back before it is heard, so that jitter is not, in milliseconds.
    pub held_ms: Option<f64>,
    /// Whether the media is relayed by a TURN server.
    pub relayed: bool,
}

/// The line in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Unknown,
    Good,
    Fair,
    Poor,
}

impl Verdict {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "measuring",
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
        }
    }
}

impl Quality {
    /// The verdict: ITU-T G.114 calls a one-way delay of 150 ms good; a loss of 1 % is hardly heard, of 5 % it is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let Some(loss) = self.loss_pct else { return Verdict::Unknown };
        // Not measured yet.
        let rtt = self.rtt_ms.unwrap_or(0.0);
        let jitter = self.jitter_ms.unwrap_or(0.0);
        if rtt <= 150.0 && loss <= 1.0 && jitter <= 30.0 {
            Verdict::Good
        } else if rtt <= 400.0 && loss <= 5.0 && jitter <= 80.0 {
            Verdict::Fair
        } else {
            Verdict::Poor
        }
    }
}

/// What a session measured, for the report and the log. Times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measured {
    pub negotiation_ms: Option<f64>,
    pub first_audio_ms: Option<f64>,
    /// From the end of each turn to the first sound of the answer.
    pub turn_delays_ms: Vec<f64>,
    /// One sample every few seconds.
    pub jitter_ms: Vec<f64>,
    pub loss_pct: Vec<f64>,
}
