//! What happens in the cache, counted for `fauna.cache_stats`.

use std::cell::Cell;

thread_local! {
    static PAST: Cell<Counts> =
        const { Cell::new(Counts { evaluations: 0, loads: 0, compilations: 0, invalidations: 0, evictions: 0 }) };
}

/// What happened in this backend since it began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Times that something was evaluated.
    pub evaluations: u64,
    /// Documents that were looked for in the log.
    pub loads: u64,
    /// Documents that were compiled.
    pub compilations: u64,
    /// Times that everything compiled was, or might have been, out of date.
    pub invalidations: u64,
    /// Times that everything was dropped because it had grown too large.
    pub evictions: u64,
}

impl Counts {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            evaluations: self.evaluations + other.evaluations,
            loads: self.loads + other.loads,
            compilations: self.compilations + other.compilations,
            invalidations: self.invalidations + other.invalidations,
            evictions: self.evictions + other.evictions,
        }
    }
}

/// Adds what has happened.
pub fn add(more: Counts) {
    PAST.set(PAST.get().plus(more));
}

/// What has happened, but for what caches that are still there count for themselves.
pub fn past() -> Counts {
    PAST.get()
}
