//! Any ruleset with any context, `{"flags", "audiences", "context", "now"}`: every evaluation ends, soon, and is whole.
#![no_main]

use fauna_core::{Reason, Ruleset, Timestamp, evaluate, in_audience};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let Ok(case) = serde_json::from_slice::<Value>(text) else { return };
    let Ok(ruleset) = Ruleset::from_documents(&case["flags"], &case["audiences"]) else { return };
    let now = case["now"].as_str().and_then(Timestamp::parse).unwrap_or(Timestamp::from_micros(0));
    for flag in ruleset.flags() {
        let evaluation = evaluate(&ruleset, flag.key(), &case["context"], now);
        let failed = evaluation.error.is_some();
        assert_eq!(failed, evaluation.reason == Reason::Error);
        assert!(failed || evaluation.variant.is_some());
        assert!(flag.error().is_none() || failed);
    }
    for audience in ruleset.audiences() {
        let inside = in_audience(&ruleset, audience.key(), &case["context"]);
        assert!(audience.error().is_none() || inside.is_err());
    }
});
