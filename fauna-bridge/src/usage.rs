//! Which variants were served how often, and which SDK keys are alive.
//!
//! ```text
//! POST /v1/usage ──▶ Usage (shards, one per thread) ──▶ Recorder ──▶ fauna.record_usage
//! own evaluations ─▶      in memory, bounded             every minute, in batches
//! ```
//!
//! Counting is on the path of evaluations and requests, so it takes a lock that no other thread wants at that moment, and never
//! waits for PostgreSQL. Writing is somebody else's: the [`Recorder`] empties the shards now and then. What cannot be written
//! stays, up to a bound; beyond it new counts are dropped and counted as that.

mod batch;
mod recorder;
mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use fauna_core::Timestamp;
use hashbrown::{Equivalent, HashMap};
use parking_lot::Mutex;

pub use batch::Batch;
pub use recorder::{Recorder, RecorderOptions};
pub use report::UsageReport;

/// More than a machine of the size that this runs on has threads.
const SHARDS: usize = 16;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// What is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    environment: Arc<str>,
    flag: Box<str>,
    variant: Box<str>,
    /// Hours since 1970.
    hour: i64,
}

/// A [`Key`] that is only looked for. Hashes as that does.
#[derive(Hash)]
struct KeyRef<'a> {
    environment: &'a str,
    flag: &'a str,
    variant: &'a str,
    hour: i64,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.hour == key.hour
            && *self.flag == *key.flag
            && *self.variant == *key.variant
            && *self.environment == *key.environment
    }
}

/// How often, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    evaluations: u64,
    last_at: Timestamp,
}

#[derive(Default)]
struct Shard {
    counts: HashMap<Key, Count>,
    keys: HashMap<Arc<str>, Timestamp>,
}

/// Counts. Shared by everything that evaluates or is asked.
pub struct Usage {
    shards: [Mutex<Shard>; SHARDS],
    /// How many [`Key`]s there are, in the shards and with the recorder; and how many there may be.
    held: AtomicUsize,
    limit: usize,
    dropped: AtomicU64,
}

impl Usage {
    /// Holds at most so many counts of a flag, variant and hour; all environments share them.
    pub fn new(limit: usize) -> Self {
        Self { shards: Default::default(), held: AtomicUsize::new(0), limit, dropped: AtomicU64::new(0) }
    }

    /// A variant (empty: none) was served so often, last at `at`.
    pub fn count(&self, environment: &Arc<str>, flag: &str, variant: &str, evaluations: u64, at: Timestamp) {
        let hour = at.as_micros().div_euclid(MICROS_PER_HOUR);
        let key = KeyRef { environment, flag, variant, hour };
        let mut shard = self.shards[own_shard()].lock();
        if let Some(count) = shard.counts.get_mut(&key) {
            count.add(Count { evaluations, last_at: at });
        } else if self.held.fetch_add(1, Ordering::Relaxed) < self.limit {
            let key = Key {
                environment: Arc::clone(environment),
                flag: flag.into(),
                variant: variant.into(),
                hour,
            };
            shard.counts.insert(key, Count { evaluations, last_at: at });
        } else {
            self.held.fetch_sub(1, Ordering::Relaxed);
            self.dropped.fetch_add(evaluations, Ordering::Relaxed);
        }
    }

    /// A key opened a stream or made a request.
    pub fn key_used(&self, id: &Arc<str>, at: Timestamp) {
        let mut shard = self.shards[own_shard()].lock();
        if let Some(last) = shard.keys.get_mut(&**id) {
            *last = at.max(*last);
        } else {
            // As many as there are keys, so this needs no bound.
            shard.keys.insert(Arc::clone(id), at);
        }
    }

    /// Moves everything that was counted into `batch`.
    fn empty_into(&self, batch: &mut Batch) {
        for shard in &self.shards {
            let Shard { counts, keys } = std::mem::take(&mut *shard.lock());
            let (moved, before) = (counts.len(), batch.len());
            batch.add(counts, keys);
            // The same key in two shards, or in the batch already, is one from now on.
            self.release(moved - (batch.len() - before));
        }
    }

    /// So many keys are held no longer.
    fn release(&self, count: usize) {
        self.held.fetch_sub(count, Ordering::Relaxed);
    }

    /// How many evaluations were dropped since the last call.
    fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

impl Count {
    fn add(&mut self, other: Self) {
        self.evaluations = self.evaluations.saturating_add(other.evaluations);
        self.last_at = self.last_at.max(other.last_at);
    }
}

/// Threads take shards in turn; with more threads than shards some share.
fn own_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    }
    OWN.with(|own| *own)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = MICROS_PER_HOUR;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn batch(usage: &Usage) -> Batch {
        let mut batch = Batch::default();
        usage.empty_into(&mut batch);
        batch
    }

    fn json(batch: &Batch) -> serde_json::Value {
        serde_json::from_str(&batch.first(1000).json).unwrap()
    }

    #[test]
    fn what_many_threads_count_adds_up() {
        let usage = Usage::new(1000);
        let environment: Arc<str> = "production".into();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..1000_i64 {
                        let variant = if n % 4 == 0 { "on" } else { "off" };
                        usage.count(&environment, "checkout", variant, 1, at(n));
                    }
                });
            }
        });
        let batch = batch(&usage);
        assert_eq!(batch.len(), 2);
        let counts = &json(&batch)["evaluations"];
        assert_eq!((&counts[0]["variant"], &counts[0]["evaluations"]), (&"off".into(), &3000.into()));
        assert_eq!((&counts[1]["variant"], &counts[1]["evaluations"]), (&"on".into(), &1000.into()));
        assert_eq!(counts[0]["lastAt"], "1970-01-01T00:00:00.000999Z");
        assert_eq!(usage.held.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn an_hour_is_counted_apart_from_the_next_one() {
        let usage = Usage::new(10);
        for micros in [HOUR - 1, HOUR, -1] {
            usage.count(&"e".into(), "f", "", 1, at(micros));
        }
        let hours: Vec<_> = json(&batch(&usage))["evaluations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|count| count["hour"].clone())
            .collect();
        assert_eq!(hours, ["1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"]);
    }

    #[test]
    fn beyond_the_bound_new_counts_are_dropped_and_known_ones_go_on() {
        let usage = Usage::new(2);
        let environment: Arc<str> = "e".into();
        for flag in ["a", "b", "c", "a", "d"] {
            usage.count(&environment, flag, "on", 10, at(0));
        }
        assert_eq!(usage.take_dropped(), 20);
        assert_eq!(usage.take_dropped(), 0);
        let mut batch = batch(&usage);
        // They are still held, though no longer in the shards.
        usage.count(&environment, "c", "on", 10, at(0));
        assert_eq!(usage.take_dropped(), 10);
        usage.release(batch.remove(&batch.first(1)));
        usage.count(&environment, "c", "on", 10, at(0));
        assert_eq!(usage.take_dropped(), 0);
    }

    #[test]
    fn a_key_keeps_its_latest_use() {
        let usage = Usage::new(0);
        let id: Arc<str> = "id-1".into();
        usage.key_used(&id, at(2_000_000));
        usage.key_used(&id, at(1_000_000));
        let expected = serde_json::json!({"evaluations": [], "keys": [{"id": "id-1", "lastUsedAt": "1970-01-01T00:00:02Z"}]});
        assert_eq!(json(&batch(&usage)), expected);
    }
}
