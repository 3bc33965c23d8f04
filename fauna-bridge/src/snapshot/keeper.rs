//! When snapshots are written and read.
//!
//! The follower only marks what changed. A task of its own writes, at most once a second, the state that an environment has
//! then, so that a burst of commits costs one file, and a slow disk holds up nobody.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Folder, SnapshotError, encode};
use crate::fleet::{Fleet, FleetChange};
use crate::observation::{Observation, Observer};

/// The least time between two writings.
const PAUSE: Duration = Duration::from_secs(1);

/// The time after which a writing that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

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
    wake: Notify,
}

impl Snapshots {
    /// Of `fleet`, in `folder`.
    pub fn new(folder: Folder, fleet: Arc<Fleet>, observer: Arc<Observer>) -> Self {
        let (changed, unreadable, swept, wake) = Default::default();
        Self { folder: Arc::new(folder), fleet, observer, changed, unreadable, swept, wake }
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
        self.changed.lock().insert(Arc::clone(environment));
        self.wake.notify_one();
    }

    /// Notes that the database has been read.
    pub fn caught_up(&self) {
        if !self.swept.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Fills a fleet that knows nothing with what was saved last. Returns how old the newest of it is, if there is any.
    pub fn restore(&self) -> Option<Duration> {
        let (snapshots, ignored) = match self.folder.read() {
            Ok(read) => read,
            Err(error) => {
                self.observer.observe(&Observation::SnapshotIgnored { file: "the folder", error: &error });
                return None;
            }
        };
        for one in &ignored {
            self.observer.observe(&Observation::SnapshotIgnored { file: &one.file, error: &one.error });
        }
        let mut environments = Vec::new();
        let mut newest = None;
        for snapshot in snapshots {
            match snapshot.restore(self.fleet.limits()) {
                Ok((environment, broken)) => {
                    environments.push((environment, broken));
                    newest = newest.max(Some(snapshot.saved_at));
                }
                Err(error) => {
                    let file = &*snapshot.environment;
                    self.observer.observe(&Observation::SnapshotIgnored { file, error: &error });
                }
            }
        }
        let age = SystemTime::now().duration_since(newest?).unwrap_or_default();
        let changes = self.fleet.restore(environments);
        self.observer.observe(&Observation::Restored { environments: changes.len(), age });
        for change in &changes {
            self.observer.observe(&Observation::FleetChanged(change));
        }
        Some(age)
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
        let held = self.fleet.environment(environment);
        blocking(move || match held {
            None => folder.remove(&key),
            Some(held) => {
                let whole = held.whole()?;
                let contents = encode(folder.database(), &whole, SystemTime::now())?;
                folder.write(&key, whole.put.position, &contents)
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
