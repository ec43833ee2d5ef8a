//! Ephemeral keys: each starts one session, with a configuration that was set when the key was made.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::engine::protocol::session::SessionConfig;

/// What every ephemeral key begins with.
pub const PREFIX: &str = "ek_";

/// Keys that may exist at a time.
const MAX_KEYS: usize = 2_000;

/// What their sessions may hold together.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Expired keys are remembered for so long, to tell them from those that never were.
const REMEMBERED_S: u64 = 600;

/// Why a key starts no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("Incorrect API key provided.")]
    Unknown,
    #[error("The ephemeral token has expired.")]
    Expired,
    #[error("The ephemeral token was used already.")]
    Used,
    #[error("There are as many ephemeral tokens as this server keeps.")]
    Full,
}

/// The keys that exist. Kept are their digests, not they themselves.
#[derive(Debug, Default)]
pub struct Keys {
    keys: HashMap<[u8; 32], Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    expires_at: u64,
    /// None once it was used, or long after it expired.
    session: Option<Box<SessionConfig>>,
    bytes: usize,
    /// Nobody has used it yet.
    unused: bool,
}

impl Keys {
    /// Makes a key for `session` that expires at `expires_at`. Times are seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`KeyError::Full`].
    pub fn mint(&mut self, session: SessionConfig, expires_at: u64, now: u64) -> Result<String, KeyError> {
        let bytes = session.echo().to_string().len();
        if self.keys.len() >= MAX_KEYS || self.bytes + bytes > MAX_BYTES {
            self.forget(now);
        }
        if self.keys.len() >= MAX_KEYS || self.bytes + bytes > MAX_BYTES {
            return Err(KeyError::Full);
        }
        let key = format!("{PREFIX}{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        self.bytes += bytes;
        self.keys.insert(digest(&key), Kept { expires_at, session: Some(Box::new(session)), bytes, unused: true });
        Ok(key)
    }

    /// The session that a key would start.
    ///
    /// # Errors
    /// [`KeyError`] but [`KeyError::Full`].
    pub fn check(&self, key: &str, now: u64) -> Result<&SessionConfig, KeyError> {
        let kept = self.keys.get(&digest(key)).ok_or(KeyError::Unknown)?;
        match &kept.session {
            Some(session) if kept.expires_at > now => Ok(session),
            None if !kept.unused => Err(KeyError::Used),
            None | Some(_) => Err(KeyError::Expired),
        }
    }

    /// Uses a key up.
    ///
    /// # Errors
    /// [`KeyError`] but [`KeyError::Full`].
    pub fn redeem(&mut self, key: &str, now: u64) -> Result<SessionConfig, KeyError> {
        self.check(key, now)?;
        let kept = self.keys.get_mut(&digest(key)).ok_or(KeyError::Unknown)?;
        self.bytes -= std::mem::take(&mut kept.bytes);
        kept.unused = false;
        kept.session.take().map(|it| *it).ok_or(KeyError::Used)
    }

    /// Makes room: of an expired key only the fact that it was one is kept, and that not for ever.
    fn forget(&mut self, now: u64) {
        self.keys.retain(|_, kept| kept.expires_at + REMEMBERED_S > now);
        for kept in self.keys.values_mut().filter(|kept| kept.expires_at <= now) {
            (kept.session, kept.bytes) = (None, 0);
        }
        self.bytes = self.keys.values().map(|kept| kept.bytes).sum();
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionConfig {
        SessionConfig::new("sess_1", 0)
    }

    #[test]
    fn a_key_starts_one_session_before_it_expires() {
        let mut keys = Keys::default();
        let key = keys.mint(session(), 100, 50).unwrap();
        assert!(key.starts_with("ek_") && key.len() == 67);
        assert_eq!(keys.redeem("ek_other", 60).unwrap_err(), KeyError::Unknown);
        assert_eq!(keys.check(&key, 99).unwrap().id(), "sess_1");
        assert_eq!(keys.check(&key, 100).unwrap_err(), KeyError::Expired);
        assert_eq!(keys.redeem(&key, 99).unwrap().id(), "sess_1");
        assert_eq!(keys.redeem(&key, 99).unwrap_err(), KeyError::Used);
        assert!(!format!("{keys:?}").contains(&key[3..]), "the key itself is not kept");
    }

    #[test]
    fn there_is_an_end_to_keys_and_old_ones_make_room() {
        let mut keys = Keys::default();
        let made = (0..MAX_KEYS + 1).filter(|_| keys.mint(session(), 100, 50).is_ok()).count();
        assert_eq!(made, MAX_KEYS);
        assert_eq!(keys.mint(session(), 900, 100 + REMEMBERED_S - 1), Err(KeyError::Full));
        assert!(keys.mint(session(), 900, 100 + REMEMBERED_S).is_ok());
        // Sessions that nobody started are given up with their keys.
        let mut keys = Keys::default();
        let half =
            session().updated(&serde_json::json!({ "instructions": "x".repeat(MAX_BYTES / 2 - 2_000) })).unwrap();
        let first = keys.mint(half.clone(), 100, 50).unwrap();
        assert!(keys.mint(half.clone(), 100, 50).is_ok());
        assert_eq!(keys.mint(half.clone(), 900, 99), Err(KeyError::Full));
        assert!(keys.mint(half, 900, 100).is_ok());
        assert_eq!(keys.check(&first, 101).unwrap_err(), KeyError::Expired);
        let large = session().updated(&serde_json::json!({ "instructions": "x".repeat(MAX_BYTES) })).unwrap();
        assert_eq!(keys.mint(large, 900, 800), Err(KeyError::Full));
    }
}
