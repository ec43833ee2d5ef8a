//! The log of a session, and the state that is a fold of it.
//!
//! Nothing about an interview changes but by a [`Record`]; resume, report and export read the same log.

use serde::{Deserialize, Serialize};

use super::director::guard::Forgery;
use super::plan::Plan;
use super::report::{Answer, QuestionReport, Report};
use super::{EndReason, Speaker};
use crate::engine::transcript::Line;

/// One entry of the log. `at_ms` is the interview's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// The session exists. `started_at`: milliseconds since the Unix epoch.
    Opened {
        plan: Plan,
        application_id: Option<String>,
        started_at: u64,
    },
    /// The interviewer began to ask this.
    Asked {
        idx: u32,
        follow_up: bool,
        at_ms: u64,
    },
    /// The interviewer said this; of an interrupted line what was heard.
    Said {
        line: Line,
    },
    /// A turn of the candidate, given to the question that had been asked by then, if any.
    Answered {
        line: Line,
        /// The provider's items of this turn, the line's own first.
        items: Vec<String>,
        question: Option<u32>,
        follow_up: bool,
    },
    /// The words of one item arrived, perhaps long after the turn.
    Transcribed {
        item_id: String,
        text: String,
    },
    /// The candidate's side changed the call, which was ended for it.
    Tampered {
        what: Forgery,
        at_ms: u64,
    },
    Ended {
        reason: EndReason,
        at_ms: u64,
    },
}

/// A turn of the candidate whose words may still be on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Turn {
    line_item: String,
    question: Option<u32>,
    follow_up: bool,
    /// The items of the turn and their words.
    items: Vec<(String, Option<String>)>,
}

/// Everything known of a session: the fold of its log.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub session_id: String,
    pub application_id: Option<String>,
    pub started_at: u64,
    pub plan: Plan,
    pub lines: Vec<Line>,
    /// The question that was asked last, and whether as a follow-up.
    pub asked: Option<(u32, bool)>,
    pub ended: Option<EndReason>,
    /// The interview's clock at the last record.
    pub at_ms: u64,
    /// How often the candidate's side changed a call.
    pub tampered: u32,
    asked_all: Vec<u32>,
    turns: Vec<Turn>,
}

impl State {
    /// The state before the first record.
    #[must_use]
    pub fn new(session_id: &str) -> Self {
        Self {
            session_id: session_id.to_owned(),
            application_id: None,
            started_at: 0,
            plan: Plan { persona: String::new(), minutes: 0, questions: Vec::new() },
            lines: Vec::new(),
            asked: None,
            ended: None,
            at_ms: 0,
            tampered: 0,
            asked_all: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// The state after a whole log.
    #[must_use]
    pub fn fold<'a>(session_id: &str, log: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut state = Self::new(session_id);
        for record in log {
            state.apply(record);
        }
        state
    }

    /// Takes one record in.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Opened { plan, application_id, started_at } => {
                self.plan = plan.clone();
                self.application_id.clone_from(application_id);
                self.started_at = *started_at;
            }
            Record::Asked { idx, follow_up, at_ms } => {
                self.asked = Some((*idx, *follow_up));
                if !self.asked_all.contains(idx) {
                    self.asked_all.push(*idx);
                }
                self.at_ms = self.at_ms.max(*at_ms);
            }
            Record::Said { line } => self.put(line),
            Record::Answered { line, items, question, follow_up } => {
                self.put(line);
                self.turns.push(Turn {
                    line_item: line.item_id.clone(),
                    question: *question,
                    follow_up: *follow_up,
                    items: items.iter().map(|id| (id.clone(), None)).collect(),
                });
            }
            Record::Transcribed { item_id, text } => self.transcribe(item_id, text),
            Record::Tampered { at_ms, .. } => {
                self.tampered += 1;
                self.at_ms = self.at_ms.max(*at_ms);
            }
            Record::Ended { reason, at_ms } => {
                self.ended.get_or_insert(*reason);
                self.at_ms = self.at_ms.max(*at_ms);
            }
        }
    }

    fn put(&mut self, line: &Line) {
        self.at_ms = self.at_ms.max(line.at_ms);
        match self.lines.iter_mut().find(|it| it.item_id == line.item_id) {
            Some(known) => *known = line.clone(),
            None => self.lines.push(line.clone()),
        }
    }

    fn transcribe(&mut self, item_id: &str, text: &str) {
        let Some(turn) = self.turns.iter_mut().find(|turn| turn.items.iter().any(|(id, _)| id == item_id)) else {
            return;
        };
        for (_, words) in turn.items.iter_mut().filter(|(id, _)| id == item_id) {
            *words = Some(text.trim().to_owned());
        }
        let whole: Vec<_> = turn.items.iter().filter_map(|(_, words)| words.as_deref()).collect();
        if let Some(line) = self.lines.iter_mut().find(|line| line.item_id == turn.line_item) {
            line.text = Some(whole.join(" ")).filter(|text| !text.is_empty());
        }
    }

    /// The line of the candidate that `item_id` belongs to.
    #[must_use]
    pub fn line_of(&self, item_id: &str) -> Option<&Line> {
        let turn = self.turns.iter().find(|turn| turn.items.iter().any(|(id, _)| id == item_id))?;
        self.lines.iter().find(|line| line.item_id == turn.line_item)
    }

    /// What the candidate said and nobody has written down, by its items.
    #[must_use]
    pub fn unwritten(&self) -> Vec<String> {
        let items = self.turns.iter().flat_map(|turn| &turn.items);
        items.filter(|(_, words)| words.is_none()).map(|(id, _)| id.clone()).collect()
    }

    /// Whether the last thing said is a whole answer to the question that was asked last.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        let last = self.turns.last().filter(|turn| self.lines.last().is_some_and(|it| it.item_id == turn.line_item));
        last.is_some_and(|turn| turn.question.map(|idx| (idx, turn.follow_up)) == self.asked)
    }

    /// The report of this state. Whoever reads it during the interview does not learn what comes next.
    #[must_use]
    pub fn report(&self) -> Report {
        let questions = self.plan.questions.iter().zip(0_u32..).map(|(planned, idx)| {
            let asked = self.asked_all.contains(&idx);
            let text = if asked || self.ended.is_some() { planned.text.clone() } else { String::new() };
            let (domain, tier, answers) = (planned.domain.clone(), planned.tier, self.answers(idx));
            QuestionReport { idx, domain, tier, text, asked, answers }
        });
        Report {
            session_id: self.session_id.clone(),
            application_id: self.application_id.clone(),
            persona: self.plan.persona.clone(),
            started_at: self.started_at,
            duration_ms: self.at_ms,
            ended: self.ended,
            questions: questions.collect(),
            transcript: self.lines.clone(),
        }
    }

    fn answers(&self, idx: u32) -> Vec<Answer> {
        let turns = self.turns.iter().filter(|turn| turn.question == Some(idx));
        turns
            .filter_map(|turn| {
                let line = self.lines.iter().find(|line| line.item_id == turn.line_item)?;
                debug_assert_eq!(line.speaker, Speaker::Candidate);
                Some(Answer {
                    at_ms: line.at_ms,
                    spoken_ms: line.spoken_ms,
                    text: line.text.clone(),
                    follow_up: turn.follow_up,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(item: &str, question: u32, spoken_ms: u64) -> Record {
        let line =
            Line { text: None, at_ms: 9_000, spoken_ms, solid: true, ..Line::spoken(item, Speaker::Candidate, "") };
        Record::Answered {
            line,
            items: vec![item.to_owned(), format!("{item}2")],
            question: Some(question),
            follow_up: false,
        }
    }

    fn log() -> Vec<Record> {
        vec![
            Record::Opened { plan: Plan::practice(5), application_id: Some("app-1".to_owned()), started_at: 7 },
            Record::Asked { idx: 0, follow_up: false, at_ms: 4_000 },
            Record::Said {
                line: Line { at_ms: 4_000, solid: true, ..Line::spoken("q", Speaker::Interviewer, "Please?") },
            },
            answered("a", 0, 5_000),
        ]
    }

    #[test]
    fn the_report_is_a_fold_of_the_log() {
        let report = State::fold("s", &log()).report();
        assert_eq!(report.application_id.as_deref(), Some("app-1"));
        assert_eq!((report.questions.len(), report.answered()), (3, 1));
        assert!(report.questions[0].asked && !report.questions[1].asked);
        assert_eq!(report.questions[0].answers[0].words(), "Spoken answer, 0:05");
        assert!(report.to_text().contains("app-1") && report.to_text().contains("Not asked"));
    }

    #[test]
    fn a_report_that_is_read_during_the_interview_holds_no_question_to_come() {
        let mut state = State::fold("s", &log());
        let texts = |state: &State| state.report().questions.iter().map(|it| it.text.clone()).collect::<Vec<_>>();
        let plan = Plan::practice(5);
        assert_eq!(texts(&state), [plan.questions[0].text.as_str(), "", ""]);
        state.apply(&Record::Ended { reason: EndReason::Finished, at_ms: 9 });
        assert_eq!(texts(&state)[2], plan.questions[2].text);
    }

    /// S001-23: texts arrive late and out of order; the turn's text is in speaking order all the same.
    #[test]
    fn late_words_find_their_turn() {
        let mut state = State::fold("s", &log());
        state.apply(&Record::Transcribed { item_id: "a2".to_owned(), text: "and more".to_owned() });
        state.apply(&Record::Transcribed { item_id: "a".to_owned(), text: " First".to_owned() });
        state.apply(&Record::Transcribed { item_id: "unknown".to_owned(), text: "never".to_owned() });
        assert_eq!(state.report().questions[0].answers[0].words(), "First and more");
    }

    #[test]
    fn records_survive_json() {
        for record in log() {
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }
}
