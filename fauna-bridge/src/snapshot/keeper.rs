//! When snapshots are written and read.
//!
//! The follower only marks what changed. A task of its own writes, at most once a second, the state that an environment has
//! then, so that a burst of commits costs one file, and a slow disk holds up nobody.

use std::collections::BTreeSet;
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

    /// Writes what is marked, for ever.
    pub async fn keep(&self) {
        loop {
            self.wake.notified().await;
            let failed = self.write_marked().await;
            tokio::time::sleep(if failed { RETRY } else { PAUSE }).await;
        }
    }

    /// Writes what is marked now; true if something could not be written, which stays marked.
    pub async fn write_marked(&self) -> bool {
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
        let marked = std::mem::take(&mut *self.changed.lock());
        let mut failed = false;
        for environment in marked {
            match self.write(&environment).await {
                Ok(()) => self.observer.observe(&Observation::SnapshotWritten),
                Err(error) => {
                    failed = true;
                    self.observer.observe(&Observation::SnapshotFailed { error: &error });
                    self.changed.lock().insert(environment);
                    self.wake.notify_one();
                }
            }
        }
        failed
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

/// Does what may wait for a disk where nobody waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(SnapshotError::Files { doing: "waiting for the disk", error: error.into() })
    })
}
