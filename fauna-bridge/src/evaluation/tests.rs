//! What the writer says a change can reach, against what it does reach.

use std::collections::BTreeMap;
use std::sync::Arc;

use fauna_core::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::documents::Changes;

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&KEYS[..])
}

fn flag() -> impl Strategy<Value = Value> {
    let audiences = prop::collection::vec((key(), any::<bool>()), 0..2);
    let switches = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.8));
    (audiences, prop::collection::vec(key(), 0..2), switches).prop_map(
        |(audiences, required, (timed, visible, enabled))| {
            let audiences: Vec<_> =
                audiences.iter().map(|(key, negate)| json!({"key": key, "negate": negate})).collect();
            let required: Vec<_> = required.iter().map(|key| json!({"flag": key, "variants": ["on"]})).collect();
            json!({"kind": "boolean", "enabled": enabled, "offVariant": "off", "variants": {"on": true, "off": false},
                "prerequisites": required, "clientVisible": visible, "default": {"variant": "off"},
                "rules": [{"id": "r", "match": "all", "audiences": audiences, "serve": {"variant": "on"},
                    "activeFrom": timed.then_some("2026-01-01T00:00:00Z")}]})
        },
    )
}

fn audience() -> impl Strategy<Value = Value> {
    let nested = prop::collection::vec(key(), 0..2);
    (nested, 0..3, any::<bool>()).prop_map(|(nested, n, negate)| {
        json!({"match": "any", "conditions": [
            {"attribute": "n", "type": "number", "operator": "eq", "values": [n]},
            {"operator": "in_audience", "values": nested, "negate": negate}]})
    })
}

fn documents(document: impl Strategy<Value = Value>) -> impl Strategy<Value = BTreeMap<String, Value>> {
    let document = prop_oneof![4 => document, 1 => Just(Value::Null)];
    prop::collection::btree_map(key().prop_map(str::to_owned), document, 0..3)
}

fn changes(
    from: Option<i64>,
    flags: &BTreeMap<String, Value>,
    audiences: &BTreeMap<String, Value>,
) -> Changes {
    let mut payload = json!({"environment": "test", "epoch": Uuid::nil(), "revision": from.unwrap_or(0) + 1,
        "flags": flags, "audiences": audiences});
    if let Some(from) = from {
        payload["from"] = from.into();
    }
    serde_json::from_str(&payload.to_string()).unwrap()
}

/// The answer of every slot for a few contexts at two instants.
fn answers(catalog: &Catalog) -> Vec<Vec<Option<String>>> {
    let instants =
        ["2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z"].map(|text| Timestamp::parse(text).unwrap());
    let answer = |slot| {
        let flag = catalog.flag_at(slot);
        (0..3).flat_map(|n| instants.map(|now| (n, now))).map(move |(n, now)| {
            let context = serde_json::from_value::<ContextJson>(json!({"n": n})).unwrap().try_into().unwrap();
            let mut answer = Vec::new();
            let flag = flag?;
            Scope::Server.write(&catalog.evaluate(flag, &context, now), flag, &mut answer);
            Some(String::from_utf8(answer).unwrap())
        })
    };
    catalog.slots().map(|slot| answer(slot).collect()).collect()
}

proptest! {
    #[test]
    fn a_patch_changes_no_flag_that_it_is_not_said_to_reach(
        flags in documents(flag()), audiences in documents(audience()),
        patches in prop::collection::vec((documents(flag()), documents(audience())), 1..5),
    ) {
        let mut compiler = Compiler::try_new(&changes(None, &flags, &audiences)).unwrap();
        for (place, (flags, audiences)) in patches.iter().enumerate() {
            let before = answers(compiler.catalog());
            let revision = i64::try_from(place).unwrap() + 1;
            let reached = compiler.patch(&changes(Some(revision), flags, audiences)).unwrap();
            prop_assert!(reached.is_sorted());
            for (slot, after) in compiler.catalog().slots().zip(answers(compiler.catalog())) {
                let before = before.get(slot.index()).cloned().unwrap_or_else(|| vec![None; 6]);
                prop_assert!(before == after || reached.contains(&slot), "{:?}", slot);
            }
        }
    }

    #[test]
    fn a_catalog_reached_by_patches_is_the_one_of_a_put(
        patches in prop::collection::vec((documents(flag()), documents(audience())), 1..6),
    ) {
        let none = BTreeMap::new();
        let (mut flags, mut audiences) = (none.clone(), none.clone());
        let mut patched = Compiler::try_new(&changes(None, &none, &none)).unwrap();
        for (place, (new_flags, new_audiences)) in patches.iter().enumerate() {
            let revision = i64::try_from(place).unwrap() + 1;
            patched.patch(&changes(Some(revision), new_flags, new_audiences)).unwrap();
            flags.extend(new_flags.clone());
            audiences.extend(new_audiences.clone());
        }
        let put = changes(None, &flags, &audiences);
        let whole = Compiler::try_new(&put).unwrap();
        let by_key = |compiler: &Compiler| {
            let catalog = compiler.catalog();
            let timed: Vec<_> = catalog.timed(Scope::Server).iter().map(|slot| catalog.key(*slot).to_owned()).collect();
            let answers = catalog.slots().map(|slot| catalog.key(slot).to_owned()).zip(answers(catalog));
            let mut present: Vec<_> = answers.filter(|(_, answers)| answers.iter().any(Option::is_some)).collect();
            present.sort();
            (std::collections::BTreeSet::from_iter(timed), present)
        };
        prop_assert_eq!(by_key(&patched), by_key(&whole));
        patched.replace(&put).unwrap();
        prop_assert_eq!(by_key(&patched), by_key(&whole));
    }
}

/// With a window from `from` on, and requiring others.
fn scheduled(visible: bool, enabled: bool, from: Option<&str>, required: &[&str]) -> Value {
    let required: Vec<_> = required.iter().map(|key| json!({"flag": key, "variants": ["on"]})).collect();
    json!({"kind": "boolean", "enabled": enabled, "offVariant": "off", "variants": {"on": true, "off": false},
        "prerequisites": required, "clientVisible": visible, "default": {"variant": "off"},
        "rules": [{"id": "r", "match": "all", "audiences": [], "serve": {"variant": "on"}, "activeFrom": from}]})
}

#[test]
fn clients_learn_of_no_schedule_but_those_that_decide_what_they_see() {
    let instant = |month: usize| format!("2026-{month:02}-01T00:00:00Z");
    let at = |month| Timestamp::parse(&instant(month)).unwrap();
    let flags = [
        ("hidden", scheduled(false, true, Some(&instant(2)), &[])),
        // Its result depends on time, but it is disabled, or requires what is.
        ("off", scheduled(true, false, Some(&instant(3)), &["hidden"])),
        ("behind", scheduled(true, true, None, &["closed"])),
        ("closed", scheduled(false, false, None, &["hidden"])),
        ("shown", scheduled(true, true, Some(&instant(5)), &["between"])),
        ("between", scheduled(false, true, None, &["required"])),
        ("required", scheduled(false, true, Some(&instant(4)), &[])),
    ];
    let flags = flags.into_iter().map(|(key, flag)| (key.to_owned(), flag)).collect();
    let compiler = Compiler::try_new(&changes(None, &flags, &BTreeMap::new())).unwrap();
    let catalog = compiler.catalog();
    let edge = |scope, month| catalog.next_edge(scope, at(month), std::time::Duration::ZERO);
    assert_eq!(
        [1, 2, 4, 5].map(|month| edge(Scope::Server, month)),
        [2, 4, 5, 0].map(|month| (month > 0).then(|| at(month)))
    );
    assert_eq!(
        [1, 2, 4, 5].map(|month| edge(Scope::Client, month)),
        [4, 4, 5, 0].map(|month| (month > 0).then(|| at(month)))
    );
    assert_eq!(catalog.timed(Scope::Client), [catalog.slot("shown").unwrap()]);
    assert_eq!(catalog.timed(Scope::Server).len(), 4);
}

#[test]
fn a_reader_keeps_the_catalog_it_has_while_the_writer_goes_on() {
    let none = BTreeMap::new();
    let flag = json!({"kind": "boolean", "enabled": false, "offVariant": "off", "variants": {"off": false},
        "default": {"variant": "off"}});
    let mut compiler =
        Compiler::try_new(&changes(None, &BTreeMap::from([("a".into(), flag)]), &none)).unwrap();
    let held = Arc::clone(compiler.catalog());
    compiler.patch(&changes(Some(1), &BTreeMap::from([("a".into(), Value::Null)]), &none)).unwrap();
    assert_eq!((held.flags().count(), compiler.catalog().flags().count()), (1, 0));
    assert_eq!((held.position.revision, compiler.catalog().position.revision), (1, 2));
}
