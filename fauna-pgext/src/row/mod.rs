//! A table row as an evaluation context: its columns are the attributes.
//!
//! `to_jsonb(row)` costs more than the evaluation. Here a value is read where it lies in the row,
//! and only if a flag asks for it. What that takes of the catalogs (names, types, layout) is looked
//! up once per call site and row type; see [`shape`].
//!
//! A column reads as `to_jsonb` would show it, with one exception that is the point of the thing: a
//! date, a timestamp and a timestamp with time zone are RFC 3339 instants in UTC, so that
//! conditions on dates can compare them.

mod array;
mod field;
mod instant;
mod kind;
mod shape;
mod tuple;

use fauna_core::{AttributePath, Context, Scalar, Value};
use pgrx::datum::FromDatum;
use pgrx::{impl_sql_translatable, pg_sys};

use crate::jsonb::{self, Container, Node};
use crate::varlena::{Text, argument};
use field::Field;
use kind::Kind;
use shape::ShapeInUse;
use tuple::Tuple;

/// What an evaluation context calls its subject.
const TARGETING_KEY: &str = "targetingKey";

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
                let tuple = tuple.with_columns(shape.columns().len());
                (shape, tuple)
            }
        });
        Self { row, key_column: key_column.map_or("", Text::as_str) }
    }

    /// The column that an attribute's name stands for, if it is there and not null.
    fn column(&self, name: &str) -> Option<Field<'_>> {
        let (shape, tuple) = self.row.as_ref()?;
        let index = match shape.position(name) {
            None if name == TARGETING_KEY => shape.position(self.key_column)?,
            position => position?,
        };
        let bytes = shape.locate(tuple, index)?;
        Some(Field { kind: &shape.columns()[index].kind, bytes })
    }

    /// Into a jsonb column.
    fn nested(&self, path: &AttributePath) -> Option<Node<'_>> {
        let (first, rest) = path.segments().split_first()?;
        let column = self.column(first).filter(|column| matches!(column.kind, Kind::Jsonb))?;
        jsonb::nested(Container::new(column.payload()), rest)
    }
}

impl Context for Row<'_> {
    type Array<'a>
        = Elements<'a>
    where
        Self: 'a;

    fn is_object(&self) -> bool {
        self.row.is_some()
    }

    fn get<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
        let value = self.column(path.name()).and_then(Field::value);
        if value.is_some() || path.segments().is_empty() {
            return value;
        }
        jsonb::attribute(self.nested(path)?, Elements::Jsonb)
    }

    fn bucket_value<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
        match self.column(path.name()).and_then(Field::wide_integer) {
            Some(digits) => Some(Value::String(digits.into())),
            None => self.get(path),
        }
    }
}

/// The elements of an array, or of an array in a jsonb column.
pub enum Elements<'a> {
    Jsonb(jsonb::Elements<'a>),
    Column(array::Elements<'a>),
}

impl<'a> Iterator for Elements<'a> {
    type Item = Scalar<'a>;

    fn next(&mut self) -> Option<Scalar<'a>> {
        match self {
            Self::Jsonb(elements) => elements.next(),
            Self::Column(elements) => elements.next(),
        }
    }
}
