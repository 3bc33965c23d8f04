use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

const EPOCH: Uuid = Uuid::from_u128(0x6f1c_2a9e_0b54_4d7c_9a43_5f3d_1c0e_8b11);
const LIMITS: ReplayLimits = ReplayLimits { events: 4, bytes: usize::MAX };

fn flag(variant: &str) -> Value {
    json!({"kind": "boolean", "enabled": true, "salt": "s", "offVariant": "off",
           "variants": {"on": true, "off": false}, "default": {"variant": variant}})
}

fn payload(from: Option<i64>, revision: i64, flags: impl Into<Value>) -> String {
    let mut payload = json!({"environment": "test", "epoch": EPOCH, "revision": revision,
                             "flags": flags.into(), "audiences": {}});
    if let Some(from) = from {
        payload["from"] = from.into();
    }
    payload.to_string()
}

fn environment_at(revision: i64, flags: impl Into<Value>) -> Environment {
    Environment::try_new(&payload(None, revision, flags), KeyRing::default(), LIMITS).unwrap()
}

fn patch(environment: &Environment, from: i64, revision: i64, flags: impl Into<Value>) {
    environment.apply(&payload(Some(from), revision, flags), KeyRing::default()).unwrap();
}

fn at(revision: i64) -> Position {
    Position { epoch: EPOCH, revision }
}

fn sent(environment: &Environment, revision: i64) -> Value {
    match environment.after(at(revision)).unwrap() {
        Step::Send(event) => serde_json::from_slice(&event.json()).unwrap(),
        other => panic!("expected an event, got {other:?}"),
    }
}

#[test]
fn a_reader_one_revision_behind_gets_the_bytes_everybody_gets() {
    let environment = environment_at(1, json!({"a": flag("on")}));
    patch(&environment, 1, 2, json!({"a": flag("off"), "gone": null}));
    let (Step::Send(one), Step::Send(other)) =
        (environment.after(at(1)).unwrap(), environment.after(at(1)).unwrap())
    else {
        panic!("expected events");
    };
    assert_eq!(one.bytes.as_ptr(), other.bytes.as_ptr());
    assert_eq!(sent(&environment, 1)["flags"], json!({"a": flag("off"), "gone": null}));
    assert!(matches!(environment.after(at(2)), Ok(Step::Current)));
}

#[test]
fn a_reader_several_revisions_behind_gets_one_patch_of_present_documents() {
    let environment = environment_at(1, json!({"a": flag("on"), "b": flag("on"), "c": flag("on")}));
    patch(&environment, 1, 2, json!({"a": flag("off"), "b": flag("off")}));
    patch(&environment, 2, 3, json!({"a": null}));
    let merged = sent(&environment, 1);
    assert_eq!(merged["from"], 1);
    assert_eq!(merged["revision"], 3);
    assert_eq!(merged["flags"], json!({"a": null, "b": flag("off")}));
}

#[test]
fn a_reader_before_the_memory_is_behind_and_one_from_elsewhere_is_elsewhere() {
    let environment = environment_at(1, json!({}));
    for revision in 1..10 {
        patch(&environment, revision, revision + 1, json!({"a": flag("on")}));
    }
    assert!(matches!(environment.after(at(5)), Ok(Step::Behind)));
    assert!(matches!(environment.after(at(6)), Ok(Step::Send(_))));
    assert!(matches!(environment.after(at(11)), Ok(Step::Elsewhere)));
    assert!(matches!(environment.after(Position { epoch: Uuid::nil(), revision: 10 }), Ok(Step::Elsewhere)));
}

#[test]
fn a_payload_that_does_not_follow_changes_nothing() {
    let environment = environment_at(5, json!({"a": flag("on")}));
    let keys = KeyRing::default;
    let other = payload(None, 6, json!({})).replace("\"test\"", "\"other\"");
    let other_epoch = payload(Some(5), 6, json!({})).replace(&EPOCH.to_string(), &Uuid::nil().to_string());
    for refused in [
        payload(Some(4), 6, json!({})),
        payload(Some(6), 7, json!({})),
        payload(Some(5), 5, json!({})),
        other,
        other_epoch,
        "{}".into(),
        "not json".into(),
        payload(Some(5), 6, json!([1])),
    ] {
        assert!(environment.apply(&refused, keys()).is_err(), "{refused}");
        assert_eq!(environment.position(), at(5));
        assert!(matches!(environment.after(at(5)), Ok(Step::Current)));
    }
}

#[test]
fn a_patch_alone_leaves_the_keys_as_they_are() {
    let hash = "1f8497c5f8a65111ce0304601f5dbfea2aaa2e461fb9efb4a49c366f859b2700";
    let document = format!(r#"{{"kind":"server","hash":"{hash}","expiresAt":null,"revokedAt":null}}"#);
    let (keys, _) = KeyRing::read([("k", document.as_str())]);
    let environment = Environment::try_new(&payload(None, 1, json!({})), keys, LIMITS).unwrap();
    let patch = |revision, flags| serde_json::from_str(&payload(Some(1), revision, flags)).unwrap();
    assert_eq!(environment.advance(patch(2, json!({"a": flag("on")}))).unwrap(), at(2));
    assert!(environment.key_by_id("k").is_some());
    assert!(environment.advance(patch(3, json!({}))).is_err());
    assert_eq!(environment.position(), at(2));
}

#[test]
fn a_put_in_a_new_epoch_forgets_the_old_patches() {
    let environment = environment_at(1, json!({"a": flag("on")}));
    patch(&environment, 1, 2, json!({"a": flag("off")}));
    let put =
        payload(None, 1, json!({"b": flag("on")})).replace(&EPOCH.to_string(), &Uuid::nil().to_string());
    let mut changed = environment.subscribe();
    changed.mark_unchanged();
    environment.apply(&put, KeyRing::default()).unwrap();
    assert!(changed.has_changed().unwrap());
    assert!(matches!(environment.after(at(1)), Ok(Step::Elsewhere)));
    let whole: Value = serde_json::from_slice(&environment.put().unwrap().json()).unwrap();
    assert_eq!(whole["flags"], json!({"b": flag("on")}));
    assert_eq!(whole["epoch"], json!(Uuid::nil()));
}

#[test]
fn the_whole_is_written_once_per_revision() {
    let environment = environment_at(1, json!({"a": flag("on")}));
    let first = environment.put().unwrap();
    assert_eq!(first.bytes.as_ptr(), environment.put().unwrap().bytes.as_ptr());
    patch(&environment, 1, 2, json!({"a": null}));
    let second: Value = serde_json::from_slice(&environment.put().unwrap().json()).unwrap();
    assert_eq!((&second["revision"], &second["flags"]), (&json!(2), &json!({})));
}

#[test]
fn a_broken_document_is_named_and_passed_on() {
    let environment = environment_at(1, json!({"good": flag("on"), "bad": {"kind": "no such kind"}}));
    let broken = environment.broken_documents();
    assert_eq!(
        broken.iter().map(|document| (document.kind, &*document.key)).collect::<Vec<_>>(),
        [("flag", "bad")]
    );
    let whole: Value = serde_json::from_slice(&environment.put().unwrap().json()).unwrap();
    assert_eq!(whole["flags"]["bad"], json!({"kind": "no such kind"}));
}

/// An SDK: applies what it is sent, strictly.
#[derive(Clone, Default)]
struct Reader {
    revision: i64,
    flags: BTreeMap<String, Value>,
}

impl Reader {
    fn apply(&mut self, event: &Event) {
        let payload: Value = serde_json::from_slice(&event.json()).unwrap();
        match payload.get("from") {
            Some(from) => assert_eq!(from, &json!(self.revision)),
            None => self.flags.clear(),
        }
        self.revision = payload["revision"].as_i64().unwrap();
        for (key, document) in payload["flags"].as_object().unwrap() {
            match document {
                Value::Null => drop(self.flags.remove(key)),
                document => drop(self.flags.insert(key.clone(), document.clone())),
            }
        }
    }
}

proptest! {
    /// Whoever reads when: patches from anywhere in memory, or a put, lead to what the database says.
    #[test]
    fn every_way_to_the_newest_revision_ends_at_the_same_documents(
        // Per commit: how many revisions it merges, and what it does to which flag; whether each of three readers looks.
        commits in prop::collection::vec(
            (1..3_i64, prop::collection::btree_map(0..4_u8, prop::option::of(0..2_u8), 0..3), any::<[bool; 3]>()), 1..20)
    ) {
        let environment = environment_at(1, json!({"0": flag("on")}));
        let mut truth = Reader { revision: 1, flags: BTreeMap::from([("0".into(), flag("on"))]) };
        let mut readers = vec![truth.clone(); 3];
        for (revisions, changes, looks) in commits {
            let flags: serde_json::Map<String, Value> = changes.into_iter()
                .map(|(key, on)| (key.to_string(), on.map_or(Value::Null, |on| flag(["on", "off"][usize::from(on)]))))
                .collect();
            let (from, to) = (truth.revision, truth.revision + revisions);
            let text = payload(Some(from), to, Value::Object(flags));
            environment.apply(&text, KeyRing::default()).unwrap();
            truth.apply(&Event::try_new(&serde_json::from_str::<Changes>(&text).unwrap().payload()).unwrap());
            for (reader, _) in readers.iter_mut().zip(looks).filter(|(_, looks)| *looks) {
                match environment.after(at(reader.revision)).unwrap() {
                    Step::Send(event) => reader.apply(&event),
                    Step::Behind => reader.apply(&environment.put().unwrap()),
                    other => prop_assert!(false, "{other:?}"),
                }
                prop_assert_eq!(reader.revision, truth.revision);
                prop_assert_eq!(&reader.flags, &truth.flags);
            }
        }
        let mut newcomer = Reader::default();
        newcomer.apply(&environment.put().unwrap());
        prop_assert_eq!(newcomer.flags, truth.flags);
    }
}
