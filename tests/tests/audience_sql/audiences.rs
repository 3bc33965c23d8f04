//! Random audiences, straight into the log: what the tables would let in, and beyond that conditions of every type on
//! every column.

use fastrand::Rng;
use serde_json::{Value, json};

use super::people::{COLUMNS, PATHS};

const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "Ab",
    "ab",
    "AB",
    "ab  ",
    "abcd",
    "é",
    "é😀",
    "😀",
    "50%",
    "%",
    "a_b",
    "_",
    "a\\b",
    "\\",
    "{x,\"y\"}",
    "null",
    "NULL",
    "O'Reilly",
    "'; DROP TABLE people; --",
    "ß",
    "ss",
    "k",
    "K",
    "1.2.3",
    "CA",
    "US",
    " a ",
    "\n",
    "true",
    "18",
    "NaN",
    "Infinity",
    "happy",
    "HAPPY",
    "sad",
    "0b54a5a1-0000-4000-8000-00000000000a",
    "0B54A5A1-0000-4000-8000-00000000000A",
    "0b54",
    "000a",
    "@example.com",
    "2020-",
    "2020-01-01T00:00:00Z",
    "infinity",
    "10.",
    "1 day",
    "x y",
];
const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "1",
    "-5",
    "17",
    "17.5",
    "18",
    "18.01",
    "17.99",
    "19",
    "0.1",
    "0.3",
    "0.30000000000000004",
    "1e300",
    "-1e300",
    "1e-320",
    "5e-324",
    "1.7976931348623157e308",
    "-1.7976931348623157e308",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9007199254740994",
    "9223372036854775807",
    "-9223372036854775808",
    "32767",
    "32768",
    "-32768",
    "2147483647",
    "3.4028235e38",
    "3.5e38",
    "1e-45",
    "17.999998",
    "17.999998092651367",
    "16777216",
    "16777217",
    "9999999999.99",
    "1.2345678901234567",
];
const DATES: &[&str] = &[
    "2020-01-01T00:00:00Z",
    "2024-01-01T00:00:00Z",
    "2024-01-01T05:30:00+05:30",
    "2023-12-31T23:59:59.999999Z",
    "2024-02-29T12:00:00-08:00",
    "0001-01-01T00:00:00Z",
    "0000-06-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
];
const VERSIONS: &[&str] = &["1.2.3", "v1", "2", "1.2.4-rc.1", "12345678-a"];
const PATTERNS: &[&str] = &[
    "a",
    "^a",
    "b$",
    "^ab$",
    "^$",
    "",
    "a.b",
    "a\\.b",
    "50%",
    "[A-Z]{2}",
    "(?i)ab",
    "^a|b$",
    "a_b",
    "\\\\",
    "^\\^a$",
    "example\\.com$",
    "\\$",
    "^",
];
const NETWORKS: &[&str] = &["10.0.0.0/8", "::1", "0.0.0.0/0", "::ffff:10.1.2.0/120"];

/// A random audience; it may ask for those in `others`.
pub fn audience(rng: &mut Rng, others: &[String]) -> Value {
    let count = if rng.u8(..20) == 0 { 0 } else { rng.usize(1..4) };
    let conditions: Vec<_> = (0..count).map(|_| nested_or_not(rng, others)).collect();
    json!({"match": rng.choice(["all", "any"]), "conditions": conditions})
}

fn nested_or_not(rng: &mut Rng, others: &[String]) -> Value {
    if others.is_empty() || rng.u8(..4) != 0 {
        let columns: Vec<_> = COLUMNS.iter().map(|(name, ..)| *name).chain(PATHS.iter().copied()).collect();
        let attribute = columns[rng.usize(..columns.len())];
        return condition(rng, attribute);
    }
    let keys: Vec<_> = (0..rng.usize(1..3)).map(|_| &others[rng.usize(..others.len())]).collect();
    json!({"operator": "in_audience", "values": keys, "negate": rng.bool()})
}

/// A random condition on an attribute.
pub fn condition(rng: &mut Rng, attribute: &str) -> Value {
    let (kind, operators): (&str, &[&str]) = match rng.u8(..10) {
        0..=3 => {
            ("string", &["eq", "in", "contains", "starts_with", "ends_with", "matches", "in_cidr", "exists"])
        }
        4..=6 => ("number", &["eq", "in", "lt", "lte", "gt", "gte", "exists"]),
        7 => ("boolean", &["eq", "exists"]),
        8 => ("date", &["lt", "lte", "gt", "gte", "exists"]),
        _ => ("version", &["eq", "in", "lt", "lte", "gt", "gte", "exists"]),
    };
    let operator = operators[rng.usize(..operators.len())];
    let count = match operator {
        "exists" => 0,
        "in" => rng.usize(..14),
        _ => rng.usize(1..4),
    };
    let values: Vec<Value> = (0..count).map(|_| value(rng, kind, operator)).collect();
    json!({"attribute": attribute, "type": kind, "operator": operator, "values": values,
        "negate": rng.u8(..3) == 0, "ignoreCase": rng.u8(..6) == 0})
}

fn value(rng: &mut Rng, kind: &str, operator: &str) -> Value {
    let mut one_of = |texts: &[&str]| json!(texts[rng.usize(..texts.len())]);
    match (kind, operator) {
        ("string", "matches") => one_of(PATTERNS),
        ("string", "in_cidr") => one_of(NETWORKS),
        ("string", _) => one_of(TEXTS),
        ("date", _) => one_of(DATES),
        ("version", _) => one_of(VERSIONS),
        ("boolean", _) => json!(rng.bool()),
        _ => NUMBERS[rng.usize(..NUMBERS.len())].parse::<serde_json::Number>().expect("a number").into(),
    }
}
