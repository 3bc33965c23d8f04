//! Splits: stable, monotonous and fair.

use std::collections::BTreeMap;

use fauna_core::{Ruleset, Timestamp, evaluate};
use proptest::prelude::*;
use serde_json::{Value, json};

fn flag(salt: &str, weights: &[u32], ramp: &Value) -> Ruleset {
    let names = ["a", "b", "c", "d"];
    let split: Vec<Value> = names
        .iter()
        .zip(weights)
        .map(|(variant, weight)| json!({"variant": variant, "weight": weight}))
        .collect();
    let flag = json!({"kind": "string", "enabled": true, "salt": salt, "offVariant": "off",
        "variants": {"a": "A", "b": "B", "c": "C", "d": "D", "off": ""}, "default": {"split": split, "ramp": ramp}});
    Ruleset::from_documents(&json!({"f": flag}), &json!({})).unwrap()
}

fn served(ruleset: &Ruleset, subject: &str, now: i64) -> String {
    let evaluation = evaluate(ruleset, "f", &json!({"targetingKey": subject}), Timestamp::from_micros(now));
    assert!(evaluation.error.is_none());
    evaluation.variant.unwrap().key().to_owned()
}

/// Up to four weights of at most 100 000 together.
fn weights() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..=100_000u32, 1..=4).prop_map(|cuts| {
        let mut left = 100_000;
        cuts.iter()
            .map(|cut| {
                let weight = cut % (left + 1);
                left -= weight;
                weight
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn growing_the_first_weight_only_adds_subjects_to_it(
        salt in ".{0,12}", less in 0..=100_000u32, more in 0..=100_000u32, second in 0..=100_000u32,
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let before = flag(&salt, &[less, second.min(100_000 - less)], &Value::Null);
        let after = flag(&salt, &[more, second.min(100_000 - more)], &Value::Null);
        for subject in (0..200).map(|number| format!("user-{number}")) {
            prop_assert!(served(&before, &subject, 0) != "a" || served(&after, &subject, 0) == "a", "{}", subject);
        }
    }

    #[test]
    fn a_split_serves_its_weights_in_the_limit(salt in "[a-z]{1,8}", weights in weights()) {
        let ruleset = flag(&salt, &weights, &Value::Null);
        let subjects = 4_000u32;
        let mut counts = BTreeMap::new();
        for subject in 0..subjects {
            *counts.entry(served(&ruleset, &format!("user-{subject}"), 0)).or_insert(0u32) += 1;
        }
        for (name, weight) in ["a", "b", "c", "d"].iter().zip(&weights) {
            let share = f64::from(*weight) / 100_000.0;
            let expected = share * f64::from(subjects);
            let deviation = (expected * (1.0 - share)).sqrt();
            let found = f64::from(counts.get(*name).copied().unwrap_or(0));
            // Six standard deviations, and one subject for shares near nothing.
            prop_assert!((found - expected).abs() <= 6.0 * deviation + 1.0, "{} {} {}", name, expected, found);
        }
    }

    #[test]
    fn a_ramp_is_monotonous_and_ends_where_it_says(
        start in 0..=100_000u32, end in 0..=100_000u32, instants in prop::collection::vec(-10i64..1_010, 2),
    ) {
        let ramp = json!({"from": "1970-01-01T00:00:00Z", "until": "1970-01-01T00:00:00.001Z", "startWeight": start});
        let (earlier, later) = (instants[0].min(instants[1]), instants[0].max(instants[1]));
        let ramped = flag("s", &[end], &ramp);
        let [first, last] = [start, end].map(|weight| flag("s", &[weight], &Value::Null));
        for subject in (0..200).map(|number| format!("user-{number}")) {
            let [was, is] = [earlier, later].map(|now| served(&ramped, &subject, now) == "a");
            prop_assert!(was == is || is == (end > start), "{}", subject);
            if later >= 1_000 {
                prop_assert_eq!(is, served(&last, &subject, 0) == "a");
            }
            if earlier <= 0 {
                prop_assert_eq!(was, served(&first, &subject, 0) == "a");
            }
        }
    }
}
