//! Words that arrive after the end.
//!
//! Somebody writes a turn down while the interview goes on, and the last turn when it is over. The candidate is given the
//! report at once; the line stays open a moment longer, for these words alone, and a later reading has them.

use std::time::Duration;

use super::{Command, Director, Input};
use crate::engine::interview::EndReason;
use crate::engine::protocol::client::ClientEvent;
use crate::engine::protocol::server::ServerEvent;
use crate::engine::time::Tick;

/// How long they may take.
const LATE_WORDS: Duration = Duration::from_secs(3);

/// What is waited for after the end.
#[derive(Clone, Debug)]
pub(super) struct Late {
    pub(super) until: Tick,
    items: Vec<String>,
}

impl Director {
    /// The interview is over: ends the call, at once unless words are under way. `on_call`: there is one; `in_flight`: and
    /// something is being said on it.
    pub(super) fn part(&mut self, now: Tick, reason: EndReason, on_call: bool, in_flight: bool) {
        // Who ends for want of trust or money does not wait.
        let waits = match reason {
            EndReason::Finished | EndReason::Completed | EndReason::TimeUp => self.rules.transcription.is_some(),
            EndReason::Idle | EndReason::Budget | EndReason::Tampered => false,
        };
        let mut items = self.state.unwritten();
        items.retain(|it| !self.wordless.contains(it));
        if waits && on_call && !items.is_empty() {
            self.late = Some(Late { until: now.after(LATE_WORDS), items });
            if in_flight {
                self.send(ClientEvent::ResponseCancel { response_id: None });
            }
        } else {
            self.out.push_back(Command::Hangup);
        }
    }

    /// Takes in what still happens after the end: late words, and nothing else.
    pub(super) fn after_end(&mut self, now: Tick, input: Input<'_>) {
        let Some(late) = &mut self.late else { return };
        match input {
            Input::Provider(ServerEvent::InputTranscriptCompleted { item_id, transcript, usage, .. }) => {
                late.items.retain(|it| it != item_id);
                self.count_words(usage);
                self.words(now, item_id, transcript);
            }
            Input::Provider(ServerEvent::InputTranscriptFailed { item_id, .. }) => {
                late.items.retain(|it| it != item_id);
            }
            Input::CallLost | Input::CallBroken(_) => late.items.clear(),
            _ => {}
        }
        if self.late.take_if(|it| it.items.is_empty() || it.until <= now).is_some() {
            self.out.push_back(Command::Hangup);
        }
    }
}
