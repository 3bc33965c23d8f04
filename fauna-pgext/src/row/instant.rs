//! Dates and timestamps as RFC 3339 instants in UTC, the only form that conditions on dates compare.

use crate::time::from_postgres;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A `date`: its first moment in UTC.
pub fn of_date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => from_postgres(i64::from(days) * MICROS_PER_DAY).to_rfc3339(),
    }
}

/// A `timestamp` or a `timestamptz`.
pub fn of_timestamp(micros: i64) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => from_postgres(micros).to_rfc3339(),
    }
}
