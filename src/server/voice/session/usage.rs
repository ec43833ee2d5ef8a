//! Plausible counts: four characters of text are a token, and so are 100 ms of sound that came in and 50 ms that went out.

use serde_json::{Value, json};

const TEXT_BYTES: usize = 4;
const INPUT_MS: u64 = 100;
const OUTPUT_MS: u64 = 50;

/// Speech comes to about this many bytes of text for ten tokens, sound and text together.
const SPOKEN_BYTES_PER_TEN: usize = 6;

/// What a response took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    /// Text that was read, in bytes.
    pub(super) input_bytes: usize,
    /// Sound that was heard.
    pub(super) input_ms: u64,
    pub(super) output_bytes: usize,
    pub(super) output_ms: u64,
}

impl Spent {
    /// The `usage` of a response.
    pub(super) fn usage(self) -> Value {
        let tokens = |bytes: usize| bytes.div_ceil(TEXT_BYTES) as u64;
        let (text_in, audio_in) = (tokens(self.input_bytes), self.input_ms / INPUT_MS);
        let (text_out, audio_out) = (tokens(self.output_bytes), self.output_ms / OUTPUT_MS);
        json!({
            "total_tokens": text_in + audio_in + text_out + audio_out,
            "input_tokens": text_in + audio_in,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                "text_tokens": text_in, "audio_tokens": audio_in, "image_tokens": 0, "cached_tokens": 0,
                "cached_tokens_details": { "text_tokens": 0, "audio_tokens": 0, "image_tokens": 0 },
            },
            "output_token_details": { "text_tokens": text_out, "audio_tokens": audio_out },
        })
    }
}

/// The beginning of `text` that `max_output_tokens` has room for, whole words of it.
pub(super) fn fitting<'a>(text: &'a str, max_output_tokens: &Value, aloud: bool) -> &'a str {
    let Some(tokens) = max_output_tokens.as_u64().and_then(|it| usize::try_from(it).ok()) else { return text };
    let most = if aloud { tokens.saturating_mul(SPOKEN_BYTES_PER_TEN) / 10 } else { tokens.saturating_mul(TEXT_BYTES) };
    if text.len() <= most {
        return text;
    }
    let cut = &text[..text.floor_char_boundary(most)];
    cut.rfind(char::is_whitespace).map_or(cut, |end| &cut[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_words_where_the_tokens_end() {
        for (max, aloud, expected) in [
            (json!("inf"), true, "one two three four"),
            (json!(4_096), true, "one two three four"),
            (json!(3), false, "one two"),
            (json!(12), true, "one"),
            (json!(1), true, ""),
        ] {
            assert_eq!(fitting("one two three four", &max, aloud), expected, "{max}");
        }
    }

    #[test]
    fn every_count_adds_up() {
        let usage = Spent { input_bytes: 41, input_ms: 2_000, output_bytes: 8, output_ms: 500 }.usage();
        assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(31), &json!(12)));
        assert_eq!(usage["total_tokens"], 43);
    }
}
