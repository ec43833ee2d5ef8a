//! What a browser remembers of an interview beyond the tab that it is in, so that a tab closed by mistake loses nothing.

/// Who was away for longer finds the interview closed by the server.
const KEPT_MS: u64 = 10 * 60_000;

/// An interview that a tab of this browser was in. The session's cookie proves whose it is; this alone opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub session_id: String,
    /// The path of the page that it belongs to.
    pub path: String,
    /// When it was last seen, in milliseconds since the Unix epoch.
    pub seen_ms: u64,
}

impl Remembered {
    /// As one line.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{} {} {}", self.seen_ms, self.session_id, self.path)
    }

    /// The other way round. None for what is no such line.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let (seen, id, path) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { session_id: id.to_owned(), path: path.to_owned(), seen_ms: seen.parse().ok()? })
    }

    /// Whether a new tab at `path` may offer to go on with it.
    #[must_use]
    pub fn is_for(&self, path: &str, now_ms: u64) -> bool {
        self.path == path && now_ms.saturating_sub(self.seen_ms) < KEPT_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let it = Remembered { session_id: "s-1".to_owned(), path: "/interview/new/a b".to_owned(), seen_ms: 1_763_000 };
        assert_eq!(Remembered::of_text(&it.to_text()), Some(it));
        for odd in ["", "s-1", "1 s-1", "late s-1 /interview"] {
            assert_eq!(Remembered::of_text(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_interview_is_offered_on_its_own_page_for_ten_minutes() {
        let it = Remembered { session_id: "s-1".to_owned(), path: "/interview".to_owned(), seen_ms: 1_000_000 };
        assert!(it.is_for("/interview", 1_000_000 + 599_999));
        assert!(!it.is_for("/interview", 1_000_000 + 600_000), "nobody is there any more");
        assert!(!it.is_for("/interview/new/application-7", 1_000_000), "another interview");
        assert!(it.is_for("/interview", 900_000), "a clock that was put back");
    }
}
