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
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
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
    fn file_names_hold_nothing_odd() {
        assert_eq!(file_name(&report()), "interview-APP-7");
        let odd = Report { application_id: Some("../a b".to_owned()), ..report() };
        assert_eq!(file_name(&odd), "interview-ab");
    }
}
