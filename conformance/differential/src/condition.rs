//! Conditions: every type, every operator, also where they do not fit each other.

use crate::dice::Dice;
use crate::json::Json;
use crate::text::{self, NAMES};
use crate::{network, pattern};

const KINDS: [&str; 5] = ["string", "number", "boolean", "date", "version"];
const OPERATORS: [&str; 13] = [
    "exists",
    "eq",
    "in",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "in_cidr",
    "lt",
    "lte",
    "gt",
    "gte",
    "like",
];

pub fn condition(dice: &mut Dice<'_>, audiences: &[String]) -> Json {
    if dice.one_in(5) {
        let keys = dice.some(0, 3, |dice| Json::text(dice.pick(&refs(audiences))));
        return Json::object([
            ("operator", Json::text("in_audience")),
            ("values", keys.into()),
            ("negate", flag_or_absent(dice)),
        ]);
    }
    let kind = dice.pick(&KINDS);
    let operator = if dice.one_in(60) { dice.pick(&OPERATORS) } else { fitting(dice, kind) };
    let attribute = if dice.one_in(4) { dice.pick(&NAMES) } else { natural(dice, kind, operator) };
    let low = usize::from(operator != "in" && !dice.one_in(40));
    let values = match operator {
        "exists" if !dice.one_in(40) => Vec::new(),
        _ => dice.some(low, 3, |dice| value(dice, kind, operator)),
    };
    Json::object([
        ("attribute", Json::text(attribute)),
        ("type", Json::text(if dice.one_in(100) { "other" } else { kind })),
        ("operator", Json::text(operator)),
        ("values", values.into()),
        ("negate", flag_or_absent(dice)),
        ("ignoreCase", flag_or_absent(dice)),
    ])
}

/// One of the keys, or one that nobody has.
pub fn refs(keys: &[String]) -> Vec<&str> {
    // Eight times the known ones, so that most references lead somewhere.
    let known = std::iter::repeat_n(keys, 8).flatten().map(String::as_str);
    known.chain(std::iter::once("nowhere")).collect()
}

pub fn flag_or_absent(dice: &mut Dice<'_>) -> Json {
    match dice.below(5) {
        0 => Json::Null,
        1 | 2 => true.into(),
        _ => false.into(),
    }
}

fn fitting(dice: &mut Dice<'_>, kind: &str) -> &'static str {
    match kind {
        "string" => dice.pick(&OPERATORS[..8]),
        "number" | "version" => dice.pick(&["exists", "eq", "in", "lt", "lte", "gt", "gte"]),
        "boolean" => dice.pick(&["exists", "eq"]),
        _ => dice.pick(&["exists", "lt", "lte", "gt", "gte"]),
    }
}

/// The attribute that contexts fill with values of the type, see `context`.
fn natural(dice: &mut Dice<'_>, kind: &str, operator: &str) -> &'static str {
    match (kind, operator) {
        (_, "in_cidr") => dice.pick(&["ip", "ip", "tags"]),
        ("string", _) => dice.pick(&["s", "tags", "user.plan", "targetingKey"]),
        ("number", _) => "n",
        ("boolean", _) => "b",
        ("date", _) => "d",
        _ => "v",
    }
}

fn value(dice: &mut Dice<'_>, kind: &str, operator: &str) -> Json {
    if dice.one_in(80) {
        let kind = dice.pick(&KINDS);
        return text::scalar(dice, kind);
    }
    match (kind, operator) {
        (_, "matches") => Json::text(pattern::pattern(dice)),
        (_, "in_cidr") => Json::text(network::network(dice)),
        ("number", _) => text::number(dice),
        ("boolean", _) => dice.coin().into(),
        ("date", _) if dice.one_in(60) => Json::text(text::odd_date(dice)),
        ("date", _) => Json::text(text::date(dice)),
        ("version", _) if dice.one_in(60) => Json::text(text::odd_version(dice)),
        ("version", _) => Json::text(text::version(dice)),
        _ => Json::text(text::word(dice)),
    }
}
