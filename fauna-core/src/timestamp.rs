//! Instants, and the one form of RFC 3339 that every evaluator accepts.

use std::fmt;

/// An instant: microseconds since the Unix epoch, PostgreSQL's own precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `micros` microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads `YYYY-MM-DDThh:mm:ss[.digits](Z|±hh:mm)`.
    ///
    /// RFC 3339 leaves some liberties; none is taken, so that two evaluators cannot take different
    /// ones: `T` and `Z` in upper case, no leap second, an offset always. Digits of the fraction
    /// beyond the sixth are cut off, not rounded.
    ///
    /// ```
    /// # use fauna_core::Timestamp;
    /// assert_eq!(Timestamp::parse("1970-01-01T01:00:00.0000019+01:00"), Some(Timestamp::from_micros(1)));
    /// assert_eq!(Timestamp::parse("1970-01-01T00:00:00"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (date_time, rest) = bytes.split_at_checked(19)?;
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if separators.iter().any(|&(at, separator)| date_time[at] != separator) {
            return None;
        }
        let field = |from, to, low, high| number(&date_time[from..to]).filter(|n| (low..=high).contains(n));
        let year = field(0, 4, 0, 9999)?;
        let month = field(5, 7, 1, 12)?;
        let day = field(8, 10, 1, days_in_month(year, month))?;
        let seconds = field(11, 13, 0, 23)? * 3600 + field(14, 16, 0, 59)? * 60 + field(17, 19, 0, 59)?;
        let (micros, rest) = fraction(rest)?;
        let seconds = days_since_epoch(year, month, day) * 86_400 + seconds - offset_seconds(rest)?;
        Some(Self(seconds * 1_000_000 + micros))
    }

    /// Writes it in that form, in UTC and with as many digits as it takes. Outside the years 1 to
    /// 9999 that is no RFC 3339 any more, and no evaluator reads it.
    ///
    /// ```
    /// # use fauna_core::Timestamp;
    /// assert_eq!(Timestamp::from_micros(1_500_000).to_rfc3339(), "1970-01-01T00:00:01.5Z");
    /// ```
    pub fn to_rfc3339(self) -> String {
        const MICROS_PER_DAY: i64 = 86_400_000_000;
        let (year, month, day) = civil(self.0.div_euclid(MICROS_PER_DAY));
        let micros = self.0.rem_euclid(MICROS_PER_DAY);
        let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let mut text = String::with_capacity(32);
        text.push_str(if year < 1 { "-" } else { "" });
        digits(&mut text, year.unsigned_abs(), 4);
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
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// The microseconds of an optional fraction, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let length = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = rest.split_at(length);
    if digits.is_empty() {
        return None;
    }
    let digit = |place: usize| digits.get(place).map_or(0, |digit| i64::from(digit - b'0'));
    Some(((0..6).fold(0, |micros, place| micros * 10 + digit(place)), rest))
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, zone) = match zone {
        b"Z" => return Some(0),
        [b'+', zone @ ..] => (1, zone),
        [b'-', zone @ ..] => (-1, zone),
        _ => return None,
    };
    let [h1, h2, b':', m1, m2] = zone else { return None };
    let hours = number(&[*h1, *h2]).filter(|hours| *hours <= 23)?;
    let minutes = number(&[*m1, *m2]).filter(|minutes| *minutes <= 59)?;
    Some(sign * (hours * 3600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Howard Hinnant's `days_from_civil` for the proleptic Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
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
