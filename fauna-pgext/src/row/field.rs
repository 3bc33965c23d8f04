//! One value of a row as an attribute.

use std::borrow::Cow;
use std::ffi::CStr;
use std::marker::PhantomData;

use fauna_core::{MAX_SAFE_INTEGER, Scalar, Value};
use pgrx::pg_sys;
use uuid::Uuid;

use super::kind::Kind;
use super::{Elements, array, instant};
use crate::jsonb::{self, Container, Node, Numeric};
use crate::{unguarded, varlena};

/// The integers that a double can tell from their neighbours.
#[expect(clippy::cast_possible_truncation, reason = "an integer")]
const SAFE_INTEGERS: std::ops::RangeInclusive<i64> = -(MAX_SAFE_INTEGER as i64)..=MAX_SAFE_INTEGER as i64;

/// A value that is not null, where it lies.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    kind: &'a Kind,
    datum: pg_sys::Datum,
    lives: PhantomData<&'a [u8]>,
}

impl<'a> Field<'a> {
    /// # Safety
    /// `datum` is a value of a type of that kind, and stays where it is for `'a`.
    pub unsafe fn new(kind: &'a Kind, datum: pg_sys::Datum) -> Self {
        Self { kind, datum, lives: PhantomData }
    }

    /// As an attribute.
    #[inline]
    pub fn value(self) -> Option<Value<'a, Elements<'a>>> {
        Some(match self.kind {
            Kind::Jsonb => return jsonb::attribute(self.node(), Elements::Jsonb),
            Kind::Array(element) => {
                let array = match element.kind {
                    // SAFETY: an array is of a variable-length type, and lives as long as `'a`.
                    Kind::Printed(_) => unsafe { varlena::aligned_payload(self.datum) },
                    _ => self.payload(),
                };
                Value::Array(Elements::Column(array::Elements::new(element, array)))
            }
            Kind::Opaque => Value::Object,
            _ => match self.scalar() {
                Scalar::Bool(value) => Value::Bool(value),
                Scalar::Number(value) => Value::Number(value),
                Scalar::String(value) => Value::String(value),
                Scalar::Instant(value) => Value::Instant(value),
                Scalar::Other => return None,
            },
        })
    }

    /// As an element of an array.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a short value is the lower end of a datum")]
    pub fn scalar(self) -> Scalar<'a> {
        match self.kind {
            Kind::Bool => Scalar::Bool(self.bits() & 0xFF != 0),
            Kind::Int2 => Scalar::Number(f64::from(self.bits() as i16)),
            Kind::Int4 => Scalar::Number(f64::from(self.bits() as i32)),
            #[expect(clippy::cast_precision_loss, reason = "every number is a double")]
            Kind::Int8 => Scalar::Number(self.bits().cast_signed() as f64),
            Kind::Float4 => float4(f32::from_bits(self.bits() as u32)),
            Kind::Float8 => number(f64::from_bits(self.bits())),
            Kind::Numeric => self.numeric(),
            Kind::Text => text(self.payload()),
            // SAFETY: a name is 64 bytes, of which at least the last is zero.
            Kind::Name => text(unsafe { CStr::from_ptr(self.datum.cast_mut_ptr()) }.to_bytes()),
            Kind::Date => instant::of_date(self.bits() as i32),
            Kind::Timestamp => instant::of_timestamp(self.bits().cast_signed()),
            // SAFETY: a uuid is passed as a pointer to its sixteen bytes.
            Kind::Uuid => uuid(unsafe { *self.datum.cast_mut_ptr::<[u8; 16]>() }),
            Kind::Jsonb => jsonb::element(self.node()),
            Kind::Enum(labels) => Scalar::String(Cow::Borrowed(labels.get(self.datum))),
            Kind::Printed(output) => self.printed(*output),
            Kind::Array(_) | Kind::Opaque => Scalar::Other,
        }
    }

    /// As something to take a bucket from: the digits of an integer that no double can tell from its neighbours.
    pub fn wide_integer(self) -> Option<String> {
        let Kind::Int8 = self.kind else { return None };
        let integer = self.bits().cast_signed();
        (!SAFE_INTEGERS.contains(&integer)).then(|| integer.to_string())
    }

    /// What a jsonb column holds.
    pub fn container(self) -> Option<Container<'a>> {
        matches!(self.kind, Kind::Jsonb).then(|| Container::new(self.payload()))
    }

    /// A value that is passed by itself.
    fn bits(self) -> u64 {
        self.datum.value() as u64
    }

    /// A variable-length value without its header, fetched and decompressed if need be.
    fn payload(self) -> &'a [u8] {
        // SAFETY: the callers' kinds are variable-length types, and the value lives as long as `'a`.
        unsafe { varlena::payload(self.datum) }
    }

    fn node(self) -> Node<'a> {
        let root = Container::new(self.payload());
        root.as_scalar().unwrap_or(Node::Container(root))
    }

    fn numeric(self) -> Scalar<'a> {
        // SAFETY: a numeric is a variable-length type.
        let numeric = Numeric::new(unsafe { varlena::detoasted(self.datum) });
        numeric.to_f64().map_or(Scalar::Other, number)
    }

    #[cold]
    fn printed(self, output: pg_sys::Oid) -> Scalar<'a> {
        // SAFETY: the output function is that of the value's type. What it prints ends with a zero
        // byte and lives as long as the call.
        text(unsafe { CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, self.datum)) }.to_bytes())
    }
}

fn text(bytes: &[u8]) -> Scalar<'_> {
    std::str::from_utf8(bytes).map_or(Scalar::Other, |text| Scalar::String(Cow::Borrowed(text)))
}

fn uuid(bytes: [u8; 16]) -> Scalar<'static> {
    Scalar::String(Cow::Owned(Uuid::from_bytes(bytes).hyphenated().to_string()))
}

/// NaN and the infinities are no numbers in JSON, and count as missing.
fn number(value: f64) -> Scalar<'static> {
    if value.is_finite() { Scalar::Number(value) } else { Scalar::Other }
}

/// See [`unguarded::nearest_to_printed`]; small integers are themselves.
fn float4(value: f32) -> Scalar<'static> {
    const EXACT_INTEGERS: f32 = 16_777_216.0;
    if value.fract() == 0.0 && value.abs() <= EXACT_INTEGERS || !value.is_finite() {
        return number(value.into());
    }
    unguarded::nearest_to_printed(value).map_or(Scalar::Other, Scalar::Number)
}
