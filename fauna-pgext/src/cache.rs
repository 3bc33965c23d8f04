//! Compiled flags and audiences, kept by each backend.
//!
//! A cache belongs to one environment and one configuration (epoch and revision) of it. It is
//! filled key by key as evaluations ask, and only ever grows: an evaluation borrows from it while
//! it loads more. What is out of date (see [`invalidation`]) is dropped whole, between evaluations; one that runs inside
//! another (a load can run SQL) simply begins a new cache while the outer one keeps its own alive.
//!
//! A load can meet a newer configuration than the rest of the cache, since a commit is visible a
//! moment before its invalidation arrives. A flag of the old and an audience of the new one could
//! then make an error that never was, so every load compares the configuration it has read from,
//! and the evaluation starts over with a new cache if it is another.
//!
//! A cache that is larger than the setting `fauna.cache_limit` is dropped whole where the next statement begins: nothing
//! can be taken out of what evaluations borrow from, and a statement that uses more than the limit would otherwise
//! compile the same flags again at every row. One that grows beyond several times the limit does not get to the
//! statement's end; it is dropped before the next evaluation, unless a single one has made it so large.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use elsa::FrozenMap;
use fauna_core::{Audience, Flag, Source};
use rustc_hash::FxBuildHasher;

use crate::catalog::Catalog;
use crate::counts::{self, Counts, Tally};
use crate::invalidation::{self, Due};
use crate::jsonb::{Container, Node, to_json};
use crate::load::{self, Document, Kind, Loaded, Tip};
use crate::{memory, settings};

/// Times the limit that a cache may grow to within a statement.
const LIMITS_IN_A_STATEMENT: usize = 4;

/// Keys remembered as those of nothing. Further ones are looked up every time.
const MAX_ABSENT: usize = 4096;

/// Environments between which a session can switch without compiling again.
const MAX_ENVIRONMENTS: usize = 8;

/// Evaluations of which each met a commit in its loads, before the result is taken all the same.
const MAX_ATTEMPTS: usize = 8;

thread_local! {
    /// The cache of the present environment.
    static CURRENT: RefCell<Option<Rc<Cache>>> = const { RefCell::new(None) };
    /// Caches of environments that the session has switched away from.
    static OTHERS: RefCell<Vec<Rc<Cache>>> = const { RefCell::new(Vec::new()) };
    /// The number of the cache that was begun last.
    static LAST_GENERATION: Cell<u64> = const { Cell::new(0) };
    /// A cache has grown so large that it goes before the next evaluation.
    static OVERGROWN: Cell<bool> = const { Cell::new(false) };
}

/// A map that only grows, so that what it holds can be borrowed while it does.
type Entries<T> = FrozenMap<Box<str>, Box<Option<T>>, FxBuildHasher>;

/// What a backend has compiled of one environment.
pub struct Cache {
    generation: u64,
    environment: String,
    catalog: Catalog,
    tip: OnceCell<Option<Tip>>,
    flags: Entries<CachedFlag>,
    audiences: Entries<Audience>,
    flag_keys: OnceCell<Box<[Box<str>]>>,
    flag_tally: Tally,
    audience_tally: Tally,
    evaluations: Cell<u64>,
    loads: Cell<u64>,
    is_torn: Cell<bool>,
}

/// A compiled flag, and its variants' values as they are returned.
pub struct CachedFlag {
    pub flag: Flag,
    /// One binary jsonb for each of the flag's variants.
    values: Box<[Box<[u8]>]>,
}

/// Runs `evaluate` on an up-to-date cache of the present environment.
///
/// `evaluate` may run again if its loads met a commit, so it must have no effects.
pub fn with_cache<T>(evaluate: impl Fn(&Cache) -> T) -> T {
    for _ in 1..MAX_ATTEMPTS {
        let cache = current();
        cache.evaluations.set(cache.evaluations.get() + 1);
        let result = evaluate(&cache);
        if !cache.is_torn.get() {
            return result;
        }
    }
    evaluate(&current())
}

fn current() -> Rc<Cache> {
    match invalidation::due() {
        Due::Drop if OVERGROWN.replace(false) => evict(),
        Due::Drop => invalidate(),
        Due::Measure if memory::held() > settings::cache_limit() => evict(),
        Due::Nothing | Due::Measure => {}
        Due::Compare => {
            let current = CURRENT.with_borrow(Clone::clone);
            let is_dropped = current.is_none_or(|cache| cache.is_superseded());
            invalidation::settle(is_dropped);
            if is_dropped {
                invalidate();
            }
        }
    }
    if settings::take_environment_changed() {
        set_aside(CURRENT.take());
    }
    if let Some(cache) = CURRENT.with_borrow(Clone::clone) {
        return cache;
    }
    let environment = settings::environment();
    let cache = take_aside(&environment).unwrap_or_else(|| Rc::new(Cache::new(environment)));
    CURRENT.set(Some(Rc::clone(&cache)));
    cache
}

fn invalidate() {
    if drop_all() {
        counts::add(Counts { invalidations: 1, ..Counts::default() });
    }
}

#[cold]
fn evict() {
    if drop_all() {
        counts::add(Counts { evictions: 1, ..Counts::default() });
    }
}

/// Whether there was anything.
fn drop_all() -> bool {
    let dropped = (CURRENT.take(), OTHERS.take());
    dropped.0.is_some() || !dropped.1.is_empty()
}

/// All caches of this backend, that of the present environment first; and what has happened here.
pub fn report<T>(read: impl Fn(&Cache) -> T) -> (Vec<T>, Counts) {
    let caches = CURRENT.with_borrow(Clone::clone).into_iter().chain(OTHERS.with_borrow(Clone::clone));
    let caches: Vec<_> = caches.collect();
    let counts = caches.iter().fold(counts::past(), |counts, cache| counts.plus(cache.counts()));
    (caches.iter().map(|cache| read(cache)).collect(), counts)
}

impl Drop for Cache {
    fn drop(&mut self) {
        counts::add(self.counts());
    }
}

fn set_aside(cache: Option<Rc<Cache>>) {
    OTHERS.with_borrow_mut(|others| {
        others.extend(cache);
        if others.len() >= MAX_ENVIRONMENTS {
            others.remove(0);
        }
    });
}

fn take_aside(environment: &str) -> Option<Rc<Cache>> {
    OTHERS.with_borrow_mut(|others| {
        let index = others.iter().position(|cache| cache.environment == environment)?;
        Some(others.remove(index))
    })
}

impl Cache {
    fn new(environment: String) -> Self {
        let generation = LAST_GENERATION.get() + 1;
        LAST_GENERATION.set(generation);
        Self {
            generation,
            environment,
            catalog: Catalog::find(),
            tip: OnceCell::new(),
            flags: FrozenMap::default(),
            audiences: FrozenMap::default(),
            flag_keys: OnceCell::new(),
            flag_tally: Tally::default(),
            audience_tally: Tally::default(),
            evaluations: Cell::new(0),
            loads: Cell::new(0),
            is_torn: Cell::new(false),
        }
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

    /// How many flags it holds.
    pub fn flag_count(&self) -> usize {
        self.flag_tally.present.get()
    }

    /// How many audiences it holds.
    pub fn audience_count(&self) -> usize {
        self.audience_tally.present.get()
    }

    /// How many keys it holds that are of no flag or of no audience.
    pub fn absent_count(&self) -> usize {
        self.flag_tally.absent.get() + self.audience_tally.absent.get()
    }

    fn counts(&self) -> Counts {
        Counts { evaluations: self.evaluations.get(), loads: self.loads.get(), ..Counts::default() }
    }

    /// Whether the statement's snapshot sees a newer configuration.
    fn is_superseded(&self) -> bool {
        self.tip.get().is_some_and(|tip| load::is_superseded(*tip, &self.catalog, &self.environment))
    }

    /// A flag with its values.
    pub fn cached_flag(&self, key: &str) -> Option<&CachedFlag> {
        match self.flags.get(key) {
            Some(entry) => entry.as_ref(),
            None => self.load(&self.flags, Kind::Flag, key),
        }
    }

    /// The keys of all flags, in order; loads every document of the environment.
    pub fn flag_keys(&self) -> &[Box<str>] {
        if let Some(keys) = self.flag_keys.get() {
            return keys;
        }
        self.load_all(&self.audiences, Kind::Audience);
        let mut keys = self.load_all(&self.flags, Kind::Flag);
        keys.retain(|key| self.flags.get(key).is_some_and(Option::is_some));
        keys.sort_unstable();
        keys.dedup();
        self.flag_keys.get_or_init(|| keys.into())
    }

    #[cold]
    fn load<'c, T: Compile>(&'c self, entries: &'c Entries<T>, kind: Kind, key: &str) -> Option<&'c T> {
        if key.len() > settings::MAX_KEY_LENGTH {
            return None;
        }
        self.loads.set(self.loads.get() + 1);
        let (document, _) = self.accept(load::document(&self.catalog, &self.environment, kind, key));
        if document.is_none() && self.absent_count() >= MAX_ABSENT {
            return None;
        }
        self.insert(entries, key.into(), document)
    }

    /// Loads the documents that are not there yet; returns the keys of all, some twice.
    fn load_all<T: Compile>(&self, entries: &Entries<T>, kind: Kind) -> Vec<Box<str>> {
        let (documents, _) = self.accept(load::documents(&self.catalog, &self.environment, kind));
        let load = |(key, document): (Box<str>, Document)| {
            if entries.get(&*key).is_none() {
                self.loads.set(self.loads.get() + 1);
                self.insert(entries, key.clone(), document);
            }
            key
        };
        documents.into_iter().map(load).collect()
    }

    fn insert<'c, T: Compile>(
        &'c self,
        entries: &'c Entries<T>,
        key: Box<str>,
        document: Document,
    ) -> Option<&'c T> {
        let compiled = document.map(|document| T::compile(&key, Container::new(&document)));
        let tally = T::tally(self);
        let count = if compiled.is_some() { &tally.present } else { &tally.absent };
        count.set(count.get() + 1);
        let entry = entries.insert(key, Box::new(compiled)).as_ref();
        let is_first_evaluation = self.evaluations.get() == 1;
        if !is_first_evaluation && memory::held() > LIMITS_IN_A_STATEMENT * settings::cache_limit() {
            OVERGROWN.set(true);
            invalidation::drop_all();
        }
        entry
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
            Some(entry) => entry.as_ref(),
            None => self.load(&self.audiences, Kind::Audience, key),
        }
    }
}

/// What a document becomes.
trait Compile {
    fn compile(key: &str, document: Container<'_>) -> Self;

    /// How many a cache holds.
    fn tally(cache: &Cache) -> &Tally;
}

impl Compile for Audience {
    fn compile(key: &str, document: Container<'_>) -> Self {
        Audience::from_document(key, &to_json(document))
    }

    fn tally(cache: &Cache) -> &Tally {
        &cache.audience_tally
    }
}

impl Compile for CachedFlag {
    fn compile(key: &str, document: Container<'_>) -> Self {
        let flag = Flag::from_document(key, &to_json(document));
        let value = |key| match document.get("variants") {
            Some(Node::Container(variants)) => variants.get(key).unwrap_or(Node::Null).to_jsonb(),
            _ => Node::Null.to_jsonb(),
        };
        let values = flag.variants().iter().map(|variant| value(variant.key())).collect();
        Self { flag, values }
    }

    fn tally(cache: &Cache) -> &Tally {
        &cache.flag_tally
    }
}

impl CachedFlag {
    /// The value of one of its variants, as a whole jsonb value.
    pub fn value(&self, variant: &fauna_core::Variant) -> Container<'_> {
        Container::new(self.values.get(variant.index()).map_or(&[], AsRef::as_ref))
    }
}
