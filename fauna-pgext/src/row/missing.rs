//! Rows of which a plan passes too few columns.
//!
//! The planner passes the columns that the flag asked for when the plan was made (see
//! [`super::rewrite`]). Before the plan is made anew, an evaluation can find that the flag asks for another: between
//! planning and execution somebody has committed a change, or the session has switched to another environment. Then the
//! row is read again, whole, from where the plan says that it is. That is slow, right, and over with the next plan.

use fauna_core::AttributePath;
use pgrx::pg_sys;
use pgrx::prelude::*;

/// Where a row is, in a plan that does not pass all of its columns.
#[derive(Clone, Copy)]
pub struct Whereabouts {
    /// An ordinary table or materialized view.
    pub relation: pg_sys::Oid,
}

impl Whereabouts {
    /// Whether a path leads to a column that is there; `is_passed` says which need not be.
    pub fn has_other(
        self,
        paths: &[&AttributePath],
        is_passed: impl Fn(&str) -> bool,
        key_column: &str,
    ) -> bool {
        let names = paths.iter().flat_map(|path| names_of(path, key_column));
        names.filter(|name| !is_passed(name)).any(|name| self.has_column(name))
    }

    fn has_column(self, name: &str) -> bool {
        let Ok(name) = std::ffi::CString::new(name) else { return false };
        // SAFETY: a lookup by name that reports absence; system columns have numbers below one.
        unsafe { pg_sys::get_attnum(self.relation, name.as_ptr()) > 0 }
    }

    /// The row at `place`, as a composite value in the memory of the call.
    ///
    /// # Safety
    /// `place` is a `ctid` that the running statement has read from the relation.
    #[cold]
    pub unsafe fn fetch(self, place: pg_sys::Datum) -> pg_sys::Datum {
        // SAFETY: the running statement has locked the relation, a heap; its snapshot keeps the row. An error unwinds
        // past the closing, which the (sub)transaction's end makes up for.
        unsafe {
            let relation = pg_sys::table_open(self.relation, pg_sys::AccessShareLock.cast_signed());
            let mut buffer = pg_sys::Buffer::default();
            let mut tuple =
                pg_sys::HeapTupleData { t_self: *place.cast_mut_ptr(), ..pg_sys::HeapTupleData::default() };
            let any = &raw mut pg_sys::SnapshotAnyData;
            if !pg_sys::heap_fetch(relation, any, &raw mut tuple, &raw mut buffer, false) {
                error!("the row to evaluate is gone");
            }
            let datum = pg_sys::heap_copy_tuple_as_datum(&raw mut tuple, (*relation).rd_att);
            pg_sys::ReleaseBuffer(buffer);
            pg_sys::table_close(relation, pg_sys::AccessShareLock.cast_signed());
            datum
        }
    }
}

/// The columns that can answer for a path: of its whole name, or of its first segment.
pub fn names_of<'a>(path: &'a AttributePath, key_column: &'a str) -> impl Iterator<Item = &'a str> {
    let name = path.name();
    let subject = (name == super::TARGETING_KEY).then_some(key_column);
    [Some(name), path.segments().first().map(AsRef::as_ref), subject].into_iter().flatten()
}
