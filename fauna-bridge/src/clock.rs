//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use fauna_core::Timestamp;

/// The instant by this machine's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
