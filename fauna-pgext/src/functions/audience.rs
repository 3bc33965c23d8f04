//! `fauna.in_audience` and `fauna.bucket`.

use fauna_core::{Context, in_audience};
use pgrx::prelude::*;

use super::outcome::given;
use crate::cache::with_cache;
use crate::jsonb::Jsonb;
use crate::row::{Record, Row};
use crate::settings;
use crate::varlena::Text;

/// Whether the context is in the audience. False on any error, as for an unknown audience.
fn is_in_audience(audience: Option<Text<'_>>, context: &impl Context) -> bool {
    let key = audience.map_or("", Text::as_str);
    with_cache(|cache| in_audience(cache, key, context).unwrap_or(false))
}

#[pg_schema]
mod fauna {
    use super::{Jsonb, Record, Row, Text, default, given, is_in_audience, pg_extern, pg_sys, settings};

    #[pg_extern(name = "in_audience", stable, parallel_safe, cost = 10)]
    fn in_audience(audience: Option<Text<'_>>, context: Option<Jsonb<'_>>) -> bool {
        is_in_audience(audience, &given(context))
    }

    #[pg_extern(name = "in_audience", stable, parallel_safe, cost = 10)]
    fn in_audience_in_session(audience: Option<Text<'_>>) -> bool {
        is_in_audience(audience, &*settings::context())
    }

    #[pg_extern(name = "in_audience_row", stable, parallel_safe, cost = 10)]
    fn in_audience_row(
        audience: Option<Text<'_>>,
        row: Option<Record>,
        key_column: default!(Option<Text<'_>>, "'id'"),
        call: pg_sys::FunctionCallInfo,
    ) -> bool {
        // SAFETY: the call and an argument of it; the function keeps nothing else.
        is_in_audience(audience, &unsafe { Row::new(call, row, key_column) })
    }

    #[pg_extern(immutable, strict, parallel_safe)]
    fn bucket(salt: Text<'_>, value: Text<'_>) -> i32 {
        // Below 100 000.
        fauna_core::bucket(salt.as_str(), value.as_str()).cast_signed()
    }
}
