//! Any condition, `{"type", "operator", "values", "ignoreCase"}`, and any text it is asked about: what may be written
//! can be evaluated, and what may not is refused in one line.
#![no_main]

use fauna_core::{AudienceError, Ruleset, check_condition, in_audience};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &[u8]| {
    let Ok(row) = serde_json::from_slice::<Value>(text) else { return };
    check(&row);
    // The same text as the pattern itself: most texts that are no JSON are patterns, and these reach the grammar sooner.
    let Some(pattern) = row.as_str() else { return };
    for ignore_case in [false, true] {
        check(
            &json!({"type": "string", "operator": "matches", "values": [pattern], "ignoreCase": ignore_case}),
        );
    }
});

fn check(row: &Value) {
    let (kind, ignore_case) = (row["type"].as_str(), row["ignoreCase"] == true);
    let Some(operator) = row["operator"].as_str() else { return };
    let checked = check_condition(kind, operator, &row["values"], ignore_case);
    if let Err(refusal) = &checked {
        assert!(!refusal.to_string().contains('\n'), "{refusal}");
    }
    let mut condition = json!({"operator": operator, "values": row["values"], "ignoreCase": ignore_case});
    if let Some(kind) = kind {
        condition["type"] = kind.into();
        condition["attribute"] = "a".into();
    }
    let audiences = json!({"x": {"match": "all", "conditions": [condition]}});
    let Ok(ruleset) = Ruleset::from_documents(&json!({}), &audiences) else { return };
    for subject in
        [json!("abk\u{212a} 10.0.0.1"), json!(""), json!(["v1.2", 3, true, null]), row["values"].clone()]
    {
        let inside = in_audience(&ruleset, "x", &json!({"a": subject}));
        let nested = operator == "in_audience";
        let broken = matches!(inside, Err(AudienceError::Parse(_)));
        assert!(!broken || checked.is_err() || nested, "{row}: may be written and not evaluated: {inside:?}");
    }
}
