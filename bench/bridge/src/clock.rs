//! One clock for all processes of a run: the kernel's monotonic one, as nanoseconds.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Now.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or_default());
    let since_boot = seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default());
    u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds, for people.
#[allow(clippy::cast_precision_loss, reason = "a few digits are shown")]
pub fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}
