//! What comes back from a provider: bounded, and in any of the shapes that servers of the protocol give.

use futures::StreamExt as _;
use reqwest::Response;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::ProviderError;
use crate::engine::sdp::Offer;

/// The largest answer that we read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The longest ephemeral key.
const MAX_KEY_BYTES: usize = 4 * 1024;

/// The last segment of `Location`, if it is a name and nothing else.
pub(super) fn call_id(location: &str) -> Option<String> {
    let id = location.split('?').next()?.rsplit('/').next()?;
    let plain = id.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-'));
    (plain && (1..=128).contains(&id.len())).then(|| id.to_owned())
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(response: Response, limit: usize) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(ProviderError::of)?);
        if body.len() > limit {
            return Err(ProviderError::BadAnswer("it is too large"));
        }
    }
    Ok(body)
}

/// The answer to an offer.
pub(super) async fn read_sdp(response: Response) -> Result<String, ProviderError> {
    sdp(read(response, MAX_ANSWER_BYTES).await?).map_err(ProviderError::BadAnswer)
}

/// The key that a mint gave.
pub(super) async fn read_ephemeral_key(response: Response) -> Result<SecretString, ProviderError> {
    ephemeral_key(&read(response, MAX_ANSWER_BYTES).await?).ok_or(ProviderError::BadAnswer("it holds no key"))
}

/// The description in an answer: SDP as it is, or JSON around it (LocalAI).
fn sdp(body: Vec<u8>) -> Result<String, &'static str> {
    #[derive(Deserialize)]
    struct Wrapped {
        sdp: String,
    }
    let text = String::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let wrapped = text.starts_with('{').then(|| serde_json::from_str::<Wrapped>(text));
    let text = match &wrapped {
        Some(Ok(wrapped)) => &wrapped.sdp,
        Some(Err(_)) => return Err("its JSON holds no SDP"),
        None => text,
    };
    // What makes an offer acceptable makes an answer so: one audio section, keys proved with SHA-256, ICE credentials.
    Offer::parse(text).map(|it| it.as_str().to_owned()).map_err(|_| "it is no SDP that a browser takes")
}

/// `value` at the top, or where the retired preview had it.
fn ephemeral_key(body: &[u8]) -> Option<SecretString> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let key = body.get("value").or_else(|| body.pointer("/client_secret/value"))?.as_str()?;
    let plain = key.len() <= MAX_KEY_BYTES && !key.is_empty() && key.bytes().all(|it| it.is_ascii_graphic());
    plain.then(|| SecretString::from(key))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_call_id_is_the_last_segment_and_plain() {
        for (location, expected) in [
            ("/v1/realtime/calls/rtc_u2_abc", Some("rtc_u2_abc")),
            ("https://api.example/v1/realtime/calls/rtc-1?x=y", Some("rtc-1")),
            ("/v1/realtime/calls/", None),
            ("/v1/realtime/calls/a b", None),
            ("", None),
        ] {
            assert_eq!(call_id(location).as_deref(), expected, "{location}");
        }
    }

    fn answer(eol: &str) -> String {
        let fingerprint = format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":"));
        let lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", &fingerprint, "a=ice-ufrag:HqBApb/u2/3oMrw2"];
        let rest =
            ["a=ice-pwd:0123456789012345678901", "m=audio 9 UDP/TLS/RTP/SAVPF 96", "a=setup:active", "a=mid:0", ""];
        lines.iter().chain(&rest).copied().collect::<Vec<_>>().join(eol)
    }

    #[test]
    fn an_answer_is_understood_in_every_shape_that_servers_give() {
        let expected = Ok(answer("\r\n"));
        for (name, body) in [
            ("SDP", answer("\r\n")),
            ("bare line feeds", answer("\n")),
            ("a byte order mark", format!("\u{feff}{}", answer("\r\n"))),
            ("JSON", json!({ "sdp": answer("\n"), "session_id": "s" }).to_string()),
        ] {
            assert_eq!(sdp(body.into_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn what_a_browser_would_not_take_is_no_answer() {
        for body in [
            &b""[..],
            b"v=0",
            b"v=0\r\nm=audio",
            b"<html></html>",
            b"{}",
            b"{\"sdp\":7}",
            b"{\"sdp\":\"hello\"}",
            b"{\"sdp\"",
            b"v=0\r\n\xff\xfe",
            b"\0\x01\x02",
        ] {
            assert!(sdp(body.to_vec()).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn an_ephemeral_key_is_found_and_must_be_one() {
        let key = |body: Value| ephemeral_key(body.to_string().as_bytes()).map(|it| it.expose_secret().to_owned());
        assert_eq!(key(json!({ "value": "ek_1" })).as_deref(), Some("ek_1"));
        assert_eq!(key(json!({ "client_secret": { "value": "ek_2" } })).as_deref(), Some("ek_2"));
        for body in [json!({}), json!([]), json!({ "value": 7 }), json!({ "value": "" }), json!({ "value": "a\r\nb" })]
        {
            assert_eq!(key(body.clone()), None, "{body}");
        }
    }
}
