//! A whole environment in memory, and how it follows the database's changes.

use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};
use serde_json::{Map, Value as Json};

use crate::document::{DocumentError, object, optional, required, required_string};
use crate::{Audience, Flag, Source, same_bytes};

/// All flags and audiences of an environment at one revision.
///
/// Cloning shares every compiled document, so that a service can apply a patch to a copy and swap
/// it in while readers finish with the old one.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    environment: String,
    epoch: String,
    revision: u64,
    flags: HashMap<Box<str>, Arc<Flag>>,
    audiences: HashMap<Box<str>, Arc<Audience>>,
}

/// Why a payload cannot be taken. The ruleset is then as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesetError {
    /// The payload is not of its form.
    #[error("malformed payload: {0}")]
    Malformed(#[from] DocumentError),
    /// The patch belongs to another environment or epoch, or does not begin at this revision:
    /// only a put can help.
    #[error("the patch does not continue this ruleset")]
    Gap,
}

impl Ruleset {
    /// From `{"environment","epoch","revision","flags","audiences"}`, the payload of a `put`.
    ///
    /// # Errors
    /// When the payload is not of that form. A broken document inside is no error: it is compiled
    /// to a flag or audience that carries its own.
    pub fn from_put(put: &Json) -> Result<Self, RulesetError> {
        let put = object(put)?;
        let head = Head::read(put)?;
        let mut ruleset = Self::from_documents(required(put, "flags")?, required(put, "audiences")?)?;
        ruleset.move_to(head);
        Ok(ruleset)
    }

    /// From the objects of flags and audiences alone, without environment, epoch or revision.
    ///
    /// # Errors
    /// When either is not an object.
    pub fn from_documents(flags: &Json, audiences: &Json) -> Result<Self, RulesetError> {
        let mut ruleset = Self::default();
        ruleset.set(&Change::read(flags, "flags")?, &Change::read(audiences, "audiences")?);
        Ok(ruleset)
    }

    /// Applies `{"environment","epoch","from","revision","flags","audiences"}`, the payload of a
    /// `patch`; a document that is null is deleted. All or nothing.
    ///
    /// # Errors
    /// When the payload is malformed or does not continue this ruleset.
    pub fn apply(&mut self, patch: &Json) -> Result<(), RulesetError> {
        let patch = object(patch)?;
        let head = Head::read(patch)?;
        let continues = head.environment == self.environment && head.epoch == self.epoch;
        if !continues || unsigned(patch, "from")? != self.revision || head.revision < self.revision {
            return Err(RulesetError::Gap);
        }
        let flags = Change::read(required(patch, "flags")?, "flags")?;
        let audiences = Change::read(required(patch, "audiences")?, "audiences")?;
        self.set(&flags, &audiences);
        self.move_to(head);
        Ok(())
    }

    /// The environment's key.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The epoch; with the revision it identifies a configuration.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The revision within the epoch.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Every flag, in no particular order.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.flags.values().map(|flag| &**flag)
    }

    /// Every audience, in no particular order.
    pub fn audiences(&self) -> impl Iterator<Item = &Audience> {
        self.audiences.values().map(|audience| &**audience)
    }

    fn set(&mut self, flags: &Change<'_>, audiences: &Change<'_>) {
        flags.write(&mut self.flags, Flag::from_document);
        audiences.write(&mut self.audiences, Audience::from_document);
    }

    fn move_to(&mut self, head: Head<'_>) {
        head.environment.clone_into(&mut self.environment);
        head.epoch.clone_into(&mut self.epoch);
        self.revision = head.revision;
    }
}

impl Source for Ruleset {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.flags.get(&Key(key)).map(|flag| &**flag)
    }

    fn audience(&self, key: &str) -> Option<&Audience> {
        self.audiences.get(&Key(key)).map(|audience| &**audience)
    }
}

/// A key that is looked up; most are short enough to compare without a call.
#[derive(Hash)]
struct Key<'k>(&'k str);

impl Equivalent<Box<str>> for Key<'_> {
    fn equivalent(&self, key: &Box<str>) -> bool {
        same_bytes(self.0.as_bytes(), key.as_bytes())
    }
}

/// The configuration a payload leads to.
#[derive(Clone, Copy)]
struct Head<'p> {
    environment: &'p str,
    epoch: &'p str,
    revision: u64,
}

impl<'p> Head<'p> {
    fn read(payload: &'p Map<String, Json>) -> Result<Self, DocumentError> {
        Ok(Self {
            environment: required_string(payload, "environment")?,
            epoch: required_string(payload, "epoch")?,
            revision: unsigned(payload, "revision")?,
        })
    }
}

/// Documents by key, null for one that is gone.
struct Change<'p>(&'p Map<String, Json>);

impl<'p> Change<'p> {
    fn read(documents: &'p Json, member: &str) -> Result<Self, DocumentError> {
        object(documents).map(Self).map_err(|error| error.within(member))
    }

    fn write<T>(&self, into: &mut HashMap<Box<str>, Arc<T>>, compile: impl Fn(&str, &Json) -> T) {
        for key in self.0.keys() {
            match optional(self.0, key) {
                Some(document) => into.insert(key.as_str().into(), Arc::new(compile(key, document))),
                None => into.remove(key.as_str()),
            };
        }
    }
}

fn unsigned(payload: &Map<String, Json>, member: &str) -> Result<u64, DocumentError> {
    let value = required(payload, member)?.as_u64();
    value.ok_or_else(|| DocumentError::new("not a non-negative integer").within(member))
}
