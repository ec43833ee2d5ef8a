//! The interview in a few figures.

use crate::engine::html::Html;
use crate::engine::interview::report::{Report, clock};

/// How long it took, how much was answered, and who asked.
pub(super) fn write(report: &Report) -> String {
    let mut html = Html::default();
    let mut line = |name: &str, value: &str| html.add("<div><dt>{}</dt><dd>{}</dd></div>", &[name, value]);
    line("Length", &clock(report.duration_ms));
    line("Answered", &format!("{} of {} questions", report.answered(), report.questions.len()));
    line("Interviewer", &(report.persona.clone() + " (AI)"));
    if let Some(id) = &report.application_id {
        line("Application", id);
    }
    html.finish()
}
