//! Conditions on dates: instants, of the years 1 to 9999 only, as evaluation has it.

use fauna_core::Timestamp;

use super::class::Instant;
use super::condition::Condition;
use super::sql::Sql;
use crate::time::{MICROS_PER_DAY, WRITABLE};

const FIRST: i64 = WRITABLE.start;
const END: i64 = WRITABLE.end;

/// The condition on a column that is not null.
pub fn comparison(value: &str, instant: Instant, condition: &Condition<'_>) -> Option<Sql> {
    let limit = condition.limit(condition.texts().filter_map(Timestamp::parse), Ord::cmp)?;
    let limit = limit.as_micros().clamp(FIRST - 1, END);
    // A date is its first moment.
    let (floor, ceiling) = match instant {
        Instant::Date => (limit.div_euclid(MICROS_PER_DAY) * MICROS_PER_DAY, {
            -((-limit).div_euclid(MICROS_PER_DAY) * MICROS_PER_DAY)
        }),
        _ => (limit, limit),
    };
    let at =
        |operator: &str, micros: i64| Sql::Test(format!("{value} {operator} '{}'", written(instant, micros)));
    let (lower, upper) = match condition.operator {
        "gte" => (at(">=", ceiling.max(FIRST)), None),
        "gt" if limit < FIRST => (at(">=", FIRST), None),
        "gt" => (at(">", floor), None),
        "lt" => (at(">=", FIRST), Some(at("<", ceiling.max(FIRST)))),
        _ if limit < FIRST => return Some(Sql::Never),
        _ if limit >= END => (at(">=", FIRST), Some(at("<", END))),
        _ => (at(">=", FIRST), Some(at("<=", floor))),
    };
    Some(match upper {
        // The limit itself first: it is what decides.
        Some(upper) => Sql::all([upper, lower]),
        None => Sql::all([lower, at("<", END)]),
    })
}

/// As a literal of the type, whatever the session's `DateStyle` and `TimeZone`.
fn written(instant: Instant, micros: i64) -> String {
    let text = Timestamp::from_micros(micros).to_rfc3339();
    let (date, time) = text.split_once('T').unwrap_or((&text, "00:00:00Z"));
    let time = time.trim_end_matches('Z');
    match instant {
        Instant::Date => date.to_owned(),
        Instant::Timestamp => format!("{date} {time}"),
        Instant::Timestamptz => format!("{date} {time}+00"),
    }
}
