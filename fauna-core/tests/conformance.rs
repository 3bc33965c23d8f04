//! Runs the vectors in `conformance/`; its README says what they mean.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fauna_core::{
    ErrorCode, Evaluation, Explanation, Reason, Ruleset, RulesetError, Source, Timestamp, bucket,
    check_condition, evaluate, explain, in_audience,
};
use serde_json::{Map, Value, json};

/// Files of another form than evaluation cases.
const OTHERS: [&str; 3] = ["buckets.json", "check-condition.json", "put-patch.json"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance")
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn rows(file: &str) -> Vec<Value> {
    read(&folder().join(file))["rows"].as_array().unwrap().clone()
}

/// The evaluation in the form of `expect`.
fn outcome(evaluation: &Evaluation<'_>) -> Value {
    let mut outcome = Map::new();
    let mut set =
        |member: &str, value: Option<Value>| value.map(|value| outcome.insert(member.to_owned(), value));
    set("value", evaluation.value().cloned());
    set("variant", evaluation.variant.map(|variant| json!(variant.key())));
    set("reason", Some(json!(evaluation.reason.as_str())));
    set("ruleId", evaluation.rule_id.map(|id| json!(id)));
    set("errorCode", evaluation.error.as_ref().map(|error| json!(error.code.as_str())));
    set("prerequisite", evaluation.prerequisite.map(|key| json!(key)));
    Value::Object(outcome)
}

fn run(ruleset: &Ruleset, case: &Value) -> Value {
    let now = Timestamp::parse(case["now"].as_str().unwrap_or("2026-01-01T00:00:00Z")).unwrap();
    let context = case.get("context").unwrap();
    if let Some(audience) = case.get("audience") {
        return match in_audience(ruleset, audience.as_str().unwrap(), context) {
            Ok(inside) => json!(inside),
            Err(error) => json!(error.to_string()),
        };
    }
    let flag = case["flag"].as_str().unwrap();
    let found = outcome(&evaluate(ruleset, flag, context, now));
    let Explanation { evaluation, steps } = explain(ruleset, flag, context, now);
    assert_eq!(outcome(&evaluation), found, "explained: {}", case["name"]);
    assert!(steps.iter().all(|step| !step.outcome.is_empty()), "{}: {steps:#?}", case["name"]);
    found
}

#[test]
fn every_case_of_every_file_gives_what_is_expected() {
    let mut failures = Vec::new();
    let mut cases = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.extension().is_none_or(|extension| extension != "json") || OTHERS.contains(&name) {
            continue;
        }
        let file = read(&path);
        let ruleset = &file["ruleset"];
        let ruleset = Ruleset::from_documents(&ruleset["flags"], &ruleset["audiences"]).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let found = run(&ruleset, case);
            cases += 1;
            if found != case["expect"] {
                failures.push(format!(
                    "{name}: {}\n  expected {}\n  found    {found}",
                    case["name"], case["expect"]
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases > 1_000, "only {cases} cases were found");
}

#[test]
fn buckets_are_the_reference_hash_scaled() {
    for row in rows("buckets.json") {
        let [salt, value] = ["salt", "value"].map(|member| row[member].as_str().unwrap());
        assert_eq!(json!(bucket(salt, value)), row["bucket"], "{row}");
    }
}

#[test]
fn conditions_may_be_written_or_not_as_listed() {
    for row in rows("check-condition.json") {
        let ignore_case = row["ignoreCase"].as_bool().unwrap();
        let checked = check_condition(
            row["type"].as_str(),
            row["operator"].as_str().unwrap(),
            &row["values"],
            ignore_case,
        );
        assert_eq!(json!(checked.is_ok()), row["ok"], "{row}: {checked:?}");
    }
}

#[test]
fn a_condition_that_may_be_written_compiles_in_a_document_and_no_other_does() {
    for row in rows("check-condition.json") {
        let audience = json!({"match": "all", "conditions": [{"attribute": "a", "type": row["type"],
            "operator": row["operator"], "values": row["values"], "ignoreCase": row["ignoreCase"]}]});
        let ruleset = Ruleset::from_documents(&json!({}), &json!({"a": audience})).unwrap();
        let in_audience_operator = row["operator"] == "in_audience";
        let compiles = ruleset.audience("a").unwrap().error().is_none();
        // Without the attribute that makes it wrong, in_audience compiles whatever the type.
        assert!(compiles == (row["ok"] == true) || in_audience_operator, "{row}");
    }
}

#[test]
fn puts_and_patches_lead_to_the_listed_keys() {
    for row in rows("put-patch.json") {
        let mut ruleset = Ruleset::from_put(&row["put"]).unwrap();
        for patch in row["patches"].as_array().unwrap() {
            let applied = ruleset.apply(patch);
            assert_eq!(applied.is_err(), patch["refused"] == true, "{}: {applied:?}", row["name"]);
        }
        let keys = |expected: &Value| -> BTreeSet<String> {
            expected.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            ruleset.flags().map(|f| f.key().to_owned()).collect::<BTreeSet<_>>(),
            keys(&row["flags"]),
            "{row}"
        );
        let audiences: BTreeSet<_> = ruleset.audiences().map(|a| a.key().to_owned()).collect();
        assert_eq!(audiences, keys(&row["audiences"]), "{row}");
        assert_eq!(json!(ruleset.revision()), row["revision"], "{row}");
    }
}

#[test]
fn a_put_without_its_head_is_malformed() {
    let refused = Ruleset::from_put(&json!({"flags": {}, "audiences": {}}));
    assert!(matches!(refused, Err(RulesetError::Malformed(_))));
}

#[test]
fn reasons_and_codes_have_the_names_of_openfeature() {
    assert_eq!(Reason::TargetingMatch.to_string(), "TARGETING_MATCH");
    assert_eq!(ErrorCode::InvalidContext.to_string(), "INVALID_CONTEXT");
}
