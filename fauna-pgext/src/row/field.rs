//! One value of a row as an attribute.

use std::borrow::Cow;
use std::ffi::CStr;

use fauna_core::{Scalar, Value};
use pgrx::pg_sys;
use uuid::Uuid;

use super::kind::Kind;
use super::{Elements, array, instant};
use crate::jsonb::{self, Container, Node, Numeric};
use crate::{unguarded, varlena};

/// The integers that a double can tell from their neighbours.
const SAFE_INTEGERS: std::ops::RangeInclusive<i64> = -9_007_199_254_740_991..=9_007_199_254_740_991;

/// A value that is not null.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    pub kind: &'a Kind,
    /// The value as it lies in the row or array, with its header if it has one.
    pub bytes: &'a [u8],
}

impl<'a> Field<'a> {
    /// As an attribute.
    pub fn value(self) -> Option<Value<'a, Elements<'a>>> {
        Some(match self.kind {
            Kind::Jsonb => return jsonb::attribute(self.node(), Elements::Jsonb),
            Kind::Array(element) => {
                Value::Array(Elements::Column(array::Elements::new(element, self.payload())))
            }
            Kind::Opaque => Value::Object,
            _ => match self.scalar() {
                Scalar::Bool(value) => Value::Bool(value),
                Scalar::Number(value) => Value::Number(value),
                Scalar::String(value) => Value::String(value),
                Scalar::Other => return None,
            },
        })
    }

    /// As an element of an array.
    pub fn scalar(self) -> Scalar<'a> {
        match self.kind {
            Kind::Bool => Scalar::Bool(self.bytes != [0]),
            Kind::Int2 => self.number(|bytes| i16::from_ne_bytes(bytes).into()),
            Kind::Int4 => self.number(|bytes| i32::from_ne_bytes(bytes).into()),
            #[expect(clippy::cast_precision_loss, reason = "every number is a double")]
            Kind::Int8 => self.number(|bytes| i64::from_ne_bytes(bytes) as f64),
            Kind::Float4 => self.read(|bytes| float4(f32::from_ne_bytes(bytes))),
            Kind::Float8 => self.read(|bytes| float8(f64::from_ne_bytes(bytes))),
            Kind::Numeric => self.numeric(),
            Kind::Text => text(self.payload()),
            Kind::Name => text(self.bytes.split(|byte| *byte == 0).next().unwrap_or_default()),
            Kind::Date => self.read(|bytes| owned(instant::of_date(i32::from_ne_bytes(bytes)))),
            Kind::Timestamp => self.read(|bytes| owned(instant::of_timestamp(i64::from_ne_bytes(bytes)))),
            Kind::Uuid => self.read(|bytes| owned(Uuid::from_bytes(bytes).hyphenated().to_string())),
            Kind::Jsonb => jsonb::element(self.node()),
            Kind::Printed { output, .. } => self.printed(*output),
            Kind::Array(_) | Kind::Opaque => Scalar::Other,
        }
    }

    /// The digits of an integer that no double can tell from its neighbours.
    pub fn wide_integer(self) -> Option<String> {
        let Kind::Int8 = self.kind else { return None };
        let integer = i64::from_ne_bytes(*self.bytes.first_chunk()?);
        (!SAFE_INTEGERS.contains(&integer)).then(|| integer.to_string())
    }

    /// A variable-length value without its header, fetched and decompressed if need be.
    pub fn payload(self) -> &'a [u8] {
        // SAFETY: the callers' kinds are variable-length types, and the value lives as long as `'a`.
        unsafe { varlena::payload(self.datum()) }
    }

    fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.bytes.as_ptr())
    }

    fn node(self) -> Node<'a> {
        let root = Container::new(self.payload());
        root.as_scalar().unwrap_or(Node::Container(root))
    }

    fn read<const N: usize>(self, read: impl Fn([u8; N]) -> Scalar<'a>) -> Scalar<'a> {
        self.bytes.first_chunk().map_or(Scalar::Other, |bytes| read(*bytes))
    }

    fn number<const N: usize>(self, read: impl Fn([u8; N]) -> f64) -> Scalar<'a> {
        self.read(|bytes| Scalar::Number(read(bytes)))
    }

    fn numeric(self) -> Scalar<'a> {
        // SAFETY: a numeric is a variable-length type.
        let number = Numeric::new(unsafe { varlena::detoasted(self.datum()) });
        match number.to_f64() {
            Some(number) => Scalar::Number(number),
            // NaN and infinities, which are strings in JSON.
            None => self.printed(pg_sys::F_NUMERIC_OUT.into()),
        }
    }

    fn printed(self, output: pg_sys::Oid) -> Scalar<'a> {
        let datum = match self.kind {
            Kind::Printed { is_by_value: true, .. } => by_value(self.bytes),
            _ => self.datum(),
        };
        // SAFETY: the output function is that of the value's type. What it prints ends with a zero
        // byte and lives as long as the call.
        text(unsafe { CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, datum)) }.to_bytes())
    }
}

fn by_value(bytes: &[u8]) -> pg_sys::Datum {
    pg_sys::Datum::from(match *bytes {
        [a] => i64::from(a.cast_signed()),
        [a, b] => i16::from_ne_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_ne_bytes([a, b, c, d]).into(),
        _ => bytes.first_chunk().map_or(0, |bytes| i64::from_ne_bytes(*bytes)),
    })
}

fn text(bytes: &[u8]) -> Scalar<'_> {
    std::str::from_utf8(bytes).map_or(Scalar::Other, |text| Scalar::String(Cow::Borrowed(text)))
}

fn owned(text: String) -> Scalar<'static> {
    Scalar::String(Cow::Owned(text))
}

/// A number, or the words that stand for what is none in JSON.
fn float8(value: f64) -> Scalar<'static> {
    if value.is_finite() { Scalar::Number(value) } else { Scalar::String(Cow::Borrowed(not_finite(value))) }
}

/// See [`unguarded::nearest_to_printed`]; small integers are themselves.
fn float4(value: f32) -> Scalar<'static> {
    const EXACT_INTEGERS: f32 = 16_777_216.0;
    if value.fract() == 0.0 && value.abs() <= EXACT_INTEGERS || !value.is_finite() {
        return float8(value.into());
    }
    unguarded::nearest_to_printed(value).map_or(Scalar::Other, Scalar::Number)
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
