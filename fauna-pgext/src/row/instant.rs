//! Dates and timestamps as instants in UTC, the only form that conditions on dates compare.

use std::borrow::Cow;

use fauna_core::{Scalar, Timestamp};

use crate::time::{MICROS_PER_DAY, WRITABLE, from_postgres};

/// A `date`: its first moment in UTC.
pub fn of_date(days: i32) -> Scalar<'static> {
    match days {
        i32::MAX => infinity("infinity"),
        i32::MIN => infinity("-infinity"),
        days => instant(from_postgres(i64::from(days) * MICROS_PER_DAY)),
    }
}

/// A `timestamp` or a `timestamptz`.
pub fn of_timestamp(micros: i64) -> Scalar<'static> {
    match micros {
        i64::MAX => infinity("infinity"),
        i64::MIN => infinity("-infinity"),
        micros => instant(from_postgres(micros)),
    }
}

/// An instant that cannot be written is text that cannot be read as one.
fn instant(instant: Timestamp) -> Scalar<'static> {
    if WRITABLE.contains(&instant.as_micros()) {
        Scalar::Instant(instant)
    } else {
        Scalar::String(instant.to_rfc3339().into())
    }
}

fn infinity(name: &'static str) -> Scalar<'static> {
    Scalar::String(Cow::Borrowed(name))
}
