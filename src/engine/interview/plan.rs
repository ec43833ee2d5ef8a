//! The definition of an interview, and the practice interview that is built in.

use serde::{Deserialize, Serialize};

use super::{Question, Tier};
use crate::engine::link::Route;
use crate::engine::link::choice::Choice;

/// One question of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub domain: String,
    #[serde(rename = "difficultyTier")]
    pub tier: Tier,
    pub text: String,
}

/// What is going to happen: who asks, what, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The interviewer's name.
    pub persona: String,
    pub minutes: u32,
    pub questions: Vec<Planned>,
}

/// The lengths of the practice interview: minutes, number of questions, and the word for it.
const LENGTHS: [(u32, u32, &str); 3] = [(5, 3, "Short"), (10, 5, "Standard"), (20, 9, "Long")];

/// What a page has to know of its server before anything is asked: it stands on the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct House {
    /// Minutes that an interview may take.
    pub longest: u32,
    /// Whether the candidate's words are written down.
    pub transcribes: bool,
    /// What WebRTC means here: [`Route::Direct`] or [`Route::Relay`].
    pub webrtc: Route,
    /// Whether WebRTC is proposed to the candidate.
    pub use_webrtc: bool,
    /// Whether the link may go on over a WebSocket where WebRTC fails.
    pub fallback: bool,
    /// Whether the page is kept away from the provider.
    pub sealed: bool,
}

impl House {
    /// What is chosen before the candidate chooses: what was chosen `before` in the same tab, where that is offered.
    #[must_use]
    pub fn preselect(&self, before: Option<Choice>) -> Choice {
        let ours = match (self.use_webrtc, self.fallback) {
            (true, true) => Choice::Automatic,
            (true, false) => Choice::WebRtc,
            (false, _) => Choice::WebSocket,
        };
        before.filter(|before| Choice::offered(self.fallback).any(|it| it == *before)).unwrap_or(ours)
    }
}

/// The lengths that can be chosen where an interview may take `longest` minutes: minutes, number of questions, and the
/// word for it. There is always one.
#[must_use]
pub fn lengths(longest: u32) -> Vec<(u32, u32, &'static str)> {
    let (shortest, count, word) = LENGTHS[0];
    if longest < shortest {
        return vec![(longest, count, word)];
    }
    LENGTHS.into_iter().filter(|(minutes, ..)| *minutes <= longest).collect()
}

const DOMAINS: [&str; 3] = ["Experience", "Collaboration", "Problem solving"];

/// Domain, tier and words, in the order of the longest interview: each domain gets harder, and no domain is left out of
/// the shorter ones.
const QUESTIONS: [(usize, Tier, &str); 9] = [
    (0, Tier::Warmup, "Please introduce yourself, and tell me about a project you are proud of."),
    (1, Tier::Warmup, "Tell me about a team that you enjoyed working in. What made it work?"),
    (2, Tier::Warmup, "Describe a problem you solved recently. How did you find the cause?"),
    (0, Tier::Core, "What was the hardest decision in that project, and what did you weigh against what?"),
    (1, Tier::Core, "Tell me about a time when you and a colleague disagreed. How did you settle it?"),
    (2, Tier::Core, "A service that you run has become slow overnight. How do you find out why?"),
    (0, Tier::Stretch, "Which piece of your own work would you do differently today, and why?"),
    (1, Tier::Stretch, "How do you tell somebody senior that their plan will not work?"),
    (2, Tier::Stretch, "You have one week for a job that needs three. What do you do first?"),
];

impl Plan {
    /// The practice interview that fits into `minutes`.
    #[must_use]
    pub fn practice(minutes: u32) -> Self {
        let (_, count, _) = LENGTHS.into_iter().rev().find(|(at_least, ..)| *at_least <= minutes).unwrap_or(LENGTHS[0]);
        let questions = QUESTIONS.iter().take(count as usize).map(|(domain, tier, text)| Planned {
            domain: DOMAINS[*domain].to_owned(),
            tier: *tier,
            text: (*text).to_owned(),
        });
        Self { persona: "Mariam".to_owned(), minutes, questions: questions.collect() }
    }

    /// How many questions there are.
    #[must_use]
    pub fn total(&self) -> u32 {
        u32::try_from(self.questions.len()).unwrap_or(u32::MAX)
    }

    /// The payload of `question.ready` for question `idx`.
    #[must_use]
    pub fn question(&self, idx: u32, follow_up: bool) -> Option<Question> {
        let planned = self.questions.get(idx as usize)?;
        let text = if follow_up { FOLLOW_UP.to_owned() } else { planned.text.clone() };
        Some(Question { idx, total: self.total(), domain: planned.domain.clone(), tier: planned.tier, text, follow_up })
    }

    /// Everything that is surely going to be said, so that it can be made ready.
    #[must_use]
    pub fn known_texts(&self) -> Vec<String> {
        let fixed = ACKNOWLEDGEMENTS.iter().copied().chain([FOLLOW_UP, CLOSING, TIME_IS_UP]).map(str::to_owned);
        [self.greeting()].into_iter().chain(self.questions.iter().map(|it| it.text.clone())).chain(fixed).collect()
    }

    /// The opening: that it is an AI, how long it takes, and that pauses are fine.
    #[must_use]
    pub fn greeting(&self) -> String {
        let (persona, total, minutes) = (&self.persona, self.total(), self.minutes);
        format!(
            "Hello, I am {persona}, an AI interviewer. I have {total} questions for you, and we have {minutes} minutes. \
             Take your time: I wait while you think."
        )
    }
}

/// Said between an answer and the next question. Neutral on purpose: nothing is judged.
pub const ACKNOWLEDGEMENTS: [&str; 4] =
    ["Thank you.", "Thanks, noted.", "All right, thank you.", "Thank you for that."];
/// Asked once after a very short answer.
pub const FOLLOW_UP: &str = "Could you give a concrete example?";
pub const CLOSING: &str = "That was my last question. Thank you for your time. Your report is ready now. Goodbye.";
pub const TIME_IS_UP: &str = "Our time is up. Thank you for your answers. Your report is ready now. Goodbye.";
/// Said when the session has cost what it may.
pub const LIMIT_REACHED: &str = "I have to stop here: this service has reached its limit. Thank you for your answers. Your report is ready now. Goodbye.";
/// Said when a new call continues an interview.
pub const BACK_AGAIN: &str = "We are connected again.";
/// Said after it to a candidate who had begun to answer.
pub const GO_ON: &str = "Please go on.";
/// Said after it to a candidate who was still thinking.
pub const TAKE_YOUR_TIME: &str = "Take your time.";
/// Said between an answer to the candidate and the question that it came from.
pub const BACK_TO_IT: &str = "Back to the question:";
pub const I_AM_AN_AI: &str = "I am an AI interviewer, not a person.";
/// Said before a question that was asked already.
pub const ONCE_MORE: &str = "Of course. Once more:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_standard_and_long_have_three_five_and_nine_questions() {
        for (minutes, expected) in [(1, 3), (5, 3), (9, 3), (10, 5), (19, 5), (20, 9), (60, 9)] {
            let plan = Plan::practice(minutes);
            assert_eq!((plan.questions.len(), plan.minutes), (expected, minutes), "{minutes} minutes");
        }
    }

    /// S000-26, S003-07: the candidate's own choice comes first, and what the server does not offer is not chosen.
    #[test]
    fn what_was_chosen_before_is_chosen_again_where_it_is_offered() {
        use Choice::{Automatic, WebRtc, WebSocket};
        let mut house = House {
            longest: 20,
            transcribes: true,
            webrtc: Route::Direct,
            use_webrtc: true,
            fallback: true,
            sealed: false,
        };
        for (use_webrtc, fallback, before, expected) in [
            (true, true, None, Automatic),
            (true, true, Some(WebSocket), WebSocket),
            (true, false, None, WebRtc),
            (true, false, Some(Automatic), WebRtc),
            (false, false, None, WebSocket),
            (false, true, Some(WebRtc), WebRtc),
        ] {
            (house.use_webrtc, house.fallback) = (use_webrtc, fallback);
            assert_eq!(house.preselect(before), expected, "{use_webrtc} {fallback} {before:?}");
        }
    }

    #[test]
    fn a_length_is_offered_only_where_it_fits_and_there_is_always_one() {
        for (longest, expected) in [(3, &[3][..]), (5, &[5]), (19, &[5, 10]), (20, &[5, 10, 20]), (240, &[5, 10, 20])] {
            let offered = lengths(longest);
            assert_eq!(offered.iter().map(|it| it.0).collect::<Vec<_>>(), expected, "{longest} minutes");
            assert!(offered.iter().all(|it| Plan::practice(it.0).total() == it.1));
        }
    }

    #[test]
    fn nine_questions_cover_three_domains_in_three_tiers() {
        let plan = Plan::practice(20);
        for domain in DOMAINS {
            for tier in [Tier::Warmup, Tier::Core, Tier::Stretch] {
                let found = plan.questions.iter().filter(|it| it.domain == domain && it.tier == tier).count();
                assert_eq!(found, 1, "{domain} {tier:?}");
            }
        }
    }

    #[test]
    fn the_greeting_says_that_it_is_an_ai_and_how_long_it_takes() {
        let greeting = Plan::practice(10).greeting();
        for part in ["AI interviewer", "10 minutes", "5 questions", "Mariam"] {
            assert!(greeting.contains(part), "{part} in {greeting}");
        }
    }
}
