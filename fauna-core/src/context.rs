//! What a caller evaluates for: a bag of attributes, in whatever form it already has.

use std::borrow::Cow;

use crate::{AttributePath, Timestamp};

/// The value of an attribute. Missing, which includes JSON null, is expressed by its absence.
#[derive(Debug, Clone)]
pub enum Value<'a, A> {
    /// A boolean.
    Bool(bool),
    /// Every number is an IEEE double.
    Number(f64),
    /// Text, borrowed from the context wherever it can be.
    String(Cow<'a, str>),
    /// An instant of the years 1 to 9999, from a context that has such values. To all but conditions on
    /// dates it is the text that [`Timestamp::to_rfc3339`] writes.
    Instant(Timestamp),
    /// The elements in order; a condition matches if it matches any of them.
    Array(A),
    /// An object: it exists, and matches nothing.
    Object,
}

/// An element of an array-valued attribute.
#[derive(Debug, Clone)]
pub enum Scalar<'a> {
    /// A boolean.
    Bool(bool),
    /// Every number is an IEEE double.
    Number(f64),
    /// Text, borrowed from the context wherever it can be.
    String(Cow<'a, str>),
    /// An instant of the years 1 to 9999, from a context that has such values. To all but conditions on
    /// dates it is the text that [`Timestamp::to_rfc3339`] writes.
    Instant(Timestamp),
    /// Null, an array or an object: matches nothing.
    Other,
}

/// An evaluation context: finds attributes by path without being converted first.
pub trait Context {
    /// Walks the elements of an array-valued attribute.
    type Array<'a>: Iterator<Item = Scalar<'a>>
    where
        Self: 'a;

    /// Whether the context is a JSON object (or as good as one); if not, every evaluation is
    /// `INVALID_CONTEXT`.
    fn is_object(&self) -> bool;

    /// The attribute at `path`, looked up as [`AttributePath`] says; `None` when it is missing or null.
    fn get<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Self::Array<'a>>>;

    /// The attribute at `path` as something to take a bucket from. A context whose integers can be
    /// wider than a double gives such a one as its decimal digits here; for all others this is
    /// [`get`](Self::get).
    fn bucket_value<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Self::Array<'a>>> {
        self.get(path)
    }
}

impl Context for serde_json::Value {
    type Array<'a> = JsonArray<'a>;

    fn is_object(&self) -> bool {
        serde_json::Value::is_object(self)
    }

    fn get<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, JsonArray<'a>>> {
        let found = match self.as_object()?.get(path.name()) {
            Some(found) if !found.is_null() => found,
            _ => {
                let (first, rest) = path.segments().split_first()?;
                let start = self.as_object()?.get(&**first)?;
                rest.iter().try_fold(start, |inner, segment| inner.as_object()?.get(&**segment))?
            }
        };
        Some(match found {
            serde_json::Value::Null => return None,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(value) => Value::Number(value.as_f64()?),
            serde_json::Value::String(value) => Value::String(Cow::Borrowed(value)),
            serde_json::Value::Array(elements) => Value::Array(JsonArray(elements.iter())),
            serde_json::Value::Object(_) => Value::Object,
        })
    }
}

/// The elements of an array in a [`serde_json::Value`].
#[derive(Debug, Clone)]
pub struct JsonArray<'a>(std::slice::Iter<'a, serde_json::Value>);

impl<'a> Iterator for JsonArray<'a> {
    type Item = Scalar<'a>;

    fn next(&mut self) -> Option<Scalar<'a>> {
        Some(match self.0.next()? {
            serde_json::Value::Bool(value) => Scalar::Bool(*value),
            serde_json::Value::Number(value) => value.as_f64().map_or(Scalar::Other, Scalar::Number),
            serde_json::Value::String(value) => Scalar::String(Cow::Borrowed(value)),
            _ => Scalar::Other,
        })
    }
}
