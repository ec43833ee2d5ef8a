//! Why the provider did not do what was asked, and which state of the page that is.
//!
//! Codes and statuses: OpenAI Realtime and REST references, "Errors", and what other servers were
//! seen to send.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;

use super::answer;
use crate::api::ApiError;
use crate::engine::link::upstream::UpstreamFault;

/// The most of a refusal that we read, and for how long.
const MAX_REFUSAL_BYTES: usize = 16 * 1024;
const REFUSAL: Duration = Duration::from_secs(1);
/// Nobody is kept waiting for longer, whatever the provider says.
const MAX_RETRY_AFTER_S: u32 = 120;
/// Where a provider that limits us does not say how long.
const RETRY_AFTER_S: u32 = 5;
/// Longer ones are no codes, and do not go into the log.
const MAX_CODE_BYTES: usize = 64;

/// Why the provider did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the client of the voice service cannot be set up")]
    Setup(#[source] reqwest::Error),
    #[error("OPENAI_API_KEY cannot be sent in a header")]
    Key,
    #[error("the voice service is not reachable")]
    Unreachable(#[source] reqwest::Error),
    #[error("the exchange with the voice service broke off")]
    Broken(#[source] reqwest::Error),
    #[error("the voice service did not answer in time")]
    Slow,
    /// `retry_after_s`: zero where it did not say.
    #[error("the voice service answered {status} ({})", code.as_deref().unwrap_or("no code"))]
    Refused { status: StatusCode, code: Option<String>, fault: UpstreamFault, retry_after_s: u32 },
    #[error("the voice service's answer is no good: {0}")]
    BadAnswer(&'static str),
    #[error("the voice service cannot restart ICE")]
    NoRestart,
    #[error("the voice service did not say which call it made")]
    NoControl,
}

impl ProviderError {
    /// What a failed request means.
    pub(super) fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        match () {
            () if error.is_connect() => Self::Unreachable(error),
            () if error.is_timeout() => Self::Slow,
            () => Self::Broken(error),
        }
    }

    /// What an answer that is no success means. Reads what it says about itself, within bounds.
    pub(super) async fn refused(response: Response) -> Self {
        let (status, retry_after_s) = (response.status(), retry_after_s(response.headers()));
        let read = timeout(REFUSAL, answer::read(response, MAX_REFUSAL_BYTES)).await;
        let told = read.ok().and_then(Result::ok).map(|body| Told::of(&body)).unwrap_or_default();
        let fault = told
            .code
            .as_deref()
            .and_then(UpstreamFault::of_provider)
            .unwrap_or_else(|| of_status(status, told.param.as_deref()));
        let retry_after_s = match fault {
            UpstreamFault::Limited => retry_after_s.unwrap_or(RETRY_AFTER_S),
            UpstreamFault::Overloaded => retry_after_s.unwrap_or(0),
            _ => 0,
        };
        Self::Refused { status, code: told.code.filter(|it| is_code(it)), fault, retry_after_s }
    }

    /// What the page may know of it. Logged here, once.
    #[must_use]
    pub fn logged(&self) -> ApiError {
        let fault = match self {
            Self::NoRestart => return ApiError::NoRestart,
            Self::Refused { fault: UpstreamFault::Offer, .. } => {
                return ApiError::Offer("the voice service did not accept the offer".to_owned());
            }
            Self::Refused { fault, .. } => *fault,
            Self::Setup(_) | Self::Unreachable(_) => UpstreamFault::Unreachable,
            Self::Key => UpstreamFault::Key,
            Self::Broken(_) => UpstreamFault::Broken,
            Self::Slow => UpstreamFault::Slow,
            Self::BadAnswer(_) => UpstreamFault::Garbled,
            Self::NoControl => UpstreamFault::Uncontrolled,
        };
        tracing::error!(error = ?self, fault = fault.name(), "{self}");
        let retry_after_s = if let Self::Refused { retry_after_s, .. } = self { *retry_after_s } else { 0 };
        ApiError::Upstream { fault, retry_after_s }
    }
}

/// What a status means where no code says more. `param`: the field that the provider objects to.
fn of_status(status: StatusCode, param: Option<&str>) -> UpstreamFault {
    match status.as_u16() {
        401 => UpstreamFault::Key,
        402 => UpstreamFault::Quota,
        403 => UpstreamFault::Forbidden,
        408 | 504 => UpstreamFault::Slow,
        429 => UpstreamFault::Limited,
        503 => UpstreamFault::Overloaded,
        // The session is ours, the offer is the browser's.
        400 | 422 if !param.is_some_and(|it| it.starts_with("session") || it == "model") => UpstreamFault::Offer,
        // A redirect too: we do not carry a key to an address that nobody set.
        300..500 => UpstreamFault::Settings,
        _ => UpstreamFault::Broken,
    }
}

/// Seconds, as a number. The other form, a date, nobody sends here.
fn retry_after_s(headers: &HeaderMap) -> Option<u32> {
    let seconds: u32 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.clamp(1, MAX_RETRY_AFTER_S))
}

/// Whether a code may go into the log: a name, and nothing that somebody has said.
pub(super) fn is_code(code: &str) -> bool {
    let plain = code.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-' | b'.'));
    plain && (1..=MAX_CODE_BYTES).contains(&code.len())
}

/// What a refused WebSocket means, by its status and the body that came with it.
pub(super) fn of_refusal(status: StatusCode, body: &[u8]) -> UpstreamFault {
    let told = Told::of(body);
    // Nothing but the model stands in such a request.
    told.code.as_deref().and_then(UpstreamFault::of_provider).unwrap_or_else(|| of_status(status, Some("model")))
}

/// What a refusal says about itself: `{"error": {"code", "param"}}`. Its message is not read.
#[derive(Debug, Default)]
struct Told {
    code: Option<String>,
    param: Option<String>,
}

impl Told {
    fn of(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            error: serde_json::Value,
        }
        let Ok(Body { error }) = serde_json::from_slice(body) else { return Self::default() };
        let text = |key: &str| error.get(key).and_then(|it| it.as_str()).map(str::to_owned);
        // Some errors have their name in the type, with no code or with one that says less.
        let code = text("type").filter(|it| UpstreamFault::of_provider(it).is_some()).or_else(|| text("code"));
        Self { code, param: text("param") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_some_state_of_the_page() {
        for (status, param, fault) in [
            (302, None, UpstreamFault::Settings),
            (400, None, UpstreamFault::Offer),
            (400, Some("sdp"), UpstreamFault::Offer),
            (400, Some("session.audio.output.voice"), UpstreamFault::Settings),
            (401, None, UpstreamFault::Key),
            (403, None, UpstreamFault::Forbidden),
            (404, None, UpstreamFault::Settings),
            (415, None, UpstreamFault::Settings),
            (418, None, UpstreamFault::Settings),
            (429, None, UpstreamFault::Limited),
            (500, None, UpstreamFault::Broken),
            (503, None, UpstreamFault::Overloaded),
            (599, None, UpstreamFault::Broken),
        ] {
            assert_eq!(of_status(StatusCode::from_u16(status).unwrap(), param), fault, "{status} {param:?}");
        }
    }

    #[test]
    fn a_wait_is_bounded_whatever_the_provider_says() {
        for (value, seconds) in [
            ("20", Some(20)),
            (" 7 ", Some(7)),
            ("0", Some(1)),
            ("86400", Some(120)),
            ("99999999999", None),
            ("-1", None),
            ("Fri, 31 Dec 2027 23:59:59 GMT", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after_s(&headers), seconds, "{value}");
        }
        assert_eq!(retry_after_s(&HeaderMap::new()), None);
    }

    #[test]
    fn only_names_are_codes() {
        assert!(is_code("insufficient_quota") && is_code("DeploymentNotFound"));
        for text in ["", "You are Mariam", "a\nb", &"x".repeat(65)] {
            assert!(!is_code(text), "{text}");
        }
    }
}
