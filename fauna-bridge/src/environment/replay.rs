//! The last few patches of an environment, so that a client that was away for a moment gets a patch and not the whole.
//!
//! This is also every connection's queue. A connection keeps only its position and asks for what comes after; the
//! bytes exist once, however many wait for them, and a reader that falls behind the oldest entry is too slow.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::evaluation::Slot;
use crate::event::Event;

/// How much is kept. The newest patch always is.
#[derive(Clone, Copy, Debug)]
pub struct ReplayLimits {
    /// Patches.
    pub events: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

/// One broadcast patch.
struct Entry {
    from: i64,
    event: Event,
    flags: Vec<Arc<str>>,
    audiences: Vec<Arc<str>>,
    reached: Arc<[Slot]>,
}

/// A ring of patches without a gap between them.
pub struct Replay {
    limits: ReplayLimits,
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// The keys that changed over a stretch of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChangedKeys {
    /// Of flags.
    pub flags: BTreeSet<Arc<str>>,
    /// Of audiences.
    pub audiences: BTreeSet<Arc<str>>,
}

/// What brings a reader from a revision to the newest.
pub enum Cover {
    /// Exactly the newest patch.
    Newest(Event),
    /// A patch of the present documents under these keys.
    Merge(ChangedKeys),
    /// The ring does not reach back that far.
    Lost,
}

impl Replay {
    /// An empty ring.
    pub fn new(limits: ReplayLimits) -> Self {
        Self { limits, entries: VecDeque::new(), bytes: 0 }
    }

    /// Forgets everything: the next state does not follow from the last by a patch.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Adds the patch that leads on from the newest one; `reached` are the flags whose results it can change.
    pub fn push(
        &mut self,
        from: i64,
        event: Event,
        flags: Vec<Arc<str>>,
        audiences: Vec<Arc<str>>,
        reached: Arc<[Slot]>,
    ) {
        self.bytes += event.bytes.len();
        self.entries.push_back(Entry { from, event, flags, audiences, reached });
        while self.entries.len() > 1
            && (self.entries.len() > self.limits.events || self.bytes > self.limits.bytes)
        {
            if let Some(oldest) = self.entries.pop_front() {
                self.bytes -= oldest.event.bytes.len();
            }
        }
    }

    /// What a reader at `revision`, older than the newest, still has to get.
    ///
    /// A revision inside an entry (another bridge cut the log differently) is covered by that whole entry: documents are
    /// states, not differences, so a key too many does no harm.
    pub fn after(&self, revision: i64) -> Cover {
        let start = self.first_after(revision);
        match self.entries.get(start) {
            Some(entry) if entry.from == revision && start + 1 == self.entries.len() => {
                Cover::Newest(entry.event.clone())
            }
            Some(entry) if entry.from <= revision => {
                let mut keys = ChangedKeys::default();
                for entry in self.entries.iter().skip(start) {
                    keys.flags.extend(entry.flags.iter().cloned());
                    keys.audiences.extend(entry.audiences.iter().cloned());
                }
                Cover::Merge(keys)
            }
            _ => Cover::Lost,
        }
    }

    /// The flags whose results may be others than at `revision`; none if the ring does not reach back that far.
    pub fn reached_after(&self, revision: i64) -> Option<Arc<[Slot]>> {
        let start = self.first_after(revision);
        let first = self.entries.get(start).filter(|entry| entry.from <= revision)?;
        if start + 1 == self.entries.len() {
            return Some(Arc::clone(&first.reached));
        }
        let reached = self.entries.iter().skip(start).flat_map(|entry| entry.reached.iter().copied());
        Some(reached.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn first_after(&self, revision: i64) -> usize {
        self.entries.partition_point(|entry| entry.event.position.revision <= revision)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;
    use crate::documents::{Document, Payload};

    fn push(replay: &mut Replay, from: i64, revision: i64, flags: &[&str]) {
        let none: BTreeMap<Arc<str>, Document> = BTreeMap::new();
        let payload = Payload {
            environment: "test",
            epoch: Uuid::nil(),
            from: Some(from),
            revision,
            flags: &none,
            audiences: &none,
        };
        let event = Event::try_new(&payload).unwrap();
        replay.push(
            from,
            event,
            flags.iter().map(|&key| key.into()).collect(),
            vec![format!("au{revision}").into()],
            Arc::default(),
        );
    }

    fn merged(replay: &Replay, revision: i64) -> Vec<String> {
        match replay.after(revision) {
            Cover::Merge(keys) => keys.flags.iter().chain(&keys.audiences).map(ToString::to_string).collect(),
            Cover::Newest(_) => vec!["newest".into()],
            Cover::Lost => vec!["lost".into()],
        }
    }

    const MANY: ReplayLimits = ReplayLimits { events: 100, bytes: usize::MAX };

    #[test]
    fn one_patch_behind_gets_the_shared_event_and_more_get_the_union_of_keys() {
        let mut replay = Replay::new(MANY);
        push(&mut replay, 1, 2, &["a", "b"]);
        push(&mut replay, 2, 3, &["b", "c"]);
        assert_eq!(merged(&replay, 2), ["newest"]);
        assert_eq!(merged(&replay, 1), ["a", "b", "c", "au2", "au3"]);
        assert_eq!(merged(&replay, 0), ["lost"]);
    }

    #[test]
    fn a_revision_inside_a_patch_of_several_is_covered_by_the_whole_patch() {
        let mut replay = Replay::new(MANY);
        push(&mut replay, 1, 5, &["a"]);
        assert_eq!(merged(&replay, 3), ["a", "au5"]);
        push(&mut replay, 5, 6, &["b"]);
        assert_eq!(merged(&replay, 3), ["a", "b", "au5", "au6"]);
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_always_stays() {
        let mut replay = Replay::new(ReplayLimits { events: 2, bytes: usize::MAX });
        for revision in 1..=4 {
            push(&mut replay, revision - 1, revision, &["a"]);
        }
        assert_eq!(merged(&replay, 1), ["lost"]);
        assert_eq!(merged(&replay, 2), ["a", "au3", "au4"]);

        let mut tiny = Replay::new(ReplayLimits { events: 100, bytes: 1 });
        push(&mut tiny, 1, 2, &["a"]);
        push(&mut tiny, 2, 3, &["b"]);
        assert_eq!(merged(&tiny, 2), ["newest"]);
        assert_eq!(merged(&tiny, 1), ["lost"]);
    }

    #[test]
    fn nothing_is_covered_after_a_clear() {
        let mut replay = Replay::new(MANY);
        push(&mut replay, 1, 2, &["a"]);
        replay.clear();
        assert_eq!(merged(&replay, 1), ["lost"]);
        assert_eq!(replay.bytes, 0);
    }
}
