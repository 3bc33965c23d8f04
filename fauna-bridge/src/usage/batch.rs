//! Counts on their way to the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use fauna_core::Timestamp;
use serde::Serialize;

use super::{Count, Key, MICROS_PER_HOUR};

/// What has not been written yet, in the order in which it is written.
#[derive(Default)]
pub struct Batch {
    counts: BTreeMap<Key, Count>,
    keys: BTreeMap<Arc<str>, Timestamp>,
}

/// A part of a batch, as `fauna.record_usage` takes it.
pub struct Part {
    /// The argument.
    pub json: String,
    /// How many evaluations are in it.
    pub evaluations: u64,
    counts: Vec<Key>,
    keys: Vec<Arc<str>>,
}

#[derive(Serialize)]
struct Argument<'a> {
    evaluations: Vec<Served<'a>>,
    keys: Vec<Used<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Served<'a> {
    environment: &'a str,
    flag: &'a str,
    variant: &'a str,
    hour: String,
    /// PostgreSQL's bigint has a sign.
    evaluations: i64,
    last_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Used<'a> {
    id: &'a str,
    last_used_at: String,
}

impl Batch {
    /// Counts of a flag, variant and hour.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Nothing is left to write.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.keys.is_empty()
    }

    /// Adds counts to those that are here.
    pub fn add(
        &mut self,
        counts: impl IntoIterator<Item = (Key, Count)>,
        keys: impl IntoIterator<Item = (Arc<str>, Timestamp)>,
    ) {
        for (key, count) in counts {
            self.counts.entry(key).and_modify(|held| held.add(count)).or_insert(count);
        }
        for (id, at) in keys {
            let last = self.keys.entry(id).or_insert(at);
            *last = at.max(*last);
        }
    }

    /// The first counts and keys, at most `limit` of each.
    pub fn first(&self, limit: usize) -> Part {
        let counts = || self.counts.iter().take(limit);
        let keys = || self.keys.iter().take(limit);
        let argument = Argument {
            evaluations: counts().map(|(key, count)| served(key, *count)).collect(),
            keys: keys().map(|(id, at)| Used { id, last_used_at: at.to_rfc3339() }).collect(),
        };
        Part {
            // Texts and numbers: nothing that JSON could not write.
            json: serde_json::to_string(&argument).unwrap_or_default(),
            evaluations: counts().fold(0, |sum: u64, (_, count)| sum.saturating_add(count.evaluations)),
            counts: counts().map(|(key, _)| key.clone()).collect(),
            keys: keys().map(|(id, _)| Arc::clone(id)).collect(),
        }
    }

    /// Forgets a part that was written; returns how many counts that were.
    pub fn remove(&mut self, part: &Part) -> usize {
        for key in &part.counts {
            self.counts.remove(key);
        }
        for id in &part.keys {
            self.keys.remove(id);
        }
        part.counts.len()
    }
}

fn served(key: &Key, count: Count) -> Served<'_> {
    Served {
        environment: &key.environment,
        flag: &key.flag,
        variant: &key.variant,
        hour: Timestamp::from_micros(key.hour * MICROS_PER_HOUR).to_rfc3339(),
        evaluations: i64::try_from(count.evaluations).unwrap_or(i64::MAX),
        last_at: count.last_at.to_rfc3339(),
    }
}
