//! All environments of the database, and who may read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::environment::{ApplyError, Environment, ReplayLimits};
use crate::position::Position;
use crate::sdk_key::{BrokenKey, KeyRing, PresentedKey, SdkKey};

/// What a catch-up read about one environment.
#[derive(Debug)]
pub struct EnvironmentReading {
    /// Its key.
    pub key: Arc<str>,
    /// Only if it moved since what the reader knew: the payload of `fauna.changes` and the keys of the same snapshot.
    pub moved: Option<Moved>,
}

/// The new state of an environment that moved.
#[derive(Debug)]
pub struct Moved {
    /// JSON text of a patch or a put.
    pub payload: String,
    /// SDK key documents as (id, JSON text).
    pub keys: Vec<(String, String)>,
}

/// What applying a reading did, for whoever observes.
#[derive(Debug)]
pub enum FleetChange {
    /// An environment is new here.
    Added(Arc<str>, Position),
    /// An environment went from one position to another; the epoch may differ.
    Moved { environment: Arc<str>, from: Position, to: Position },
    /// An environment is gone.
    Removed(Arc<str>),
    /// A payload could not be applied; the environment stays where it was and must be read whole.
    Failed(Arc<str>, ApplyError),
    /// A key document is unusable.
    BrokenKey(Arc<str>, BrokenKey),
}

impl FleetChange {
    /// What became of an environment that stood at `from` and was given a payload.
    pub fn of(environment: &Arc<str>, from: Position, applied: Result<Position, ApplyError>) -> Self {
        let environment = Arc::clone(environment);
        match applied {
            Ok(to) => Self::Moved { environment, from, to },
            Err(error) => Self::Failed(environment, error),
        }
    }
}

/// Why a presented key opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// The keys were never loaded, so nobody can say.
    NotLoaded,
    /// No environment has it.
    Unknown,
}

/// The environments by key.
pub struct Fleet {
    limits: ReplayLimits,
    environments: RwLock<BTreeMap<Arc<str>, Arc<Environment>>>,
    loaded: AtomicBool,
    confirmed: AtomicBool,
}

impl Fleet {
    /// Knows nothing yet.
    pub fn new(limits: ReplayLimits) -> Self {
        let (loaded, confirmed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { limits, environments: RwLock::default(), loaded, confirmed }
    }

    /// How much its environments keep.
    pub fn limits(&self) -> ReplayLimits {
        self.limits
    }

    /// Whether the database has been read, so that what is not here is nowhere.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Acquire)
    }

    /// Whether there is a state to serve: the database has been read whole at least once, or one was restored.
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// The environments, in key order.
    pub fn environments(&self) -> Vec<Arc<Environment>> {
        self.environments.read().values().cloned().collect()
    }

    /// The environment with this key.
    pub fn environment(&self, key: &str) -> Option<Arc<Environment>> {
        self.environments.read().get(key).cloned()
    }

    /// Finds who a key belongs to. Whether it is still valid is the caller's next question.
    ///
    /// # Errors
    /// Nobody has it, or nobody can know yet.
    pub fn find_key(&self, presented: &PresentedKey) -> Result<(Arc<Environment>, SdkKey), KeyRefusal> {
        self.find(|environment| environment.find_key(presented))
    }

    /// The same for a key of which only the id is known; that the caller may use it is yet to be shown.
    ///
    /// # Errors
    /// Nobody has it, or nobody can know yet.
    pub fn find_key_by_id(&self, id: &str) -> Result<(Arc<Environment>, SdkKey), KeyRefusal> {
        self.find(|environment| environment.key_by_id(id))
    }

    fn find(
        &self,
        key_in: impl Fn(&Environment) -> Option<SdkKey>,
    ) -> Result<(Arc<Environment>, SdkKey), KeyRefusal> {
        let environments = self.environments.read();
        let found = environments
            .values()
            .find_map(|environment| key_in(environment).map(|key| (Arc::clone(environment), key)));
        // A restored state may be older than the key.
        let missing = if self.is_confirmed() { KeyRefusal::Unknown } else { KeyRefusal::NotLoaded };
        found.ok_or(missing)
    }

    /// Takes over a reading of *all* environments: what is not in it is gone. Every connection of a changed
    /// environment is woken at once, before the next environment is looked at.
    pub fn apply(&self, readings: Vec<EnvironmentReading>) -> Vec<FleetChange> {
        let mut changes = Vec::new();
        let mut present = BTreeSet::new();
        for reading in readings {
            present.insert(Arc::clone(&reading.key));
            if let Some(moved) = reading.moved {
                self.move_environment(&reading.key, &moved, &mut changes);
            }
        }
        self.environments.write().retain(|key, environment| {
            let stays = present.contains(key);
            if !stays {
                environment.remove();
                changes.push(FleetChange::Removed(Arc::clone(key)));
            }
            stays
        });
        self.loaded.store(true, Ordering::Release);
        self.confirmed.store(true, Ordering::Release);
        changes
    }

    /// Takes over environments as they were once, and the keys of each that cannot be used, if nothing better is known.
    pub fn restore(&self, restored: Vec<(Environment, Vec<BrokenKey>)>) -> Vec<FleetChange> {
        let mut environments = self.environments.write();
        if self.is_loaded() || restored.is_empty() {
            return Vec::new();
        }
        let mut changes = Vec::new();
        for (environment, broken) in restored {
            let key = Arc::clone(environment.key());
            changes.extend(broken.into_iter().map(|broken| FleetChange::BrokenKey(Arc::clone(&key), broken)));
            changes.push(FleetChange::Added(Arc::clone(&key), environment.position()));
            environments.insert(key, Arc::new(environment));
        }
        self.loaded.store(true, Ordering::Release);
        changes
    }

    fn move_environment(&self, key: &Arc<str>, moved: &Moved, changes: &mut Vec<FleetChange>) {
        let documents = moved.keys.iter().map(|(id, document)| (id.as_str(), document.as_str()));
        let (ring, broken) = KeyRing::read(documents);
        let change = match self.environment(key) {
            Some(environment) => {
                let from = environment.position();
                FleetChange::of(key, from, environment.apply(&moved.payload, ring))
            }
            None => match Environment::try_new(&moved.payload, ring, self.limits) {
                Ok(environment) => {
                    let position = environment.position();
                    self.environments.write().insert(Arc::clone(key), Arc::new(environment));
                    FleetChange::Added(Arc::clone(key), position)
                }
                Err(error) => FleetChange::Failed(Arc::clone(key), error),
            },
        };
        changes.extend(broken.into_iter().map(|broken| FleetChange::BrokenKey(Arc::clone(key), broken)));
        changes.push(change);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const KEY: &str = "fauna_sk_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const HASH: &str = "1f8497c5f8a65111ce0304601f5dbfea2aaa2e461fb9efb4a49c366f859b2700";

    fn fleet() -> Fleet {
        Fleet::new(ReplayLimits { events: 8, bytes: usize::MAX })
    }

    fn reading(
        environment: &str,
        from: Option<i64>,
        revision: i64,
        keys: &[(&str, String)],
    ) -> EnvironmentReading {
        let mut payload = serde_json::json!({
            "environment": environment, "epoch": uuid::Uuid::nil(), "revision": revision, "flags": {}, "audiences": {}});
        if let Some(from) = from {
            payload["from"] = from.into();
        }
        let keys = keys.iter().map(|(id, document)| ((*id).to_owned(), document.clone())).collect();
        EnvironmentReading {
            key: environment.into(),
            moved: Some(Moved { payload: payload.to_string(), keys }),
        }
    }

    fn unmoved(environment: &str) -> EnvironmentReading {
        EnvironmentReading { key: environment.into(), moved: None }
    }

    fn server_key(revoked_at: &str) -> (&'static str, String) {
        ("k", format!(r#"{{"kind":"server","hash":"{HASH}","expiresAt":null,"revokedAt":{revoked_at}}}"#))
    }

    #[test]
    fn nobody_is_unknown_before_the_keys_were_read() {
        let fleet = fleet();
        let key: PresentedKey = KEY.parse().unwrap();
        assert_eq!(fleet.find_key(&key).err(), Some(KeyRefusal::NotLoaded));
        fleet.apply(vec![]);
        assert_eq!(fleet.find_key(&key).err(), Some(KeyRefusal::Unknown));
        fleet.apply(vec![reading("a", None, 1, &[]), reading("b", None, 1, &[server_key("null")])]);
        assert_eq!(&**fleet.find_key(&key).unwrap().0.key(), "b");
    }

    #[test]
    fn a_restored_state_serves_its_keys_and_knows_that_it_may_not_know_all() {
        let old = |revision| {
            let EnvironmentReading { moved, .. } = reading("a", None, revision, &[server_key("null")]);
            let moved = moved.unwrap();
            let (ring, _) = KeyRing::read(moved.keys.iter().map(|(id, text)| (id.as_str(), text.as_str())));
            vec![(Environment::try_new(&moved.payload, ring, fleet().limits()).unwrap(), vec![])]
        };
        let (fleet, unknown) = (fleet(), format!("fauna_sk_{}", "0".repeat(64)).parse().unwrap());
        assert_eq!(fleet.restore(vec![]).len(), 0);
        assert!(!fleet.is_loaded());
        assert_eq!(fleet.restore(old(4)).len(), 1);
        assert!(fleet.is_loaded() && fleet.find_key(&KEY.parse().unwrap()).is_ok());
        assert_eq!(fleet.find_key(&unknown).err(), Some(KeyRefusal::NotLoaded));
        fleet.apply(vec![unmoved("a")]);
        assert_eq!(fleet.find_key(&unknown).err(), Some(KeyRefusal::Unknown));
        assert_eq!(fleet.restore(old(3)).len(), 0);
        assert_eq!(fleet.environment("a").unwrap().position().revision, 4);
    }

    #[test]
    fn a_revocation_reaches_those_who_hold_the_environment() {
        let fleet = fleet();
        fleet.apply(vec![reading("a", None, 1, &[server_key("null")])]);
        let (environment, key) = fleet.find_key(&KEY.parse().unwrap()).unwrap();
        let mut changed = environment.subscribe();
        changed.mark_unchanged();
        fleet.apply(vec![reading("a", Some(1), 2, &[server_key("\"2020-01-01T00:00:00Z\"")])]);
        assert!(changed.has_changed().unwrap());
        assert!(environment.key_by_id(&key.id).unwrap().check(SystemTime::now()).is_err());
    }

    #[test]
    fn an_environment_that_is_not_in_the_reading_is_gone_and_its_holders_are_told() {
        let fleet = fleet();
        fleet.apply(vec![reading("a", None, 1, &[]), reading("b", None, 1, &[])]);
        let gone = fleet.environment("a").unwrap();
        let mut told = gone.subscribe();
        told.mark_unchanged();
        let changes = fleet.apply(vec![unmoved("b")]);
        assert!(matches!(&changes[..], [FleetChange::Removed(key)] if &**key == "a"));
        assert!(gone.is_removed() && told.has_changed().unwrap());
        assert!(fleet.environment("a").is_none() && fleet.environment("b").is_some());
    }

    #[test]
    fn a_payload_that_cannot_be_applied_leaves_the_environment_as_it_was() {
        let fleet = fleet();
        fleet.apply(vec![reading("a", None, 1, &[server_key("null")])]);
        let changes = fleet.apply(vec![reading("a", Some(7), 8, &[])]);
        assert!(matches!(&changes[..], [FleetChange::Failed(key, _)] if &**key == "a"));
        assert_eq!(fleet.environment("a").unwrap().position().revision, 1);
        assert!(fleet.find_key(&KEY.parse().unwrap()).is_ok());
    }
}
