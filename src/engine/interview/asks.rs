//! Whether a candidate's turn is an answer, or asks the interviewer something.
//!
//! Told from the words alone, by a table of phrasings, and with care: an answer that is taken for a question is an answer
//! lost, so what is long, what only mentions such words, and what reports what others asked, is an answer.

/// What the candidate wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The question again.
    Repeat,
    /// How much time is left.
    TimeLeft,
    /// How many questions there are, and which one this is.
    HowMany,
    /// Whether it talks with a machine.
    Identity,
    /// Something else, about the question most likely.
    Other,
}

/// A turn of more words is an answer, unless it is one long question.
const SHORT: usize = 15;
/// And of more than these it is an answer in any case.
const LONG: usize = 25;
/// Words that a phrasing may be followed by: "how much time do we have" + "left for this interview".
const TAIL: usize = 6;

/// Words that say nothing, left out wherever they stand.
const FILLERS: [&str; 22] = [
    "um", "uh", "er", "hmm", "oh", "okay", "ok", "well", "so", "sorry", "please", "just", "quickly", "hey", "hi",
    "wait", "actually", "kindly", "mariam", "then", "and", "maybe",
];

/// Whoever uses these of anybody but us reports a question, and asks none.
const REPORTING: [&str; 11] =
    ["asked", "asks", "asking", "said", "says", "told", "wondered", "thought", "replied", "whether", "answered"];

/// How people ask for favours. What they ask for is one of [`FAVOURS`].
const MAY_YOU: [&str; 9] =
    ["can you ", "could you ", "would you ", "will you ", "can i ", "could i ", "may i ", "can we ", "would you mind "];

const FAVOURS: [(&str, Ask); 22] = [
    ("repeat", Ask::Repeat),
    ("repeating", Ask::Repeat),
    ("say that again", Ask::Repeat),
    ("say it again", Ask::Repeat),
    ("say again", Ask::Repeat),
    ("say the question", Ask::Repeat),
    ("ask that again", Ask::Repeat),
    ("ask it again", Ask::Repeat),
    ("ask me again", Ask::Repeat),
    ("ask the question again", Ask::Repeat),
    ("read the question", Ask::Repeat),
    ("hear the question", Ask::Repeat),
    ("hear that again", Ask::Repeat),
    ("hear it again", Ask::Repeat),
    ("have the question again", Ask::Repeat),
    ("tell me how much time", Ask::TimeLeft),
    ("tell me how many questions", Ask::HowMany),
    ("rephrase", Ask::Other),
    ("clarify", Ask::Other),
    ("explain what you mean", Ask::Other),
    ("explain the question", Ask::Other),
    ("be more specific", Ask::Other),
];

/// How a sentence begins that asks.
const BEGINNINGS: [(&str, Ask); 56] = [
    ("repeat the question", Ask::Repeat),
    ("repeat that", Ask::Repeat),
    ("say that again", Ask::Repeat),
    ("say it again", Ask::Repeat),
    ("once more", Ask::Repeat),
    ("one more time", Ask::Repeat),
    ("come again", Ask::Repeat),
    ("pardon", Ask::Repeat),
    ("i beg your pardon", Ask::Repeat),
    ("what was the question", Ask::Repeat),
    ("what is the question", Ask::Repeat),
    ("what's the question", Ask::Repeat),
    ("what was that", Ask::Repeat),
    ("what did you say", Ask::Repeat),
    ("what did you ask", Ask::Repeat),
    ("i didn't catch", Ask::Repeat),
    ("i did not catch", Ask::Repeat),
    ("i didn't hear", Ask::Repeat),
    ("i did not hear", Ask::Repeat),
    ("i couldn't hear you", Ask::Repeat),
    ("how much time do", Ask::TimeLeft),
    ("how much time is", Ask::TimeLeft),
    ("how much time have", Ask::TimeLeft),
    ("how much time left", Ask::TimeLeft),
    ("how much time remains", Ask::TimeLeft),
    ("how much longer", Ask::TimeLeft),
    ("how many minutes do", Ask::TimeLeft),
    ("how many minutes are", Ask::TimeLeft),
    ("how many minutes have", Ask::TimeLeft),
    ("how many minutes left", Ask::TimeLeft),
    ("how long do we have", Ask::TimeLeft),
    ("how long do i have", Ask::TimeLeft),
    ("how long will this", Ask::TimeLeft),
    ("how long is this", Ask::TimeLeft),
    ("how are we on time", Ask::TimeLeft),
    ("how are we doing on time", Ask::TimeLeft),
    ("do we have time", Ask::TimeLeft),
    ("do i have time", Ask::TimeLeft),
    ("how many questions do", Ask::HowMany),
    ("how many questions are", Ask::HowMany),
    ("how many questions will", Ask::HowMany),
    ("how many questions have", Ask::HowMany),
    ("how many questions left", Ask::HowMany),
    ("how many more", Ask::HowMany),
    ("how many are left", Ask::HowMany),
    ("which question is this", Ask::HowMany),
    ("which question are we", Ask::HowMany),
    ("what question is this", Ask::HowMany),
    ("is this the last question", Ask::HowMany),
    ("was that the last question", Ask::HowMany),
    ("are there more questions", Ask::HowMany),
    ("are there any more questions", Ask::HowMany),
    ("are you real", Ask::Identity),
    ("what do you mean", Ask::Other),
    ("what does that mean", Ask::Other),
    ("i don't understand the question", Ask::Other),
];

/// "Are you", "am I talking to", "is this" ... a machine or a person?
const OF_SOMEBODY: [&str; 9] = [
    "are you ",
    "am i talking to ",
    "am i talking with ",
    "am i speaking to ",
    "am i speaking with ",
    "is this ",
    "is that ",
    "is there ",
    "do i talk to ",
];
const SOMEBODY: [&str; 13] = [
    "ai",
    "a.i.",
    "robot",
    "bot",
    "human",
    "person",
    "machine",
    "computer",
    "chatbot",
    "recording",
    "program",
    "artificial",
    "man",
];

/// How questions begin that no table knows. They have to end with a question mark, too.
const QUESTIONS: [&str; 20] = [
    "what ",
    "which ",
    "how ",
    "where ",
    "when ",
    "who ",
    "why ",
    "can you ",
    "could you ",
    "would you ",
    "do you ",
    "does ",
    "should i ",
    "shall i ",
    "may i ",
    "can i ",
    "could i ",
    "is it ",
    "are we ",
    "do i ",
];

/// What a whole turn asks. `None`: it answers.
#[must_use]
pub fn recognise(turn: &str) -> Option<Ask> {
    let lower = turn.to_lowercase().replace('\u{2019}', "'");
    let count = lower.split_whitespace().count();
    let is_question = lower.trim_end().ends_with('?');
    let sentences: Vec<_> = lower.split(['.', '!', '?', ';']).map(plain).filter(|it| !it.is_empty()).collect();
    let last = sentences.last()?;
    if reports(&lower) {
        return None;
    }
    match count {
        0..=SHORT => {
            in_table(last).or_else(|| (is_question && sentences.len() == 1 && asks(last)).then_some(Ask::Other))
        }
        // An apology may be long, but it is one sentence and ends in the question.
        ..=LONG if is_question && sentences.len() == 1 => {
            let clause = lower.trim_end_matches(['?', ' ']).rsplit(',').next().map(plain)?;
            in_table(&clause)
        }
        _ => None,
    }
}

fn reports(turn: &str) -> bool {
    let words: Vec<_> = turn.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    let by_us = |at: usize| at > 0 && words[at - 1] == "you";
    words.iter().enumerate().any(|(at, word)| REPORTING.contains(word) && !by_us(at))
}

/// The words of a sentence without marks and fillers.
fn plain(sentence: &str) -> String {
    let words = sentence.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '\''));
    words.filter(|word| !word.is_empty() && !FILLERS.contains(word)).collect::<Vec<_>>().join(" ")
}

fn in_table(sentence: &str) -> Option<Ask> {
    let begins = |phrase: &str| {
        let rest = sentence.strip_prefix(phrase)?;
        let whole_word = rest.is_empty() || rest.starts_with(' ');
        (whole_word && rest.split_whitespace().count() <= TAIL).then_some(())
    };
    let favour = || {
        let asked_for = |phrase: &str| {
            let favours = MAY_YOU.iter().filter_map(|opening| sentence.strip_prefix(opening)?.strip_prefix(phrase));
            favours.into_iter().any(|rest| rest.split_whitespace().count() <= TAIL)
        };
        FAVOURS.iter().find(|(phrase, _)| asked_for(phrase)).map(|(_, ask)| *ask)
    };
    let identity = || {
        let rest = OF_SOMEBODY.iter().find_map(|opening| sentence.strip_prefix(opening))?;
        let mut words = rest.split(' ');
        (words.clone().count() <= TAIL && words.any(|it| SOMEBODY.contains(&it))).then_some(Ask::Identity)
    };
    let known = BEGINNINGS.iter().find(|(phrase, _)| begins(phrase).is_some()).map(|(_, ask)| *ask);
    known.or_else(favour).or_else(identity)
}

fn asks(sentence: &str) -> bool {
    QUESTIONS.iter().any(|opening| sentence.starts_with(opening))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S002-12, S002-13
    #[test]
    fn what_candidates_ask_is_understood() {
        let table = [
            (
                Ask::Repeat,
                &[
                    "Can you repeat the question?",
                    "Sorry, could you please repeat that?",
                    "Could you say that again, please?",
                    "Um, sorry. What was the question?",
                    "Pardon?",
                    "What was the question that you asked?",
                    "Sorry, I didn't catch that.",
                    "Sorry, I didn\u{2019}t hear the last part of it.",
                    "repeat the question please",
                    "Can I hear the question again?",
                    "One more time, please.",
                    "I don't know. Can you repeat the question?",
                    "Would you mind repeating the question?",
                    "I am so sorry, there was a loud truck outside of my window, could you please repeat the question?",
                ][..],
            ),
            (
                Ask::TimeLeft,
                &[
                    "How much time do we have left?",
                    "How much time is left?",
                    "Oh, how many minutes do I have?",
                    "how long do we have",
                    "How much longer will it take?",
                    "Can you tell me how much time is left?",
                    "How are we doing on time?",
                ],
            ),
            (
                Ask::HowMany,
                &[
                    "How many questions are there?",
                    "How many more questions?",
                    "Okay, how many questions are left then?",
                    "Is this the last question?",
                    "Which question is this?",
                    "Could you tell me how many questions there are?",
                ],
            ),
            (
                Ask::Identity,
                &[
                    "Are you an AI?",
                    "Wait, are you a real person?",
                    "Are you human or a robot?",
                    "Am I talking to a machine?",
                    "Is this a recording?",
                    "are you real",
                ],
            ),
            (
                Ask::Other,
                &[
                    "What do you mean by slow?",
                    "What do you mean",
                    "Could you clarify that?",
                    "Do you mean a project at work?",
                    "Should I talk about one project only?",
                    "Which team do you mean?",
                ],
            ),
        ];
        for (ask, turns) in table {
            for turn in turns {
                assert_eq!(recognise(turn), Some(ask), "{turn}");
            }
        }
    }

    #[test]
    fn an_answer_that_contains_such_words_is_an_answer() {
        let table = [
            "",
            "?",
            "Yes.",
            "I would repeat the question to the team until everybody had understood it.",
            "Repeat customers were most of our income.",
            "The customer asked, are you a robot?",
            "I said: could you repeat that?",
            "Are you a robot, the customer asked me.",
            "How much time do we have, said my manager.",
            "We built a robot that sorts parcels, and I wrote its planner.",
            "How do you find the cause? You look at what changed.",
            "What did I do? I wrote a test first.",
            "My manager wondered how much time we have.",
            "I asked myself how many questions I should prepare.",
            "How much time we spent on it I do not know.",
            "First I would look at the metrics and at what was deployed the night before. Then I would roll it back, right?",
            "I led a team of five people, we built a search engine, it was fun, how many more do you want to hear about today?",
            "Well, it depends on what you mean by slow: for the customer or for the machine?",
            "One more time we had to start from nothing because the contract was gone and nobody knew who had signed it.",
            "Pardon my French but the code was awful when I came to the team that year.",
            "Is this the best way to do it? I believe it is.",
            "Are you kidding was what everybody thought.",
        ];
        for turn in table {
            assert_eq!(recognise(turn), None, "{turn}");
        }
    }
}
