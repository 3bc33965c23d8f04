//! Nothing that documents or contexts say can make evaluation panic or contradict itself.

use fauna_core::{ErrorCode, Reason, Ruleset, Timestamp, evaluate, in_audience};
use proptest::prelude::*;

use crate::arbitrary;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_evaluation_is_whole(
        flags in arbitrary::documents(arbitrary::flag()),
        audiences in arbitrary::documents(arbitrary::audience()),
        context in arbitrary::context(),
        now in any::<i64>(),
    ) {
        let ruleset = Ruleset::from_documents(&flags, &audiences).unwrap();
        for key in ["a", "b", "c", "d", "nowhere"] {
            let evaluation = evaluate(&ruleset, key, &context, Timestamp::from_micros(now));
            let code = evaluation.error.as_ref().map(|error| error.code);
            prop_assert_eq!(evaluation.reason == Reason::Error, code.is_some());
            prop_assert_eq!(evaluation.flag.is_none(), code == Some(ErrorCode::FlagNotFound));
            prop_assert!(code.is_some() || evaluation.variant.is_some());
            prop_assert!(evaluation.variant.is_none() || context.is_object());
            prop_assert!(evaluation.rule_id.is_none() || code.is_none());
            prop_assert!(evaluation.prerequisite.is_none() || evaluation.reason == Reason::Disabled);
            let broken = evaluation.flag.is_some_and(|flag| flag.error().is_some());
            prop_assert!(!broken || code == Some(ErrorCode::ParseError) || !context.is_object());
        }
    }

    #[test]
    fn every_membership_is_decided(
        audiences in arbitrary::documents(arbitrary::audience()),
        context in arbitrary::context(),
    ) {
        let ruleset = Ruleset::from_documents(&serde_json::json!({}), &audiences).unwrap();
        for key in ["a", "b", "c", "d", "nowhere"] {
            let inside = in_audience(&ruleset, key, &context);
            prop_assert!(inside.is_err() || (context.is_object() && audiences.get(key).is_some()));
        }
    }

    #[test]
    fn no_error_contains_a_value_of_the_context(
        flags in arbitrary::documents(arbitrary::flag()),
        audiences in arbitrary::documents(arbitrary::audience()),
    ) {
        let secret = "q7-secret-of-the-context";
        let context = serde_json::json!({"s": secret, "n": secret, "tags": [secret], "user": {"plan": secret}});
        let ruleset = Ruleset::from_documents(&flags, &audiences).unwrap();
        for key in ["a", "b", "c", "d", "nowhere"] {
            let evaluation = evaluate(&ruleset, key, &context, Timestamp::from_micros(0));
            prop_assert!(evaluation.error.is_none_or(|error| !error.message.contains(secret)));
        }
    }
}
