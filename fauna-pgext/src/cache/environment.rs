//! What is compiled of one environment.

use std::cell::{Cell, OnceCell};
use std::mem;
use std::rc::Rc;

use fauna_core::{Audience, Flag, Source};

use super::compiled::{CachedFlag, Compile};
use super::entries::{Entries, Entry};
use super::keys::Keys;
use crate::catalog::Catalog;
use crate::counts::{self, Counts};
use crate::invalidation;
use crate::jsonb::Container;
use crate::load::{self, Document, Found, Loaded, Tip};
use crate::scan::Version;
use crate::{memory, settings};

/// Times the limit that caches may grow to within a statement.
const LIMITS_IN_A_STATEMENT: usize = 4;

/// Keys remembered as those of nothing. Further ones are looked up every time.
const MAX_ABSENT: usize = 4096;

thread_local! {
    /// The number of the cache that was begun last.
    static LAST_GENERATION: Cell<u64> = const { Cell::new(0) };
}

/// What a backend has compiled of one environment.
pub struct Cache {
    generation: u64,
    environment: String,
    catalog: Catalog,
    tip: OnceCell<Option<Tip>>,
    flags: Entries<CachedFlag>,
    audiences: Entries<Audience>,
    flag_keys: OnceCell<Keys>,
    evaluations: Cell<u64>,
    loads: Cell<u64>,
    compilations: Cell<u64>,
    is_torn: Cell<bool>,
    is_outdated: Cell<bool>,
}

impl Drop for Cache {
    fn drop(&mut self) {
        counts::add(self.counts());
    }
}

impl Cache {
    /// An empty one; raises if there is no extension.
    pub fn new(environment: String) -> Self {
        let generation = LAST_GENERATION.get() + 1;
        LAST_GENERATION.set(generation);
        Self {
            generation,
            environment,
            catalog: Catalog::find(),
            tip: OnceCell::new(),
            flags: Entries::default(),
            audiences: Entries::default(),
            flag_keys: OnceCell::new(),
            evaluations: Cell::new(0),
            loads: Cell::new(0),
            compilations: Cell::new(0),
            is_torn: Cell::new(false),
            is_outdated: Cell::new(false),
        }
    }

    /// An empty one for the environment of another, which keeps what that has compiled.
    pub fn renewed(other: Rc<Self>) -> Self {
        let mut renewed = Self::new(other.environment.clone());
        // Otherwise an evaluation that this one runs inside of (a load can run SQL) still borrows from it.
        if let Some(mut other) = Rc::into_inner(other) {
            renewed.flags = mem::take(&mut other.flags).renewed();
            renewed.audiences = mem::take(&mut other.audiences).renewed();
        }
        renewed
    }

    /// Says that it is out of date; whether that is news.
    pub fn outdate(&self) -> bool {
        !self.is_outdated.replace(true)
    }

    /// Whether it may be out of date.
    pub fn is_outdated(&self) -> bool {
        self.is_outdated.get()
    }

    /// Whether it has met another configuration than its own, so that what it answers may be of both.
    pub fn is_torn(&self) -> bool {
        self.is_torn.get()
    }

    /// A number that no other cache of this backend has or had; never zero.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Where the extension's objects are.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The revision that is evaluated; none while the environment has no log.
    pub fn revision(&self) -> Option<i64> {
        let tip = match self.tip.get() {
            Some(tip) => *tip,
            None => self.accept(Loaded { tip: load::tip(&self.catalog, &self.environment), what: () }).1,
        };
        tip.map(|tip| tip.revision)
    }

    /// Its environment's key.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The configuration that it is of, once something was loaded; none while the environment has no log.
    pub fn tip(&self) -> Option<Tip> {
        self.tip.get().copied().flatten()
    }

    /// The compiled flags.
    pub fn flags(&self) -> &Entries<CachedFlag> {
        &self.flags
    }

    /// The compiled audiences.
    pub fn audiences(&self) -> &Entries<Audience> {
        &self.audiences
    }

    /// How many flags it holds.
    pub fn flag_count(&self) -> usize {
        self.flags.compiled_count()
    }

    /// How many audiences it holds.
    pub fn audience_count(&self) -> usize {
        self.audiences.compiled_count()
    }

    /// How many keys it holds that are of no flag or of no audience.
    pub fn absent_count(&self) -> usize {
        self.flags.absent_count() + self.audiences.absent_count()
    }

    /// Counts one more evaluation.
    #[inline]
    pub fn count_evaluation(&self) {
        self.evaluations.set(self.evaluations.get() + 1);
    }

    /// What has happened in it.
    pub fn counts(&self) -> Counts {
        let (evaluations, loads) = (self.evaluations.get(), self.loads.get());
        Counts { evaluations, loads, compilations: self.compilations.get(), ..Counts::default() }
    }

    /// Whether the statement's snapshot sees a newer configuration.
    pub fn is_superseded(&self) -> bool {
        self.tip.get().is_some_and(|tip| load::is_superseded(*tip, &self.catalog, &self.environment))
    }

    /// A flag with its values.
    pub fn cached_flag(&self, key: &str) -> Option<&CachedFlag> {
        match self.flags.get(key) {
            Some(entry) => entry.compiled(),
            None => self.load(key),
        }
    }

    /// The keys of all flags, in order; loads every document of the environment.
    pub fn flag_keys(&self) -> &Keys {
        if let Some(keys) = self.flag_keys.get() {
            return keys;
        }
        self.load_all::<Audience>();
        let mut keys = self.load_all::<CachedFlag>();
        keys.retain(|key| self.flags.get(key).is_some_and(|entry| entry.compiled().is_some()));
        keys.sort_unstable();
        keys.dedup();
        self.flag_keys.get_or_init(|| Keys::new(&keys))
    }

    #[cold]
    fn load<T: Compile>(&self, key: &str) -> Option<&T> {
        if key.len() > settings::MAX_KEY_LENGTH {
            return None;
        }
        self.loads.set(self.loads.get() + 1);
        let mut kept = T::entries(self).take_kept(key);
        let take_known = |version| kept.take_if(|kept| kept.is_of(version));
        let loaded = load::document(&self.catalog, &self.environment, T::KIND, key, take_known);
        let entry = match self.accept(loaded).0 {
            Found::Known(kept) => kept,
            Found::Read(None, _) if self.absent_count() >= MAX_ABSENT => return None,
            Found::Read(document, version) => Box::new(self.compile(key, document, version)),
        };
        self.insert(key.into(), entry)
    }

    /// Loads the documents that are not there yet, and drops what is kept of others; returns the keys of all, some twice.
    fn load_all<T: Compile>(&self) -> Vec<Box<str>> {
        let entries = T::entries(self);
        let mut kept = entries.take_all_kept();
        let take_known = |key: &str, version| {
            let is_there = entries.get(key).is_some();
            if is_there { Some(None) } else { kept.take_known(key, version).map(Some) }
        };
        let (found, _) = self.accept(load::documents(&self.catalog, &self.environment, T::KIND, take_known));
        let mut keys = Vec::with_capacity(found.len());
        for (key, found) in found {
            // Found twice is a document that is pending and in the log.
            if entries.get(&key).is_none() {
                self.loads.set(self.loads.get() + 1);
                let entry = match found {
                    Found::Known(kept) => kept,
                    Found::Read(document, version) => Some(Box::new(self.compile(&key, document, version))),
                };
                entry.map(|entry| self.insert(key.clone(), entry));
            }
            keys.push(key);
        }
        keys
    }

    fn compile<T: Compile>(&self, key: &str, document: Document, version: Option<Version>) -> Entry<T> {
        let compiled = document.map(|document| {
            self.compilations.set(self.compilations.get() + 1);
            T::compile(key, Container::new(&document))
        });
        Entry::new(compiled, version)
    }

    fn insert<T: Compile>(&self, key: Box<str>, entry: Box<Entry<T>>) -> Option<&T> {
        let compiled = T::entries(self).insert(key, entry);
        let is_first_evaluation = self.evaluations.get() == 1;
        if !is_first_evaluation && memory::held() > LIMITS_IN_A_STATEMENT * settings::cache_limit() {
            invalidation::drop_all();
        }
        compiled
    }

    /// Takes what was loaded, and notes if it is of another configuration than the rest.
    fn accept<T>(&self, loaded: Loaded<T>) -> (T, Option<Tip>) {
        if *self.tip.get_or_init(|| loaded.tip) != loaded.tip {
            self.is_torn.set(true);
            invalidation::drop_all();
        }
        (loaded.what, loaded.tip)
    }
}

impl Source for Cache {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.cached_flag(key).map(|cached| &cached.flag)
    }

    fn audience(&self, key: &str) -> Option<&Audience> {
        match self.audiences.get(key) {
            Some(entry) => entry.compiled(),
            None => self.load(key),
        }
    }
}
