//! One environment as the bridge holds it: where it stands in the log, its documents, its keys, and the patches that led
//! here.
//!
//! The follower is the only writer. A connection keeps a [`Position`] and asks [`Environment::after`] what comes next, both when it
//! resumes and while it is live, so there is one code path from a position to bytes and no queue per connection.

mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::documents::{Changes, Document, Documents, Payload};
use crate::evaluation::{Catalog, Compiler, PreparedFlag, Slot};
use crate::event::Event;
use crate::position::Position;
use crate::sdk_key::{KeyRing, KeyText, PresentedKey, SdkKey};
use replay::{ChangedKeys, Cover, Replay};

pub use replay::ReplayLimits;

/// Why a payload from the database was not applied. The environment is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It is not what `fauna.changes` returns.
    #[error("unreadable payload: {0}")]
    Payload(#[from] serde_json::Error),
    /// It is for another environment or does not build on what is held.
    #[error("payload does not follow {0}")]
    OutOfOrder(Position),
}

/// A document that the engine cannot compile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokenDocument {
    /// `flag` or `audience`.
    pub kind: &'static str,
    /// Its key.
    pub key: Arc<str>,
    /// Where in it, and what is wrong there.
    pub reason: String,
}

/// What a connection at some position gets next.
#[derive(Debug)]
pub enum Step<T> {
    /// Nothing: it is up to date.
    Current,
    /// This.
    Send(T),
    /// It stands in this epoch, but before what is kept.
    Behind,
    /// It stands in another epoch or in the future: this bridge cannot tell who is right.
    Elsewhere,
}

/// The whole of an environment at one moment.
pub struct Whole {
    /// Its documents.
    pub put: Event,
    /// Its keys.
    pub keys: Vec<KeyText>,
}

/// One environment.
pub struct Environment {
    key: Arc<str>,
    state: RwLock<State>,
    // Bumped after every change of `state`; the value means nothing. Closed when the environment is gone.
    changed: watch::Sender<u64>,
}

struct State {
    position: Position,
    flags: Documents,
    audiences: Documents,
    compiler: Compiler,
    keys: KeyRing,
    replay: Replay,
    // Built when first asked for: a commit that nobody fetches whole costs no serialisation of the whole.
    put: Mutex<Option<Event>>,
    removed: bool,
}

impl Environment {
    /// An environment from a first `put` (JSON text) and its keys.
    ///
    /// # Errors
    /// The payload is unusable.
    pub fn try_new(put: &str, keys: KeyRing, limits: ReplayLimits) -> Result<Self, ApplyError> {
        let changes: Changes = serde_json::from_str(put)?;
        let key = Arc::clone(&changes.environment);
        let position = changes.position();
        if changes.from.is_some() {
            return Err(ApplyError::OutOfOrder(position));
        }
        let state = State {
            position,
            compiler: Compiler::try_new(&changes)?,
            flags: present(changes.flags),
            audiences: present(changes.audiences),
            keys,
            replay: Replay::new(limits),
            put: Mutex::new(None),
            removed: false,
        };
        Ok(Self { key, state: RwLock::new(state), changed: watch::Sender::new(0) })
    }

    /// Its key.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        self.state.read().position
    }

    /// Wakes its holder after every change; read the state again then.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Applies what `fauna.changes` returned (JSON text) together with the keys read in the same snapshot, and
    /// wakes everybody.
    ///
    /// # Errors
    /// The payload is unusable; nothing has changed then.
    pub fn apply(&self, payload: &str, keys: KeyRing) -> Result<Position, ApplyError> {
        self.take(serde_json::from_str(payload)?, Some(keys))
    }

    /// Applies a patch that leaves the keys as they are, and wakes everybody.
    ///
    /// # Errors
    /// The patch is unusable; nothing has changed then.
    pub fn advance(&self, patch: Changes) -> Result<Position, ApplyError> {
        self.take(patch, None)
    }

    fn take(&self, changes: Changes, keys: Option<KeyRing>) -> Result<Position, ApplyError> {
        let position = changes.position();
        {
            let mut state = self.state.write();
            if changes.environment != self.key {
                return Err(ApplyError::OutOfOrder(state.position));
            }
            match changes.from {
                None => state.replace(changes)?,
                Some(from) => state.patch(from, changes)?,
            }
            if let Some(keys) = keys {
                state.keys = keys;
            }
        }
        self.wake();
        Ok(position)
    }

    /// The environment no longer exists: everybody is told to go.
    pub fn remove(&self) {
        self.state.write().removed = true;
        self.wake();
    }

    fn wake(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whether [`Self::remove`] was called.
    pub fn is_removed(&self) -> bool {
        self.state.read().removed
    }

    /// The registered key for a presented one.
    pub fn find_key(&self, presented: &PresentedKey) -> Option<SdkKey> {
        self.state.read().keys.find(presented).cloned()
    }

    /// The key with this id, as it is now.
    pub fn key_by_id(&self, id: &str) -> Option<SdkKey> {
        self.state.read().keys.get(id).cloned()
    }

    /// The whole, as an event. Built once per revision.
    ///
    /// # Errors
    /// See [`Event::try_new`].
    pub fn put(&self) -> Result<Event, ApplyError> {
        self.state.read().put(&self.key)
    }

    /// The same and the keys that belong to it, to be kept elsewhere.
    ///
    /// # Errors
    /// See [`Event::try_new`].
    pub fn whole(&self) -> Result<Whole, ApplyError> {
        let state = self.state.read();
        Ok(Whole { put: state.put(&self.key)?, keys: state.keys.documents().to_vec() })
    }

    /// What a reader at `position` gets next.
    ///
    /// # Errors
    /// See [`Event::try_new`].
    pub fn after(&self, position: Position) -> Result<Step<Event>, ApplyError> {
        let state = self.state.read();
        state.after(position, || {
            Ok(match state.replay.after(position.revision) {
                Cover::Newest(event) => Some(event),
                Cover::Merge(keys) => {
                    let (flags, audiences) = state.documents_of(keys);
                    let payload = state.payload(&self.key, Some(position.revision), &flags, &audiences);
                    Some(Event::try_new(&payload)?)
                }
                Cover::Lost => None,
            })
        })
    }

    /// What there is to evaluate, and which of its flags may have other results than at `position`.
    pub fn reached_after(&self, position: Position) -> (Arc<Catalog>, Step<Arc<[Slot]>>) {
        let state = self.state.read();
        let never = |step: Result<_, std::convert::Infallible>| step.unwrap_or_else(|never| match never {});
        let step = never(state.after(position, || Ok(state.replay.reached_after(position.revision))));
        (Arc::clone(state.compiler.catalog()), step)
    }

    /// What there is to evaluate.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(self.state.read().compiler.catalog())
    }

    /// Every document that does not compile. Its flag evaluates to an error everywhere; the others are unaffected.
    pub fn broken_documents(&self) -> Vec<BrokenDocument> {
        let catalog = self.catalog();
        let flags = catalog.flags().map(PreparedFlag::flag);
        let flags = flags.filter_map(|flag| Some(("flag", flag.key(), flag.error()?)));
        let audiences =
            catalog.audiences().filter_map(|audience| Some(("audience", audience.key(), audience.error()?)));
        let broken = flags.chain(audiences).map(|(kind, key, error)| BrokenDocument {
            kind,
            key: key.into(),
            reason: error.to_string(),
        });
        broken.collect()
    }
}

impl State {
    fn put(&self, environment: &str) -> Result<Event, ApplyError> {
        let mut put = self.put.lock();
        if let Some(event) = &*put {
            return Ok(event.clone());
        }
        let event = Event::try_new(&self.payload(environment, None, &self.flags, &self.audiences))?;
        *put = Some(event.clone());
        Ok(event)
    }

    /// What a reader at `position` gets next, where `missed` finds what it missed, if that is still known.
    fn after<T, E>(
        &self,
        position: Position,
        missed: impl FnOnce() -> Result<Option<T>, E>,
    ) -> Result<Step<T>, E> {
        if self.position == position {
            return Ok(Step::Current);
        }
        if self.position.epoch != position.epoch || self.position.revision < position.revision {
            return Ok(Step::Elsewhere);
        }
        Ok(missed()?.map_or(Step::Behind, Step::Send))
    }

    fn replace(&mut self, changes: Changes) -> Result<(), ApplyError> {
        self.compiler.replace(&changes)?;
        self.position = changes.position();
        self.flags = present(changes.flags);
        self.audiences = present(changes.audiences);
        self.replay.clear();
        *self.put.get_mut() = None;
        Ok(())
    }

    fn patch(&mut self, from: i64, changes: Changes) -> Result<(), ApplyError> {
        let after = changes.position();
        if self.position != (Position { epoch: after.epoch, revision: from }) || after.revision <= from {
            return Err(ApplyError::OutOfOrder(self.position));
        }
        let event = Event::try_new(&changes.payload())?;
        let reached = self.compiler.patch(&changes)?;
        self.position = after;
        let flags = merge(&mut self.flags, changes.flags);
        let audiences = merge(&mut self.audiences, changes.audiences);
        self.replay.push(from, event, flags, audiences, reached);
        *self.put.get_mut() = None;
        Ok(())
    }

    fn payload<'a, D>(
        &self,
        environment: &'a str,
        from: Option<i64>,
        flags: &'a BTreeMap<Arc<str>, D>,
        audiences: &'a BTreeMap<Arc<str>, D>,
    ) -> Payload<'a, D> {
        let Position { epoch, revision } = self.position;
        Payload { environment, epoch, from, revision, flags, audiences }
    }

    fn documents_of(&self, keys: ChangedKeys) -> (Patch, Patch) {
        let pick = |keys: std::collections::BTreeSet<Arc<str>>, all: &Documents| {
            keys.into_iter().map(|key| (Arc::clone(&key), all.get(&key).cloned())).collect()
        };
        (pick(keys.flags, &self.flags), pick(keys.audiences, &self.audiences))
    }
}

/// Documents to write, where `None` is a deletion.
type Patch = BTreeMap<Arc<str>, Option<Document>>;

fn present(documents: BTreeMap<Arc<str>, Option<Box<RawValue>>>) -> Documents {
    documents.into_iter().filter_map(|(key, document)| Some((key, Arc::from(document?)))).collect()
}

/// Writes changed documents into the present ones, and returns which keys changed.
fn merge(into: &mut Documents, changes: BTreeMap<Arc<str>, Option<Box<RawValue>>>) -> Vec<Arc<str>> {
    let mut keys = Vec::with_capacity(changes.len());
    for (key, document) in changes {
        match document {
            Some(document) => drop(into.insert(Arc::clone(&key), Arc::from(document))),
            None => drop(into.remove(&key)),
        }
        keys.push(key);
    }
    keys
}

#[cfg(test)]
mod tests;
