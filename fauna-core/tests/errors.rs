//! What errors say, and the limits that keep evaluation from running away.
#![allow(clippy::unwrap_used)]

use fauna_core::{AudienceError, Flag, Ruleset, Timestamp, check_condition, evaluate, in_audience};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_micros(0);

fn flag_error(document: &Value) -> String {
    Flag::from_document("checkout", document).error().unwrap().to_string()
}

fn ruleset(audiences: &Value) -> Ruleset {
    let flag = json!({"kind": "boolean", "enabled": true, "offVariant": "off", "variants": {"on": true, "off": false},
        "default": {"variant": "off"},
        "rules": [{"id": "r", "match": "any", "audiences": [{"key": "a"}], "serve": {"variant": "on"}}]});
    Ruleset::from_documents(&json!({"f": flag}), audiences).unwrap()
}

fn audience(condition: &Value) -> Value {
    json!({"a": {"match": "all", "conditions": [condition]}})
}

fn message(audiences: &Value) -> String {
    evaluate(&ruleset(audiences), "f", &json!({}), NOW).error.unwrap().message.into_owned()
}

#[test]
fn a_broken_flag_says_where_it_is_broken() {
    assert_eq!(flag_error(&json!([])), "not an object");
    assert_eq!(flag_error(&json!({"kind": "boolean"})), "variants: missing");
    let mut flag = json!({"kind": "boolean", "enabled": true, "offVariant": "off",
        "variants": {"on": true, "off": false}, "default": {"variant": "off"},
        "rules": [{"id": "r", "match": "any", "serve": {"split": [{"variant": "on", "weight": 1.5}]}}]});
    assert_eq!(flag_error(&flag), "rules[0].serve.split[0].weight: not an integer from 0 to 100000");
    flag["rules"][0]["serve"] = json!({"variant": "blue"});
    assert_eq!(flag_error(&flag), "rules[0].serve.variant: no such variant");
    flag["rules"] = json!([{"id": "r", "match": "any", "activeFrom": "today", "serve": {"variant": "on"}}]);
    assert_eq!(flag_error(&flag), "rules[0].activeFrom: not an RFC 3339 timestamp with an offset");
}

#[test]
fn a_flag_says_which_audience_is_broken() {
    let unfit = json!({"attribute": "n", "type": "number", "operator": "contains", "values": [1]});
    assert_eq!(
        message(&audience(&unfit)),
        "audience \"a\": conditions[0].operator: does not fit an attribute of type number"
    );
    assert_eq!(message(&json!({})), "audience \"a\" does not exist");
    let cycle = json!({"operator": "in_audience", "values": ["a"]});
    assert_eq!(
        message(&audience(&cycle)),
        "prerequisites and audiences are nested more than 64 deep, perhaps in a cycle"
    );
}

#[test]
fn a_refused_condition_says_why_without_repeating_its_values() {
    let refusal = |kind, operator, values| {
        check_condition(Some(kind), operator, &values, false).unwrap_err().to_string()
    };
    assert_eq!(refusal("text", "eq", json!(["x"])), "type: unknown");
    assert_eq!(refusal("string", "like", json!(["x"])), "operator: unknown");
    assert_eq!(
        refusal("boolean", "in", json!([true])),
        "operator: does not fit an attribute of type boolean"
    );
    assert_eq!(refusal("string", "eq", json!([])), "values: at least one value is needed");
    assert_eq!(refusal("string", "eq", json!("x")), "values: not an array");
    assert_eq!(refusal("number", "eq", json!([1, "secret"])), "values[1]: not a number");
    assert_eq!(refusal("version", "gte", json!(["secret"])), "values[0]: not a version");
    assert_eq!(refusal("string", "in_cidr", json!(["secret"])), "values[0]: not a network in CIDR notation");
    assert_eq!(refusal("string", "exists", json!(["secret"])), "values: exists takes no values");
    let no_attribute = check_condition(None, "eq", &json!(["x"]), false).unwrap_err();
    assert_eq!(no_attribute.to_string(), "operator: needs an attribute");
}

#[test]
fn a_refused_pattern_says_where_and_why() {
    for (pattern, problem) in [
        ("ab(c", "character 3: unclosed group"),
        ("abc)", "character 4: unopened group"),
        ("a[bc", "character 2: unclosed class"),
        ("a\\", "character 2: a backslash with nothing after it"),
        ("\\pL", "character 2: Unicode classes are not supported"),
        ("(?<=a)b", "character 3: this kind of group is not supported"),
        ("a{2,1}", "character 6: the greater count comes first"),
        ("x{1001}", "character 7: repeated more than 1000 times"),
        ("[a&&b]", "character 5: set operations are not supported"),
        ("(a)\\1", "character 5: backreferences and octal are not supported"),
        ("a**", "character 3: a repetition of a repetition needs a group"),
        ("{", "character 1: a literal brace or bracket needs a backslash"),
    ] {
        let refused = check_condition(Some("string"), "matches", &json!([pattern]), false).unwrap_err();
        assert_eq!(refused.to_string(), format!("values[0]: bad pattern at {problem}"), "{pattern}");
    }
}

#[test]
fn the_largest_patterns_compile() {
    let letters: String = (0..450).filter_map(|index| char::from_u32(0x100 + index * 37)).collect();
    for pattern in [
        "\\W{1000}[^k]{1000}".to_owned(),
        ".{1000}.{1000}".to_owned(),
        format!("[^{letters}]{{4}}"),
        "(?:(?:\\W?){30}){33}".to_owned(),
    ] {
        assert!(check_condition(Some("string"), "matches", &json!([pattern]), true).is_ok(), "{pattern}");
    }
}

#[test]
fn membership_has_its_own_errors() {
    let ruleset =
        ruleset(&audience(&json!({"attribute": "a", "type": "string", "operator": "like", "values": []})));
    assert_eq!(in_audience(&ruleset, "b", &json!({})), Err(AudienceError::NotFound));
    assert_eq!(in_audience(&ruleset, "a", &json!([])), Err(AudienceError::InvalidContext));
    let broken = in_audience(&ruleset, "a", &json!({})).unwrap_err();
    assert_eq!(broken.to_string(), "audience \"a\": conditions[0].operator: unknown");
}

#[test]
fn the_deepest_evaluation_fits_a_small_stack() {
    let nest = |level: usize| json!({"match": "all", "conditions": [{"operator": "in_audience", "values": [format!("a{level}")]}]});
    let audiences: Value = (0..70).map(|level| (format!("a{level}"), nest(level + 1))).collect();
    let ruleset = Ruleset::from_documents(&json!({}), &audiences).unwrap();
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    let result = thread.spawn(move || in_audience(&ruleset, "a0", &json!({}))).unwrap().join().unwrap();
    assert!(matches!(result, Err(AudienceError::Parse(_))));
}

#[test]
fn a_context_of_a_megabyte_is_answered() {
    let condition = json!({"attribute": "a", "type": "string", "operator": "contains", "values": ["ab", "Ä"],
        "ignoreCase": true});
    let ruleset = ruleset(&audience(&condition));
    assert_eq!(in_audience(&ruleset, "a", &json!({"a": "é".repeat(500_000)})), Ok(false));
    assert_eq!(in_audience(&ruleset, "a", &json!({"a": "é".repeat(500_000) + "AB"})), Ok(true));
    assert_eq!(in_audience(&ruleset, "a", &json!({"a": vec!["x"; 100_000]})), Ok(false));
}
