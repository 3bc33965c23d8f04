//! The payload of a `put` or a `patch`, as `fauna.changes` returns it and as an SDK receives it.
//!
//! Documents stay the text PostgreSQL sent (`RawValue`): the bridge forwards them and never needs to look inside, so
//! a large flag costs one copy at arrival and none per client.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::position::Position;

/// One compiled document, as JSON text.
pub type Document = Arc<RawValue>;

/// Present documents by key.
pub type Documents = BTreeMap<Arc<str>, Document>;

/// What `fauna.changes` answers: a patch if `from` is there, else a put.
#[derive(Debug, Deserialize)]
pub struct Changes {
    /// The environment's key.
    pub environment: Arc<str>,
    /// The epoch of `revision`, and of `from`.
    pub epoch: Uuid,
    /// The revision a reader must hold to apply this. None: this is the whole.
    pub from: Option<i64>,
    /// The revision a reader holds afterwards.
    pub revision: i64,
    /// Flags by key; `null` = deleted.
    pub flags: BTreeMap<Arc<str>, Option<Box<RawValue>>>,
    /// Audiences by key; `null` = deleted.
    pub audiences: BTreeMap<Arc<str>, Option<Box<RawValue>>>,
}

impl Changes {
    /// Where a reader stands once it has applied this.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, revision: self.revision }
    }

    /// The same, to be written.
    pub fn payload(&self) -> Payload<'_, Option<Box<RawValue>>> {
        Payload {
            environment: &self.environment,
            epoch: self.epoch,
            from: self.from,
            revision: self.revision,
            flags: &self.flags,
            audiences: &self.audiences,
        }
    }
}

/// A payload on its way out. `D` is a document, or an `Option` of one where a deletion can occur.
#[derive(Serialize)]
pub struct Payload<'a, D> {
    /// The environment's key.
    pub environment: &'a str,
    /// The epoch of `revision`.
    pub epoch: Uuid,
    /// Present in a patch only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// The revision a reader holds afterwards.
    pub revision: i64,
    /// Flags by key.
    pub flags: &'a BTreeMap<Arc<str>, D>,
    /// Audiences by key.
    pub audiences: &'a BTreeMap<Arc<str>, D>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_read_with_its_deletions() {
        let text = r#"{"environment":"test","epoch":"6f1c2a9e-0b54-4d7c-9a43-5f3d1c0e8b11","from":1,"revision":2,
                       "flags":{"a":{"kind":"boolean"},"b":null},"audiences":{}}"#;
        let changes: Changes = serde_json::from_str(text).unwrap();
        assert_eq!(changes.from, Some(1));
        assert_eq!(changes.flags["a"].as_deref().map(RawValue::get), Some(r#"{"kind":"boolean"}"#));
        assert!(changes.flags["b"].is_none());
    }

    #[test]
    fn a_put_has_no_from() {
        let empty: BTreeMap<Arc<str>, Document> = BTreeMap::new();
        let epoch = Uuid::nil();
        let put =
            Payload { environment: "test", epoch, from: None, revision: 1, flags: &empty, audiences: &empty };
        assert_eq!(
            serde_json::to_string(&put).unwrap(),
            format!(
                r#"{{"environment":"test","epoch":"{epoch}","revision":1,"flags":{{}},"audiences":{{}}}}"#
            )
        );
    }
}
