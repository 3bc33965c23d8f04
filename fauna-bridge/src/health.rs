//! What a load balancer and a client may know about this process: is it in touch with PostgreSQL, is it on its way out.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// A snapshot of the process's condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Since when nothing can be learnt from PostgreSQL: the time of the last successful catch-up, or of the start. None: in touch.
    pub stale_since: Option<Instant>,
    /// SIGTERM has arrived.
    pub draining: bool,
}

/// Shares the condition. Only *transitions* wake those who watch, so that many connections can.
pub struct Health {
    condition: watch::Sender<Condition>,
    /// When PostgreSQL was last read. Apart from the condition, because nobody waits for it.
    last_read: Mutex<Option<Instant>>,
}

impl Default for Health {
    /// A process that has not reached PostgreSQL yet is stale.
    fn default() -> Self {
        let condition = Condition { stale_since: Some(Instant::now()), draining: false };
        Self { condition: watch::Sender::new(condition), last_read: Mutex::default() }
    }
}

impl Health {
    /// The condition now.
    pub fn condition(&self) -> Condition {
        *self.condition.borrow()
    }

    /// Follows the condition.
    pub fn subscribe(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// For how long nothing could be learnt; none when in touch.
    pub fn stale_for(&self) -> Option<Duration> {
        self.condition().stale_since.map(|since| since.elapsed())
    }

    /// What is served from now on was read this long ago.
    pub fn restored(&self, age: Duration) {
        let now = Instant::now();
        let since = now.checked_sub(age).unwrap_or(now);
        self.condition.send_if_modified(|condition| {
            condition.stale_since = Some(since);
            true
        });
    }

    /// PostgreSQL is out of reach since `since`. Returns whether that is new.
    pub fn lost_touch(&self, since: Instant) -> bool {
        self.condition.send_if_modified(|condition| {
            let new = condition.stale_since.is_none();
            condition.stale_since.get_or_insert(since);
            new
        })
    }

    /// How long ago PostgreSQL was last read; none: never.
    pub fn read_ago(&self) -> Option<Duration> {
        self.last_read.lock().map(|read| read.elapsed())
    }

    /// PostgreSQL was read. Returns how long it could not be, if it could not.
    pub fn in_touch(&self) -> Option<Duration> {
        *self.last_read.lock() = Some(Instant::now());
        let mut stale_for = None;
        self.condition.send_if_modified(|condition| {
            stale_for = condition.stale_since.take().map(|since| since.elapsed());
            stale_for.is_some()
        });
        stale_for
    }

    /// The process is to end.
    pub fn drain(&self) {
        self.condition.send_if_modified(|condition| !std::mem::replace(&mut condition.draining, true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_transitions_wake_a_watcher() {
        let health = Health::default();
        let mut watcher = health.subscribe();
        watcher.mark_unchanged();
        assert!(!health.lost_touch(Instant::now()));
        assert!(!watcher.has_changed().unwrap());
        assert!(health.in_touch().is_some());
        assert!(watcher.has_changed().unwrap());
        watcher.mark_unchanged();
        assert!(health.in_touch().is_none());
        health.drain();
        assert!(watcher.has_changed().unwrap());
        watcher.mark_unchanged();
        health.drain();
        assert!(!watcher.has_changed().unwrap());
        assert_eq!(health.condition(), Condition { stale_since: None, draining: true });
    }

    #[test]
    fn staleness_counts_from_the_last_time_in_touch() {
        let health = Health::default();
        health.in_touch();
        let since = Instant::now();
        assert!(health.lost_touch(since));
        assert!(!health.lost_touch(Instant::now()));
        assert_eq!(health.condition().stale_since, Some(since));
    }
}
