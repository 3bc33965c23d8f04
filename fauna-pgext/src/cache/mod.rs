//! Compiled flags and audiences, kept by each backend.
//!
//! A [`Cache`] belongs to one environment and one configuration (epoch and revision) of it. It is filled key by key as
//! evaluations ask, and only ever grows: an evaluation borrows from it while it loads more. When it is out of date (see
//! [`invalidation`](crate::invalidation)) the next evaluation begins a new one, with nothing in it that counts. But what
//! was compiled is [kept](entries), and need not be compiled again where the log still has the very row that it is of.
//!
//! A load can meet a newer configuration than the rest of the cache, since a commit is visible a
//! moment before its invalidation arrives. A flag of the old and an audience of the new one could
//! then make an error that never was, so every load compares the configuration it has read from,
//! and the evaluation starts over with a new cache if it is another.
//!
//! Caches that are larger than the setting `fauna.cache_limit` are dropped, with all that is kept, where the next statement
//! begins: nothing can be taken out of what evaluations borrow from, and a statement that uses more than the limit would
//! otherwise compile the same flags again at every row. What grows beyond several times the limit does not get to the
//! statement's end; it is dropped before the next evaluation, unless a single one has made it so large.

mod compiled;
mod entries;
mod environment;
mod keys;
mod session;

pub use compiled::CachedFlag;
pub use environment::Cache;
pub use session::{report, with_cache};
