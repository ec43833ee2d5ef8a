//! How the audio travels, and what helps it through a NAT.

use axum::http::Uri;
use axum::http::uri::Authority;
use clap::ValueEnum;

use super::{Config, ProviderKind};
use crate::engine::link::Route;

/// Asked by default where the far end is a hosted provider (S004-06).
const STUN_URLS: [&str; 2] = ["stun:stun.l.google.com:19302", "stun:stun1.l.google.com:19302"];
/// What `STUN_URLS` says when no server is to be asked.
const OFF: &str = "off";

/// What WebRTC means on this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VoiceRoute {
    /// Browser and provider are the peers.
    Direct,
    /// Browser and this server are the peers; this server talks with the provider.
    Relay,
}

/// Which candidates a page may use (W3C `RTCIceTransportPolicy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IcePolicy {
    All,
    /// Those of a TURN server only.
    Relay,
}

impl IcePolicy {
    /// The value of `iceTransportPolicy`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Relay => "relay",
        }
    }
}

impl Config {
    /// The route that a WebRTC call takes. A sealed session never meets the provider.
    #[must_use]
    pub fn webrtc_route(&self) -> Route {
        match self.voice_route {
            VoiceRoute::Direct if !self.sealed => Route::Direct,
            VoiceRoute::Direct | VoiceRoute::Relay => Route::Relay,
        }
    }

    /// The STUN servers that a page asks for its own address. Our own server is reached without, and so is whatever is on
    /// this machine.
    #[must_use]
    pub fn stun(&self) -> Vec<&str> {
        if !self.stun_urls.is_empty() {
            return self.stun_urls.iter().map(String::as_str).filter(|it| *it != OFF).collect();
        }
        match &self.provider_kind() {
            ProviderKind::Hosted { base_url, .. } if !is_loopback(base_url) => STUN_URLS.to_vec(),
            ProviderKind::Hosted { .. } | ProviderKind::Embedded => Vec::new(),
        }
    }

    /// Whether the settings of the media fit together: what does not, in one line.
    pub(super) fn check_media(&self) -> Result<(), &'static str> {
        if !self.turn_urls.is_empty() && self.turn_secret.is_none() {
            return Err("TURN_URLS needs TURN_SECRET, the secret that the TURN server knows too (static-auth-secret)");
        }
        if self.turn_urls.is_empty() && self.ice_policy == IcePolicy::Relay {
            return Err("ICE_POLICY=relay needs TURN_URLS and TURN_SECRET");
        }
        Ok(())
    }
}

fn is_loopback(base_url: &str) -> bool {
    let uri: Option<Uri> = base_url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// An address of a STUN server (RFC 7064), or "off". A browser makes no peer at all with one that is misspelt.
pub(super) fn stun_url(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let host = text.strip_prefix("stun:").or_else(|| text.strip_prefix("stuns:"));
    if text == OFF || host.is_some_and(is_host_and_port) {
        Ok(text.to_owned())
    } else {
        Err("expected an address like stun:stun.example.org:3478, or off")
    }
}

/// An address of a TURN server (RFC 7065).
pub(super) fn turn_url(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let rest = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
    let fits = rest.is_some_and(|rest| match rest.split_once('?') {
        Some((host, transport)) => matches!(transport, "transport=udp" | "transport=tcp") && is_host_and_port(host),
        None => is_host_and_port(rest),
    });
    if fits { Ok(text.to_owned()) } else { Err("expected an address like turn:turn.example.org:3478?transport=udp") }
}

fn is_host_and_port(text: &str) -> bool {
    let plain = |it: Authority| !it.host().is_empty() && (it.host() == text || it.port_u16().is_some());
    !text.contains('@') && text.parse().is_ok_and(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("OPENAI_API_KEY", "k");

    /// S000-16, S004-01: what WebRTC means follows from the configuration, and it is on by default.
    #[test]
    fn webrtc_is_on_and_direct_unless_the_settings_say_otherwise() {
        for (environment, expected) in [
            (&[][..], Route::Direct),
            (&[("VOICE_ROUTE", "relay")], Route::Relay),
            (&[("SEALED", "1")], Route::Relay),
            (&[("SEALED", "1"), ("VOICE_ROUTE", "direct")], Route::Relay),
        ] {
            let config = Config::with_environment(environment).unwrap();
            assert_eq!(config.webrtc_route(), expected, "{environment:?}");
            assert!(config.use_webrtc && config.webrtc_fallback, "{environment:?}");
        }
        let off = Config::with_environment(&[("USE_WEBRTC", "false"), ("WEBRTC_FALLBACK", "0")]).unwrap();
        assert!(!off.use_webrtc && !off.webrtc_fallback);
    }

    /// S004-05, S004-06: the two of Google where a hosted provider is the far end, none on loopback.
    #[test]
    fn stun_servers_are_asked_for_hosted_providers_and_never_on_loopback() {
        let own = ("STUN_URLS", "stun:a.example, stuns:[::1]:5349");
        for (environment, expected) in [
            (&[][..], &[][..]),
            (&[KEY], &STUN_URLS),
            (&[KEY, ("OPENAI_REALTIME_DISABLED", "1")], &[]),
            (&[("OPENAI_BASE_URL", "https://a.example/v1")], &STUN_URLS),
            (&[("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")], &[]),
            (&[("OPENAI_BASE_URL", "http://[::1]:9/v1")], &[]),
            (&[KEY, ("STUN_URLS", "off")], &[]),
            (&[own], &["stun:a.example", "stuns:[::1]:5349"]),
            (&[KEY, own], &["stun:a.example", "stuns:[::1]:5349"]),
        ] {
            let config = Config::with_environment(environment).unwrap();
            assert_eq!(config.stun(), expected, "{environment:?}");
        }
    }

    #[test]
    fn what_no_browser_takes_is_refused_in_one_line() {
        let turn = ("TURN_URLS", "turn:a.example:3478?transport=tcp,turns:1.2.3.4:5349");
        let secret = ("TURN_SECRET", "s");
        for (environment, expected) in [
            (&[turn, secret][..], None),
            (&[turn, secret, ("ICE_POLICY", "relay")], None),
            (&[turn], Some("TURN_SECRET")),
            (&[secret, ("ICE_POLICY", "relay")], Some("TURN_URLS")),
            (&[secret, ("TURN_URLS", "a.example:3478")], Some("--turn-urls")),
            (&[secret, ("TURN_URLS", "turn:a.example?transport=sctp")], Some("--turn-urls")),
            (&[secret, ("TURN_URLS", "turn:")], Some("--turn-urls")),
            (&[("STUN_URLS", "stun:a b")], Some("--stun-urls")),
            (&[("STUN_URLS", "turn:a.example")], Some("--stun-urls")),
            (&[("STUN_URLS", "stun:a.example:port")], Some("--stun-urls")),
            (&[("TURN_TTL", "5")], Some("--turn-ttl")),
            (&[("VOICE_ROUTE", "socket")], Some("--voice-route")),
            (&[("USE_WEBRTC", "perhaps")], Some("--use-webrtc")),
        ] {
            let error = Config::with_environment(environment).err().map(|it| it.to_string());
            let named = error.as_deref().zip(expected).is_some_and(|(error, name)| error.contains(name));
            assert!(named || (error.is_none() && expected.is_none()), "{environment:?}: {error:?}");
            assert!(error.is_none_or(|it| it.lines().count() == 1), "{environment:?}");
        }
    }
}
