//! The words of the candidate's turns: asked for when a turn is committed, told whenever they come.

use serde_json::json;

use super::Session;
use crate::engine::audio::samples_to_ms;
use crate::engine::protocol::server::{ErrorBody, ServerEvent};
use crate::server::voice::transcribe::{Hints, TranscribeError};

/// A turn whose words are wanted.
#[derive(Clone, Debug)]
pub struct Turn {
    pub item_id: String,
    /// 16 kHz, mono.
    pub pcm: Vec<i16>,
    pub hints: Hints,
}

impl Session {
    /// The next turn that somebody should write down.
    pub fn poll_turn(&mut self) -> Option<Turn> {
        self.turns.pop_front()
    }

    /// Asks for the words of a turn, if the client wants them.
    pub(super) fn ask_for_words(&mut self, item_id: &str, pcm: &[i16]) {
        if !self.config.transcribes() {
            return;
        }
        let (language, prompt) = self.config.transcription_hints();
        let hints = Hints { language: language.map(str::to_owned), prompt: prompt.map(str::to_owned) };
        self.turns.push_back(Turn { item_id: item_id.to_owned(), pcm: pcm.to_vec(), hints });
    }

    /// Tells the words of a turn, or that there are none. They come late, and in any order.
    pub fn transcribed(&mut self, item_id: String, samples: usize, words: Result<String, TranscribeError>) {
        let content_index = 0;
        match words {
            Ok(transcript) => {
                self.conversation.write_down(&item_id, &transcript);
                let (id, delta) = (item_id.clone(), transcript.clone());
                self.emit(ServerEvent::InputTranscriptDelta { item_id: id, content_index, delta, logprobs: None });
                let seconds = samples_to_ms(samples as u64) as f64 / 1_000.0;
                self.emit(ServerEvent::InputTranscriptCompleted {
                    item_id,
                    content_index,
                    transcript,
                    usage: json!({ "type": "duration", "seconds": seconds }),
                    logprobs: None,
                    languages: None,
                });
            }
            Err(error) => {
                let error = ErrorBody {
                    kind: "transcription_error".to_owned(),
                    code: Some(error.code().to_owned()),
                    message: error.to_string(),
                    ..ErrorBody::default()
                };
                self.emit(ServerEvent::InputTranscriptFailed { item_id, content_index, error });
            }
        }
    }
}
