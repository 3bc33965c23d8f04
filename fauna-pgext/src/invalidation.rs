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
//! The note is read where the next evaluation begins.
//!
//! An invalidation can arrive only when the server looks for some. It does so when a transaction
//! begins or takes a lock, which a statement that merely evaluates does not do; so evaluation
//! looks itself, once for every statement and every snapshot. Looking at every call would let a
//! flag change in the middle of a statement.

use std::cell::Cell;
use std::ffi::c_void;

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::unguarded;

thread_local! {
    /// Everything compiled is out of date.
    static STALE: Cell<bool> = const { Cell::new(false) };
    /// The relation that stands for the cache; zero while none is known.
    static SIGNAL: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::Oid::INVALID) };
    /// Something was read that this transaction has written and may yet take back.
    static OWN_CHANGES_READ: Cell<bool> = const { Cell::new(false) };
    /// Statement and snapshot for which we have looked for invalidations.
    static LOOKED_FOR: Cell<(i64, u64)> = const { Cell::new((0, 0)) };
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

/// Receives what has been invalidated since the statement, or its snapshot, is another.
pub fn receive() {
    let now = (unguarded::statement_timestamp(), unguarded::completed_transactions());
    if LOOKED_FOR.get() != now {
        LOOKED_FOR.set(now);
        // SAFETY: called from an SQL function, so inside a transaction.
        unsafe { pg_sys::AcceptInvalidationMessages() };
    }
}

/// Whether everything compiled is out of date; asking takes the note away.
pub fn take_stale() -> bool {
    STALE.replace(false)
}

/// Drops everything compiled before the next evaluation.
pub fn mark_stale() {
    STALE.set(true);
}

/// Watches `relation` in place of the one before.
pub fn watch(relation: pg_sys::Oid) {
    SIGNAL.set(relation);
}

/// Drops everything compiled also at the end of this transaction or of a subtransaction that aborts.
pub fn note_own_changes_read() {
    OWN_CHANGES_READ.set(true);
}

unsafe extern "C-unwind" fn on_relation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    if relation == pg_sys::Oid::INVALID || relation == SIGNAL.get() {
        STALE.set(true);
    }
}

unsafe extern "C-unwind" fn on_transaction(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_PARALLEL_PRE_COMMIT, XACT_EVENT_PRE_COMMIT, XACT_EVENT_PRE_PREPARE};
    let is_end =
        ![XACT_EVENT_PRE_COMMIT, XACT_EVENT_PARALLEL_PRE_COMMIT, XACT_EVENT_PRE_PREPARE].contains(&event);
    if is_end && OWN_CHANGES_READ.replace(false) {
        STALE.set(true);
    }
}

unsafe extern "C-unwind" fn on_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    _subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB && OWN_CHANGES_READ.get() {
        STALE.set(true);
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
