//! Writes out what is not a word.

use std::borrow::Cow;

/// What a whole token stands for, punctuation around it set aside.
const TOKENS: &[(&str, &str)] = &[
    ("&", "and"),
    ("&&", "and"),
    ("+", "plus"),
    ("=", "equals"),
    ("==", "equals"),
    ("->", "to"),
    ("=>", "to"),
    ("\u{2192}", "to"),
    ("<", "is less than"),
    (">", "is greater than"),
    ("2FA", "two factor authentication"),
    ("A/B", "AB"),
    ("C#", "C sharp"),
    ("C++", "C plus plus"),
    (".NET", "dot net"),
    ("F#", "F sharp"),
    ("I/O", "eye oh"),
    ("MFA", "multi factor authentication"),
    ("N/A", "not applicable"),
    ("OAuth2", "OAuth two"),
    ("TCP/IP", "TCP IP"),
    ("approx", "approximately"),
    ("e.g", "for example"),
    ("etc", "et cetera"),
    ("i.e", "that is"),
    ("k8s", "kubernetes"),
    ("vs", "versus"),
    ("w/", "with"),
    ("w/o", "without"),
];

/// Tokens whose full stop never ends a sentence.
const ABBREVIATIONS: &[&str] = &["approx", "e.g", "i.e", "vs"];

/// Units that the voice does not write out itself.
const UNITS: &[(&str, &str)] = &[
    ("ms", "milliseconds"),
    ("s", "seconds"),
    ("sec", "seconds"),
    ("min", "minutes"),
    ("h", "hours"),
    ("us", "microseconds"),
    ("\u{b5}s", "microseconds"),
    ("k", "thousand"),
    ("K", "thousand"),
    ("M", "million"),
    ("x", "times"),
    ("PB", "petabytes"),
    ("kB", "kilobytes"),
    ("Gbps", "gigabits per second"),
    ("Mbps", "megabits per second"),
    ("kbps", "kilobits per second"),
    ("rps", "requests per second"),
    ("qps", "queries per second"),
];

const BEFORE: &[char] = &['"', '\'', '(', '[', '{', '`', '*', '_', '\u{201c}', '\u{2018}', '\u{ab}'];
const AFTER: &[char] = &[
    '"', '\'', ')', ']', '}', '`', '*', '_', ',', '.', ':', ';', '!', '?', '\u{2026}', '\u{201d}', '\u{2019}', '\u{bb}',
];

/// One piece of text without white space, as the voice should read it: one or more words with their punctuation, or
/// nothing at all.
#[must_use]
pub fn spoken(piece: &str) -> Cow<'_, str> {
    if piece.bytes().all(|it| it.is_ascii_alphabetic() || matches!(it, b',' | b'.' | b'?' | b'!' | b'\'')) {
        // Plain words, the great majority; the abbreviations with dots are in the table.
        let core = piece.trim_end_matches(AFTER);
        if !core.contains('.') && lookup(TOKENS, core).is_none() {
            return Cow::Borrowed(piece);
        }
    }
    let piece = plain(piece);
    let (core, after) = split_after(piece.trim().trim_start_matches(BEFORE));
    let after = if ABBREVIATIONS.contains(&core) { after.trim_end_matches('.') } else { after };
    if core.is_empty() {
        return Cow::Owned(after.to_owned());
    }
    let said = write_out(core);
    Cow::Owned(if said.is_empty() { after.to_owned() } else { format!("{said}{after}") })
}

/// The token, and the punctuation after it that makes a pause. Brackets and quotes are not said.
fn split_after(piece: &str) -> (&str, &'static str) {
    // A closing bracket that was opened inside belongs to the token: "O(n)".
    let core = piece.trim_end_matches(AFTER);
    let closing = piece[core.len()..].starts_with(')') && core.contains('(');
    let core = if closing { &piece[..=core.len()] } else { core };
    let rest = &piece[core.len()..];
    let pause = [("?", "?"), ("!", "!"), (".", "."), (":", ":"), (";", ","), (",", ",")];
    (core, pause.iter().find(|(mark, _)| rest.contains(mark)).map_or("", |(_, said)| said))
}

/// Typographic signs in their plain form, and letters without their accents.
fn plain(piece: &str) -> String {
    let mut plain = String::with_capacity(piece.len());
    for sign in piece.chars() {
        match sign {
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{ab}' | '\u{bb}' => plain.push('"'),
            '\u{2010}' | '\u{2011}' => plain.push('-'),
            '\u{2012}'..='\u{2015}' => plain.push_str(", "),
            '\u{2026}' => plain.push('.'),
            'à'..='å' => plain.push('a'),
            'À'..='Å' => plain.push('A'),
            'ç' => plain.push('c'),
            'è'..='ë' => plain.push('e'),
            'È'..='Ë' => plain.push('E'),
            'ì'..='ï' => plain.push('i'),
            'ñ' => plain.push('n'),
            'ò'..='ö' | 'ø' => plain.push('o'),
            'Ö' | 'Ø' => plain.push('O'),
            'ù'..='ü' => plain.push('u'),
            'Ü' => plain.push('U'),
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            _ if sign.is_ascii() || matches!(sign, '\u{2192}' | '\u{b5}') => plain.push(sign),
            _ => {} // No sound is known for it.
        }
    }
    plain
}

fn write_out(core: &str) -> String {
    if let Some(said) = lookup(TOKENS, core) {
        return said.to_owned();
    }
    if let Some(said) = complexity(core).or_else(|| percentile(core)).or_else(|| quantity(core)) {
        return said;
    }
    if let Some(number) = core.strip_prefix('#').filter(|it| is_number(it)) {
        return format!("number {number}");
    }
    if let Some(number) = core.strip_prefix(['v', 'V']).filter(|it| is_number(it)) {
        return format!("version {number}");
    }
    if let Some(number) = core.strip_prefix('~').filter(|it| it.starts_with(|it: char| it.is_ascii_digit())) {
        return format!("about {}", write_out(number));
    }
    let parts: Vec<&str> = core.split(['/', '_', '\\', '|', '(', ')']).filter(|it| !it.is_empty()).collect();
    let fraction = parts.iter().all(|it| is_number(it)) && core != "24/7";
    if parts.len() > 1 && !fraction {
        return parts.into_iter().map(write_out).collect::<Vec<_>>().join(" ");
    }
    if !core.contains(|it: char| it.is_ascii_alphanumeric()) {
        return String::new();
    }
    dotted_name(core).unwrap_or_else(|| core.to_owned())
}

fn lookup(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(it, _)| *it == key).map(|(_, said)| *said)
}

fn is_number(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_digit()) && text.bytes().all(|it| it.is_ascii_digit() || it == b'.')
}

/// "O(n)" is said "oh of n". The brackets of "O(log n)" are in two tokens.
fn complexity(core: &str) -> Option<String> {
    let inside = core.strip_prefix("O(")?;
    Some(format!("oh of {}", inside.trim_end_matches(')').replace('^', " to the power of ")))
}

/// "p95" is said "P 95".
fn percentile(core: &str) -> Option<String> {
    let number = core.strip_prefix(['p', 'P']).filter(|it| is_number(it))?;
    Some(format!("P {number}"))
}

/// "200ms" is said "200 milliseconds".
fn quantity(core: &str) -> Option<String> {
    let (number, unit) = core.split_at(core.find(|it: char| !it.is_ascii_digit() && it != '.')?);
    let unit = lookup(UNITS, unit)?;
    let unit = if number == "1" { unit.strip_suffix('s').unwrap_or(unit) } else { unit };
    is_number(number).then(|| format!("{number} {unit}"))
}

/// "Node.js" is said "Node dot js"; "3.5" and "e.g." are left alone.
fn dotted_name(core: &str) -> Option<String> {
    let parts: Vec<&str> = core.split('.').collect();
    let named = parts.len() > 1
        && parts.iter().all(|it| !it.is_empty())
        && parts.iter().any(|it| it.len() > 1 && it.contains(|it: char| it.is_ascii_alphabetic()));
    named.then(|| parts.join(" dot "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_word_is_written_out() {
        for (piece, said) in [
            ("hello", "hello"),
            ("hello,", "hello,"),
            ("don't", "don't"),
            ("don\u{2019}t", "don't"),
            ("\u{201c}Why?\u{201d}", "Why?"),
            ("(optional)", "optional"),
            ("CI/CD", "CI CD"),
            ("CI/CD.", "CI CD."),
            ("I/O", "eye oh"),
            ("and/or", "and or"),
            ("async/await,", "async await,"),
            ("3/4", "3/4"),
            ("24/7", "24 7"),
            ("p95", "P 95"),
            ("p99.9", "P 99.9"),
            ("200ms,", "200 milliseconds,"),
            ("1s", "1 second"),
            ("10x", "10 times"),
            ("5GB", "5GB"),
            ("O(n)", "oh of n"),
            ("O(n^2)?", "oh of n to the power of 2?"),
            ("O(log", "oh of log"),
            ("n)", "n"),
            ("k8s", "kubernetes"),
            ("C++", "C plus plus"),
            ("C#,", "C sharp,"),
            (".NET", "dot net"),
            ("e.g.", "for example"),
            ("vs.", "versus"),
            ("etc.", "et cetera."),
            ("Node.js", "Node dot js"),
            ("3.5", "3.5"),
            ("v2", "version 2"),
            ("#1", "number 1"),
            ("~20%", "about 20%"),
            ("user_id", "user id"),
            ("get(key)", "get key"),
            ("&", "and"),
            ("\u{2014}", ","),
            ("one\u{2014}two", "one, two"),
            ("-", ""),
            ("caf\u{e9}", "cafe"),
            ("\u{65e5}\u{672c}", ""),
            ("...", "..."),
            ("$1,500", "$1,500"),
            ("1,000,000", "1,000,000"),
            ("9:30", "9:30"),
        ] {
            assert_eq!(spoken(piece), said, "{piece}");
        }
    }
}
