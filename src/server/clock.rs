//! The one place of the server that reads the calendar.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the calendar")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Whole seconds since the Unix epoch.
#[must_use]
pub fn unix_s() -> u64 {
    unix_ms() / 1_000
}
