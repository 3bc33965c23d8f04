//! A table row as an evaluation context: its columns are the attributes.
//!
//! `to_jsonb(row)` costs more than the evaluation. Here a value is read where it lies, and only if
//! a flag asks for it. A row comes in one of two forms: whole, as [`record`] reads it, or, if the
//! planner could see where it comes from ([`rewrite`]), as its columns one by one, as [`columns`]
//! reads them. What either takes of the catalogs (names, types, layout) is looked up once per call
//! site.
//!
//! A column reads as `to_jsonb` would show it, with two exceptions. A date, a timestamp and a
//! timestamp with time zone are RFC 3339 instants in UTC, so that conditions on dates can compare
//! them. And a number that is none in JSON (NaN, infinities, a `numeric` beyond the range of
//! doubles) is missing, not a text.

mod array;
mod columns;
mod field;
mod instant;
mod kind;
mod labels;
mod missing;
pub mod nodes;
mod record;
mod resolved;
mod rewrite;
mod shape;
mod tuple;

use fauna_core::{AttributePath, Scalar, Value};

use crate::jsonb;
use columns::Columns;

pub use columns::{CalledRow, ColumnsCall};
pub use field::Field;
pub use kind::Kind;
pub use labels::{changes as label_changes, register};
pub use record::{Record, Row};

/// What an evaluation context calls its subject.
pub const TARGETING_KEY: &str = "targetingKey";

/// What both forms of a row have: columns by name.
trait HasColumns {
    /// The column that an attribute's name stands for, if it is there and not null.
    fn column(&self, name: &str) -> Option<Field<'_>>;

    /// The column that has a whole path as its name.
    fn column_at(&self, path: &AttributePath) -> Option<Field<'_>> {
        self.column(path.name())
    }

    /// The attribute at a path: a column, or a member of a jsonb column.
    #[inline]
    fn attribute<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
        let value = self.column_at(path).and_then(Field::value);
        if value.is_some() || path.segments().is_empty() { value } else { self.nested(path) }
    }

    /// A member of a jsonb column.
    fn nested<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
        let (first, rest) = path.segments().split_first()?;
        let container = self.column(first)?.container()?;
        jsonb::attribute(jsonb::nested(container, rest)?, Elements::Jsonb)
    }

    /// The same, with the digits of an integer that no double can tell from its neighbours.
    fn bucket_attribute<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
        match self.column_at(path).and_then(Field::wide_integer) {
            Some(digits) => Some(Value::String(digits.into())),
            None => self.attribute(path),
        }
    }
}

/// Makes a row with its columns a context.
macro_rules! context {
    ($type:ident, $is_object:expr) => {
        impl fauna_core::Context for $type<'_> {
            type Array<'a>
                = Elements<'a>
            where
                Self: 'a;

            fn is_object(&self) -> bool {
                $is_object(self)
            }

            #[inline]
            fn get<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
                self.attribute(path)
            }

            fn bucket_value<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
                self.bucket_attribute(path)
            }
        }
    };
}

context!(Row, Row::is_row);
// What the planner takes apart is a row.
context!(Columns, |_: &Self| true);

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
