//! Dates and timestamps as instants in UTC, the only form that conditions on dates compare.

use std::borrow::Cow;

use fauna_core::{Scalar, Timestamp};

use crate::time::from_postgres;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The years that RFC 3339 can write: from 0001-01-01 to before 10000-01-01.
const WRITABLE: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

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
