//! Laws of the values that conditions read: patterns and instants.

use fauna_core::{Timestamp, check_condition};
use proptest::prelude::*;
use serde_json::json;

/// Pieces that make patterns, good and bad, far more often than random characters do.
fn pattern() -> impl Strategy<Value = String> {
    let pieces: &'static [&str] = &[
        "a",
        "é",
        "\u{1F600}",
        "(",
        ")",
        "(?:",
        "(?i)",
        "(?s-m:",
        "[",
        "]",
        "[^",
        "-",
        "|",
        "*",
        "+?",
        "{2}",
        "{3,}",
        "{1,9}",
        "{1000}",
        "\\d",
        "\\W",
        "\\b",
        "\\B",
        "^",
        "$",
        ".",
        "[:alpha:]",
        "\\x41",
        "\\x{e9}",
        "\\",
        "&&",
        "?",
        "\\p",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..12).prop_map(|pieces| pieces.concat())
}

/// RFC 3339 in UTC, by another way than the parser's: the calendar counted day by day.
fn format(micros: i64) -> String {
    let (days, in_day) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut left) = (1970, days);
    while left < 0 {
        year -= 1;
        left += if leap(year) { 366 } else { 365 };
    }
    while left >= if leap(year) { 366 } else { 365 } {
        left -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    let (seconds, fraction) = (in_day / 1_000_000, in_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z", month + 1, left + 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_pattern_of_the_grammar_always_compiles(pattern in pattern()) {
        if let Err(error) = check_condition(Some("string"), "matches", &json!([pattern]), true) {
            prop_assert!(error.to_string().starts_with("values[0]: bad pattern at character "), "{} {}", error, pattern);
        }
    }

    #[test]
    fn an_instant_written_down_is_read_back(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
        prop_assert_eq!(Timestamp::parse(&format(micros)), Some(Timestamp::from_micros(micros)));
    }

    #[test]
    fn any_text_is_an_instant_or_none(text in ".{0,30}") {
        let parsed = Timestamp::parse(&text);
        prop_assert!(parsed.is_none() || text.contains('T'));
    }
}
