//! What the provider's events mean for the conversation.

use std::time::Duration;

use serde_json::Value;

use super::directive::Purpose;
use super::line::GATHER;
use super::{ATTEMPTS, Command, Director, FAR_END, Stage};
use crate::engine::interview::{EndReason, Speaker};
use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::room::{AiState, RoomEvent, project};
use crate::engine::protocol::server::{Response, ServerEvent};
use crate::engine::response::{InFlight, Stage as Flight};
use crate::engine::time::Tick;

/// Longer than anything that is ever said in one piece.
const SPEECH_LIMIT: Duration = Duration::from_secs(120);
/// And than any goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_secs(30);

impl Director {
    pub(super) fn provider(&mut self, now: Tick, event: &ServerEvent) {
        self.count(now, event);
        if self.stage == Stage::Ended {
            return;
        }
        match event {
            ServerEvent::ResponseCreated { response } => _ = self.flight.created(&response.id),
            ServerEvent::OutputStarted { response_id } => self.sound_begins(now, response_id),
            ServerEvent::OutputTranscriptDelta { at, delta } => {
                self.flight.delta(&at.response_id, &at.item_id, delta);
            }
            ServerEvent::OutputTranscriptDone { at, transcript } => {
                self.flight.words(&at.response_id, &at.item_id, transcript);
            }
            ServerEvent::OutputStopped { response_id } if self.flight.is(response_id) => self.said(now, false),
            ServerEvent::OutputCleared { response_id } if self.flight.is(response_id) => self.said(now, true),
            ServerEvent::ResponseDone { response } if self.flight.is(&response.id) => self.response_done(now, response),
            ServerEvent::SpeechStarted { audio_start_ms, item_id } => self.heard(now, event, *audio_start_ms, item_id),
            ServerEvent::SpeechStopped { audio_end_ms, .. } => {
                self.last_sign = now;
                self.floor.speech_stopped(now, *audio_end_ms);
                self.out.extend(project(event).map(Command::Tell));
            }
            ServerEvent::ItemTruncated { .. } => self.out.extend(project(event).map(Command::Tell)),
            ServerEvent::InputTranscriptCompleted { item_id, transcript, .. } => self.words(now, item_id, transcript),
            ServerEvent::InputTranscriptFailed { item_id, .. } => self.words(now, item_id, ""),
            ServerEvent::SessionUpdated { session } => self.lifetime.learn(session, self.rules.began_at),
            ServerEvent::Error { error } if error.code.as_deref() == Some("session_expired") => self.renew(now),
            ServerEvent::Error { error } => {
                // The one that was active is over in a moment; our request has to be made again.
                let busy = error.code.as_deref() == Some("conversation_already_has_active_response");
                if let (true, Stage::Speaking { give_up, .. }) = (busy, &mut self.stage) {
                    *give_up = now.after(Duration::from_millis(500));
                }
            }
            // Nothing that decides anything.
            _ => {}
        }
    }

    fn sound_begins(&mut self, now: Tick, response_id: &str) {
        let is_news = self.flight.sounding(response_id);
        if self.flight.is(response_id)
            && let Stage::Speaking { purpose, give_up, .. } = &mut self.stage
        {
            *give_up = now.after(if matches!(purpose, Purpose::Closing(_)) { GOODBYE_LIMIT } else { SPEECH_LIMIT });
            self.answering = purpose.question().or(self.answering);
        }
        if !is_news {
            return;
        }
        self.mute_calls = 0;
        self.failure = None;
        self.sounding_from_ms = self.clock.elapsed_ms(now);
        self.tell(RoomEvent::TurnStart { speaker: Speaker::Interviewer });
        self.tell(RoomEvent::AiState { state: AiState::Speaking });
    }

    /// The sound is over, to its end or interrupted.
    pub(super) fn said(&mut self, now: Tick, interrupted: bool) {
        let Stage::Speaking { purpose, .. } = self.stage else { return };
        let sounded = self.flight.stage() == Some(Flight::Sounding);
        self.record_said(now, interrupted);
        if sounded {
            self.tell(RoomEvent::TurnEnd { speaker: Speaker::Interviewer, spoken_ms: 0 });
        }
        match purpose {
            Purpose::Greeting => {
                self.greeted = true;
                self.speak(now, Purpose::Ask { idx: 0, follow_up: false, thanks: false });
            }
            Purpose::Closing(reason) if interrupted => self.end(now, reason),
            // The end takes the call away, and with it what the candidate has not heard yet.
            Purpose::Closing(_) => {
                self.stage = Stage::Speaking { purpose, give_up: now.after(FAR_END), attempt: ATTEMPTS };
            }
            Purpose::GoOn { .. } => self.listen(now, GATHER),
            Purpose::Ask { .. } | Purpose::Repeat { .. } | Purpose::Reply { .. } | Purpose::Rejoin { .. } => {
                self.cut_off = interrupted;
                self.listen(now, self.rules.patience.wait);
            }
        }
    }

    /// Why the interview is about to end: the goodbye is said, and on its way to the candidate.
    pub(super) fn parting(&self) -> Option<EndReason> {
        match self.stage {
            Stage::Speaking { purpose: Purpose::Closing(reason), .. } if self.flight.stage().is_none() => Some(reason),
            _ => None,
        }
    }

    fn response_done(&mut self, now: Tick, response: &Response) {
        let Stage::Speaking { purpose, give_up, .. } = &mut self.stage else { return };
        let sounding = self.flight.stage() == Some(Flight::Sounding);
        match response.status.as_str() {
            "cancelled" if sounding => {
                *give_up = now.after(Duration::from_secs(1));
                self.cut = true;
            }
            // The candidate went on before we were heard: what we wanted to say waits until that turn is over.
            "cancelled" => {
                self.resume = Some(*purpose);
                self.flight = InFlight::default();
                self.listen(now, self.rules.patience.wait);
            }
            "failed" => {
                *give_up = now.after(Duration::from_secs(1));
                let code = response.status_details.pointer("/error/code").and_then(Value::as_str);
                self.failure = code.and_then(UpstreamFault::of_provider);
            }
            // Not every server tells when its sound begins and ends. It has begun by now, and lasts as long as such words do;
            // a server that tells after all is believed.
            "completed" | "incomplete" if !sounding && self.flight.has_words() => {
                self.sound_begins(now, &response.id);
                let until = now.after(self.flight.takes());
                if let Stage::Speaking { give_up, .. } = &mut self.stage {
                    *give_up = until;
                }
            }
            // Nothing was said, so it has to be asked for again.
            "completed" | "incomplete" if !sounding => *give_up = now.after(Duration::from_millis(500)),
            _ => {}
        }
    }

    fn heard(&mut self, now: Tick, event: &ServerEvent, audio_start_ms: u64, item_id: &str) {
        self.last_sign = now;
        self.last_heard = now;
        if std::mem::take(&mut self.dead) {
            self.hearing(now, true);
        }
        match self.stage {
            // Nobody can talk over the opening line; what is said there is no answer.
            Stage::Away | Stage::Ended => return,
            Stage::Speaking { purpose: Purpose::Greeting | Purpose::Closing(_), .. } => return,
            // Back on the line, and in the middle of an answer. What was cut off is said first.
            Stage::Entering { .. } if self.resume.is_some() || self.answering.is_none() => return,
            Stage::Entering { .. } | Stage::Speaking { .. } | Stage::Listening => {}
        }
        self.give_back();
        if self.floor.speech_started(now, item_id, audio_start_ms) {
            self.turn_from_ms = self.clock.elapsed_ms(now);
            self.tell(RoomEvent::TurnStart { speaker: Speaker::Candidate });
        }
        self.out.extend(project(event).map(Command::Tell));
    }
}
