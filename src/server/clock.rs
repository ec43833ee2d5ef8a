//! The one place where the server reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch; zero on a machine whose clock is before it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "everybody else is given the time")]
pub fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
