//! What can go wrong at the voice service: told apart because each asks for something else to be done.
//!
//! The words are ours. What a provider says about itself never reaches the page: it may quote the prompt or the key.

use serde::{Deserialize, Serialize};

/// Why the voice service did not do its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum UpstreamFault {
    /// Nobody answers at its address.
    Unreachable,
    /// It did not answer, or not completely, in the time there is.
    Slow,
    /// It does not accept our key (401).
    Key,
    /// It knows our key and lets us do nothing (403).
    Forbidden,
    /// It does not know the model, the voice or the address that we ask for (404).
    Settings,
    /// Too many requests (429).
    Limited,
    /// The account has no credit left, or as much was spent today as may be.
    Quota,
    /// It failed (500), or the connection to it broke.
    Broken,
    /// It is overloaded (503).
    Overloaded,
    /// Its answer is not what it should be, or far too large.
    Garbled,
    /// It refused the offer of this browser.
    Offer,
    /// It gives our server no control over a call, or does not listen to it.
    Uncontrolled,
    /// The control socket, or the call itself, broke off.
    Lost,
    /// A call has reached its time limit.
    Expired,
    /// It sent more events than anybody can follow.
    Flood,
    /// One call after another broke off.
    Unsteady,
}

/// Before the name, so that no code of a provider can look like ours.
const CODE: &str = "upstream.";

const LATER: &str = "This is on our side. Try again in a minute. Nothing you said is lost.";
const AGAIN: &str = "Try again to go on with the same question. Nothing you said is lost.";

/// One row for each fault, in the order of the enum.
#[rustfmt::skip]
const TABLE: [Row; 16] = [
    row("unreachable", "The interviewer's voice service cannot be reached.", LATER),
    row("slow", "The interviewer's voice service takes too long to answer.", LATER),
    last("key", "The voice service does not accept this server's key.",
        "Only the people who run this server can mend it: OPENAI_API_KEY. Tell them, then try again."),
    last("forbidden", "The voice service does not let this server in.",
        "Only the people who run this server can mend it: what its key may do, and where. Tell them, then try again."),
    last("settings", "The voice service does not know what this server asks for.",
        "Only the people who run this server can mend it: PROVIDER, base URL, model and voice. Tell them, then try again."),
    row("limited", "The voice service gets more requests than it takes.", LATER),
    last("quota", "The credit at the voice service is used up.",
        "Only the people who run this server can mend it: the account's billing. Tell them, then try again."),
    row("broken", "The interviewer's voice service is out of order.", LATER),
    row("overloaded", "The interviewer's voice service is overloaded.", LATER),
    row("garbled", "The voice service gave an answer that makes no sense.", LATER),
    last("offer", "The voice service cannot talk to this browser.", "Use a current Chrome, Edge, Firefox or Safari."),
    last("uncontrolled", "This voice service does not let our server lead the interview.",
        "Only the people who run this server can mend it: another PROVIDER. Tell them, then try again."),
    row("lost", "The line to the voice service broke off.", AGAIN),
    row("expired", "The voice service ended the call: its time limit was reached.", AGAIN),
    row("flood", "The voice service sent more than anybody can follow, so we ended the call.", AGAIN),
    last("unsteady", "The line to the voice service breaks off again and again.",
        "Only the people who run this server can mend it: the line to its PROVIDER. Tell them, then try again."),
];

/// What is known of a fault.
struct Row {
    name: &'static str,
    what: &'static str,
    cure: &'static str,
    is_final: bool,
}

const fn row(name: &'static str, what: &'static str, cure: &'static str) -> Row {
    Row { name, what, cure, is_final: false }
}

const fn last(name: &'static str, what: &'static str, cure: &'static str) -> Row {
    Row { name, what, cure, is_final: true }
}

impl UpstreamFault {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Unreachable,
        Self::Slow,
        Self::Key,
        Self::Forbidden,
        Self::Settings,
        Self::Limited,
        Self::Quota,
        Self::Broken,
        Self::Overloaded,
        Self::Garbled,
        Self::Offer,
        Self::Uncontrolled,
        Self::Lost,
        Self::Expired,
        Self::Flood,
        Self::Unsteady,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        TABLE[self as usize].name
    }

    /// The fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// The code of the room's `error` with which our server ends a call because of this.
    #[must_use]
    pub fn code(self) -> String {
        format!("{CODE}{}", self.name())
    }

    /// The fault that such a code tells of.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        code.strip_prefix(CODE).and_then(Self::named)
    }

    /// What a provider's own code of an error means for us. None: a status, or nobody, knows better.
    #[must_use]
    pub fn of_provider(code: &str) -> Option<Self> {
        Some(match code {
            "insufficient_quota" | "credit_balance_exhausted" | "billing_hard_limit_reached" | "billing_not_active" => {
                Self::Quota
            }
            "invalid_api_key" | "ephemeral_token_already_used" => Self::Key,
            "account_deactivated" => Self::Forbidden,
            "model_not_found" | "DeploymentNotFound" | "unknown_url" => Self::Settings,
            "rate_limit_exceeded" | "slow_down" => Self::Limited,
            "server_is_overloaded" => Self::Overloaded,
            "session_expired" => Self::Expired,
            _ => return None,
        })
    }

    /// What the candidate reads when our server ends a call because of this.
    #[must_use]
    pub fn notice(self) -> String {
        let next = if self.is_final() {
            self.cure()
        } else {
            "What you said is kept. A new call is made; you need not do anything."
        };
        format!("{} {next}", self.what())
    }

    /// What happened, in plain words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        TABLE[self as usize].what
    }

    /// What to do about it.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        TABLE[self as usize].cure
    }

    /// Whether trying again helps only after somebody has mended it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        TABLE[self as usize].is_final
    }
}

impl From<UpstreamFault> for &'static str {
    fn from(fault: UpstreamFault) -> Self {
        fault.name()
    }
}

impl TryFrom<String> for UpstreamFault {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        Self::named(&name).ok_or("no fault of the voice service")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fault is a state of its own on the page: other words, and something to do.
    #[test]
    fn every_fault_has_a_name_words_and_a_cure_of_its_own() {
        for (at, fault) in UpstreamFault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, at, "{fault:?}");
            assert_eq!(UpstreamFault::named(fault.name()), Some(fault));
            assert_eq!(UpstreamFault::of_code(&fault.code()), Some(fault));
            assert_eq!(UpstreamFault::of_code(fault.name()), None, "a provider's own code is not ours");
            assert!(fault.what().ends_with('.') && fault.cure().ends_with('.'), "{fault:?}");
            let others = UpstreamFault::ALL.into_iter().filter(|it| *it != fault);
            assert!(others.clone().all(|it| it.what() != fault.what()), "{fault:?}");
            let owners = fault.cure().contains("people who run this server") || fault == UpstreamFault::Offer;
            assert_eq!(fault.is_final(), owners, "{fault:?}: the rest can be tried again");
        }
        assert_eq!(UpstreamFault::named("insufficient_quota"), None);
    }

    #[test]
    fn a_providers_code_says_more_than_a_status() {
        for (code, fault) in [
            ("insufficient_quota", Some(UpstreamFault::Quota)),
            ("rate_limit_exceeded", Some(UpstreamFault::Limited)),
            ("DeploymentNotFound", Some(UpstreamFault::Settings)),
            ("session_expired", Some(UpstreamFault::Expired)),
            ("response_cancel_not_active", None),
            ("", None),
        ] {
            assert_eq!(UpstreamFault::of_provider(code), fault, "{code}");
        }
    }

    #[test]
    fn a_fault_travels_by_its_name() {
        assert_eq!(serde_json::to_string(&UpstreamFault::Quota).unwrap(), r#""quota""#);
        assert_eq!(serde_json::from_str::<UpstreamFault>(r#""quota""#).unwrap(), UpstreamFault::Quota);
        assert!(serde_json::from_str::<UpstreamFault>(r#""other""#).is_err());
    }
}
