//! What an environment was when it was last read, as a file, so that a bridge that starts while PostgreSQL is away can serve it.
//!
//! ```text
//! fauna-snapshot 1 <SHA-256 of all that follows, in hexadecimal>
//! {"database":"…","savedAtMs":1771622898000,"place":{"system":"7512…","bytes":26738688}}
//! {"environment":"production","epoch":"…","revision":43,"flags":{…},"audiences":{…}}
//! {"<id of an SDK key>":{…}}
//! ```
//!
//! `place` is how far the database's write-ahead log was, which tells a standby that lags behind this from one that knows better; files of older
//! bridges have none. The third line is a put as clients get it, the fourth the documents of the SDK keys, which hold hashes and no keys. [`folder`]
//! knows files, [`keeper`] when to write them.

mod folder;
mod keeper;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::database::Place;
use crate::environment::{ApplyError, Environment, ReplayLimits, Whole};
use crate::position::Position;
use crate::sdk_key::{BrokenKey, KeyRing, hex};

pub use folder::Folder;
pub use keeper::Snapshots;

const MAGIC: &str = "fauna-snapshot";
const VERSION: u32 = 1;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file system refuses.
    #[error("{doing}: {error}")]
    Files {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        error: std::io::Error,
    },
    /// It is not whole, or was changed.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// A later version of the bridge wrote it.
    #[error("format {0} is not known to this version, which writes {VERSION}")]
    Version(String),
    /// It is another database's.
    #[error("of another database: the hosts or the database's name in the connection string differ")]
    Foreign,
    /// It is another environment's.
    #[error("of environment {0}, as which it is not named")]
    Misnamed(Arc<str>),
    /// Its documents cannot be used.
    #[error(transparent)]
    Unusable(#[from] ApplyError),
}

/// Where a snapshot comes from.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Origin {
    database: String,
    saved_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

/// The start of a put.
#[derive(Deserialize)]
struct Head {
    environment: Arc<str>,
    epoch: Uuid,
    revision: i64,
}

/// A file's contents, checked as far as that goes without compiling the documents.
pub struct Snapshot {
    /// The environment's key.
    pub environment: Arc<str>,
    /// Where it stood.
    pub position: Position,
    /// When it was written.
    pub saved_at: SystemTime,
    /// How far the log was at least that has it.
    pub place: Option<Place>,
    put: String,
    keys: String,
}

/// Writes the state of an environment of `database`, whose log was at `place`.
pub fn encode(
    database: &str,
    whole: &Whole,
    place: Option<Place>,
    now: SystemTime,
) -> Result<Vec<u8>, ApplyError> {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let saved_at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let mut body = serde_json::to_vec(&Origin { database: database.to_owned(), saved_at_ms, place })?;
    body.push(b'\n');
    body.extend_from_slice(&whole.put.json());
    body.push(b'\n');
    body.extend_from_slice(keys_json(&whole.keys)?.as_bytes());
    body.push(b'\n');
    let mut file = format!("{MAGIC} {VERSION} {}\n", hex(&Sha256::digest(&body))).into_bytes();
    file.append(&mut body);
    Ok(file)
}

fn keys_json(keys: &[(Arc<str>, Box<str>)]) -> serde_json::Result<String> {
    let documents = keys.iter().filter_map(|(id, document)| {
        // A document that is no JSON was reported when it was read, and opens nothing.
        Some((&**id, serde_json::from_str::<&RawValue>(document).ok()?))
    });
    let text = serde_json::to_string(&documents.collect::<BTreeMap<&str, &RawValue>>())?;
    // White space between tokens may be anything, and a line ends the line; inside strings JSON escapes it.
    Ok(text.replace(['\n', '\r'], " "))
}

impl Snapshot {
    /// Reads a file of `database`.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn decode(file: &[u8], database: &str) -> Result<Self, SnapshotError> {
        let damaged = SnapshotError::Damaged;
        let text = std::str::from_utf8(file).map_err(|_| damaged("not text"))?;
        let (first, body) = text.split_once('\n').ok_or(damaged("no first line"))?;
        let rest = first.strip_prefix(MAGIC).ok_or(damaged("not a snapshot"))?;
        let (version, checksum) = rest.trim_start().split_once(' ').ok_or(damaged("no version"))?;
        if version != VERSION.to_string() {
            return Err(SnapshotError::Version(version.chars().take(20).collect()));
        }
        if checksum != hex(&Sha256::digest(body.as_bytes())) {
            return Err(damaged("the checksum does not fit"));
        }
        let [origin, put, keys, ""] = body.split('\n').collect::<Vec<_>>()[..] else {
            return Err(damaged("not three lines"));
        };
        let origin: Origin = serde_json::from_str(origin).map_err(|_| damaged("unreadable origin"))?;
        if origin.database != database {
            return Err(SnapshotError::Foreign);
        }
        let head: Head = serde_json::from_str(put).map_err(|_| damaged("unreadable documents"))?;
        Ok(Self {
            environment: head.environment,
            position: Position { epoch: head.epoch, revision: head.revision },
            saved_at: UNIX_EPOCH + Duration::from_millis(origin.saved_at_ms),
            place: origin.place,
            put: put.to_owned(),
            keys: keys.to_owned(),
        })
    }

    /// The environment as it was, and the keys that cannot be used.
    ///
    /// # Errors
    /// The documents cannot be used.
    pub fn restore(&self, limits: ReplayLimits) -> Result<(Environment, Vec<BrokenKey>), SnapshotError> {
        let documents: BTreeMap<&str, &RawValue> =
            serde_json::from_str(&self.keys).map_err(|_| SnapshotError::Damaged("unreadable keys"))?;
        let (ring, broken) = KeyRing::read(documents.iter().map(|(id, document)| (*id, document.get())));
        Ok((Environment::try_new(&self.put, ring, limits)?, broken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ReplayLimits = ReplayLimits { events: 8, bytes: usize::MAX };
    const KEY: &str = "fauna_sk_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const HASH: &str = "1f8497c5f8a65111ce0304601f5dbfea2aaa2e461fb9efb4a49c366f859b2700";

    fn environment() -> Environment {
        let put = r#"{"environment":"test","epoch":"6f1c2a9e-0b54-4d7c-9a43-5f3d1c0e8b11","revision":7,
            "flags":{"a":{"kind":"boolean","enabled":true,"salt":"a","offVariant":"off","variants":{"on":true,"off":false},
                     "prerequisites":[],"rules":[],"default":{"variant":"on"},"clientVisible":false,"tags":[]}},"audiences":{}}"#;
        let key = format!(
            "{{\"kind\":\"server\",\n\"hash\":\"{HASH}\",\"expiresAt\":null,\"revokedAt\":\"2020-01-01T00:00:00Z\"}}"
        );
        let (keys, broken) = KeyRing::read([("id-1", key.as_str())]);
        assert!(broken.is_empty());
        Environment::try_new(put, keys, LIMITS).unwrap()
    }

    fn file() -> Vec<u8> {
        let place = Some(crate::database::place(false, 9));
        encode("db", &environment().whole().unwrap(), place, UNIX_EPOCH + Duration::from_secs(5)).unwrap()
    }

    fn error(file: &[u8]) -> String {
        Snapshot::decode(file, "db").err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_environment_is_restored_as_it_was_saved_with_its_revoked_keys() {
        let snapshot = Snapshot::decode(&file(), "db").unwrap();
        assert_eq!((&*snapshot.environment, snapshot.position.revision), ("test", 7));
        assert_eq!(snapshot.saved_at, UNIX_EPOCH + Duration::from_secs(5));
        let (restored, broken) = snapshot.restore(LIMITS).unwrap();
        assert!(broken.is_empty());
        assert_eq!(restored.put().unwrap().bytes, environment().put().unwrap().bytes);
        let key = restored.find_key(&KEY.parse().unwrap()).unwrap();
        assert_eq!(key.check(SystemTime::now()), Err(crate::sdk_key::Unusable::Revoked));
        // And saved again it is the same.
        let whole = restored.whole().unwrap();
        let again = encode("db", &whole, snapshot.place, UNIX_EPOCH + Duration::from_secs(5)).unwrap();
        assert_eq!(again, file());
    }

    #[test]
    fn a_file_of_a_bridge_that_kept_no_place_is_read_and_one_with_more_members_too() {
        let with_origin = |change: &dyn Fn(&str) -> String| {
            let text = String::from_utf8(file()).unwrap();
            let body = change(text.split_once('\n').unwrap().1);
            format!("{MAGIC} {VERSION} {}\n{body}", hex(&Sha256::digest(&body)))
        };
        let old = with_origin(&|body| body.replacen(r#","place":{"system":"1","bytes":9}"#, "", 1));
        assert!(!old.contains("place"), "{old}");
        let read = Snapshot::decode(old.as_bytes(), "db").unwrap();
        assert_eq!((read.position.revision, read.place), (7, None));
        let later = with_origin(&|body| body.replacen('{', r#"{"later":[],"#, 1));
        assert!(Snapshot::decode(later.as_bytes(), "db").unwrap().place.is_some());
    }

    #[test]
    fn a_file_cut_anywhere_or_with_any_byte_changed_is_refused() {
        let whole = file();
        for length in 0..whole.len() {
            assert!(Snapshot::decode(&whole[..length], "db").is_err(), "cut to {length}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(Snapshot::decode(&changed, "db").is_err(), "changed at {at}");
        }
        let longer = [whole, b"{}\n".to_vec()].concat();
        assert!(error(&longer).contains("checksum"));
    }

    #[test]
    fn another_database_and_a_later_format_are_told_from_damage() {
        assert!(matches!(Snapshot::decode(&file(), "other"), Err(SnapshotError::Foreign)));
        let later = String::from_utf8(file()).unwrap().replacen(" 1 ", " 2 ", 1);
        assert!(error(later.as_bytes()).starts_with("format 2 is not known"), "{}", error(later.as_bytes()));
    }
}
