//! The caches of this backend: which is the present one, and when they are out of date or too large.

use std::cell::RefCell;
use std::rc::Rc;

use super::Cache;
use crate::counts::{self, Counts};
use crate::invalidation::{self, Due};
use crate::{memory, settings};

/// Environments beside the present one that a session can switch to without compiling again.
const MAX_ENVIRONMENTS: usize = 8;

/// Evaluations of which each met a commit in its loads, before the result is taken all the same.
const MAX_ATTEMPTS: usize = 8;

thread_local! {
    /// The cache of the present environment, up to date as far as is known.
    static CURRENT: RefCell<Option<Rc<Cache>>> = const { RefCell::new(None) };
    /// Caches of environments that the session has switched away from, and caches that are out of date.
    static ASIDE: RefCell<Vec<Rc<Cache>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `evaluate` on an up-to-date cache of the present environment.
///
/// `evaluate` may run again if its loads met a commit, so it must have no effects.
pub fn with_cache<T>(evaluate: impl Fn(&Cache) -> T) -> T {
    for _ in 1..MAX_ATTEMPTS {
        let cache = current();
        cache.count_evaluation();
        let result = evaluate(&cache);
        if !cache.is_torn() {
            return result;
        }
    }
    evaluate(&current())
}

fn current() -> Rc<Cache> {
    match invalidation::due() {
        Due::Nothing => {}
        Due::Measure => {
            if is_too_large() {
                evict();
            }
        }
        Due::Drop => invalidate(),
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
    CURRENT.with_borrow(Clone::clone).unwrap_or_else(begin)
}

/// Makes a cache of the present environment the current one.
#[cold]
fn begin() -> Rc<Cache> {
    let environment = settings::environment();
    let cache = match take_aside(&environment) {
        Some(cache) if cache.is_outdated() => Rc::new(Cache::renewed(cache)),
        Some(cache) => cache,
        None => Rc::new(Cache::new(environment)),
    };
    CURRENT.set(Some(Rc::clone(&cache)));
    cache
}

/// Declares all caches out of date, or drops them if they are too large to be kept.
fn invalidate() {
    if is_too_large() {
        return evict();
    }
    set_aside(CURRENT.take());
    let is_news = ASIDE.with_borrow(|aside| aside.iter().filter(|cache| cache.outdate()).count() > 0);
    if is_news {
        counts::add(Counts { invalidations: 1, ..Counts::default() });
    }
}

/// Drops all caches, and what they keep.
#[cold]
fn evict() {
    let dropped = (CURRENT.take(), ASIDE.take());
    if dropped.0.is_some() || !dropped.1.is_empty() {
        counts::add(Counts { evictions: 1, ..Counts::default() });
    }
}

fn is_too_large() -> bool {
    memory::held() > settings::cache_limit()
}

/// All caches of this backend, that of the present environment first; and what has happened here.
pub fn report<T>(read: impl Fn(&Cache) -> T) -> (Vec<T>, Counts) {
    let caches = CURRENT.with_borrow(Clone::clone).into_iter().chain(ASIDE.with_borrow(Clone::clone));
    let caches: Vec<_> = caches.collect();
    let counts = caches.iter().fold(counts::past(), |counts, cache| counts.plus(cache.counts()));
    (caches.iter().map(|cache| read(cache)).collect(), counts)
}

fn set_aside(cache: Option<Rc<Cache>>) {
    ASIDE.with_borrow_mut(|aside| {
        aside.extend(cache);
        if aside.len() > MAX_ENVIRONMENTS {
            aside.remove(0);
        }
    });
}

fn take_aside(environment: &str) -> Option<Rc<Cache>> {
    ASIDE.with_borrow_mut(|aside| {
        let index = aside.iter().position(|cache| cache.environment() == environment)?;
        Some(aside.remove(index))
    })
}
