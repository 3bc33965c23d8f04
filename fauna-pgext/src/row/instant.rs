//! Dates and timestamps as RFC 3339 instants in UTC, the only form that conditions on dates compare.

use fauna_core::Timestamp;

use crate::time::from_postgres;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A `date`: its first moment in UTC.
pub fn of_date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => rfc3339(from_postgres(i64::from(days) * MICROS_PER_DAY)),
    }
}

/// A `timestamp` or a `timestamptz`.
pub fn of_timestamp(micros: i64) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => rfc3339(from_postgres(micros)),
    }
}

/// Outside the years 1 to 9999 this is no RFC 3339 any more, and compares with nothing.
fn rfc3339(instant: Timestamp) -> String {
    let micros = instant.as_micros();
    let (year, month, day) = civil(micros.div_euclid(MICROS_PER_DAY));
    let micros = micros.rem_euclid(MICROS_PER_DAY);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let sign = if year < 1 { "-" } else { "" };
    let year = year.unsigned_abs();
    let mut text = String::with_capacity(32);
    text.push_str(sign);
    digits(&mut text, year, 4);
    for (separator, number) in [('-', month), ('-', day), ('T', hour), (':', minute), (':', second)] {
        text.push(separator);
        digits(&mut text, number.unsigned_abs(), 2);
    }
    if micros != 0 {
        text.push('.');
        digits(&mut text, micros.unsigned_abs(), 6);
        text.truncate(text.trim_end_matches('0').len());
    }
    text.push('Z');
    text
}

/// Appends a number with at least `width` digits.
fn digits(text: &mut String, number: u64, width: usize) {
    let length = number.checked_ilog10().map_or(1, |log| log as usize + 1);
    for place in (0..width.max(length)).rev() {
        let digit = number / 10_u64.pow(u32::try_from(place).unwrap_or_default()) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
}

/// Howard Hinnant's `civil_from_days` for the proleptic Gregorian calendar: year, month, day.
fn civil(days_since_epoch: i64) -> (i64, i64, i64) {
    let days = days_since_epoch + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
