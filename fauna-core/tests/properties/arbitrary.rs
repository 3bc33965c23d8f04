//! Random documents: mostly sensible, with a few keys that refer to each other, and now and then
//! something that cannot be used.

use proptest::prelude::*;
use serde_json::{Value, json};

const KEYS: [&str; 5] = ["a", "b", "c", "d", "nowhere"];

pub fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&KEYS[..4])
}

fn reference() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&KEYS[..])
}

/// Any JSON of a few levels.
pub fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Text that some condition might look for, or any.
pub fn text() -> impl Strategy<Value = String> {
    let known: &'static [&str] = &[
        "",
        "x",
        "CA",
        "ca",
        "é",
        "É",
        "ß",
        "K",
        "\u{212a}",
        "1.2.3",
        "v2",
        "1.0.0-rc.1",
        "2026-01-01T00:00:00Z",
        "2026-06-01T00:00:00+02:00",
        "10.0.0.1",
        "10.0.0.0/8",
        "::1",
        "^[a-c]+$",
        "\\bx\\b",
        "(?i)k",
        "(",
        "s",
        "n",
        "user.plan",
        "user",
        "plan",
        "tags",
        "targetingKey",
        "__proto__",
    ];
    prop_oneof![4 => prop::sample::select(known).prop_map(str::to_owned), 1 => ".{0,8}"]
}

pub fn context() -> impl Strategy<Value = Value> {
    let attributes = (json(), json(), json(), json(), 0..40u32);
    let object = attributes.prop_map(|(s, n, tags, user, subject)| {
        json!({"s": s, "n": n, "tags": tags, "user": {"plan": user}, "targetingKey": format!("user-{subject}")})
    });
    prop_oneof![8 => object, 1 => json()]
}

fn condition() -> impl Strategy<Value = Value> {
    let kinds: &'static [&str] = &["string", "number", "boolean", "date", "version", "other"];
    let operators: &'static [&str] = &[
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
        "exists",
        "like",
    ];
    let attribute = prop_oneof![
        (
            prop::sample::select(&["s", "n", "tags", "user.plan", "missing"][..]),
            prop::sample::select(kinds),
            prop::sample::select(operators),
            prop::collection::vec(json(), 0..4),
            any::<(bool, bool)>(),
        )
            .prop_map(|(attribute, kind, operator, values, (negate, ignore_case))| {
                json!({"attribute": attribute, "type": kind, "operator": operator, "values": values,
                    "negate": negate, "ignoreCase": ignore_case})
            }),
        (text(), any::<(bool, bool)>()).prop_map(|(value, (negate, ignore_case))| {
            json!({"attribute": "s", "type": "string", "operator": "eq", "values": [value], "negate": negate,
                "ignoreCase": ignore_case})
        }),
    ];
    let nested = (prop::collection::vec(reference(), 0..3), any::<bool>())
        .prop_map(|(keys, negate)| json!({"operator": "in_audience", "values": keys, "negate": negate}));
    prop_oneof![3 => attribute, 1 => nested]
}

pub fn audience() -> impl Strategy<Value = Value> {
    let audience = (matching(), prop::collection::vec(condition(), 0..4))
        .prop_map(|(matching, conditions)| json!({"match": matching, "conditions": conditions}));
    prop_oneof![12 => audience, 1 => json()]
}

fn matching() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["all", "any"][..])
}

fn instant() -> impl Strategy<Value = Value> {
    let instants: &'static [&str] =
        &["2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2030-01-01T00:00:00Z"];
    prop_oneof![Just(Value::Null), prop::sample::select(instants).prop_map(Value::from)]
}

fn serve() -> impl Strategy<Value = Value> {
    let weights = prop::collection::vec((prop::sample::select(&["on", "off"][..]), 0..40_000u32), 0..4);
    let split = (weights, instant(), instant(), 0..100_000u32).prop_map(|(weights, from, until, start)| {
        let split: Vec<Value> =
            weights.iter().map(|(variant, weight)| json!({"variant": variant, "weight": weight})).collect();
        let ramp = if from.is_null() {
            Value::Null
        } else {
            json!({"from": from, "until": until, "startWeight": start})
        };
        json!({"split": split, "by": "targetingKey", "ramp": ramp})
    });
    let variant = prop::sample::select(&["on", "off", "on", "nope"][..]).prop_map(|v| json!({"variant": v}));
    prop_oneof![split, variant]
}

fn rule() -> impl Strategy<Value = Value> {
    let audiences = prop::collection::vec((reference(), any::<bool>()), 0..3);
    (matching(), audiences, instant(), instant(), serve()).prop_map(|(matching, audiences, from, until, serve)| {
        let audiences: Vec<Value> =
            audiences.iter().map(|(key, negate)| json!({"key": key, "negate": negate})).collect();
        json!({"id": "r", "match": matching, "audiences": audiences, "activeFrom": from, "activeUntil": until,
            "serve": serve})
    })
}

pub fn flag() -> impl Strategy<Value = Value> {
    let prerequisites = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(reference(), 1..3)];
    let flag = (prop::bool::weighted(0.9), prerequisites, prop::collection::vec(rule(), 0..3), serve())
        .prop_map(|(enabled, prerequisites, rules, default)| {
            let prerequisites: Vec<Value> =
                prerequisites.iter().map(|key| json!({"flag": key, "variants": ["on"]})).collect();
            json!({"kind": "boolean", "enabled": enabled, "salt": "s", "offVariant": "off",
                "variants": {"on": true, "off": false}, "prerequisites": prerequisites, "rules": rules,
                "default": default})
        });
    prop_oneof![12 => flag, 1 => json()]
}

/// Documents by key.
pub fn documents(document: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(key().prop_map(str::to_owned), document, 0..5)
        .prop_map(|documents| documents.into_iter().collect())
}
