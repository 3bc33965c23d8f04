//! Evaluation as all functions need it: on the cache, at the statement's time.

use fauna_core::{Context, Evaluation, Nothing, Timestamp, Variant, evaluate, evaluate_flag};

use crate::cache::{Cache, CachedFlag, with_cache};
use crate::call_site::KeyArgument;
use crate::jsonb::{Container, Jsonb};
use crate::time::statement_time;

/// An evaluation and the cached flag that it is of.
pub struct Outcome<'c> {
    pub evaluation: Evaluation<'c>,
    cached: Option<&'c CachedFlag>,
}

impl<'c> Outcome<'c> {
    /// Evaluates `key` on `cache`.
    pub fn new(cache: &'c Cache, key: &str, context: &impl Context, now: Timestamp) -> Self {
        Self::of_found(cache.cached_flag(key), cache, context, now)
    }

    /// Evaluates what was found for a key in `cache` before.
    #[inline]
    fn of_found(
        found: Option<&'c CachedFlag>,
        cache: &'c Cache,
        context: &impl Context,
        now: Timestamp,
    ) -> Self {
        match found {
            Some(cached) => Self::of(cached, cache, context, now),
            // The cache has been asked, and is not asked again.
            None => Self { evaluation: evaluate(&Nothing, "", context, now), cached: None },
        }
    }

    /// Evaluates a flag found in `cache` before.
    #[inline]
    pub fn of(cached: &'c CachedFlag, cache: &'c Cache, context: &impl Context, now: Timestamp) -> Self {
        Self { evaluation: evaluate_flag(cache, &cached.flag, context, now), cached: Some(cached) }
    }

    /// The value served, in its binary form; with an error it can be the off variant's.
    pub fn value(&self) -> Option<Container<'c>> {
        Some(self.cached?.value(self.evaluation.variant?))
    }
}

/// Whether the value is `true`, without an error.
pub fn is_on(outcome: &Outcome<'_>) -> bool {
    let value = outcome.evaluation.variant.map(Variant::value);
    outcome.evaluation.error.is_none() && matches!(value, Some(serde_json::Value::Bool(true)))
}

/// Evaluates a flag at the statement's time, and reads what is wanted from the outcome.
pub fn evaluate_now<T>(
    flag: &KeyArgument<'_, CachedFlag>,
    context: &impl Context,
    read: impl Fn(&Outcome<'_>) -> T,
) -> T {
    with_cache(|cache| read(&Outcome::of_found(flag.find(cache), cache, context, statement_time())))
}

/// The context that an argument gives; an SQL null is none.
pub fn given(context: Option<Jsonb<'_>>) -> Jsonb<'_> {
    context.unwrap_or(Jsonb::NULL)
}
