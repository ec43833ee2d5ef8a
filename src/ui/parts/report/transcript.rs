//! The whole talk, turn by turn.

use crate::engine::html::Html;
use crate::engine::interview::Speaker;
use crate::engine::interview::report::{Report, clock};
use crate::engine::wording;

/// The transcript with its times.
pub(super) fn write(report: &Report) -> String {
    let mut html = Html::default();
    html.add(r#"<h2 id="transcript">Transcript</h2>"#, &[]);
    if report.transcript.is_empty() {
        html.add(r#"<p class="soft">Nothing was said.</p>"#, &[]);
    }
    html.add(r#"<ol class="lines">"#, &[]);
    for line in &report.transcript {
        let (speaker, name) = match line.speaker {
            Speaker::Interviewer => ("interviewer", report.persona.as_str()),
            Speaker::Candidate => ("candidate", "You"),
        };
        let untold = if line.text.is_none() { "true" } else { "false" };
        html.add(
            concat!(
                r#"<li data-speaker="{}" data-untold="{}"><p class="who"><span class="name">{}</span>"#,
                r#"<span class="figures soft">{}</span>"#,
            ),
            &[speaker, untold, name, &clock(line.at_ms)],
        );
        if line.interrupted {
            html.add(r#"<span class="state">interrupted</span>"#, &[]);
        }
        html.add(r#"</p><p class="words">{}</p></li>"#, &[&wording::line(line)]);
    }
    html.add("</ol>", &[]);
    html.finish()
}
