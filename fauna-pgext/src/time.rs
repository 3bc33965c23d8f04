//! PostgreSQL's instants as the evaluator's.

use fauna_core::Timestamp;
use pgrx::pg_sys;

use crate::unguarded;

/// Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01T00:00:00Z.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Microseconds in a day; evaluation knows no leap seconds.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The instants that RFC 3339 can write, and so the only ones that conditions compare: from 0001-01-01 to before
/// 10000-01-01.
pub const WRITABLE: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// When the running statement began.
pub fn statement_time() -> Timestamp {
    from_postgres(unguarded::statement_timestamp())
}

/// PostgreSQL's instant as the evaluator's; its infinities are before and after everything.
pub fn from_postgres(timestamp: pg_sys::TimestampTz) -> Timestamp {
    Timestamp::from_micros(timestamp.saturating_add(POSTGRES_EPOCH))
}
