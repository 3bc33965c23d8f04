//! Which flags a change can reach: a flag that requires another, a flag whose rules name an audience, an audience nested in one.
//!
//! Kept by the writer and asked once per change, so that every stream evaluates what may differ and nothing else.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use fauna_core::{Audience, Flag};

/// A flag or an audience.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    /// The flag with this key.
    Flag(Arc<str>),
    /// The audience with this key.
    Audience(Arc<str>),
}

/// Who uses whom, and which flags have a schedule of their own.
#[derive(Debug, Default)]
pub struct Dependents {
    users: HashMap<Entity, HashSet<Entity>>,
    scheduled: HashSet<Arc<str>>,
}

impl Dependents {
    /// A flag is no longer what it was.
    pub fn remove_flag(&mut self, key: &Arc<str>, flag: &Flag) {
        self.unlink(&Entity::Flag(Arc::clone(key)), uses_of_flag(flag));
        self.scheduled.remove(key);
    }

    /// A flag is this now.
    pub fn add_flag(&mut self, key: &Arc<str>, flag: &Flag) {
        self.link(&Entity::Flag(Arc::clone(key)), uses_of_flag(flag));
        if flag.has_schedule() {
            self.scheduled.insert(Arc::clone(key));
        }
    }

    /// An audience is no longer what it was.
    pub fn remove_audience(&mut self, key: &Arc<str>, audience: &Audience) {
        self.unlink(&Entity::Audience(Arc::clone(key)), uses_of_audience(audience));
    }

    /// An audience is this now.
    pub fn add_audience(&mut self, key: &Arc<str>, audience: &Audience) {
        self.link(&Entity::Audience(Arc::clone(key)), uses_of_audience(audience));
    }

    /// The flags that a change of these can reach, themselves included, in order.
    pub fn reached(&self, changed: impl IntoIterator<Item = Entity>) -> BTreeSet<Arc<str>> {
        let mut left: Vec<Entity> = changed.into_iter().collect();
        let mut seen: HashSet<Entity> = left.iter().cloned().collect();
        let mut flags = BTreeSet::new();
        while let Some(entity) = left.pop() {
            for user in self.users.get(&entity).into_iter().flatten() {
                if seen.insert(user.clone()) {
                    left.push(user.clone());
                }
            }
            if let Entity::Flag(key) = entity {
                flags.insert(key);
            }
        }
        flags
    }

    /// The flags whose result depends on the time, by themselves or by one that they require.
    pub fn timed(&self) -> BTreeSet<Arc<str>> {
        self.reached(self.scheduled.iter().cloned().map(Entity::Flag))
    }

    fn link(&mut self, user: &Entity, entities: impl Iterator<Item = Entity>) {
        for used in entities {
            self.users.entry(used).or_default().insert(user.clone());
        }
    }

    fn unlink(&mut self, user: &Entity, entities: impl Iterator<Item = Entity>) {
        for used in entities {
            if let Some(users) = self.users.get_mut(&used) {
                users.remove(user);
                if users.is_empty() {
                    self.users.remove(&used);
                }
            }
        }
    }
}

/// None while it is disabled: then its result is the off variant, whatever becomes of the others.
fn uses_of_flag(flag: &Flag) -> impl Iterator<Item = Entity> {
    let flags = flag.required_flags().map(|key| Entity::Flag(key.into()));
    let uses = flags.chain(flag.audiences().map(|key| Entity::Audience(key.into())));
    uses.filter(|_| flag.is_enabled())
}

fn uses_of_audience(audience: &Audience) -> impl Iterator<Item = Entity> {
    audience.nested().map(|key| Entity::Audience(key.into()))
}
