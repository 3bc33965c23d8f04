//! An evaluation context as a stream keeps it, for as long as it lives.
//!
//! `serde_json::Value` keeps an object in a B-tree whose smallest node is 600 bytes. With tens of thousands of streams that is most of what
//! they weigh, so a context is read into exactly as much memory as it needs: sorted members in one slice, found by bisection.

use std::borrow::Cow;
use std::fmt;

use fauna_core::{AttributePath, Context, Scalar, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use sha2::{Digest as _, Sha256};

/// Who is asked for: a JSON object of attributes.
#[derive(Debug, PartialEq)]
pub struct EvaluationContext(Members);

/// Sorted by key, each key once.
type Members = Box<[(Box<str>, Node)]>;

/// Any JSON.
#[derive(Debug, PartialEq)]
enum Node {
    Null,
    Bool(bool),
    Number(f64),
    String(Box<str>),
    Array(Box<[Node]>),
    Object(Members),
}

/// The JSON is not an object.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAnObject;

/// JSON that is to be a context, and may not be an object.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub struct ContextJson(Node);

impl TryFrom<ContextJson> for EvaluationContext {
    type Error = NotAnObject;

    fn try_from(ContextJson(json): ContextJson) -> Result<Self, NotAnObject> {
        match json {
            Node::Object(members) => Ok(Self(members)),
            _ => Err(NotAnObject),
        }
    }
}

impl EvaluationContext {
    /// A digest of what it says: the same for the same JSON, in whatever order its members were written and with whatever white space.
    pub fn digest(&self) -> [u8; 16] {
        let mut hasher = Sha256::new();
        digest_members(&self.0, &mut hasher);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize()[..16]);
        digest
    }
}

fn digest_members(members: &Members, hasher: &mut Sha256) {
    hasher.update((members.len() as u64).to_le_bytes());
    for (key, node) in members {
        digest_text(key, hasher);
        digest_node(node, hasher);
    }
}

/// Every value begins with its type and has its length before it, so that no two are the same bytes.
fn digest_node(node: &Node, hasher: &mut Sha256) {
    match node {
        Node::Null => hasher.update(b"0"),
        Node::Bool(value) => hasher.update([b'b', u8::from(*value)]),
        Node::Number(value) => {
            hasher.update(b"n");
            // Zero has two forms that are the same number.
            hasher.update((value + 0.0).to_le_bytes());
        }
        Node::String(value) => {
            hasher.update(b"s");
            digest_text(value, hasher);
        }
        Node::Array(elements) => {
            hasher.update(b"a");
            hasher.update((elements.len() as u64).to_le_bytes());
            for element in elements {
                digest_node(element, hasher);
            }
        }
        Node::Object(members) => {
            hasher.update(b"o");
            digest_members(members, hasher);
        }
    }
}

fn digest_text(text: &str, hasher: &mut Sha256) {
    hasher.update((text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

fn member<'m>(members: &'m Members, key: &str) -> Option<&'m Node> {
    let place = members.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
    members.get(place).map(|(_, node)| node)
}

impl Context for EvaluationContext {
    type Array<'a> = Elements<'a>;

    fn is_object(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
        let found = match member(&self.0, path.name()) {
            Some(found) if *found != Node::Null => found,
            _ => {
                let (first, rest) = path.segments().split_first()?;
                let start = member(&self.0, first)?;
                rest.iter().try_fold(start, |inner, segment| match inner {
                    Node::Object(members) => member(members, segment),
                    _ => None,
                })?
            }
        };
        Some(match found {
            Node::Null => return None,
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(value) => Value::Number(*value),
            Node::String(value) => Value::String(Cow::Borrowed(value)),
            Node::Array(elements) => Value::Array(Elements(elements.iter())),
            Node::Object(_) => Value::Object,
        })
    }
}

/// The elements of an array.
pub struct Elements<'a>(std::slice::Iter<'a, Node>);

impl<'a> Iterator for Elements<'a> {
    type Item = Scalar<'a>;

    fn next(&mut self) -> Option<Scalar<'a>> {
        Some(match self.0.next()? {
            Node::Bool(value) => Scalar::Bool(*value),
            Node::Number(value) => Scalar::Number(*value),
            Node::String(value) => Scalar::String(Cow::Borrowed(value)),
            Node::Null | Node::Array(_) | Node::Object(_) => Scalar::Other,
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    // Every number is a double to an evaluation.
    #[expect(clippy::cast_precision_loss)]
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Node::Array(elements.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members: Vec<(Box<str>, Node)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            members.push(entry);
        }
        // Of a key that is given more than once the last counts, as in PostgreSQL: stable and reversed, it comes first.
        members.reverse();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        members.dedup_by(|(one, _), (other, _)| one == other);
        Ok(Node::Object(members.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> EvaluationContext {
        serde_json::from_str::<ContextJson>(text).unwrap().try_into().unwrap()
    }

    /// In words, to compare contexts of two kinds.
    fn attribute<C: Context>(context: &C, path: &str) -> String {
        match context.get(&AttributePath::new(path)) {
            None => "missing".into(),
            Some(Value::Array(elements)) => format!("{:?}", elements.collect::<Vec<_>>()),
            Some(Value::Bool(value)) => value.to_string(),
            Some(Value::Number(value)) => value.to_string(),
            Some(Value::String(value)) => format!("{value:?}"),
            Some(Value::Instant(value)) => value.to_string(),
            Some(Value::Object) => "object".into(),
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[ab]{0,2}(\\.[ab])?", inner, 0..5)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_attribute_is_what_it_is_in_the_json(json in json()) {
            let parsed: Result<EvaluationContext, _> =
                serde_json::from_str::<ContextJson>(&json.to_string()).unwrap().try_into();
            prop_assert_eq!(parsed.is_ok(), json.is_object());
            let Ok(context) = parsed else { return Ok(()) };
            for path in ["", "a", "b", "a.a", "a.b", "b.a", "aa.b", "ab", "a.b.a", "a.", ".a"] {
                prop_assert_eq!(attribute(&context, path), attribute(&json, path), "{}", path);
            }
            // Through another order of the members.
            let mut backwards = json.as_object().unwrap().iter().rev()
                .map(|(key, value)| format!("{}: {value}", serde_json::Value::from(key.as_str()))).collect::<Vec<_>>();
            prop_assert_eq!(read(&format!("{{{}}}", backwards.join(" ,\n"))).digest(), context.digest());
            if backwards.pop().is_some() {
                prop_assert_ne!(read(&format!("{{{}}}", backwards.join(","))).digest(), context.digest());
            }
        }
    }

    #[test]
    fn of_a_repeated_member_the_last_counts() {
        assert_eq!(read(r#"{"a":1,"b":2,"a":3,"a":null,"a":4}"#), read(r#"{"b":2,"a":4}"#));
    }

    #[test]
    fn contexts_that_differ_have_other_digests() {
        let contexts = [
            r"{}",
            r#"{"a":null}"#,
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[[1]]}"#,
            r#"{"a":[1,1]}"#,
            r#"{"a":{"1":1}}"#,
            r#"{"a":true}"#,
            r#"{"a":"","b":""}"#,
            r#"{"a":"b"}"#,
            r#"{"ab":""}"#,
        ];
        let digests: std::collections::HashSet<_> = contexts.iter().map(|text| read(text).digest()).collect();
        assert_eq!(digests.len(), contexts.len());
        assert_eq!(read(r#"{"a":0}"#).digest(), read(r#"{"a":-0.0}"#).digest());
    }
}
