//! How a backend learns that its compiled flags are out of date.
//!
//! A row trigger on `documents` and `pending` (`fauna.signal_cache`) asks the server to invalidate
//! the relation cache entry of the empty table `cache_signal`. The server does the rest: it shows
//! the invalidation to the own transaction after the statement, to everyone else after the commit,
//! to hot standbys through the WAL; and again to the own (sub)transaction when that aborts.
//! `cache_signal` and not `documents`, because autovacuum invalidates `documents` for its own
//! reasons; and dropping the extension drops that table, which invalidates it as well.
//!
//! A callback may run in the middle of anything that touches a catalog, so it only leaves a note.
//! The note is read where the next evaluation begins. To drop what is compiled means here that none of
//! it counts until its row in the log has been looked up again; see [`crate::cache`].
//!
//! When the note is acted on is a matter of visibility, as with tables. A new statement or snapshot
//! sees what was committed before it and what its own transaction has done; within one, flags do
//! not change. Only what a (sub)transaction takes back when it aborts is dropped at once: the
//! snapshot after may equal the one before.
//!
//! The server looks for the invalidations of others when a transaction begins or takes a lock; a
//! statement that merely evaluates does neither, so evaluation looks itself, at every new snapshot.
//! But a commit is visible to snapshots a moment before its invalidation is sent. So it looks
//! again now and then, and if one has come, the snapshot's own view of the log decides whether it
//! was meant for this snapshot or the next.

use std::cell::Cell;
use std::ffi::c_void;

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::unguarded::{self, SnapshotAge};

/// Evaluations under one snapshot between looks for invalidations, so that looking costs nothing.
const LOOK_EVERY: u32 = 16;

thread_local! {
    static NOTE: Cell<Note> = const { Cell::new(Note::None) };
    /// The relation that stands for the cache; zero while none is known.
    static SIGNAL: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::Oid::INVALID) };
    /// This transaction has written documents, or read some that it has written, and may yet take them back.
    static OWN_CHANGES: Cell<bool> = const { Cell::new(false) };
    /// The statement and snapshot that evaluated last.
    static SEEN: Cell<Option<Visibility>> = const { Cell::new(None) };
    /// Evaluations until the next look.
    static UNTIL_LOOK: Cell<u32> = const { Cell::new(0) };
}

/// What is known of everything compiled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Note {
    /// It is up to date.
    None,
    /// It is up to date for this snapshot, but not for the next.
    ForTheNextSnapshot,
    /// It is out of date for the next snapshot, and may be for this one.
    Unread,
    /// It is wrong.
    Wrong,
}

/// What an evaluation must do with everything compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Use it.
    Nothing,
    /// Drop it if the statement's snapshot sees a newer configuration, and say so by [`settle`].
    Compare,
    /// Drop it.
    Drop,
    /// Drop it if it is larger than it may be.
    Measure,
}

/// What tells one statement or snapshot from a later one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Visibility {
    statement: pg_sys::TimestampTz,
    snapshot: Option<SnapshotAge>,
}

/// Registers the callbacks; once in the life of a backend.
pub fn register() {
    // SAFETY: the callbacks have the signatures asked for, and neither panic nor raise.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_relation), pg_sys::Datum::null());
        pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(on_subtransaction), std::ptr::null_mut());
    }
}

/// What is to be done before this evaluation. A drop that is asked for must be done.
pub fn due() -> Due {
    let now = Visibility { statement: unguarded::statement_timestamp(), snapshot: unguarded::snapshot_age() };
    let is_later = SEEN.get() != Some(now);
    if is_later || UNTIL_LOOK.get() == 0 {
        SEEN.set(Some(now));
        UNTIL_LOOK.set(LOOK_EVERY);
        // SAFETY: called from an SQL function, so inside a transaction.
        unsafe { pg_sys::AcceptInvalidationMessages() };
    }
    UNTIL_LOOK.set(UNTIL_LOOK.get() - 1);
    match NOTE.get() {
        Note::None if is_later => Due::Measure,
        Note::None => Due::Nothing,
        Note::ForTheNextSnapshot if !is_later => Due::Nothing,
        Note::Unread if !is_later => Due::Compare,
        Note::ForTheNextSnapshot | Note::Unread | Note::Wrong => {
            NOTE.set(Note::None);
            Due::Drop
        }
    }
}

/// Answers [`Due::Compare`]: everything compiled was dropped, or is kept until the next snapshot.
pub fn settle(is_dropped: bool) {
    NOTE.set(if is_dropped { Note::None } else { Note::ForTheNextSnapshot });
}

/// Drops everything compiled before the next evaluation.
pub fn drop_all() {
    NOTE.set(Note::Wrong);
}

/// Watches `relation` in place of the one before.
pub fn watch(relation: pg_sys::Oid) {
    SIGNAL.set(relation);
}

/// Drops everything compiled also at the end of this transaction or of a subtransaction that aborts.
pub fn note_own_changes_read() {
    OWN_CHANGES.set(true);
}

unsafe extern "C-unwind" fn on_relation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    if relation == pg_sys::Oid::INVALID || relation == SIGNAL.get() {
        NOTE.set(NOTE.get().max(Note::Unread));
    }
}

unsafe extern "C-unwind" fn on_transaction(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_PARALLEL_PRE_COMMIT, XACT_EVENT_PRE_COMMIT, XACT_EVENT_PRE_PREPARE};
    let is_end =
        ![XACT_EVENT_PRE_COMMIT, XACT_EVENT_PARALLEL_PRE_COMMIT, XACT_EVENT_PRE_PREPARE].contains(&event);
    if is_end && OWN_CHANGES.replace(false) {
        drop_all();
    }
}

unsafe extern "C-unwind" fn on_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    _subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB && OWN_CHANGES.get() {
        drop_all();
    }
}

/// Sends the invalidation.
fn signal() {
    // SAFETY: plain catalog lookups; they raise if the table is not there.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"fauna".as_ptr(), false);
        let relation = pg_sys::get_relname_relid(c"cache_signal".as_ptr(), schema);
        pg_sys::CacheInvalidateRelcacheByRelid(relation);
    }
    // A document that this transaction deletes leaves nothing to read that would tell of it.
    OWN_CHANGES.set(true);
}

#[pg_schema]
mod fauna {
    use std::convert::Infallible;

    use pgrx::prelude::*;

    #[pg_trigger]
    #[expect(clippy::unnecessary_wraps, reason = "the signature of a trigger")]
    fn signal_cache<'a>(
        trigger: &'a PgTrigger<'a>,
    ) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, Infallible> {
        super::signal();
        Ok(trigger.new().or_else(|| trigger.old()))
    }
}
