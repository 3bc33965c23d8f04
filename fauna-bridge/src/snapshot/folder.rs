//! Snapshots in a folder: `<environment>.snapshot`, replaced as a whole or not at all.
//!
//! A file is written under another name, flushed, renamed, and the folder flushed, so that a crash at any moment leaves the old one or
//! the new one. Bridges that share the folder take turns by a lock on `.lock`, so that the look at what is there and the
//! renaming are one step.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Snapshot, SnapshotError};
use crate::database::Place;
use crate::position::Position;

const ENDING: &str = ".snapshot";
const UNFINISHED: &str = ".unfinished";

/// A folder with the snapshots of one database.
pub struct Folder {
    path: PathBuf,
    database: String,
}

/// A file that is there and is not used.
pub struct Ignored {
    /// Its name.
    pub file: String,
    /// Why.
    pub error: SnapshotError,
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> SnapshotError {
    move |error| SnapshotError::Files { doing, error }
}

impl Folder {
    /// Files in `path`, of `database`.
    pub fn new(path: PathBuf, database: String) -> Self {
        Self { path, database }
    }

    /// The name of the database that the files must be of.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Everything that is there and can be read, and what cannot. None of it was compiled yet.
    ///
    /// # Errors
    /// The folder cannot be read. That it is not there is none: nothing was ever saved.
    pub fn read(&self) -> Result<(Vec<Snapshot>, Vec<Ignored>), SnapshotError> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((vec![], vec![])),
            entries => entries.map_err(failed("reading the folder"))?,
        };
        let (mut read, mut ignored) = (Vec::new(), Vec::new());
        for entry in entries {
            let file = entry.map_err(failed("reading the folder"))?.file_name();
            let Some(file) = file.to_str() else { continue };
            let Some(environment) = file.strip_suffix(ENDING) else { continue };
            match self.read_one(environment) {
                Ok(Some(snapshot)) => read.push(snapshot),
                Ok(None) => {}
                Err(error) => ignored.push(Ignored { file: file.to_owned(), error }),
            }
        }
        Ok((read, ignored))
    }

    fn read_one(&self, environment: &str) -> Result<Option<Snapshot>, SnapshotError> {
        let file = match fs::read(self.file(environment)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed("reading the file"))?,
        };
        let snapshot = Snapshot::decode(&file, &self.database)?;
        if *snapshot.environment == *environment {
            Ok(Some(snapshot))
        } else {
            Err(SnapshotError::Misnamed(snapshot.environment))
        }
    }

    /// Puts `contents`, which stand at `position` and of which the log at `place` has everything, in place of what is there, unless that is as
    /// new or newer.
    ///
    /// # Errors
    /// The file system refuses; what was there is there still.
    pub fn write(
        &self,
        environment: &str,
        position: Position,
        place: Option<&Place>,
        contents: &[u8],
    ) -> Result<(), SnapshotError> {
        let _turn = self.lock()?;
        // What cannot be read is no obstacle: it is replaced.
        if let Ok(Some(there)) = self.read_one(environment)
            && is_as_new(&there, position, place)
        {
            return Ok(());
        }
        self.replace(environment, |file| file.write_all(contents))
    }

    /// Removes the file of an environment that is no more where the log is at `place`.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn remove(&self, environment: &str, place: Option<&Place>) -> Result<(), SnapshotError> {
        let _turn = self.lock()?;
        if let Ok(Some(there)) = self.read_one(environment)
            && lags_behind(place, &there)
        {
            return Ok(());
        }
        match fs::remove_file(self.file(environment)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(failed("removing the file")),
        }?;
        self.flush()
    }

    /// Makes sure that files can be written and locked here, by doing so with one that is then removed, as are the folders made for it.
    ///
    /// # Errors
    /// They cannot.
    pub fn try_writing(&self) -> Result<(), SnapshotError> {
        let missing: Vec<_> = self.path.ancestors().take_while(|folder| !folder.exists()).collect();
        let tried = self.make().and_then(|()| self.try_one());
        for folder in missing {
            // Another bridge may have begun to use it.
            match fs::remove_dir(folder) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound
                    ) =>
                {
                    return tried.and(Err(failed("removing the folder")(error)));
                }
                _ => {}
            }
        }
        tried
    }

    fn try_one(&self) -> Result<(), SnapshotError> {
        let path = self.path.join(format!(".check-{}{UNFINISHED}", std::process::id()));
        let written = File::create(&path).map_err(failed("writing a file")).and_then(|mut file| {
            file.write_all(b"checked").and_then(|()| file.sync_all()).map_err(failed("writing a file"))?;
            file.lock().map_err(failed("locking a file"))
        });
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                written.and(Err(failed("removing a file")(error)))
            }
            _ => written,
        }
    }

    fn replace(
        &self,
        environment: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), SnapshotError> {
        // One name suffices: whoever is here has the lock, so what stands there is what a crash left.
        let unfinished = self.path.join(format!("{environment}{UNFINISHED}"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(&unfinished).and_then(|mut file| {
            write(&mut file)?;
            file.sync_all()
        });
        if let Err(error) = written {
            // If it cannot be removed either, the next attempt overwrites it.
            let _ = fs::remove_file(&unfinished);
            return Err(SnapshotError::Files { doing: "writing the file", error });
        }
        fs::rename(&unfinished, self.file(environment)).map_err(failed("renaming the file"))?;
        self.flush()
    }

    /// Makes the folder if it is not there, and waits for the turn, which ends when the result is dropped.
    fn lock(&self) -> Result<File, SnapshotError> {
        self.make()?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(self.path.join(".lock")).map_err(failed("opening .lock"))?;
        lock.lock().map_err(failed("locking .lock"))?;
        Ok(lock)
    }

    fn make(&self) -> Result<(), SnapshotError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(failed("making the folder"))
    }

    fn flush(&self) -> Result<(), SnapshotError> {
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed("flushing the folder"))
    }

    fn file(&self, environment: &str) -> PathBuf {
        // A key of an environment is letters, digits, `.`, `_` and `-`, and does not begin with a dot.
        Path::new(&self.path).join(format!("{environment}{ENDING}"))
    }
}

/// Within an epoch the revision says what is newer, and of the same revision the file that knows of more of the log is worth more. Between epochs
/// nothing says which is newer, but that the one was read just now, and from no standby that lags behind the other.
fn is_as_new(there: &Snapshot, position: Position, place: Option<&Place>) -> bool {
    if there.position.epoch != position.epoch {
        return lags_behind(place, there);
    }
    let covers = |place: &Place| there.place.as_ref().is_some_and(|there| there.covers(place));
    there.position.revision > position.revision
        || there.position.revision == position.revision && place.is_none_or(covers)
}

fn lags_behind(place: Option<&Place>, there: &Snapshot) -> bool {
    place.zip(there.place.as_ref()).is_some_and(|(place, there)| place.lags_behind(there))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::SystemTime;

    use uuid::Uuid;

    use super::super::encode;
    use super::*;
    use crate::database::place;
    use crate::environment::{Environment, ReplayLimits};
    use crate::sdk_key::KeyRing;

    fn save(folder: &Folder, epoch: u128, revision: i64) {
        save_at(folder, epoch, revision, None);
    }

    fn save_at(folder: &Folder, epoch: u128, revision: i64, at: Option<&Place>) {
        let position = Position { epoch: Uuid::from_u128(epoch), revision };
        let put = serde_json::json!({"environment": "test", "epoch": position.epoch, "revision": revision,
                                     "flags": {}, "audiences": {}});
        let limits = ReplayLimits { events: 1, bytes: 1 };
        let environment = Environment::try_new(&put.to_string(), KeyRing::default(), limits).unwrap();
        let contents = encode("db", &environment.whole().unwrap(), at.cloned(), SystemTime::now()).unwrap();
        folder.write("test", position, at, &contents).unwrap();
    }

    fn held(folder: &Folder) -> Vec<(u128, i64)> {
        let (read, _) = folder.read().unwrap();
        read.iter().map(|one| (one.position.epoch.as_u128(), one.position.revision)).collect()
    }

    fn temporary() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path().join("made/when/needed"), "db".into());
        (temporary, folder)
    }

    #[test]
    fn newer_is_never_replaced_by_older_within_an_epoch_and_always_by_another_epoch() {
        let (_temporary, folder) = temporary();
        assert_eq!(held(&folder), []);
        for (epoch, revision, expected) in
            [(1, 5, (1, 5)), (1, 4, (1, 5)), (1, 6, (1, 6)), (2, 1, (2, 1)), (2, 2, (2, 2))]
        {
            save(&folder, epoch, revision);
            assert_eq!(held(&folder), [expected]);
        }
        folder.remove("test", None).unwrap();
        folder.remove("test", None).unwrap();
        assert_eq!(held(&folder), []);
    }

    #[test]
    fn a_standby_that_lags_replaces_and_removes_nothing_and_a_primary_does() {
        let (_temporary, folder) = temporary();
        let kept = || folder.read().unwrap().0.remove(0).place;
        save_at(&folder, 1, 5, Some(&place(false, 100)));
        save_at(&folder, 2, 1, Some(&place(true, 99)));
        folder.remove("test", Some(&place(true, 99))).unwrap();
        assert_eq!(held(&folder), [(1, 5)]);
        // Of the same state, what is known of the log only grows.
        save_at(&folder, 1, 5, Some(&place(true, 99)));
        assert_eq!(kept(), Some(place(false, 100)));
        save_at(&folder, 1, 5, Some(&place(true, 101)));
        assert_eq!(kept(), Some(place(false, 101)));
        save_at(&folder, 2, 1, Some(&place(false, 50)));
        assert_eq!((held(&folder), kept()), (vec![(2, 1)], Some(place(false, 50))));
        folder.remove("test", Some(&place(true, 50))).unwrap();
        assert_eq!(held(&folder), []);
    }

    #[test]
    fn only_the_owner_may_read_what_is_saved() {
        let (_temporary, folder) = temporary();
        save(&folder, 1, 1);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.file("test")), 0o600);
        assert_eq!(mode(&folder.path), 0o700);
    }

    #[test]
    fn a_disk_that_fills_up_amid_the_writing_leaves_the_old_file_and_no_other() {
        let (_temporary, folder) = temporary();
        save(&folder, 1, 1);
        let refused = folder.replace("test", |file| {
            file.write_all(b"fauna-snapshot 1 half of it")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(refused.is_err());
        assert_eq!(held(&folder), [(1, 1)]);
        let names = fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| !name.to_string_lossy().starts_with('.')).count(), 1);
    }

    #[test]
    fn what_a_crash_left_unfinished_is_not_read_and_does_not_hinder_the_next() {
        let (_temporary, folder) = temporary();
        save(&folder, 1, 1);
        fs::write(folder.path.join("test.unfinished"), "half").unwrap();
        assert_eq!(held(&folder), [(1, 1)]);
        save(&folder, 1, 2);
        assert_eq!(held(&folder), [(1, 2)]);
    }

    #[test]
    fn a_damaged_or_misnamed_file_is_ignored_and_replaced() {
        let (_temporary, folder) = temporary();
        save(&folder, 1, 9);
        fs::copy(folder.file("test"), folder.file("other")).unwrap();
        fs::write(folder.file("half"), &fs::read(folder.file("test")).unwrap()[..100]).unwrap();
        let (read, mut ignored) = folder.read().unwrap();
        ignored.sort_by(|one, other| one.file.cmp(&other.file));
        assert_eq!(read.len(), 1);
        assert!(matches!(ignored[0].error, SnapshotError::Damaged(_)));
        assert!(matches!(&ignored[1].error, SnapshotError::Misnamed(key) if &**key == "test"));
        fs::write(folder.file("test"), "not a snapshot").unwrap();
        save(&folder, 1, 1);
        assert_eq!(held(&folder), [(1, 1)]);
    }

    #[test]
    fn writers_that_share_a_folder_end_at_the_newest() {
        let (_temporary, folder) = temporary();
        std::thread::scope(|scope| {
            for first in 1..=4 {
                let folder = &folder;
                scope.spawn(move || (first..=40).step_by(4).for_each(|revision| save(folder, 1, revision)));
            }
        });
        assert_eq!(held(&folder), [(1, 40)]);
    }

    #[test]
    fn trying_leaves_everything_as_it_was() {
        let (temporary, folder) = temporary();
        let names = |path: &Path| -> Vec<_> {
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        folder.try_writing().unwrap();
        assert!(names(temporary.path()).is_empty());
        save(&folder, 1, 1);
        let before = names(&folder.path);
        folder.try_writing().unwrap();
        assert_eq!(names(&folder.path), before);
        fs::create_dir(temporary.path().join("empty")).unwrap();
        Folder::new(temporary.path().join("empty"), "db".into()).try_writing().unwrap();
        assert!(temporary.path().join("empty").exists(), "what was there stays");
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error_in_words() {
        let folder = Folder::new("/dev/null/folder".into(), "db".into());
        let position = Position { epoch: Uuid::nil(), revision: 1 };
        let error = folder.write("test", position, None, b"").unwrap_err().to_string();
        assert!(error.starts_with("making the folder: "), "{error}");
        assert!(folder.read().is_err());
    }
}
