//! What one evaluation costs: `cargo bench -p fauna-core`.
//!
//! Contexts are `serde_json` values, so that the cost of finding attributes in a `BTreeMap` is in
//! every number; the flags stand among 1, 1 000 and 100 000 others, which must not matter.
#![allow(clippy::unwrap_used)]

use divan::{Bencher, black_box};
use fauna_core::{Evaluation, Ruleset, Timestamp, evaluate, in_audience};
use serde_json::{Map, Value, json};

fn main() {
    divan::main();
}

const OTHERS: [usize; 3] = [1, 1_000, 100_000];

fn condition(attribute: &str, kind: &str, operator: &str, values: Value) -> Value {
    let mut condition = json!({"attribute": attribute, "type": kind, "operator": operator});
    condition["values"] = values;
    condition
}

fn audience(conditions: &[Value]) -> Value {
    json!({"match": "all", "conditions": conditions})
}

fn flag(audience: &str) -> Value {
    json!({"kind": "boolean", "enabled": true, "salt": "checkout", "offVariant": "off",
        "variants": {"on": true, "off": false}, "default": {"variant": "off"},
        "rules": [{"id": "0b54", "match": "any", "audiences": [{"key": audience}],
            "serve": {"split": [{"variant": "on", "weight": 30_000}]}}]})
}

fn ruleset(others: usize) -> Ruleset {
    let three = [
        condition("country", "string", "in", json!(["CA", "US", "MX"])),
        condition("plan", "string", "eq", json!(["pro"])),
        condition("age", "number", "gte", json!([18])),
    ];
    let ten: Vec<Value> = three
        .iter()
        .cloned()
        .chain([
            condition("version", "version", "gte", json!(["2.1"])),
            condition("since", "date", "lt", json!(["2026-01-01T00:00:00Z"])),
            condition("mail", "string", "ends_with", json!(["@example.org"])),
            condition("staff", "boolean", "eq", json!([false])),
            condition("ip", "string", "in_cidr", json!(["10.0.0.0/8"])),
            condition("device.os", "string", "in", json!(["ios", "android"])),
            condition("tags", "string", "contains", json!(["beta"])),
        ])
        .collect();
    let list: Vec<String> = (0..1_000).map(|number| format!("customer-{number}")).collect();
    let mut ignore_case = condition("name", "string", "in", json!(list));
    ignore_case["ignoreCase"] = json!(true);
    let audiences = json!({
        "three": audience(&three),
        "ten": audience(&ten),
        "list": audience(&[condition("customer", "string", "in", json!(list))]),
        "ignore-case": audience(&[ignore_case]),
        "pattern": audience(&[condition("mail", "string", "matches", json!(["^[a-z.]+@example\\.(org|net)$"]))]),
    });
    let named = ["three", "ten", "list", "ignore-case", "pattern"];
    let flags: Map<String, Value> = named
        .iter()
        .map(|key| ((*key).to_owned(), flag(key)))
        .chain((0..others).map(|number| (format!("flag-{number}"), flag("three"))))
        .collect();
    Ruleset::from_documents(&Value::Object(flags), &audiences).unwrap()
}

fn context() -> Value {
    json!({"targetingKey": "user-31337", "country": "CA", "plan": "pro", "age": 31, "version": "2.4.1",
        "since": "2024-05-01T08:30:00+02:00", "mail": "ann.lee@example.org", "staff": false, "ip": "10.20.30.40",
        "device": {"os": "ios"}, "tags": ["new", "beta"], "customer": "customer-777", "name": "CUSTOMER-777"})
}

fn run<'s>(ruleset: &'s Ruleset, key: &str, context: &Value) -> Evaluation<'s> {
    evaluate(
        black_box(ruleset),
        black_box(key),
        black_box(context),
        Timestamp::from_micros(1_767_225_600_000_000),
    )
}

#[divan::bench(args = OTHERS, sample_size = 1_000, sample_count = 200)]
fn three_conditions_and_a_rollout(bencher: Bencher<'_, '_>, others: usize) {
    let (ruleset, context) = (ruleset(others), context());
    bencher.bench(|| run(&ruleset, "three", &context).reason);
}

#[divan::bench(args = ["ten", "list", "ignore-case", "pattern"], sample_size = 1_000, sample_count = 200)]
fn a_rollout_and(bencher: Bencher<'_, '_>, key: &str) {
    let (ruleset, context) = (ruleset(1_000), context());
    bencher.bench(|| run(&ruleset, key, &context).reason);
}

#[divan::bench(sample_size = 1_000, sample_count = 200)]
fn membership_of_three_conditions(bencher: Bencher<'_, '_>) {
    let (ruleset, context) = (ruleset(1_000), context());
    bencher.bench(|| in_audience(black_box(&ruleset), black_box("three"), black_box(&context)));
}

#[divan::bench(sample_size = 1_000, sample_count = 200)]
fn an_unknown_flag(bencher: Bencher<'_, '_>) {
    let (ruleset, context) = (ruleset(1_000), context());
    bencher.bench(|| run(&ruleset, "nowhere", &context).reason);
}
