//! The STUN and TURN servers of a page. TURN credentials are made per session and run out (TURN REST API,
//! draft-uberti-behave-turn-rest-00): the TURN server knows the same secret, and nobody has to tell it of a session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::config::Config;
use crate::api::IceServer;

/// The password of `username` at a TURN server that shares `secret`.
fn password(secret: &SecretString, username: &str) -> String {
    let keyed = Hmac::<Sha1>::new_from_slice(secret.expose_secret().as_bytes()).map(|mut hmac| {
        hmac.update(username.as_bytes());
        STANDARD.encode(hmac.finalize().into_bytes())
    });
    // Of any length: HMAC refuses no key.
    keyed.unwrap_or_default()
}

/// The servers that the page of `session_id` may use from `now_s` (seconds since the Unix epoch) on.
#[must_use]
pub fn servers(config: &Config, session_id: &str, now_s: u64) -> Vec<IceServer> {
    let mut servers = Vec::new();
    let stun = config.stun();
    if !stun.is_empty() {
        let urls = stun.into_iter().map(str::to_owned).collect();
        servers.push(IceServer { urls, username: None, credential: None });
    }
    if let Some(secret) = config.turn_secret.as_ref().filter(|_| !config.turn_urls.is_empty()) {
        let username = username(session_id, now_s + u64::from(config.turn_ttl));
        let credential = Some(password(secret, &username));
        servers.push(IceServer { urls: config.turn_urls.clone(), username: Some(username), credential });
    }
    servers
}

/// When it runs out, and whose it is: a hash, for a TURN server logs its users and shall not know our sessions.
fn username(session_id: &str, expires_at: u64) -> String {
    let hash: String = Sha256::digest(session_id.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{expires_at}:{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S003-37, S004-33: as `openssl dgst -sha1 -hmac KEY -binary | base64` says, and RFC 2202 for the second.
    #[test]
    fn a_credential_is_the_hmac_of_its_username() {
        for (secret, username, expected) in [
            ("north", "1700000900:0123456789abcdef", "xWBglNlOZuCH0W4FDkbc9wmih2I="),
            ("Jefe", "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHk="),
        ] {
            assert_eq!(password(&secret.into(), username), expected);
        }
    }

    /// S003-02, S003-37: what a page is given, by session and for a time.
    #[test]
    fn a_page_is_given_credentials_of_its_own_that_run_out() {
        let turn = [
            ("TURN_URLS", "turn:a.example:3478?transport=udp,turns:a.example:5349"),
            ("TURN_SECRET", "north"),
            ("TURN_TTL", "600"),
            ("STUN_URLS", "stun:a.example"),
        ];
        let config = Config::with_environment(&turn).unwrap();
        let servers = servers(&config, "session", 1_000);
        assert_eq!(servers[0].urls, ["stun:a.example"]);
        assert_eq!((&servers[0].username, &servers[0].credential), (&None, &None));
        assert_eq!(servers[1].urls.len(), 2);
        let username = servers[1].username.clone().unwrap();
        assert!(username.starts_with("1600:") && !username.contains("session"), "{username}");
        assert_eq!(servers[1].credential, Some(password(&"north".into(), &username)));
        let other = super::servers(&config, "other", 1_000)[1].username.clone().unwrap();
        assert_ne!(username, other);
        assert!(super::servers(&Config::for_tests(), "session", 1_000).is_empty(), "none on loopback");
    }
}
