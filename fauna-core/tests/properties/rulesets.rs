//! Following changes leads to where loading afresh would.

use fauna_core::{Ruleset, Timestamp, evaluate, in_audience};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::arbitrary;

/// Documents to write, null for one to delete.
type Change = Vec<(&'static str, Option<Value>)>;

fn change(document: impl Strategy<Value = Value>) -> impl Strategy<Value = Change> {
    // A document that is null would be a deletion.
    let document = prop::option::weighted(0.8, document.prop_filter("null deletes", |d| !d.is_null()));
    prop::collection::vec((arbitrary::key(), document), 0..4)
}

fn payload(change: &Change) -> Value {
    change
        .iter()
        .map(|(key, document)| ((*key).to_owned(), document.clone().unwrap_or(Value::Null)))
        .collect()
}

fn write(state: &mut Map<String, Value>, change: &Change) {
    for (key, document) in change {
        match document {
            Some(document) => state.insert((*key).to_owned(), document.clone()),
            None => state.remove(*key),
        };
    }
}

/// All that can be seen of a ruleset from outside.
fn observe(ruleset: &Ruleset, contexts: &[Value]) -> Vec<String> {
    let mut seen = vec![format!("{} {} {}", ruleset.environment(), ruleset.epoch(), ruleset.revision())];
    for (key, context) in ["a", "b", "c", "d"].iter().flat_map(|key| contexts.iter().map(move |c| (key, c))) {
        let evaluation = evaluate(ruleset, key, context, Timestamp::from_micros(1_767_225_600_000_000));
        seen.push(format!("{evaluation:?} {:?}", in_audience(ruleset, key, context)));
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn patches_one_after_the_other_equal_one_put(
        changes in prop::collection::vec((change(arbitrary::flag()), change(arbitrary::audience())), 0..8),
        contexts in prop::collection::vec(arbitrary::context(), 3),
    ) {
        let head = |revision: usize| json!({"environment": "production", "epoch": "e", "revision": revision});
        let mut empty = head(0);
        (empty["flags"], empty["audiences"]) = (json!({}), json!({}));
        let mut followed = Ruleset::from_put(&empty).unwrap();
        let (mut flags, mut audiences) = (Map::new(), Map::new());
        for (index, (flag_change, audience_change)) in changes.iter().enumerate() {
            let mut patch = head(index + 1);
            patch["from"] = json!(index);
            (patch["flags"], patch["audiences"]) = (payload(flag_change), payload(audience_change));
            followed.apply(&patch).unwrap();
            // The payload's object keeps the last of several changes to one key, and so does the state.
            write(&mut flags, flag_change);
            write(&mut audiences, audience_change);
        }
        let mut put = head(changes.len());
        (put["flags"], put["audiences"]) = (Value::Object(flags), Value::Object(audiences));
        let loaded = Ruleset::from_put(&put).unwrap();
        prop_assert_eq!(observe(&followed, &contexts), observe(&loaded, &contexts));
    }

    #[test]
    fn a_copy_is_not_changed_by_a_patch(
        before in arbitrary::documents(arbitrary::flag()),
        after in change(arbitrary::flag()),
        contexts in prop::collection::vec(arbitrary::context(), 2),
    ) {
        let put = json!({"environment": "p", "epoch": "e", "revision": 1, "flags": before, "audiences": {}});
        let patch = json!({"environment": "p", "epoch": "e", "from": 1, "revision": 2, "flags": payload(&after),
            "audiences": {}});
        let original = Ruleset::from_put(&put).unwrap();
        let seen = observe(&original, &contexts);
        original.clone().apply(&patch).unwrap();
        prop_assert_eq!(observe(&original, &contexts), seen);
    }
}
