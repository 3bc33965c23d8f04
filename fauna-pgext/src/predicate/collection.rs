//! Conditions on arrays and on what jsonb holds: any element may match.

use serde_json::{Value as Json, json};

use super::class::Class;
use super::condition::Condition;
use super::number;
use super::relation::Column;
use super::sql::{Sql, array_literal, literal};
use uuid::Uuid;

/// Above this many values, asking the function takes less time than looking for each.
const MAX_CONTAINED: usize = 8;

/// The condition on an array column that is not null, or `None` if only evaluation can tell.
pub fn array(column: &Column, element: &Class, condition: &Condition<'_>) -> Option<Sql> {
    let sought: Vec<String> = match element {
        Class::Enum(labels) if !matches!(condition.kind, "number" | "boolean") => condition.matching(labels),
        Class::Text { is_bytewise: true, .. } if is_plain_equality(condition, "string") => {
            condition.texts().map(str::to_owned).collect()
        }
        Class::Uuid if is_plain_equality(condition, "string") => condition
            .texts()
            .filter(|text| Uuid::parse_str(text).is_ok_and(|id| id.hyphenated().to_string() == **text))
            .map(str::to_owned)
            .collect(),
        Class::Integer { min, max } if is_plain_equality(condition, "number") => {
            number::integers((*min, *max), condition)?
        }
        _ => return None,
    };
    let value = &column.value;
    let overlaps = format!("{value} OPERATOR(pg_catalog.&&) {}", array_literal(&sought));
    let has = match &sought[..] {
        [] => return Some(Sql::Never),
        // For rows that are read one after the other. Null if there is a null among the elements.
        [one] if !column.may_be_searched => {
            Sql::Cheaper(format!("{} OPERATOR(pg_catalog.=) ANY ({value})", literal(one)), overlaps)
        }
        _ => Sql::Test(overlaps),
    };
    // The elements of an array with more dimensions are arrays.
    Some(Sql::all([has, Sql::Test(format!("pg_catalog.array_ndims({value}) = 1"))]))
}

/// The condition on a place in a jsonb column, the column's being null included, or `None` if only evaluation can tell.
pub fn jsonb(value: &str, path: &[&str], condition: &Condition<'_>) -> Option<Sql> {
    let is_kept = is_plain_equality(condition, "string") || is_plain_equality(condition, "boolean");
    if !is_kept || condition.negate || condition.values.len() > MAX_CONTAINED {
        return None;
    }
    let contains = |document: Json| Sql::Test(format!("{value} @> {}", literal(&document.to_string())));
    let inside = |found: Json| path.iter().rev().fold(found, |inner, key| json!({*key: inner}));
    Some(Sql::any(condition.values.iter().flat_map(|sought| {
        // At the top, an array contains what is among its elements; further inside it has to be an array, too.
        let element = (!path.is_empty()).then(|| contains(inside(json!([sought]))));
        [Some(contains(inside(sought.clone()))), element].into_iter().flatten()
    })))
}

fn is_plain_equality(condition: &Condition<'_>, kind: &str) -> bool {
    condition.kind == kind && condition.is_equality() && !condition.ignore_case
}
