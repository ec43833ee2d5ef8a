//! What the report says, and that nothing which comes from outside becomes markup.

use super::{answers, charts, summary, transcript};
use crate::engine::interview::report::{Answer, QuestionReport, Report};
use crate::engine::interview::{Speaker, Tier};
use crate::engine::link::view::Recording;
use crate::engine::quality::Measured;
use crate::engine::transcript::Line;

/// A report in which everything that somebody else wrote is `words`.
fn report(words: &str) -> Report {
    let answer = Answer { at_ms: 61_000, spoken_ms: 34_000, text: Some(words.to_owned()), follow_up: false };
    let question = QuestionReport {
        idx: 0,
        domain: words.to_owned(),
        tier: Tier::Core,
        text: words.to_owned(),
        asked: true,
        answers: vec![answer.clone(), Answer { text: None, follow_up: true, ..answer }],
    };
    Report {
        session_id: words.to_owned(),
        application_id: Some(words.to_owned()),
        persona: words.to_owned(),
        started_at: 1,
        duration_ms: 125_000,
        ended: None,
        questions: vec![question.clone(), QuestionReport { idx: 1, answers: Vec::new(), asked: false, ..question }],
        transcript: vec![
            Line { interrupted: true, ..Line::spoken(words, Speaker::Interviewer, words) },
            Line { text: None, at_ms: 61_000, spoken_ms: 34_000, ..Line::spoken(words, Speaker::Candidate, "") },
        ],
    }
}

fn page(words: &str) -> String {
    let report = report(words);
    let recording = Recording { question: 0, url: words.to_owned(), spoken_ms: 34_000 };
    let measured = Measured {
        negotiation_ms: Some(126.0),
        turn_delays_ms: vec![1_440.0, 900.0],
        jitter_ms: vec![2.5],
        ..Measured::default()
    };
    [
        summary::write(&report),
        answers::write(&report, &[recording]),
        charts::write(&report, &measured),
        transcript::write(&report),
    ]
    .concat()
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let (plain, hostile) = (page("Zz9"), page(r#""'><img src=x onerror="alert(1)">&"#));
    let escaped = "&quot;&#39;&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;";
    // Plain and escaped alike: persona three times, application, domains, questions, an answer, its line, and a URL twice.
    assert_eq!(plain.matches("Zz9").count(), 12, "{plain}");
    assert!(hostile == plain.replace("Zz9", escaped), "{hostile}");
}

#[test]
fn every_tag_is_closed() {
    let html = page("words");
    let mut open = Vec::new();
    for tag in html.split('<').skip(1).filter_map(|it| it.split('>').next()).filter(|it| !it.ends_with('/')) {
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.extend(tag.split(' ').next()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn answers_are_told_or_said_to_be_spoken() {
    let html = answers::write(&report("words"), &[]);
    for expected in [
        r#"<p class="kind">Question 1 · words · Core</p><h3>words</h3>"#,
        r#"<div class="answer" data-untold="false">"#,
        r#"<span class="figures soft">1:01</span><span class="soft">0:34 spoken</span></p><p class="words">words</p>"#,
        r#"<div class="answer" data-untold="true">"#,
        r#"<span class="soft">, to the follow-up</span></p><p class="words">Spoken answer, 0:34</p>"#,
        r#"<p class="soft">Not asked: the interview was over before.</p>"#,
    ] {
        assert!(html.contains(expected), "{expected} in {html}");
    }
    assert!(!html.contains("recording"), "{html}");
}

#[test]
fn a_recording_stands_with_its_question() {
    let recording = |question| Recording { question, url: "blob:x".to_owned(), spoken_ms: 34_000 };
    let html = answers::write(&report("words"), &[recording(1)]);
    let (first, second) = html.split_once("Question 2").unwrap_or_default();
    assert!(!first.contains("blob:x") && second.contains(r#"href="blob:x" download="answer-2.webm""#), "{html}");
}

#[test]
fn charts_say_their_figures_in_words() {
    let html = page("words");
    for expected in [
        r#"aria-label="Setting up: Negotiation 126 ms""#,
        r#"aria-label="Delay of each reply: typically 1.4 s""#,
        r#"<th scope="row">Reply 2</th><td class="figures">900 ms</td>"#,
        r#"<figcaption>Packets lost</figcaption><p class="soft">Not measured this time.</p>"#,
        r#"aria-label="Who spoke when, over 2:05""#,
    ] {
        assert!(html.contains(expected), "{expected} in {html}");
    }
}
