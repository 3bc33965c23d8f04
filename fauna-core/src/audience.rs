//! Compiled audiences: named sets of subjects, described by conditions.

use serde_json::Value as Json;

use crate::condition::Condition;
use crate::document::{self, DocumentError, Match, object, required};

/// An audience's document, compiled.
#[derive(Debug)]
pub struct Audience {
    key: Box<str>,
    body: Result<Body, DocumentError>,
}

#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) matching: Match,
    pub(crate) conditions: Box<[Condition]>,
}

impl Audience {
    /// Compiles `document`. Never fails: see [`Audience::error`].
    pub fn from_document(key: &str, document: &Json) -> Self {
        Self { key: key.into(), body: Body::compile(document) }
    }

    /// The key the audience was compiled under.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Why its document cannot be used; a flag whose evaluation reaches it is then `PARSE_ERROR`.
    pub fn error(&self) -> Option<&DocumentError> {
        self.body.as_ref().err()
    }

    /// The audiences that its conditions name, some of them more than once.
    pub fn nested(&self) -> impl Iterator<Item = &str> {
        let conditions = self.body.as_ref().ok().into_iter().flat_map(|body| &body.conditions);
        let keys = conditions.flat_map(|condition| match condition {
            Condition::InAudience { keys, .. } => &keys[..],
            Condition::Attribute(_) => &[],
        });
        keys.map(|key| &**key)
    }

    pub(crate) fn body(&self) -> Result<&Body, &DocumentError> {
        self.body.as_ref()
    }
}

impl Body {
    fn compile(document: &Json) -> Result<Self, DocumentError> {
        let audience = object(document)?;
        required(audience, "conditions")?;
        Ok(Self {
            matching: Match::compile(audience)?,
            conditions: document::each(audience, "conditions", Condition::compile)?,
        })
    }
}
