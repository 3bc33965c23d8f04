//! Changes that come with time alone: none is missed, and a ramp's are known exactly.

use fauna_core::{Ruleset, Source as _, Timestamp, evaluate, next_change};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::arbitrary;

/// What a client is told.
fn told(
    ruleset: &Ruleset,
    context: &Value,
    now: Timestamp,
) -> (Option<String>, &'static str, Option<String>) {
    let evaluation = evaluate(ruleset, "a", context, now);
    let variant = evaluation.variant.map(|variant| variant.key().to_owned());
    (variant, evaluation.reason.as_str(), evaluation.rule_id.map(str::to_owned))
}

fn micros(from: i64) -> Timestamp {
    Timestamp::from_micros(from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn until_the_next_change_nothing_changes(
        flags in arbitrary::documents(arbitrary::flag()), audiences in arbitrary::documents(arbitrary::audience()),
        context in arbitrary::context(), within in 0.0..1.0f64,
    ) {
        let ruleset = Ruleset::from_documents(&flags, &audiences).unwrap();
        let Some(flag) = ruleset.flag("a") else { return Ok(()) };
        let end = Timestamp::parse("2031-01-01T00:00:00Z").unwrap();
        let mut now = Timestamp::parse("2019-01-01T00:00:00Z").unwrap();
        // Five flags, each with at most three ramps of five thresholds and two windows.
        for _ in 0..5 * (3 * 5 + 2 * 2) {
            let next = next_change(&ruleset, flag, &context, now);
            prop_assert!(next.is_none_or(|next| next > now), "{:?} after {}", next, now);
            let last = next.unwrap_or(end).as_micros() - 1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let somewhere = now.as_micros() + ((last - now.as_micros()) as f64 * within) as i64;
            for later in [somewhere, last] {
                prop_assert_eq!(told(&ruleset, &context, now), told(&ruleset, &context, micros(later)), "{}", later);
            }
            match next {
                Some(next) => now = next,
                None => return Ok(()),
            }
        }
        prop_assert!(false, "it never ends");
    }

    #[test]
    fn a_ramp_changes_a_subject_exactly_when_it_is_said(
        start in 0..=100_000u32, first in 0..=100_000u32, second in 0..=100_000u32, length in 0..300i64, subject in 0..50u32,
    ) {
        let split = json!([{"variant": "on", "weight": first}, {"variant": "off", "weight": second.min(100_000 - first)}]);
        let instant = |micros: i64| Timestamp::from_micros(micros).to_rfc3339();
        let ramp = json!({"from": instant(10), "until": instant(10 + length), "startWeight": start});
        let flag = json!({"kind": "string", "enabled": true, "offVariant": "none", "default": {"split": split, "ramp": ramp},
            "variants": {"on": "on", "off": "off", "none": ""}});
        let ruleset = Ruleset::from_documents(&json!({"a": flag}), &json!({})).unwrap();
        let (flag, context) = (ruleset.flag("a").unwrap(), json!({"targetingKey": subject.to_string()}));
        prop_assert_eq!(flag.has_schedule(), true);
        let changes = |now: &i64| told(&ruleset, &context, micros(*now)) != told(&ruleset, &context, micros(*now - 1));
        let seen: Vec<i64> = (1..400).filter(changes).collect();
        let said = std::iter::successors(next_change(&ruleset, flag, &context, micros(0)), |now| {
            next_change(&ruleset, flag, &context, *now)
        });
        let said: Vec<i64> = said.map(Timestamp::as_micros).collect();
        // Two thresholds may fall into one microsecond, or pass over a range that serves the same.
        prop_assert!(seen.iter().all(|change| said.contains(change)), "{:?} but {:?}", seen, said);
        prop_assert!(said.len() <= 2, "{:?}", said);
    }
}

#[test]
fn a_schedule_behind_a_prerequisite_counts_and_one_that_is_over_or_switched_off_does_not() {
    let windowed = |from: &str, enabled: bool| {
        json!({"kind": "boolean", "enabled": enabled, "offVariant": "off", "variants": {"on": true, "off": false},
            "rules": [{"id": "r", "match": "any", "activeFrom": from, "serve": {"variant": "on"}}],
            "default": {"variant": "off"}})
    };
    let next = |enabled: bool, now: i64| {
        let mut dependent = windowed("1970-01-01T00:00:01Z", true);
        dependent["prerequisites"] =
            json!([{"flag": "b", "variants": ["on"]}, {"flag": "a", "variants": ["on"]}]);
        let flags = json!({"a": dependent, "b": windowed("1970-01-01T00:00:02Z", enabled)});
        let ruleset = Ruleset::from_documents(&flags, &json!({})).unwrap();
        assert_eq!(ruleset.flag("b").unwrap().has_schedule(), enabled);
        next_change(&ruleset, ruleset.flag("a").unwrap(), &json!({}), micros(now)).map(Timestamp::as_micros)
    };
    assert_eq!(next(true, 0), Some(1_000_000));
    assert_eq!(next(true, 1_000_000), Some(2_000_000));
    assert_eq!(next(false, 1_000_000), None);
    assert_eq!(next(true, 2_000_000), None);
}

#[test]
fn the_edges_of_windows_and_ramps_are_known_without_a_context() {
    let instant = |micros: i64| micros_text(micros);
    let ramp = json!({"from": instant(3), "until": instant(5), "startWeight": 0});
    let flag = json!({"kind": "boolean", "enabled": true, "offVariant": "off", "variants": {"on": true, "off": false},
        "rules": [{"id": "r", "match": "any", "activeFrom": instant(1), "activeUntil": instant(4), "serve": {"variant": "on"}}],
        "default": {"split": [{"variant": "on", "weight": 100_000}], "ramp": ramp}});
    let ruleset = Ruleset::from_documents(&json!({"a": flag}), &json!({})).unwrap();
    let flag = ruleset.flag("a").unwrap();
    let edges = std::iter::successors(flag.next_edge(micros(0)), |now| flag.next_edge(*now));
    assert_eq!(edges.map(Timestamp::as_micros).collect::<Vec<_>>(), [1, 3, 4, 5]);
    assert_eq!((0..7).filter(|now| flag.is_ramping(micros(*now))).collect::<Vec<_>>(), [3, 4]);
}

fn micros_text(micros: i64) -> String {
    Timestamp::from_micros(micros).to_rfc3339()
}
