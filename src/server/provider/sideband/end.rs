//! How a sideband ends, or never begins.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::engine::link::upstream::UpstreamFault;
use crate::engine::protocol::server::ServerEvent;
use crate::server::provider::error::of_refusal;

/// How a sideband ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The provider closed it in good order: the call is over.
    Over,
    /// The call may still be there, and we cannot lead it any more.
    Fault(UpstreamFault),
}

impl End {
    /// The provider took nothing in the time there is.
    pub(in crate::server::provider) const SLOW: Self = Self::Fault(UpstreamFault::Slow);

    /// What a close frame says. OpenAI closes with 1000 or 1001 when the call is over, with 1001 and a reason at its time
    /// limit, and with codes of its own for refusals, whose reason ends in the code of the error.
    pub(super) fn of_close(frame: Option<&CloseFrame>) -> Self {
        let Some(frame) = frame else { return Self::Over };
        let (code, reason) = (u16::from(frame.code), frame.reason.as_str());
        let named = reason.rsplit('.').next().and_then(UpstreamFault::of_provider);
        match (named, code) {
            (Some(fault), _) => Self::Fault(fault),
            (None, 1_001) if reason.contains("maximum") || reason.contains("expired") => {
                Self::Fault(UpstreamFault::Expired)
            }
            // 1005: the far end gave no code.
            (None, 1_000 | 1_001 | 1_005) => Self::Over,
            (None, _) => Self::Fault(UpstreamFault::Lost),
        }
    }

    /// What it means that a socket cannot be read any more.
    pub(in crate::server::provider) const fn of_error(error: &Error) -> Self {
        match error {
            // Closed after a handshake that we have answered.
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Over,
            Error::Capacity(_) => Self::Fault(UpstreamFault::Flood),
            Error::Utf8(_) => Self::Fault(UpstreamFault::Garbled),
            _ => Self::Fault(UpstreamFault::Lost),
        }
    }

    /// Whether an event is the end of every hope for this call. Most errors leave the session open; some are the loser of a
    /// harmless race.
    pub(super) fn of_event(event: &ServerEvent) -> Option<Self> {
        let code = match event {
            ServerEvent::Error { error } => error.code.as_deref(),
            // A failure inside of a response is no `error` event.
            ServerEvent::ResponseDone { response } if response.status == "failed" => {
                response.status_details.pointer("/error/code").and_then(|it| it.as_str())
            }
            _ => None,
        };
        let fault = UpstreamFault::of_provider(code?)?;
        let passes = matches!(fault, UpstreamFault::Limited | UpstreamFault::Overloaded);
        (!passes).then_some(Self::Fault(fault))
    }
}

/// Why an attempt to attach failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server::provider) struct Refused {
    pub(in crate::server::provider) fault: UpstreamFault,
    /// Whether the next attempt may get past it.
    pub(super) may_pass: bool,
    /// For the log.
    pub(in crate::server::provider) why: &'static str,
}

impl Refused {
    pub(super) fn of(error: &Error) -> Self {
        let (fault, may_pass, why) = match error {
            Error::Http(response) => match response.status().as_u16() {
                404 => (UpstreamFault::Uncontrolled, true, "the provider does not know its own call"),
                429 => (UpstreamFault::Limited, true, "too many requests"),
                503 => (UpstreamFault::Overloaded, true, "the provider is overloaded"),
                500.. => (UpstreamFault::Broken, true, "the provider failed"),
                401 | 403 => (UpstreamFault::Uncontrolled, false, "our key may not lead the call"),
                _ => (UpstreamFault::Uncontrolled, false, "the provider has no sidebands"),
            },
            Error::Io(_) | Error::Tls(_) => (UpstreamFault::Unreachable, true, "the provider is not reachable"),
            _ => (UpstreamFault::Uncontrolled, false, "the provider speaks no WebSocket"),
        };
        Self { fault, may_pass, why }
    }

    /// The same for a session of our own, where the status says what is wrong with our request.
    pub(in crate::server::provider) fn of_session(error: &Error) -> Self {
        let Error::Http(response) = error else { return Self::of(error) };
        let fault = of_refusal(response.status(), response.body().as_deref().unwrap_or_default());
        Self { fault, may_pass: !fault.is_final(), why: "the provider refused the session" }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_close_frame_says_whether_the_call_is_over_or_lost() {
        for (code, reason, expected) in [
            (1_000, "", End::Over),
            (1_001, "", End::Over),
            (1_001, "Your session hit the maximum duration of 60 minutes.", End::Fault(UpstreamFault::Expired)),
            (1_008, "too slow", End::Fault(UpstreamFault::Lost)),
            (1_011, "", End::Fault(UpstreamFault::Lost)),
            (3_000, "invalid_request_error.invalid_api_key", End::Fault(UpstreamFault::Key)),
            (4_000, "invalid_request_error.session_expired", End::Fault(UpstreamFault::Expired)),
            (4_000, "invalid_request_error.something_new", End::Fault(UpstreamFault::Lost)),
        ] {
            let frame = CloseFrame { code: code.into(), reason: reason.into() };
            assert_eq!(End::of_close(Some(&frame)), expected, "{code} {reason}");
        }
        assert_eq!(End::of_close(None), End::Over);
    }

    /// S001-06: each refusal of a session is a state of its own.
    #[test]
    fn a_refused_session_says_why() {
        use tokio_tungstenite::tungstenite::http::Response;
        for (status, body, expected) in [
            (401, "", UpstreamFault::Key),
            (403, "", UpstreamFault::Forbidden),
            (404, "", UpstreamFault::Settings),
            (429, "", UpstreamFault::Limited),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, UpstreamFault::Quota),
            (500, "no JSON", UpstreamFault::Broken),
            (503, "", UpstreamFault::Overloaded),
        ] {
            let response = Response::builder().status(status).body(Some(body.as_bytes().to_vec())).unwrap();
            assert_eq!(Refused::of_session(&Error::Http(response.into())).fault, expected, "{status} {body}");
        }
    }

    /// Benign races are swallowed, quota and authentication are the end.
    #[test]
    fn only_a_fatal_error_ends_the_call() {
        let error = |code: &str| json!({ "type": "error", "error": { "code": code, "message": "m" } });
        let failed = |code: &str| {
            let details = json!({ "type": "failed", "error": { "code": code } });
            json!({ "type": "response.done", "response": { "id": "r", "status": "failed", "status_details": details } })
        };
        for (event, expected) in [
            (error("response_cancel_not_active"), None),
            (error("conversation_already_has_active_response"), None),
            (error("item_truncate_invalid_item_id"), None),
            (error("invalid_value"), None),
            (error("rate_limit_exceeded"), None),
            (json!({ "type": "error", "error": { "message": "no code" } }), None),
            (error("insufficient_quota"), Some(UpstreamFault::Quota)),
            (error("invalid_api_key"), Some(UpstreamFault::Key)),
            (error("model_not_found"), Some(UpstreamFault::Settings)),
            (error("session_expired"), Some(UpstreamFault::Expired)),
            (failed("insufficient_quota"), Some(UpstreamFault::Quota)),
            (failed("rate_limit_exceeded"), None),
            (json!({ "type": "response.done", "response": { "status": "failed", "status_details": "text" } }), None),
            (json!({ "type": "response.done", "response": { "status": "completed" } }), None),
        ] {
            let parsed: ServerEvent = serde_json::from_value(event.clone()).unwrap();
            assert_eq!(End::of_event(&parsed), expected.map(End::Fault), "{event}");
        }
    }
}
