//! The columns of a relation.

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::slice;

use pgrx::{PgTupleDesc, pg_sys};

use super::class::{Class, Classified, ColumnType};
use super::sql::{Sql, identifier};
use crate::row::TARGETING_KEY;

/// Access methods whose indexes find no elements: of arrays, they hold the whole.
const ORDERED: [pg_sys::Oid; 3] = [pg_sys::BTREE_AM_OID, pg_sys::HASH_AM_OID, pg_sys::BRIN_AM_OID];

/// A relation's columns by name.
pub struct Relation {
    columns: HashMap<String, Column>,
    key_column: String,
}

/// A column, in SQL.
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its value, as its base type.
    pub value: String,
    pub class: Class,
    /// Whether an index may find the rows that have an element in it: GIN or what else is no B-tree.
    pub may_be_searched: bool,
    /// Whether it is null in no row.
    is_required: bool,
}

impl Relation {
    /// Looks up the columns; `key_column` identifies the subject unless there is a column `targetingKey`.
    ///
    /// # Safety
    /// `id` is that of a relation that has rows.
    pub unsafe fn open(id: pg_sys::Oid, key_column: &str) -> Self {
        // SAFETY: the caller vouches for the relation, which is locked as long as it is looked at, and raises if it is
        // gone all the same.
        unsafe {
            let lock = pg_sys::AccessShareLock.cast_signed();
            let relation = pg_sys::relation_open(id, lock);
            let row = &*(*relation).rd_rel;
            // Children of a table (other than partitions) may have nulls where it has none, and nobody checks other servers.
            let is_enforced = match row.relkind.cast_unsigned() {
                b'r' => !row.relhassubclass,
                b'p' => true,
                _ => false,
            };
            let descriptor = PgTupleDesc::from_pg_copy((*relation).rd_att);
            let searched = searched_columns(relation);
            let columns = (0..descriptor.len())
                .filter_map(|index| {
                    let may_be_searched =
                        searched.as_ref().is_none_or(|columns| columns.contains(&(index + 1)));
                    let is_required = is_enforced && is_not_null((*relation).rd_att, index);
                    Column::of(&descriptor, index, may_be_searched, is_required)
                })
                .collect();
            pg_sys::relation_close(relation, lock);
            Self { columns, key_column: key_column.to_owned() }
        }
    }

    /// The column that an attribute's name stands for.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let column = self.columns.get(name);
        if column.is_none() && name == TARGETING_KEY { self.columns.get(&self.key_column) } else { column }
    }
}

impl Column {
    fn of(
        descriptor: &PgTupleDesc<'_>,
        index: usize,
        may_be_searched: bool,
        is_required: bool,
    ) -> Option<(String, Self)> {
        let attribute = descriptor.get(index).filter(|attribute| !attribute.attisdropped)?;
        // SAFETY: a name ends with a zero byte.
        let key = unsafe { CStr::from_ptr(attribute.attname.data.as_ptr()) }.to_string_lossy().into_owned();
        let Classified { class, cast } = Classified::of(ColumnType {
            id: attribute.atttypid,
            modifier: attribute.atttypmod,
            collation: attribute.attcollation,
        });
        let name = identifier(&key);
        let value = cast.map_or_else(|| name.clone(), |cast| format!("{name}::{cast}"));
        Some((key, Self { name, value, class, may_be_searched, is_required }))
    }

    pub fn is_present(&self) -> Sql {
        match self.class {
            _ if self.is_required => Sql::Always,
            // `IS NOT NULL` would ask that all its fields are.
            Class::Composite => Sql::Test(format!("{} IS DISTINCT FROM NULL", self.name)),
            _ => Sql::Present(self.name.clone()),
        }
    }
}

/// The numbers of the columns that have an index other than one for order, equality or ranges of blocks. `None` where the
/// rows are in other relations, whose indexes may come into it.
///
/// # Safety
/// A relation that is open.
unsafe fn searched_columns(relation: pg_sys::Relation) -> Option<HashSet<usize>> {
    // SAFETY: the caller vouches for the relation; its indexes stay while it is locked, and a key column is counted by the
    // index's own row.
    unsafe {
        let row = &*(*relation).rd_rel;
        match row.relkind.cast_unsigned() {
            b'm' => {}
            b'r' if !row.relhassubclass => {}
            _ => return None,
        }
        let lock = pg_sys::AccessShareLock.cast_signed();
        let mut columns = HashSet::new();
        for id in ids(pg_sys::RelationGetIndexList(relation)) {
            let index = pg_sys::index_open(id, lock);
            if !ORDERED.contains(&(*(*index).rd_rel).relam) {
                let row = (*index).rd_index;
                let keys = usize::try_from((*row).indnkeyatts).unwrap_or_default();
                let keys = (*row).indkey.values.as_slice(keys);
                columns.extend(keys.iter().filter_map(|key| usize::try_from(*key).ok()));
            }
            pg_sys::index_close(index, lock);
        }
        Some(columns)
    }
}

/// The elements of a list of ids.
///
/// # Safety
/// A list of ids, which may be empty, and lives as long as it is asked for.
unsafe fn ids<'a>(list: *mut pg_sys::List) -> impl Iterator<Item = pg_sys::Oid> + 'a {
    // SAFETY: the caller vouches for the list, whose elements follow one another; an empty one is a null pointer.
    unsafe {
        let cells = list.as_ref().map_or(&[][..], |list| {
            slice::from_raw_parts(list.elements, list.length.try_into().unwrap_or(0))
        });
        cells.iter().map(|cell| cell.oid_value)
    }
}

/// Whether a column is marked as never null, and that is known to hold for the rows that were there before.
///
/// # Safety
/// A descriptor and the index of one of its columns.
unsafe fn is_not_null(descriptor: pg_sys::TupleDesc, index: usize) -> bool {
    // SAFETY: the caller vouches for both.
    unsafe {
        #[cfg(feature = "pg18")]
        {
            let compact = (*descriptor).compact_attrs.as_ptr().add(index);
            (*compact).attnullability.cast_unsigned() == pg_sys::ATTNULLABLE_VALID
        }
        #[cfg(not(feature = "pg18"))]
        {
            let attributes = (*descriptor).attrs.as_ptr();
            (*attributes.add(index)).attnotnull
        }
    }
}
