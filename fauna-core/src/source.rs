//! Where compiled flags and audiences come from.

use crate::{Audience, Flag};

/// Finds compiled flags and audiences by key.
///
/// Takes `&self`, so that an append-only cache that compiles what is first asked for can be one.
/// A source that can fail to load must say so by its own means (PostgreSQL raises); for evaluation
/// `None` only ever means that there is no such key.
pub trait Source {
    /// The flag with this key, `None` when unknown or archived.
    fn flag(&self, key: &str) -> Option<&Flag>;

    /// The audience with this key.
    fn audience(&self, key: &str) -> Option<&Audience>;
}

/// A source without flags or audiences.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Source for Nothing {
    fn flag(&self, _key: &str) -> Option<&Flag> {
        None
    }

    fn audience(&self, _key: &str) -> Option<&Audience> {
        None
    }
}
