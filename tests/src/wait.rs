//! Waiting for a condition with a deadline, in place of sleeping and hoping.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen soon. Generous: machines are shared and slow,
/// and a test that passes never waits this long.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Polls `probe` until it returns `Some`, and fails with `what` when [`DEADLINE`] passes first.
pub async fn eventually<T, F, Fut>(what: &str, mut probe: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
