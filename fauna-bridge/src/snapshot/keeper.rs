//! When snapshots are written and read.
//!
//! The follower only marks what changed. A task of its own writes, at most once a second, the state that an environment has
//! then, so that a burst of commits costs one file, and a slow disk holds up nobody.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::folder::Ignored;
use super::{Folder, Snapshot, SnapshotError, encode};
use crate::database::Place;
use crate::environment::Environment;
use crate::fleet::{Fleet, FleetChange};
use crate::observation::{Observation, Observer};
use crate::sdk_key::BrokenKey;

/// The least time between two writings.
const PAUSE: Duration = Duration::from_secs(1);

/// The time after which a writing that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// What reading all of it may take before it counts as not there.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What the last writing may take at the end of the process. A disk that hangs must not keep it alive.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// Saves the fleet's environments, and restores them.
pub struct Snapshots {
    folder: Arc<Folder>,
    fleet: Arc<Fleet>,
    observer: Arc<Observer>,
    changed: Mutex<BTreeSet<Arc<str>>>,
    /// Environments that are in the database, but cannot be read: their files are the best that there is.
    unreadable: Mutex<BTreeSet<Arc<str>>>,
    /// Whether the files of environments that were deleted while no bridge ran were looked for.
    swept: AtomicBool,
    /// Set before what was read there is in the fleet. So a place that is looked at after a state is not before it.
    place: Arc<Mutex<Option<Place>>>,
    wake: Notify,
}

/// What was saved last, ready to be served.
pub struct Kept {
    environments: Vec<(Environment, Vec<BrokenKey>)>,
    saved_at: SystemTime,
    /// How far the log was that has all of it.
    pub place: Option<Place>,
}

impl Kept {
    fn add(&mut self, environment: (Environment, Vec<BrokenKey>), snapshot: &Snapshot) {
        self.environments.push(environment);
        if snapshot.saved_at >= self.saved_at {
            // What was saved last knows of most of the log, unless the log is another by now, and then it counts, too.
            (self.saved_at, self.place) = (snapshot.saved_at, snapshot.place.clone());
        }
    }
}

impl Snapshots {
    /// Of `fleet`, in `folder`.
    pub fn new(folder: Folder, fleet: Arc<Fleet>, observer: Arc<Observer>) -> Self {
        let (changed, unreadable, swept, place, wake) = Default::default();
        Self { folder: Arc::new(folder), fleet, observer, changed, unreadable, swept, place, wake }
    }

    /// Notes that an environment has to be saved, or its file removed.
    pub fn mark(&self, change: &FleetChange) {
        if let FleetChange::Failed(environment, _) = change {
            self.unreadable.lock().insert(Arc::clone(environment));
        }
        let (FleetChange::Added(environment, _)
        | FleetChange::Moved { environment, .. }
        | FleetChange::Removed(environment)) = change
        else {
            return;
        };
        let mut changed = self.changed.lock();
        changed.insert(Arc::clone(environment));
        if let FleetChange::Removed(_) = change {
            // The other files are to say how far the log was when it went, or a standby that still has it would bring it back.
            changed.extend(self.fleet.environments().iter().map(|environment| Arc::clone(environment.key())));
        }
        drop(changed);
        self.wake.notify_one();
    }

    /// Notes that the database has been read.
    pub fn caught_up(&self) {
        if !self.swept.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Notes how far the log is of which everything has been read.
    pub fn read_at(&self, place: Place) {
        *self.place.lock() = Some(place);
    }

    /// How far the log was of which everything has been read, or restored.
    pub fn place(&self) -> Option<Place> {
        self.place.lock().clone()
    }

    /// Reads what was saved last. None: nothing was, or it cannot be used, or the disk does not answer in time.
    pub async fn read(&self) -> Option<Kept> {
        let (folder, limits) = (Arc::clone(&self.folder), self.fleet.limits());
        let reading = blocking(move || {
            let (snapshots, mut ignored) = folder.read()?;
            let mut kept = Kept { environments: Vec::new(), saved_at: UNIX_EPOCH, place: None };
            for snapshot in snapshots {
                match snapshot.restore(limits) {
                    Ok(environment) => kept.add(environment, &snapshot),
                    Err(error) => ignored.push(Ignored { file: snapshot.environment.to_string(), error }),
                }
            }
            Ok((kept, ignored))
        });
        let read = tokio::time::timeout(READ_TIMEOUT, reading).await.unwrap_or_else(|_| {
            let error = io::ErrorKind::TimedOut.into();
            Err(SnapshotError::Files { doing: "waiting for the disk", error })
        });
        match read {
            Ok((kept, ignored)) => {
                for one in &ignored {
                    self.ignored(&one.file, &one.error);
                }
                (!kept.environments.is_empty()).then_some(kept)
            }
            Err(error) => {
                self.ignored("the folder", &error);
                None
            }
        }
    }

    fn ignored(&self, file: &str, error: &SnapshotError) {
        self.observer.observe(&Observation::SnapshotIgnored { file, error });
    }

    /// Fills a fleet that knows nothing with what was kept. Returns how old the newest of it is.
    pub fn restore(&self, kept: Kept) -> Duration {
        let age = SystemTime::now().duration_since(kept.saved_at).unwrap_or_default();
        *self.place.lock() = kept.place;
        let environments = kept.environments.len();
        let changes = self.fleet.restore(kept.environments);
        self.observer.observe(&Observation::Restored { environments, age });
        for change in &changes {
            self.observer.observe(&Observation::FleetChanged(change));
        }
        age
    }

    /// Writes what is marked until `end`, and then once more, for which a disk has so much time and no more.
    pub async fn keep(&self, end: impl Future<Output = ()>) {
        tokio::select! {
            () = self.keep_writing() => {}
            () = end => {}
        }
        if tokio::time::timeout(LAST_WRITE, self.write_marked()).await.is_err() {
            let error = SnapshotError::Files {
                doing: "waiting for the disk before the process ends",
                error: io::ErrorKind::TimedOut.into(),
            };
            self.observer.observe(&Observation::SnapshotFailed { error: &error });
        }
    }

    async fn keep_writing(&self) {
        loop {
            self.wake.notified().await;
            let failed = self.write_marked().await;
            tokio::time::sleep(if failed { RETRY } else { PAUSE }).await;
        }
    }

    /// Writes what is marked now; true if something could not be written. What is not written stays marked, also if this is dropped amid it.
    async fn write_marked(&self) -> bool {
        if self.fleet.is_confirmed() && !self.swept.load(Ordering::Relaxed) {
            match self.forgotten().await {
                Ok(forgotten) => {
                    self.changed.lock().extend(forgotten);
                    self.swept.store(true, Ordering::Relaxed);
                }
                Err(error) => {
                    // Nothing could be written either.
                    self.observer.observe(&Observation::SnapshotFailed { error: &error });
                    self.wake.notify_one();
                    return true;
                }
            }
        }
        let marked = self.changed.lock().clone();
        let mut failed = false;
        for environment in marked {
            let Some(unwritten) = self.take_mark(&environment) else { continue };
            match self.write(&environment).await {
                Ok(()) => {
                    unwritten.done();
                    self.observer.observe(&Observation::SnapshotWritten);
                }
                Err(error) => {
                    failed = true;
                    self.observer.observe(&Observation::SnapshotFailed { error: &error });
                    drop(unwritten);
                    self.wake.notify_one();
                }
            }
        }
        failed
    }

    /// Takes a mark away before the writing, so that a change amid it marks again. None: it is written already.
    fn take_mark(&self, environment: &Arc<str>) -> Option<Unwritten<'_>> {
        let environment = self.changed.lock().take(environment)?;
        Some(Unwritten { changed: &self.changed, environment: Some(environment) })
    }

    /// Environments of this database that have a file and are no more. A start without PostgreSQL would bring them back, with their keys.
    async fn forgotten(&self) -> Result<Vec<Arc<str>>, SnapshotError> {
        let folder = Arc::clone(&self.folder);
        let (snapshots, _) = blocking(move || folder.read()).await?;
        let unreadable = self.unreadable.lock();
        let environments = snapshots.into_iter().map(|snapshot| Arc::<str>::from(&*snapshot.environment));
        let is_gone = |key: &Arc<str>| self.fleet.environment(key).is_none() && !unreadable.contains(key);
        Ok(environments.filter(is_gone).collect())
    }

    async fn write(&self, environment: &Arc<str>) -> Result<(), SnapshotError> {
        let (folder, key) = (Arc::clone(&self.folder), Arc::clone(environment));
        let place = Arc::clone(&self.place);
        let held = self.fleet.environment(environment);
        blocking(move || match held {
            None => folder.remove(&key, place.lock().clone().as_ref()),
            Some(held) => {
                let whole = held.whole()?;
                let place = place.lock().clone();
                let contents = encode(folder.database(), &whole, place.clone(), SystemTime::now())?;
                folder.write(&key, whole.put.position, place.as_ref(), &contents)
            }
        })
        .await
    }
}

/// A mark that was taken away, and comes back unless its environment is written.
struct Unwritten<'a> {
    changed: &'a Mutex<BTreeSet<Arc<str>>>,
    environment: Option<Arc<str>>,
}

impl Unwritten<'_> {
    fn done(mut self) {
        self.environment = None;
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.changed.lock().extend(self.environment.take());
    }
}

/// Does what may wait for a disk where nobody waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(SnapshotError::Files { doing: "waiting for the disk", error: error.into() })
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures_util::FutureExt as _;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::environment::ReplayLimits;
    use crate::fleet::{EnvironmentReading, Moved};

    #[tokio::test]
    async fn what_was_not_written_when_the_writing_was_broken_off_is_written_later() {
        let temporary = tempfile::tempdir().unwrap();
        let fleet = Arc::new(Fleet::new(ReplayLimits { events: 1, bytes: 1 }));
        let put =
            json!({"environment": "test", "epoch": Uuid::nil(), "revision": 1, "flags": {}, "audiences": {}});
        let moved = Some(Moved { payload: put.to_string(), keys: vec![] });
        let changes = fleet.apply(vec![EnvironmentReading { key: "test".into(), moved }]);
        let folder = Folder::new(temporary.path().to_owned(), "db".into());
        let snapshots = Snapshots::new(folder, fleet, Arc::default());
        snapshots.swept.store(true, Ordering::Relaxed);
        for change in &changes {
            snapshots.mark(change);
        }

        let lock = fs::File::create(temporary.path().join(".lock")).unwrap();
        lock.lock().unwrap();
        assert_eq!(snapshots.write_marked().now_or_never(), None);
        assert_eq!(snapshots.changed.lock().len(), 1);
        lock.unlock().unwrap();
        assert!(!snapshots.write_marked().await);
        assert!(snapshots.changed.lock().is_empty());
        assert!(temporary.path().join("test.snapshot").exists());
    }
}
