//! What the page notes of the interview, should the server not be there to write the report.

use crate::engine::interview::Question;
use crate::engine::interview::report::{Answer, QuestionReport};

/// The questions that were asked while this page was there, and the answers to them.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(Vec<QuestionReport>);

impl Notes {
    /// Notes a question, once.
    pub(super) fn asked(&mut self, question: &Question) {
        if self.0.iter().all(|it| it.idx != question.idx) {
            self.0.push(QuestionReport {
                idx: question.idx,
                domain: question.domain.clone(),
                tier: question.tier,
                text: question.text.clone(),
                asked: true,
                answers: Vec::new(),
            });
        }
    }

    pub(super) fn answered(&mut self, question: &Question, at_ms: u64, spoken_ms: u64) {
        if let Some(report) = self.0.iter_mut().find(|it| it.idx == question.idx) {
            report.answers.push(Answer { at_ms, spoken_ms, text: None, follow_up: question.follow_up });
        }
    }

    pub(super) fn questions(&self) -> Vec<QuestionReport> {
        self.0.clone()
    }
}
