//! Reading rows of the extension's own tables as the server reads its catalogs.
//!
//! A scan over the primary key with the server's own operators, not SQL through SPI: nothing is
//! parsed or planned (a document and its head take 8 µs, a prepared query for the document alone
//! 17 µs), no transaction id is assigned (so it works on a standby), and no privilege is asked (so
//! a caller needs EXECUTE only, and no role has to be switched).
//!
//! The snapshot is a *catalog* snapshot: new at every load, whatever the transaction's isolation,
//! because what is loaded outlives the transaction. An old REPEATABLE READ snapshot would fill the
//! cache with the past. (`GetLatestSnapshot` would do, but it fails in parallel workers.)

use std::str;

use pgrx::pg_sys;

use crate::catalog::Table;
use crate::varlena;

/// A snapshot that sees everything committed, and what this transaction has done so far.
pub struct Snapshot(pg_sys::Snapshot);

impl Snapshot {
    /// The snapshot of the running statement, if there is one.
    pub fn active() -> Option<Self> {
        // SAFETY: asks for the active snapshot only if there is one; it stays during the statement.
        unsafe { pg_sys::ActiveSnapshotSet().then(|| Self(pg_sys::GetActiveSnapshot())) }
    }

    /// Runs `read` with a new snapshot, registered and active, as what it calls may expect.
    ///
    /// An error inside unwinds past the release; the (sub)transaction's end releases then.
    pub fn with<T>(relation: pg_sys::Oid, read: impl FnOnce(&Self) -> T) -> T {
        // SAFETY: called in a transaction; pushed and popped, registered and unregistered in turn.
        unsafe {
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetCatalogSnapshot(relation));
            pg_sys::PushActiveSnapshot(snapshot);
            let result = read(&Self(snapshot));
            pg_sys::PopActiveSnapshot();
            pg_sys::UnregisterSnapshot(snapshot);
            result
        }
    }
}

/// What a key column must be equal to.
#[derive(Clone, Copy)]
pub enum Key<'a> {
    Text(&'a str),
    Xid8(u64),
}

impl Key<'_> {
    /// The comparison, with collation "C": the text columns of the log's keys are declared so.
    fn scan_key(self, column: pg_sys::AttrNumber) -> pg_sys::ScanKeyData {
        let (operator, value) = match self {
            Self::Text(text) => (pg_sys::F_TEXTEQ, varlena::to_datum(text.as_bytes())),
            Self::Xid8(xid) => (pg_sys::F_XID8EQ, pg_sys::Datum::from(xid)),
        };
        let mut scan_key = pg_sys::ScanKeyData::default();
        let equal = u16::try_from(pg_sys::BTEqualStrategyNumber).unwrap_or_default();
        // SAFETY: the operator compares two values of the type that `value` has.
        unsafe { pg_sys::ScanKeyInit(&raw mut scan_key, column, equal, operator.into(), value) };
        scan_key
    }
}

/// Which version of a row was found.
///
/// Of the versions of a row that a transaction writes, others see one at most, the last. So who wrote it tells a version from
/// all others that this session can find in its place at any time, short of four thousand million transactions later,
/// when it would have to be at the same place as well. Whether the row was deleted and inserted again in between, by whom
/// and through what, does not matter. VACUUM leaves the writer's id when it freezes a row. What moves a row without
/// changing it makes it another version here, which is harmless.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version {
    table: pg_sys::Oid,
    writer: pg_sys::TransactionId,
    block: (u16, u16),
    line: u16,
}

/// A row found.
pub struct Row<'a, const N: usize> {
    table: &'a Table<N>,
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

impl<const N: usize> Row<'_, N> {
    /// The value of the table's `column`th column, counted as in [`Table::columns`].
    fn get(&self, column: usize) -> Option<pg_sys::Datum> {
        let mut is_null = false;
        // SAFETY: tuple and descriptor belong together, and the column is one of the table's.
        let datum = unsafe {
            pg_sys::heap_getattr(
                self.tuple,
                i32::from(self.table.columns[column]),
                self.descriptor,
                &mut is_null,
            )
        };
        (!is_null).then_some(datum)
    }

    /// A text, jsonb or other variable-length column. Gone when the scan moves on.
    pub fn bytes(&self, column: usize) -> Option<&[u8]> {
        // SAFETY: the columns asked for with this are of such types.
        self.get(column).map(|datum| unsafe { varlena::payload(datum) })
    }

    /// A text column.
    pub fn text(&self, column: usize) -> &str {
        self.bytes(column).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// A `bigint` column.
    pub fn integer(&self, column: usize) -> i64 {
        self.get(column).map_or(0, |datum| datum.value().cast_signed() as i64)
    }

    /// A `uuid` column.
    pub fn uuid(&self, column: usize) -> [u8; 16] {
        // SAFETY: a uuid is passed as a pointer to its sixteen bytes.
        self.get(column).map_or([0; 16], |datum| unsafe { *datum.cast_mut_ptr::<[u8; 16]>() })
    }

    /// Its version; none if the running transaction has written it, which may write another over it, or take it back.
    pub fn version(&self) -> Option<Version> {
        if self.is_own() {
            return None;
        }
        // SAFETY: a tuple that a scan returns has its place and the on-disk header.
        unsafe {
            let place = (*self.tuple).t_self;
            Some(Version {
                table: self.table.id,
                writer: (*(*self.tuple).t_data).t_choice.t_heap.t_xmin,
                block: (place.ip_blkid.bi_hi, place.ip_blkid.bi_lo),
                line: place.ip_posid,
            })
        }
    }

    /// Whether the running transaction has written the row.
    pub fn is_own(&self) -> bool {
        // SAFETY: a tuple of a table has the on-disk header; the lookup reads backend-local state.
        unsafe {
            let writer = (*(*self.tuple).t_data).t_choice.t_heap.t_xmin;
            pg_sys::TransactionIdIsCurrentTransactionId(writer)
        }
    }
}

/// Calls `each` for every row whose first columns equal `keys`, in the order of the primary key.
pub fn rows<const N: usize>(
    table: &Table<N>,
    keys: &[Key<'_>],
    snapshot: &Snapshot,
    mut each: impl FnMut(&Row<'_, N>),
) {
    // SAFETY: the scan is opened and closed here, on a table that is locked meanwhile. An error
    // inside unwinds past the closing; the (sub)transaction's end closes then.
    unsafe {
        let lock = pg_sys::AccessShareLock.cast_signed();
        let relation = pg_sys::table_open(table.id, lock);
        let descriptor = (*relation).rd_att;
        let mut scan_keys: Vec<_> =
            keys.iter().zip(table.columns).map(|(key, column)| key.scan_key(column)).collect();
        let index = primary_key(relation);
        let has_index = index != pg_sys::Oid::INVALID;
        let count = i32::try_from(scan_keys.len()).unwrap_or_default();
        let scan =
            pg_sys::systable_beginscan(relation, index, has_index, snapshot.0, count, scan_keys.as_mut_ptr());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            each(&Row { table, tuple, descriptor });
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, lock);
    }
}

/// Calls `read` for the one row whose first columns equal `keys`, if there is one.
pub fn row<const N: usize, T>(
    table: &Table<N>,
    keys: &[Key<'_>],
    snapshot: &Snapshot,
    mut read: impl FnMut(&Row<'_, N>) -> T,
) -> Option<T> {
    let mut result = None;
    rows(table, keys, snapshot, |row| result = Some(read(row)));
    result
}

unsafe fn primary_key(relation: pg_sys::Relation) -> pg_sys::Oid {
    // SAFETY: an open relation.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        let index = pg_sys::RelationGetPrimaryKeyIndex(relation);
        #[cfg(feature = "pg18")]
        let index = pg_sys::RelationGetPrimaryKeyIndex(relation, false);
        index
    }
}
