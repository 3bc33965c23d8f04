//! Documents of the log as `serde_json`, which is what `fauna-core` compiles.

use serde_json::{Number, Value};

use super::{Container, Node};

/// Deeper values are cut off. Only a flag's own values can be that deep, and those are served from
/// their binary form; nothing that recurses over the converted ones can then exhaust the stack.
const MAX_DEPTH: u32 = 128;

/// Converts a whole jsonb value.
pub fn to_json(root: Container<'_>) -> Value {
    convert(root.as_scalar().unwrap_or(Node::Container(root)), 0)
}

fn convert(node: Node<'_>, depth: u32) -> Value {
    match node {
        Node::Bool(value) => Value::Bool(value),
        Node::String(text) => Value::from(text),
        Node::Number(number) => match number.to_i64() {
            Some(integer) => Value::from(integer),
            None => number.to_f64().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
        },
        Node::Container(inner) if depth < MAX_DEPTH && inner.is_array() => {
            inner.elements().map(|element| convert(element, depth + 1)).collect()
        }
        Node::Container(inner) if depth < MAX_DEPTH => {
            inner.members().map(|(key, value)| (key.to_owned(), convert(value, depth + 1))).collect()
        }
        Node::Null | Node::Container(_) => Value::Null,
    }
}
