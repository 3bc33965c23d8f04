//! Where the extension's own objects are in this database.
//!
//! Found by name whenever a cache is begun, which is after every invalidation: another extension of
//! the same name (dropped and created again) has other ids, and the drop invalidates.

use std::cell::OnceCell;
use std::ffi::CStr;

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::invalidation;
use crate::load::Kind;

/// A table and the numbers of the columns that are read from it.
#[derive(Debug)]
pub struct Table<const N: usize> {
    pub id: pg_sys::Oid,
    pub columns: [pg_sys::AttrNumber; N],
}

/// The tables of the log that readers read.
#[derive(Debug)]
pub struct Catalog {
    schema: pg_sys::Oid,
    /// `environment_key, epoch, revision`
    pub heads: Table<3>,
    /// `environment_key, kind, key, doc`
    pub documents: Table<4>,
    /// `txid, environment_key, kind, key, doc`
    pub pending: Table<5>,
    evaluation_type: OnceCell<pg_sys::Oid>,
}

impl Catalog {
    /// Finds the tables and begins to watch for invalidations; raises if there is no extension.
    pub fn find() -> Self {
        // SAFETY: a lookup by name that reports absence.
        let schema = unsafe { pg_sys::get_namespace_oid(c"fauna".as_ptr(), true) };
        let signal = relation(schema, c"cache_signal");
        invalidation::watch(signal);
        Self {
            schema,
            heads: Table::find(schema, c"heads", [c"environment_key", c"epoch", c"revision"]),
            documents: Table::find(schema, c"documents", [c"environment_key", c"kind", c"key", c"doc"]),
            pending: Table::find(schema, c"pending", [c"txid", c"environment_key", c"kind", c"key", c"doc"]),
            evaluation_type: OnceCell::new(),
        }
    }

    /// The source table of a kind of document: `key`.
    pub fn keys_of(&self, kind: Kind) -> Table<1> {
        let name = match kind {
            Kind::Flag => c"flags",
            Kind::Audience => c"audiences",
        };
        Table::find(self.schema, name, [c"key"])
    }

    /// Who owns the schema and all in it.
    pub fn owner(&self) -> pg_sys::Oid {
        let owner = pg_sys::Anum_pg_namespace_nspowner;
        oid_of(
            pg_sys::SysCacheIdentifier::NAMESPACEOID,
            owner,
            [pg_sys::Datum::from(self.schema), pg_sys::Datum::null()],
        )
    }

    /// The composite type `fauna.evaluation`.
    pub fn evaluation_type(&self) -> pg_sys::Oid {
        *self.evaluation_type.get_or_init(|| {
            let key = [pg_sys::Datum::from(c"evaluation".as_ptr()), pg_sys::Datum::from(self.schema)];
            let id = oid_of(pg_sys::SysCacheIdentifier::TYPENAMENSP, pg_sys::Anum_pg_type_oid, key);
            if id == pg_sys::Oid::INVALID { absent() } else { id }
        })
    }
}

/// A column of type `oid` of the one row that a system cache has for `key`; invalid without one.
fn oid_of(cache: pg_sys::SysCacheIdentifier::Type, column: u32, key: [pg_sys::Datum; 2]) -> pg_sys::Oid {
    let none = pg_sys::Datum::null();
    let column = pg_sys::AttrNumber::try_from(column).unwrap_or_default();
    // SAFETY: the callers pass a cache with a column of that type and keys of that cache's types.
    unsafe { pg_sys::GetSysCacheOid(cache.cast_signed(), column, key[0], key[1], none, none) }
}

impl<const N: usize> Table<N> {
    fn find(schema: pg_sys::Oid, name: &CStr, columns: [&CStr; N]) -> Self {
        let id = relation(schema, name);
        // SAFETY: a lookup by name that reports absence.
        let columns = columns.map(|column| unsafe { pg_sys::get_attnum(id, column.as_ptr()) });
        if columns.contains(&0) { absent() } else { Self { id, columns } }
    }
}

fn relation(schema: pg_sys::Oid, name: &CStr) -> pg_sys::Oid {
    // SAFETY: a lookup by name that reports absence.
    let id = unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) };
    if id == pg_sys::Oid::INVALID { absent() } else { id }
}

fn absent() -> ! {
    // Next time look again: CREATE EXTENSION invalidates nothing that we watch.
    invalidation::drop_all();
    ereport!(
        ERROR,
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "extension \"fauna\" is not complete in this database",
        "The library is loaded, but tables that it reads are not there. Run CREATE EXTENSION fauna, or ALTER \
         EXTENSION fauna UPDATE after the library was replaced."
    );
}
