//! What the candidate takes home: the report and what was measured, as one file.

use serde::{Deserialize, Serialize};

use super::interview::report::Report;
use super::quality::Measured;

/// The file behind "Download JSON".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    pub report: Report,
    pub measured: Measured,
}

impl Export {
    /// The file's content, indented for people.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Both are plain data with text keys: encoding them cannot fail.
        indent(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// Valid JSON with a line for each value. serde_json can do it too, with its whole machinery for a second time.
fn indent(json: &str) -> String {
    let (mut out, mut depth) = (String::with_capacity(2 * json.len()), 0);
    let (mut quoted, mut escaped, mut opened) = (false, false, false);
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for letter in json.chars() {
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = letter == '\\' && !escaped;
            continue;
        }
        let closes = matches!(letter, '}' | ']');
        depth -= usize::from(closes);
        // An empty object stays on its line.
        if opened != closes {
            new_line(&mut out, depth);
        }
        opened = matches!(letter, '{' | '[');
        depth += usize::from(opened);
        quoted = letter == '"';
        out.push(letter);
        match letter {
            ',' => new_line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

/// The file's name without its ending: the application if there is one, else the session.
#[must_use]
pub fn file_name(report: &Report) -> String {
    let id = report.application_id.as_deref().unwrap_or(&report.session_id);
    let safe: String = id.chars().filter(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_')).take(64).collect();
    format!("interview-{safe}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            session_id: "s_1".to_owned(),
            application_id: Some("APP-7".to_owned()),
            persona: "Mariam".to_owned(),
            started_at: 1,
            duration_ms: 2,
            ended: None,
            questions: Vec::new(),
            transcript: Vec::new(),
        }
    }

    #[test]
    fn the_file_reads_back_and_carries_the_application() {
        let export = Export { report: report(), measured: Measured::default() };
        let json = export.to_json();
        assert!(json.contains("APP-7"));
        assert_eq!(serde_json::from_str::<Export>(&json).unwrap(), export);
    }

    #[test]
    fn the_file_is_indented_as_usual() {
        let odd = Report { persona: r#"a "b\", [c: {}"#.to_owned(), ..report() };
        let measured = Measured { jitter_ms: vec![1.0, 2.5], ..Measured::default() };
        let export = Export { report: odd, measured };
        assert_eq!(export.to_json(), serde_json::to_string_pretty(&export).unwrap());
    }

    #[test]
    fn file_names_hold_nothing_odd() {
        assert_eq!(file_name(&report()), "interview-APP-7");
        let odd = Report { application_id: Some("../a b".to_owned()), ..report() };
        assert_eq!(file_name(&odd), "interview-ab");
    }
}
