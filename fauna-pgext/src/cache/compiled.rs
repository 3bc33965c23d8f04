//! What documents are compiled to.

use fauna_core::{Audience, Flag};

use super::Cache;
use super::entries::Entries;
use crate::jsonb::{Container, Node, to_json};
use crate::load::Kind;

/// What a document becomes: by its key and its content alone, which is why it can be kept for as long as that stays.
pub trait Compile: Sized {
    /// The kind of document.
    const KIND: Kind;

    fn compile(key: &str, document: Container<'_>) -> Self;

    /// Where a cache has them.
    fn entries(cache: &Cache) -> &Entries<Self>;
}

/// A compiled flag, and its variants' values as they are returned.
pub struct CachedFlag {
    pub flag: Flag,
    /// One binary jsonb for each of the flag's variants.
    values: Box<[Box<[u8]>]>,
}

impl CachedFlag {
    /// The value of one of its variants, as a whole jsonb value.
    pub fn value(&self, variant: &fauna_core::Variant) -> Container<'_> {
        Container::new(self.values.get(variant.index()).map_or(&[], AsRef::as_ref))
    }
}

impl Compile for CachedFlag {
    const KIND: Kind = Kind::Flag;

    fn compile(key: &str, document: Container<'_>) -> Self {
        let flag = Flag::from_document(key, &to_json(document));
        let value = |key| match document.get("variants") {
            Some(Node::Container(variants)) => variants.get(key).unwrap_or(Node::Null).to_jsonb(),
            _ => Node::Null.to_jsonb(),
        };
        let values = flag.variants().iter().map(|variant| value(variant.key())).collect();
        Self { flag, values }
    }

    fn entries(cache: &Cache) -> &Entries<Self> {
        cache.flags()
    }
}

impl Compile for Audience {
    const KIND: Kind = Kind::Audience;

    fn compile(key: &str, document: Container<'_>) -> Self {
        Audience::from_document(key, &to_json(document))
    }

    fn entries(cache: &Cache) -> &Entries<Self> {
        cache.audiences()
    }
}
