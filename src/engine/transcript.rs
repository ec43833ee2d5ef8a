//! What was said, as lines. Ordered by item, never by arrival; everything is idempotent.

use serde::{Deserialize, Serialize};

use super::interview::Speaker;

/// One line of the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The provider's item, or for a candidate's turn of several items the first of them.
    pub item_id: String,
    pub speaker: Speaker,
    /// What was said. None for a spoken answer that nobody transcribed.
    #[serde(default)]
    pub text: Option<String>,
    /// Milliseconds of the interview's clock at which the line began.
    #[serde(default)]
    pub at_ms: u64,
    /// How long was spoken. Zero where nobody counted.
    #[serde(default)]
    pub spoken_ms: u64,
    /// The speaker was interrupted: the text is what was heard of it.
    #[serde(default)]
    pub interrupted: bool,
    /// The log has this line; it survives whatever happens to the page.
    #[serde(default)]
    pub solid: bool,
}

impl Line {
    /// A line with its text and nothing else known yet.
    #[must_use]
    pub fn spoken(item_id: &str, speaker: Speaker, text: &str) -> Self {
        Self {
            item_id: item_id.to_owned(),
            speaker,
            text: Some(text.to_owned()),
            at_ms: 0,
            spoken_ms: 0,
            interrupted: false,
            solid: false,
        }
    }
}

/// The lines on the page, growing while people speak.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captions {
    lines: Vec<Line>,
}

impl Captions {
    /// All lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Replaces everything by what the server knows.
    pub fn restore(&mut self, lines: Vec<Line>) {
        self.lines = lines;
    }

    /// Appends a piece of text to the line of `item_id`, which is begun at `at_ms` if it is new. A finished line stays as
    /// it is: late deltas never make a text run backwards.
    pub fn append(&mut self, item_id: &str, speaker: Speaker, delta: &str, at_ms: u64) {
        let line = self.line(item_id, speaker, at_ms);
        if line.solid || line.interrupted {
            return;
        }
        line.text.get_or_insert_default().push_str(delta);
    }

    /// Puts a finished line in its place. A solid one is never replaced by one that is not.
    pub fn finish(&mut self, done: &Line) {
        let line = self.line(&done.item_id, done.speaker, done.at_ms);
        if line.solid && !done.solid {
            return;
        }
        let at_ms = if done.at_ms == 0 { line.at_ms } else { done.at_ms };
        let spoken_ms = done.spoken_ms.max(line.spoken_ms);
        // An interrupted line that is not on record yet shows what was heard, not what was meant.
        if line.interrupted && !done.solid {
            return;
        }
        *line = Line { at_ms, spoken_ms, ..done.clone() };
    }

    /// Marks the line as interrupted. What was heard of it arrives with the solid line.
    pub fn cut(&mut self, item_id: &str) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.item_id == item_id) {
            line.interrupted = true;
        }
    }

    /// The candidate is heard: a line that counts the time spoken, until a text arrives or the turn ends.
    pub fn hear(&mut self, item_id: &str, at_ms: u64, spoken_ms: u64) {
        let line = self.line(item_id, Speaker::Candidate, at_ms);
        if !line.solid {
            line.spoken_ms = spoken_ms;
        }
    }

    fn line(&mut self, item_id: &str, speaker: Speaker, at_ms: u64) -> &mut Line {
        let at = self.lines.iter().position(|line| line.item_id == item_id).unwrap_or_else(|| {
            self.lines.push(Line { text: None, at_ms, ..Line::spoken(item_id, speaker, "") });
            self.lines.len() - 1
        });
        &mut self.lines[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(captions: &Captions) -> Vec<&str> {
        captions.lines().iter().filter_map(|line| line.text.as_deref()).collect()
    }

    #[test]
    fn deltas_grow_a_line_and_the_solid_line_replaces_it() {
        let mut captions = Captions::default();
        captions.append("a", Speaker::Interviewer, "Hello ", 10);
        captions.append("a", Speaker::Interviewer, "there", 20);
        assert_eq!(text(&captions), ["Hello there"]);
        captions.finish(&Line { solid: true, at_ms: 12, ..Line::spoken("a", Speaker::Interviewer, "Hello there.") });
        captions.append("a", Speaker::Interviewer, " late", 30);
        captions.finish(&Line::spoken("a", Speaker::Interviewer, "older"));
        assert_eq!(text(&captions), ["Hello there."]);
        assert_eq!(captions.lines()[0].at_ms, 12);
    }

    #[test]
    fn the_same_line_told_twice_is_one_line() {
        let mut captions = Captions::default();
        let line = Line::spoken("a", Speaker::Interviewer, "Once.");
        captions.finish(&line);
        captions.finish(&line);
        assert_eq!(captions.lines().len(), 1);
    }

    #[test]
    fn an_interrupted_line_shows_what_was_heard() {
        let mut captions = Captions::default();
        captions.append("a", Speaker::Interviewer, "Tell me ", 0);
        captions.cut("a");
        captions.append("a", Speaker::Interviewer, "everything", 5);
        captions.finish(&Line::spoken("a", Speaker::Interviewer, "Tell me everything"));
        assert_eq!(text(&captions), ["Tell me "]);
        let heard = Line { interrupted: true, solid: true, ..Line::spoken("a", Speaker::Interviewer, "Tell me") };
        captions.finish(&heard);
        assert_eq!(text(&captions), ["Tell me"]);
    }

    #[test]
    fn a_spoken_answer_without_text_counts_its_length() {
        let mut captions = Captions::default();
        captions.hear("u", 1_000, 400);
        captions.hear("u", 1_000, 900);
        assert_eq!((captions.lines()[0].text.as_deref(), captions.lines()[0].spoken_ms), (None, 900));
    }
}
