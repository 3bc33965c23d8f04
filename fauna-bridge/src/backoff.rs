//! How long to wait before the next attempt to reach PostgreSQL.

use std::time::Duration;

/// Exponential backoff with full jitter, so that bridges that lost the same server do not come back in step. The first
/// attempt after a healthy session is immediate.
#[derive(Debug)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits at most `base` after the first failed attempt, twice that after the second, and never more than `max`.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, failures: 0 }
    }

    /// The wait before the next attempt; counts one failure.
    pub fn wait(&mut self) -> Duration {
        let ceiling = match self.failures {
            0 => Duration::ZERO,
            n => self.base.saturating_mul(1 << (n - 1).min(20)).min(self.max),
        };
        self.failures = self.failures.saturating_add(1);
        // At least half, so that a broken server is never hammered.
        ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Failures since the last healthy session.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// A session proved healthy.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_maximum_and_start_over_after_a_reset() {
        let (base, max) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(base, max);
        assert_eq!(backoff.wait(), Duration::ZERO);
        for failure in 1..100_u32 {
            let ceiling = base.saturating_mul(1 << (failure - 1).min(20)).min(max);
            let wait = backoff.wait();
            assert!(wait <= ceiling && wait >= ceiling / 2, "{wait:?} after {failure} failures");
        }
        backoff.reset();
        assert_eq!(backoff.wait(), Duration::ZERO);
    }
}
