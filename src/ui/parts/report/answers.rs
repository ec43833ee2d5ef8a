//! Each question with its answers, and their recordings if the candidate wanted them.

use crate::engine::html::Html;
use crate::engine::interview::report::{Answer, QuestionReport, Report, clock};
use crate::engine::link::view::Recording;
use crate::ui::parts::icon::{Sign, draw};

/// All questions, asked or not.
pub(super) fn write(report: &Report, recordings: &[Recording]) -> String {
    let mut html = Html::default();
    html.add(r#"<h2 id="answers">Questions and answers</h2><ol>"#, &[]);
    for question in &report.questions {
        asked(&mut html, question, recordings);
    }
    html.add("</ol>", &[]);
    html.finish()
}

fn asked(html: &mut Html, question: &QuestionReport, recordings: &[Recording]) {
    html.add(
        r#"<li data-testid="report-question"><p class="kind">Question {} · {} · {}</p><h3>{}</h3>"#,
        &[&(question.idx + 1).to_string(), &question.domain, question.tier.label(), &question.text],
    );
    for it in &question.answers {
        answer(html, it);
    }
    if question.answers.is_empty() {
        let why = if question.asked { "Asked, not answered." } else { "Not asked: the interview was over before." };
        html.add(r#"<p class="soft">{}</p>"#, &[why]);
    }
    for it in recordings.iter().filter(|it| it.question == question.idx) {
        sound(html, it);
    }
    html.add("</li>", &[]);
}

fn answer(html: &mut Html, answer: &Answer) {
    // An answer without text says its length in its words.
    let (untold, mut length) = match answer.text {
        Some(_) => ("false", clock(answer.spoken_ms) + " spoken"),
        None => ("true", String::new()),
    };
    if answer.follow_up {
        length.push_str(", to the follow-up");
    }
    html.add(
        concat!(
            r#"<div class="answer" data-untold="{}"><p class="who"><span class="name">You</span>"#,
            r#"<span class="figures soft">{}</span><span class="soft">{}</span></p><p class="words">{}</p></div>"#,
        ),
        &[untold, &clock(answer.at_ms), &length, &answer.words()],
    );
}

/// An answer as it was recorded on this page.
fn sound(html: &mut Html, recording: &Recording) {
    let number = &(recording.question + 1).to_string();
    html.add(
        concat!(
            r#"<div class="sound" data-testid="recording"><audio controls preload="metadata" src="{}" "#,
            r#"aria-label="Your answer to question {}, {}"></audio><a class="button" href="{}" download="answer-{}.webm">"#,
        ),
        &[&recording.url, number, &clock(recording.spoken_ms), &recording.url, number],
    );
    draw(html, Sign::Download);
    html.add(r#"Save recording<span class="unseen"> of question {}</span></a></div>"#, &[number]);
}
