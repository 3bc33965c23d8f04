//! `fauna.cache_stats`: what this backend keeps, and what it has done so far.
//!
//! It looks and changes nothing: what an evaluation would find out of date is still there.

use pgrx::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::cache::{Cache, report};
use crate::varlena::{IsJsonb, Opaque};
use crate::{memory, settings};

type JsonbValue = Opaque<IsJsonb>;

/// `flags, audiences, absent_keys, bytes, limit_bytes, evaluations, loads, compilations, invalidations, evictions, environments`
type Row = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, Option<JsonbValue>);

fn stats() -> Row {
    let (caches, counts) = report(|cache| {
        (
            cache.environment().to_owned(),
            contents(cache),
            [cache.flag_count(), cache.audience_count(), cache.absent_count()],
        )
    });
    let total = |place: usize| caches.iter().map(|(_, _, sizes)| sizes[place]).sum::<usize>();
    let sizes = [total(0), total(1), total(2), memory::held(), settings::cache_limit()];
    let [flags, audiences, absent, bytes, limit] = sizes.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    let counts =
        [counts.evaluations, counts.loads, counts.compilations, counts.invalidations, counts.evictions];
    let [evaluations, loads, compilations, invalidations, evictions] = counts.map(u64::cast_signed);
    let environments: Map<_, _> = caches.into_iter().map(|(key, contents, _)| (key, contents)).collect();
    let environments = JsonbValue::json(environments.into());
    (
        flags,
        audiences,
        absent,
        bytes,
        limit,
        evaluations,
        loads,
        compilations,
        invalidations,
        evictions,
        environments,
    )
}

/// What is kept of an environment.
fn contents(cache: &Cache) -> Value {
    let tip = cache.tip();
    json!({
        "epoch": tip.map(|tip| Uuid::from_bytes(tip.epoch).to_string()),
        "revision": tip.map(|tip| tip.revision),
        "flags": cache.flag_count(),
        "audiences": cache.audience_count(),
    })
}

#[expect(clippy::type_complexity, reason = "pgrx takes the columns' names from the return type")]
#[pg_schema]
mod fauna {
    use super::{JsonbValue, TableIterator, name, pg_extern, stats};

    #[pg_extern(name = "cache_stats", stable, parallel_restricted)]
    fn cache_stats() -> TableIterator<
        'static,
        (
            name!(flags, i64),
            name!(audiences, i64),
            name!(absent_keys, i64),
            name!(bytes, i64),
            name!(limit_bytes, i64),
            name!(evaluations, i64),
            name!(loads, i64),
            name!(compilations, i64),
            name!(invalidations, i64),
            name!(evictions, i64),
            name!(environments, Option<JsonbValue>),
        ),
    > {
        TableIterator::once(stats())
    }
}
