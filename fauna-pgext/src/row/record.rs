//! A row that comes whole.

use pgrx::datum::FromDatum;
use pgrx::{impl_sql_translatable, pg_sys};

use super::field::Field;
use super::shape::{self, ShapeInUse};
use super::tuple::Tuple;
use super::{HasColumns, TARGETING_KEY};
use crate::varlena::{Text, argument};

/// A `record` argument, as it came.
#[derive(Clone, Copy)]
pub struct Record(pg_sys::Datum);

impl FromDatum for Record {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then_some(Self(datum))
    }
}

argument!(Record);
impl_sql_translatable!(Record, "record");

/// A row, with its type's shape, as the context of one evaluation. Without a row it is no object.
pub struct Row<'a> {
    row: Option<(ShapeInUse, Tuple<'a>)>,
    key_column: &'a str,
}

impl<'a> Row<'a> {
    /// The row `record`, in which the column `key_column` identifies the subject unless there is a
    /// column `targetingKey`.
    ///
    /// # Safety
    /// `fcinfo` is that of the running call, and `record` one of its arguments.
    pub unsafe fn new(
        fcinfo: pg_sys::FunctionCallInfo,
        record: Option<Record>,
        key_column: Option<Text<'a>>,
    ) -> Self {
        let row = record.map(|record| {
            // SAFETY: a `record` argument is a composite datum, and lives as long as the call.
            unsafe {
                let tuple = Tuple::new(record.0);
                let shape = shape::of_call_site(fcinfo, tuple.row_type());
                let tuple = tuple.with_columns(shape.column_count());
                (shape, tuple)
            }
        });
        Self { row, key_column: key_column.map_or("", Text::as_str) }
    }

    /// A whole row, from elsewhere than a call's arguments.
    ///
    /// # Safety
    /// `record` is a composite datum that lives for `'a`.
    pub unsafe fn of_datum(record: pg_sys::Datum, key_column: &'a str) -> Self {
        // SAFETY: as the caller says.
        unsafe {
            let tuple = Tuple::new(record);
            let shape = ShapeInUse::new(tuple.row_type());
            let tuple = tuple.with_columns(shape.column_count());
            Self { row: Some((shape, tuple)), key_column }
        }
    }

    /// Whether there is a row.
    pub fn is_row(&self) -> bool {
        self.row.is_some()
    }
}

impl HasColumns for Row<'_> {
    fn column(&self, name: &str) -> Option<Field<'_>> {
        let (shape, tuple) = self.row.as_ref()?;
        let index = match shape.position(name) {
            None if name == TARGETING_KEY => shape.position(self.key_column)?,
            position => position?,
        };
        shape.field(tuple, index)
    }
}
