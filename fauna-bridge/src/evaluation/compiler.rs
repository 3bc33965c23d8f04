//! The writer's side: turns changed documents into the next catalog, and says what they can reach.

use std::collections::BTreeMap;
use std::sync::Arc;

use fauna_core::Audience;
use serde_json::Value;
use serde_json::value::RawValue;

use super::catalog::{Catalog, Slot};
use super::dependents::{Dependents, Entity};
use super::prepared::PreparedFlag;
use crate::documents::Changes;

/// Keeps the present catalog.
#[derive(Debug)]
pub struct Compiler {
    catalog: Arc<Catalog>,
    dependents: Dependents,
}

/// Documents, parsed before anything is changed, because that can fail.
type Parsed = Vec<(Arc<str>, Option<Value>)>;

impl Compiler {
    /// From a put.
    ///
    /// # Errors
    /// A document is no JSON that can be read, for example because of a number beyond doubles.
    pub fn try_new(put: &Changes) -> serde_json::Result<Self> {
        let catalog = Catalog::new(Arc::clone(&put.environment), put.position());
        let mut compiler = Self { catalog: Arc::new(catalog), dependents: Dependents::default() };
        compiler.replace(put)?;
        Ok(compiler)
    }

    /// The catalog now.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Takes a put over in place of everything.
    ///
    /// # Errors
    /// As [`Self::try_new`]; nothing has changed then.
    pub fn replace(&mut self, put: &Changes) -> serde_json::Result<()> {
        let (flags, audiences) = (parsed(&put.flags)?, parsed(&put.audiences)?);
        // Clones only if somebody is reading at this moment.
        Arc::make_mut(&mut self.catalog).clear();
        self.dependents = Dependents::default();
        self.set(put, flags, audiences);
        Ok(())
    }

    /// Takes a patch over, and returns the flags whose results it can change.
    ///
    /// # Errors
    /// As [`Self::try_new`]; nothing has changed then.
    pub fn patch(&mut self, patch: &Changes) -> serde_json::Result<Arc<[Slot]>> {
        let (flags, audiences) = (parsed(&patch.flags)?, parsed(&patch.audiences)?);
        self.set(patch, flags, audiences);
        let flags = patch.flags.keys().cloned().map(Entity::Flag);
        let changed = flags.chain(patch.audiences.keys().cloned().map(Entity::Audience));
        Ok(self.catalog.slots_of(&self.dependents.reached(changed)))
    }

    fn set(&mut self, changes: &Changes, flags: Parsed, audiences: Parsed) {
        let catalog = Arc::make_mut(&mut self.catalog);
        let dependents = &mut self.dependents;
        catalog.position = changes.position();
        for (key, document) in audiences {
            if let Some(old) = catalog.set_audience(&key, None) {
                dependents.remove_audience(&key, &old);
            }
            if let Some(document) = document {
                let audience = Audience::from_document(&key, &document);
                dependents.add_audience(&key, &audience);
                catalog.set_audience(&key, Some(audience));
            }
        }
        for (key, document) in flags {
            if let Some(old) = catalog.set_flag(&key, None) {
                dependents.remove_flag(&key, old.flag());
            }
            if let Some(document) = document {
                let flag = PreparedFlag::from_document(&key, &document);
                dependents.add_flag(&key, flag.flag());
                catalog.set_flag(&key, Some(flag));
            }
        }
        catalog.set_timed(&dependents.timed());
    }
}

fn parsed(documents: &BTreeMap<Arc<str>, Option<Box<RawValue>>>) -> serde_json::Result<Parsed> {
    let parse = |(key, document): (&Arc<str>, &Option<Box<RawValue>>)| {
        let document =
            document.as_deref().map(|document| serde_json::from_str(document.get())).transpose()?;
        Ok((Arc::clone(key), document))
    };
    documents.iter().map(parse).collect()
}
