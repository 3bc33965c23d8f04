//! What the first argument of a call with a row stands for: a flag or an audience.

use fauna_core::{AttributePath, Audience, Source, audience_needs, flag_needs};

use crate::cache::{Cache, CachedFlag};

/// Something that the cache has by key, and that asks a context for attributes.
pub trait Keyed: Sized + 'static {
    /// Finds it by its key.
    fn find<'c>(cache: &'c Cache, key: &str) -> Option<&'c Self>;

    /// All attributes that it can ask for.
    fn needs<'c>(&'c self, cache: &'c Cache) -> Vec<&'c AttributePath>;
}

impl Keyed for CachedFlag {
    fn find<'c>(cache: &'c Cache, key: &str) -> Option<&'c Self> {
        cache.cached_flag(key)
    }

    fn needs<'c>(&'c self, cache: &'c Cache) -> Vec<&'c AttributePath> {
        flag_needs(cache, &self.flag)
    }
}

impl Keyed for Audience {
    fn find<'c>(cache: &'c Cache, key: &str) -> Option<&'c Self> {
        cache.audience(key)
    }

    fn needs<'c>(&'c self, cache: &'c Cache) -> Vec<&'c AttributePath> {
        audience_needs(cache, self)
    }
}
