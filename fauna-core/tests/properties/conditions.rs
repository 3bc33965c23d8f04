//! Laws of conditions.

use fauna_core::{Ruleset, check_condition, in_audience};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::arbitrary;

/// Whether the condition holds for the context; `None` when it cannot be used.
fn holds(condition: &Value, context: &Value) -> Option<bool> {
    let audience = json!({"match": "all", "conditions": [condition]});
    let ruleset = Ruleset::from_documents(&json!({}), &json!({"a": audience})).unwrap();
    in_audience(&ruleset, "a", context).ok()
}

fn typed() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(
        &[
            ("string", "eq"),
            ("string", "in"),
            ("string", "contains"),
            ("string", "starts_with"),
            ("string", "ends_with"),
            ("string", "matches"),
            ("string", "in_cidr"),
            ("number", "eq"),
            ("number", "lt"),
            ("number", "gte"),
            ("boolean", "eq"),
            ("date", "lt"),
            ("date", "gte"),
            ("version", "eq"),
            ("version", "lte"),
            ("version", "gt"),
        ][..],
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_may_be_written_compiles_and_nothing_else(
        (kind, operator) in typed(), values in prop::collection::vec(arbitrary::json(), 0..3), ignore_case in any::<bool>(),
    ) {
        let condition = json!({"attribute": "s", "type": kind, "operator": operator, "values": values,
            "ignoreCase": ignore_case});
        let checked = check_condition(Some(kind), operator, &json!(values), ignore_case);
        prop_assert_eq!(checked.is_ok(), holds(&condition, &json!({"s": "x"})).is_some(), "{:?}", checked);
    }

    #[test]
    fn negation_is_the_complement_where_the_attribute_is_there(
        (kind, operator) in typed(), values in prop::collection::vec(arbitrary::text(), 1..3), context in arbitrary::context(),
    ) {
        let condition = |negate| json!({"attribute": "s", "type": kind, "operator": operator, "values": values,
            "negate": negate});
        if let (Some(plain), Some(negated)) = (holds(&condition(false), &context), holds(&condition(true), &context)) {
            let there = context.get("s").is_some_and(|value| !value.is_null());
            prop_assert_eq!(plain != negated, there);
            prop_assert!(there || !(plain || negated));
        }
    }

    #[test]
    fn several_values_mean_any_of_them(
        (kind, operator) in typed(), values in prop::collection::vec(arbitrary::text(), 1..20),
        ignore_case in any::<bool>(), subject in arbitrary::json(),
    ) {
        let context = json!({"s": subject});
        let condition = |values: &[String]| json!({"attribute": "s", "type": kind, "operator": operator,
            "values": values, "ignoreCase": ignore_case});
        if let Some(together) = holds(&condition(&values), &context) {
            let mut apart = values.iter().map(|value| holds(&condition(std::slice::from_ref(value)), &context));
            prop_assert_eq!(together, apart.any(|one| one == Some(true)));
        }
    }

    #[test]
    fn several_numbers_mean_any_of_them(
        operator in prop::sample::select(&["eq", "in", "lt", "lte", "gt", "gte"][..]),
        values in prop::collection::vec(-4i32..4, 1..12), number in -5i32..5,
    ) {
        let context = json!({"n": number});
        let condition = |values: &[i32]| json!({"attribute": "n", "type": "number", "operator": operator, "values": values});
        let apart = values.iter().any(|value| holds(&condition(&[*value]), &context) == Some(true));
        prop_assert_eq!(holds(&condition(&values), &context), Some(apart));
    }

    #[test]
    fn an_array_matches_if_any_element_does(
        (kind, operator) in typed(), value in arbitrary::text(), elements in prop::collection::vec(arbitrary::json(), 0..4),
    ) {
        let condition = json!({"attribute": "s", "type": kind, "operator": operator, "values": [value]});
        if let Some(together) = holds(&condition, &json!({"s": elements})) {
            let scalars = elements.iter().filter(|element| !element.is_array());
            let any = scalars.clone().any(|element| holds(&condition, &json!({"s": element})) == Some(true));
            prop_assert_eq!(together, any);
        }
    }

    #[test]
    fn of_two_versions_exactly_one_is_less_or_they_are_equal(
        a in "v?[0-9]{1,3}(\\.[0-9]{1,2}){0,2}(-[0-9a-c]{1,2}(\\.[0-9a-]{1,3})?)?(\\+b)?",
        b in "v?[0-9]{1,3}(\\.[0-9]{1,2}){0,2}(-[0-9a-c]{1,2}(\\.[0-9a-]{1,3})?)?",
    ) {
        let compare = |operator: &str, value: &str, subject: &str| {
            let condition = json!({"attribute": "v", "type": "version", "operator": operator, "values": [value]});
            holds(&condition, &json!({"v": subject}))
        };
        let valid = |version: &str| compare("eq", version, version) == Some(true);
        if valid(&a) && valid(&b) {
            let outcomes = ["lt", "eq", "gt"].map(|operator| compare(operator, &b, &a).unwrap());
            prop_assert_eq!(outcomes.iter().filter(|holds| **holds).count(), 1);
            let mirrored = ["gt", "eq", "lt"].map(|operator| compare(operator, &a, &b).unwrap());
            prop_assert_eq!(outcomes, mirrored);
        }
    }
}
