//! Who may speak to us: secrets that are kept as hashes, the cookie that owns sessions, and the page's origin.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::config::{Config, Origin};
use super::network::network;

/// Its value is 256 random bits; the server keeps the hash.
pub const COOKIE: &str = "vivavoce";
/// As long as a browser keeps a session's owner: longer than any interview.
const COOKIE_SECONDS: u32 = 24 * 60 * 60;

/// A random secret of 256 bits, as 43 characters that fit into a URL and a cookie.
#[must_use]
pub fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>())
}

/// A public identifier of 128 random bits.
#[must_use]
pub fn identifier() -> String {
    URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 16]>())
}

/// What is kept of a secret.
#[derive(Clone, Copy, Debug)]
pub struct Hash([u8; 32]);

impl Hash {
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Compares in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The secret that the request's cookie carries, if it has the form of one of ours.
#[must_use]
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && value.len() == 43)
        .map(|(_, value)| value.to_owned())
}

/// The header that makes a browser keep `secret`: out of reach of scripts, and sent to nobody from foreign pages.
#[must_use]
pub fn set_cookie(secret: &str, config: &Config) -> Option<HeaderValue> {
    let secure = if config.public_url.as_ref().is_some_and(Origin::is_https) { "; Secure" } else { "" };
    let text = format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={COOKIE_SECONDS}{secure}");
    HeaderValue::from_str(&text).ok()
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A page of ours.
    Own,
    /// A page that is listed in `CORS_ORIGINS`.
    Listed,
    /// Anybody else, or nobody says who.
    Foreign,
}

/// Judges the `Origin` header. It must equal `PUBLIC_URL`, or the request's own scheme and host when that is unset.
#[must_use]
pub fn origin(headers: &HeaderMap, config: &Config) -> From {
    let mut all = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (all.next().and_then(|it| it.to_str().ok()), all.next()) else { return From::Foreign };
    let own = match &config.public_url {
        Some(public) => Some(public.clone()),
        None => own_origin(headers),
    };
    if own.is_some_and(|own| own.as_str() == origin) {
        From::Own
    } else if config.allows_origin(origin) {
        From::Listed
    } else {
        From::Foreign
    }
}

fn own_origin(headers: &HeaderMap) -> Option<Origin> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let scheme = match headers.get("x-forwarded-proto").and_then(|it| it.to_str().ok()) {
        Some("https") => "https",
        _ => "http",
    };
    format!("{scheme}://{host}").parse().ok()
}

/// What a limit counts for: the client's address, of IPv6 its network. Behind a proxy of this machine (`PUBLIC_URL` is set) it
/// is the last one that the proxy wrote down; earlier ones are the client's own words.
#[must_use]
pub fn client_ip(headers: &HeaderMap, peer: SocketAddr, config: &Config) -> IpAddr {
    let forwarded = || headers.get("x-forwarded-for")?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    let proxied = config.public_url.is_some() && peer.ip().is_loopback();
    network(proxied.then(forwarded).flatten().unwrap_or(peer.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>()
    }

    /// S10: only the exact origin passes.
    #[test]
    fn only_the_exact_origin_is_ours() {
        let plain = Config::with_environment(&[]).unwrap();
        let public = Config::with_environment(&[("PUBLIC_URL", "https://a.example")]).unwrap();
        let listed = Config::with_environment(&[("CORS_ORIGINS", "https://b.example")]).unwrap();
        let host = ("host", "localhost:3000");
        for (config, pairs, expected) in [
            (&plain, &[host, ("origin", "http://localhost:3000")][..], From::Own),
            (&plain, &[host, ("origin", "http://localhost:3001")], From::Foreign),
            (&plain, &[host, ("origin", "http://localhost:3000.evil.example")], From::Foreign),
            (&plain, &[host, ("origin", "http://evil.example@localhost:3000")], From::Foreign),
            (&plain, &[host, ("origin", "null")], From::Foreign),
            (&plain, &[host, ("origin", "")], From::Foreign),
            (&plain, &[host], From::Foreign),
            (&plain, &[("origin", "http://localhost:3000")], From::Foreign),
            (&public, &[host, ("origin", "https://a.example")], From::Own),
            (&public, &[host, ("origin", "http://a.example")], From::Foreign),
            (&public, &[host, ("origin", "http://localhost:3000")], From::Foreign),
            (&listed, &[host, ("origin", "https://b.example")], From::Listed),
            (&listed, &[host, ("origin", "https://b.example:444")], From::Foreign),
        ] {
            assert_eq!(origin(&headers(pairs), config), expected, "{pairs:?}");
        }
        let mut twice = headers(&[host, ("origin", "http://localhost:3000")]);
        twice.append(header::ORIGIN, HeaderValue::from_static("http://evil.example"));
        assert_eq!(origin(&twice, &plain), From::Foreign);
    }

    #[test]
    fn the_cookie_is_found_among_others_and_must_have_our_form() {
        let secret = secret();
        let several = format!("a=b; {COOKIE}={secret}; c=d");
        assert_eq!(cookie(&headers(&[("cookie", &several)])), Some(secret.clone()));
        assert_eq!(cookie(&headers(&[("cookie", "vivavoce=short")])), None);
        assert!(Hash::of(&secret).is(&Hash::of(&secret)) && !Hash::of(&secret).is(&Hash::of("x")));
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_proxy_of_this_machine() {
        let public = Config::with_environment(&[("PUBLIC_URL", "https://a.example")]).unwrap();
        let plain = Config::with_environment(&[]).unwrap();
        let forwarded = headers(&[("x-forwarded-for", "6.6.6.6, 1.2.3.4")]);
        for (config, peer, expected) in [
            (&public, "127.0.0.1:9", "1.2.3.4"),
            (&public, "9.9.9.9:9", "9.9.9.9"),
            (&plain, "127.0.0.1:9", "127.0.0.1"),
        ] {
            assert_eq!(client_ip(&forwarded, peer.parse().unwrap(), config).to_string(), expected, "{peer}");
        }
    }

    /// Whoever has an IPv6 network has more addresses in it than there are limits.
    #[test]
    fn all_addresses_of_an_ipv6_network_count_as_one() {
        let public = Config::with_environment(&[("PUBLIC_URL", "https://a.example")]).unwrap();
        let of = |peer: &str, pairs: &[(&'static str, &str)]| {
            client_ip(&headers(pairs), SocketAddr::new(peer.parse().unwrap(), 9), &public)
        };
        assert_eq!(of("2001:db8::1", &[]), of("2001:db8::9:8:7:6", &[]));
        assert_ne!(of("2001:db8::1", &[]), of("2001:db8:0:1::1", &[]));
        assert_ne!(of("10.0.0.1", &[]), of("10.0.0.2", &[]));
        assert_eq!(of("10.0.0.1", &[]), of("::ffff:10.0.0.1", &[]));
        let forwarded = ("x-forwarded-for", "2001:db8::5");
        assert_eq!(of("127.0.0.1", &[forwarded]), of("2001:db8::1", &[]), "behind a proxy, too");
    }
}
