//! `jsonb` as an evaluation context, without copying or parsing it.
//!
//! `pgrx::JsonB` prints a value as text and parses that with `serde_json`: 1.4 µs a call for a
//! small context. Looking the few attributes that a flag asks for up in the binary form costs a
//! tenth of that, and nothing for the attributes that it does not ask for.

mod container;
mod document;
mod numeric;

use std::borrow::Cow;

use fauna_core::{AttributePath, Context, Scalar, Value};
use pgrx::datum::FromDatum;
use pgrx::{impl_sql_translatable, pg_sys};

pub use container::{Container, Node};
pub use document::to_json;
pub use numeric::Numeric;

use crate::varlena::{argument, payload};

/// A `jsonb` argument, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Jsonb<'a>(Container<'a>);

impl<'a> Jsonb<'a> {
    /// What an SQL null is as a context: not an object.
    pub const NULL: Jsonb<'static> = Jsonb(Container::EMPTY);

    /// The value itself.
    pub fn root(self) -> Container<'a> {
        self.0
    }
}

impl FromDatum for Jsonb<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the function is declared to take `jsonb` here.
        (!is_null).then(|| Self(Container::new(unsafe { payload(datum) })))
    }
}

argument!(Jsonb<'fcx>);
impl_sql_translatable!(Jsonb<'_>, "jsonb");

impl Context for Jsonb<'_> {
    type Array<'a>
        = Elements<'a>
    where
        Self: 'a;

    fn is_object(&self) -> bool {
        self.0.is_object()
    }

    #[inline]
    fn get<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
        let of = |node| attribute(node, |elements| elements);
        self.0.get(path.name()).and_then(of).or_else(|| of(nested(self.0, path.segments())?))
    }
}

/// A node as the value of an attribute, in a context whose arrays `wrap` makes of jsonb's.
#[inline]
pub fn attribute<'a, A>(node: Node<'a>, wrap: impl FnOnce(Elements<'a>) -> A) -> Option<Value<'a, A>> {
    Some(match node {
        Node::Null => return None,
        Node::Bool(value) => Value::Bool(value),
        Node::Number(number) => Value::Number(double(number)?),
        Node::String(text) => Value::String(Cow::Borrowed(text)),
        Node::Container(inner) if inner.is_array() => Value::Array(wrap(Elements(inner.elements()))),
        Node::Container(_) => Value::Object,
    })
}

/// A number as evaluation has it. One beyond the range of doubles counts as missing: no other evaluator can have it.
fn double(number: Numeric<'_>) -> Option<f64> {
    number.to_f64().filter(|number| number.is_finite())
}

/// The node that `segments` lead to, one member inside the other.
pub fn nested<'a>(root: Container<'a>, segments: &[Box<str>]) -> Option<Node<'a>> {
    let (first, rest) = segments.split_first()?;
    rest.iter().try_fold(root.get(first)?, |inner, segment| match inner {
        Node::Container(inner) => inner.get(segment),
        _ => None,
    })
}

/// The elements of an array-valued attribute.
#[derive(Debug, Clone)]
pub struct Elements<'a>(container::Nodes<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Scalar<'a>;

    fn next(&mut self) -> Option<Scalar<'a>> {
        self.0.next().map(element)
    }
}

/// A node as an element of an array.
pub fn element(node: Node<'_>) -> Scalar<'_> {
    match node {
        Node::Bool(value) => Scalar::Bool(value),
        Node::Number(number) => double(number).map_or(Scalar::Other, Scalar::Number),
        Node::String(text) => Scalar::String(Cow::Borrowed(text)),
        Node::Null | Node::Container(_) => Scalar::Other,
    }
}
