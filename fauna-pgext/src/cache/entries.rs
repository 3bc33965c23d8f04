//! Compiled documents by key: those of a cache's configuration, and those kept from earlier ones.
//!
//! A change says only *that* something has changed. So after it every key is looked up in the log again when it is first
//! used, as in an empty cache: row, configuration and all. What is kept saves the rest: if the row is in the very version
//! ([`Version`]) that was compiled, what was compiled of it is taken back. A session pays 8 µs for each key that it uses
//! again, and a compilation for each that has changed, however many it keeps; to throw 10 000 flags away took 33 ms.
//!
//! Nothing is inferred from revisions. They would tell what has changed since the last time (there is an index), but only
//! where the log has been written in order and whole: not where a subscriber's heads arrive before its documents, nor
//! where rows are deleted, truncated, put back or written by hand, nor inside the transaction that stamps twice. That
//! a row is the same row holds in all of these.

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use elsa::FrozenMap;
use fauna_core::same_bytes;
use rustc_hash::FxBuildHasher;

use crate::scan::Version;

/// By key; boxed, so that what is in it stays where it is when the map grows.
type Map<T> = HashMap<Key, Box<Entry<T>>, FxBuildHasher>;

/// A key that something is kept under.
#[derive(PartialEq, Eq, Hash)]
struct Key(Box<Sought>);

/// A key that is looked for: at every evaluation, so it is compared without a call, as most are short.
#[repr(transparent)]
struct Sought(str);

impl Sought {
    fn new(key: &str) -> &Self {
        // SAFETY: a transparent wrapper looks like what it wraps.
        unsafe { &*(std::ptr::from_ref(key) as *const Self) }
    }
}

impl PartialEq for Sought {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        same_bytes(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Sought {}

impl Hash for Sought {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

impl Borrow<Sought> for Key {
    fn borrow(&self) -> &Sought {
        &self.0
    }
}

impl From<Box<str>> for Key {
    fn from(key: Box<str>) -> Self {
        // SAFETY: a transparent wrapper looks like what it wraps, in a box as well.
        Self(unsafe { Box::from_raw(Box::into_raw(key) as *mut Sought) })
    }
}

/// What is known of a key.
pub struct Entry<T> {
    /// The row that it was compiled of; none if that may not be relied on later, or is not there.
    version: Option<Version>,
    /// None if the key is of nothing.
    compiled: Option<T>,
}

impl<T> Entry<T> {
    pub fn new(compiled: Option<T>, version: Option<Version>) -> Self {
        Self { version, compiled }
    }

    /// What the key's document compiles to, if it has one.
    #[inline]
    pub fn compiled(&self) -> Option<&T> {
        self.compiled.as_ref()
    }

    /// Whether it is what a row of this version compiles to.
    pub fn is_of(&self, version: Option<Version>) -> bool {
        self.version.is_some() && self.version == version
    }

    /// Whether it can be taken back.
    fn is_worth_keeping(&self) -> bool {
        self.version.is_some() && self.compiled.is_some()
    }
}

/// All of a kind.
pub struct Entries<T> {
    /// Of the configuration; only grows, so that what it holds can be borrowed while it does.
    current: FrozenMap<Key, Box<Entry<T>>, FxBuildHasher>,
    /// Of earlier ones, under keys that have not been looked up since.
    kept: RefCell<Map<T>>,
    present: Cell<usize>,
    absent: Cell<usize>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        let (present, absent) = Default::default();
        Self { current: FrozenMap::default(), kept: RefCell::default(), present, absent }
    }
}

impl<T> Entries<T> {
    /// What is known of a key in this configuration, if anything is.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Entry<T>> {
        self.current.get(Sought::new(key))
    }

    /// Adds a key that is not there yet.
    pub fn insert(&self, key: Box<str>, entry: Box<Entry<T>>) -> Option<&T> {
        let count = if entry.compiled.is_some() { &self.present } else { &self.absent };
        count.set(count.get() + 1);
        self.current.insert(key.into(), entry).compiled.as_ref()
    }

    /// Takes what is kept under a key.
    pub fn take_kept(&self, key: &str) -> Option<Box<Entry<T>>> {
        self.kept.borrow_mut().remove(Sought::new(key))
    }

    /// Takes all that is kept.
    pub fn take_all_kept(&self) -> Kept<T> {
        Kept(self.kept.take())
    }

    /// Those of the next configuration: none, but all are kept.
    ///
    /// The fewer go to the more, so that it costs no more than what has been looked up since the last time has cost.
    pub fn renewed(self) -> Self {
        let (mut more, mut fewer) = (self.current.into_map(), self.kept.into_inner());
        if more.len() < fewer.len() {
            std::mem::swap(&mut more, &mut fewer);
        }
        more.extend(fewer.into_iter().filter(|(_, entry)| entry.is_worth_keeping()));
        Self { kept: RefCell::new(more), ..Self::default() }
    }

    /// How many are compiled, those kept included.
    pub fn compiled_count(&self) -> usize {
        let kept = self.kept.borrow();
        self.present.get() + kept.values().filter(|entry| entry.compiled.is_some()).count()
    }

    /// How many keys are known to be of nothing.
    pub fn absent_count(&self) -> usize {
        self.absent.get()
    }
}

/// What was kept, taken out.
pub struct Kept<T>(Map<T>);

impl<T> Kept<T> {
    /// Takes what is kept under a key if it is what a row of this version compiles to.
    pub fn take_known(&mut self, key: &str, version: Option<Version>) -> Option<Box<Entry<T>>> {
        let is_known = self.0.get(Sought::new(key)).is_some_and(|entry| entry.is_of(version));
        is_known.then(|| self.0.remove(Sought::new(key))).flatten()
    }
}
