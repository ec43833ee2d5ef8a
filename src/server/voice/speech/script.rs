//! Splits a text into sentences to synthesise, without losing a byte of it.
//!
//! A piece is a run of the text up to where the next word begins, so that all pieces together are the text. What the
//! voice reads instead ("CI CD" for "CI/CD") is kept beside the piece.

use std::ops::Range;

use flite_rs::text::{Token, sentences as tokenize};

use super::super::lexicon;

/// A piece of the text and when it sounds, in milliseconds from the beginning of the utterance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Bytes of the text, white space after the word included.
    pub(super) text: Range<usize>,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
}

/// What is synthesised at once.
#[derive(Debug, Default)]
pub(super) struct Sentence {
    pub(super) tokens: Vec<Token>,
    pub(super) pieces: Vec<Piece>,
    /// Silence after it, before the next one begins.
    pub(super) pause_ms: u64,
}

#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: Range<usize>,
    /// How many of the sentence's tokens are this piece.
    pub(super) tokens: usize,
}

/// Silence after a sentence, before a new paragraph, and after a colon.
const SENTENCE_MS: u64 = 320;
const PARAGRAPH_MS: u64 = 550;
const COLON_MS: u64 = 220;

/// A sentence longer than this is cut at the next comma, and at twice the length anywhere, so that a text without full
/// stops does not keep one waiting.
const LONG_TOKENS: usize = 40;

/// The same in bytes of text, for words that are long to say.
const LONG_BYTES: usize = 600;

/// A longer word is cut. The voice's analysis goes one call deeper with every change between letters, digits and signs,
/// so a word without end would overflow the stack, which nothing catches.
const WORD_BYTES: usize = 80;

/// The sentences of `text`. A text with nothing to say has one sentence without tokens; an empty one has none.
pub(super) fn sentences(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut current = Sentence::default();
    for piece in pieces(text) {
        let written = &text[piece.clone()];
        let tokens = tokens(written);
        if tokens.is_empty() {
            // Nothing to hear: it belongs to the word before it.
            match current.pieces.last_mut() {
                Some(last) => last.text.end = piece.end,
                None => current.pieces.push(Piece { text: piece, tokens: 0 }),
            }
            continue;
        }
        match current.pieces.last_mut() {
            Some(first) if first.tokens == 0 => {
                first.text.end = piece.end;
                first.tokens = tokens.len();
            }
            _ => current.pieces.push(Piece { text: piece.clone(), tokens: tokens.len() }),
        }
        current.tokens.extend(tokens);
        if let Some(pause_ms) = pause_after(&current, written, &text[piece.end..]) {
            current.pause_ms = pause_ms;
            sentences.push(std::mem::take(&mut current));
        }
    }
    if !current.pieces.is_empty() {
        sentences.push(current);
    }
    sentences
}

/// Where each piece of `text` lies: a word and the white space up to the next. White space at the very beginning
/// belongs to the first.
fn pieces(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = &text[from..];
        let word = rest.find(|it: char| !it.is_whitespace()).unwrap_or(rest.len());
        let longest = rest.floor_char_boundary(word + WORD_BYTES);
        let space = rest[word..longest].find(char::is_whitespace).map_or(longest, |at| word + at);
        let next = rest[space..].find(|it: char| !it.is_whitespace()).map_or(rest.len(), |at| space + at);
        let piece = from..from + next;
        from = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

fn tokens(written: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = tokenize(&lexicon::spoken(written.trim())).flatten().collect();
    for token in &mut tokens {
        // The voice tells initials by the space between them, and new paragraphs are for us to pause at.
        token.whitespace = " ".to_owned();
    }
    tokens.retain(|token| token.name.contains(|it: char| it.is_ascii_alphanumeric()));
    tokens
}

/// The pause, if a sentence is over after `written`.
fn pause_after(sentence: &Sentence, written: &str, rest: &str) -> Option<u64> {
    let space = &written[written.trim_end().len()..];
    if space.matches('\n').count() > 1 {
        return Some(PARAGRAPH_MS);
    }
    let last = sentence.tokens.last()?;
    if last.punctuation.contains(['?', '!']) {
        return Some(SENTENCE_MS);
    }
    if last.punctuation.contains(':') {
        return Some(COLON_MS);
    }
    if last.punctuation.contains('.') {
        // "Dr. Smith" and "J. Smith" go on; so does "approx. five".
        let title = matches!(last.name.as_str(), "Dr" | "Mr" | "Mrs" | "Ms" | "Prof" | "St") || last.name.len() == 1;
        let begins = rest.chars().find(|it| it.is_alphanumeric()).is_none_or(|it| !it.is_lowercase());
        return (begins && !title).then_some(SENTENCE_MS);
    }
    let long = sentence.tokens.len() > LONG_TOKENS && last.punctuation.contains(',');
    let bytes = sentence.pieces.iter().map(|it| it.text.len()).sum::<usize>();
    (long || sentence.tokens.len() > 2 * LONG_TOKENS || bytes > LONG_BYTES).then_some(COLON_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<Vec<&str>> {
        let words = |it: &Sentence| it.pieces.iter().map(|piece| &text[piece.text.clone()]).collect();
        sentences(text).iter().map(words).collect()
    }

    #[test]
    fn words_keep_their_white_space_and_sentences_their_words() {
        for (text, expected) in [
            ("", vec![]),
            ("Hi.", vec![vec!["Hi."]]),
            ("  Hello, you.  How are\tyou? ", vec![vec!["  Hello, ", "you.  "], vec!["How ", "are\t", "you? "]]),
            ("Dr. Smith uses v1.2. It works.", vec![vec!["Dr. ", "Smith ", "uses ", "v1.2. "], vec!["It ", "works."]]),
            ("One \u{2014} two", vec![vec!["One \u{2014} ", "two"]]),
            ("- one", vec![vec!["- one"]]),
            ("\u{1f44b} \n", vec![vec!["\u{1f44b} \n"]]),
            ("Title\n\nText", vec![vec!["Title\n\n"], vec!["Text"]]),
            ("Use CI/CD: now.", vec![vec!["Use ", "CI/CD: "], vec!["now."]]),
        ] {
            assert_eq!(texts(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_without_full_stops_is_cut_all_the_same() {
        let text = "one two three four five, ".repeat(40);
        let sentences = sentences(&text);
        assert!(sentences.len() > 3 && sentences.iter().all(|it| it.tokens.len() <= LONG_TOKENS + 5));
        let endless = "word ".repeat(1_000);
        assert!(super::sentences(&endless).iter().all(|it| it.tokens.len() <= 2 * LONG_TOKENS + 1));
    }

    #[test]
    fn tokens_belong_to_pieces() {
        for sentence in sentences("We use CI/CD, p95 and O(n) at 200ms. \u{2014} Fine?") {
            let counted: usize = sentence.pieces.iter().map(|it| it.tokens).sum();
            assert_eq!(counted, sentence.tokens.len());
        }
    }
}
