//! `fauna.in_audience` and `fauna.bucket`.

use fauna_core::{Audience, Context, is_member};
use pgrx::prelude::*;

use super::outcome::given;
use crate::cache::with_cache;
use crate::call_site::KeyArgument;
use crate::jsonb::Jsonb;
use crate::row::{CalledRow, ColumnsCall, Record, Row};
use crate::settings;
use crate::varlena::Text;

/// Whether the context is in the audience. False on any error, as for an unknown audience.
fn is_in_audience(audience: &KeyArgument<'_, Audience>, context: &impl Context) -> bool {
    with_cache(|cache| {
        audience.find(cache).is_some_and(|audience| is_member(cache, audience, context).unwrap_or(false))
    })
}

/// The same for a row that comes as its columns.
fn is_row_in_audience(call: &ColumnsCall<'_, Audience>) -> bool {
    with_cache(|cache| {
        let Some(audience) = call.find(cache) else { return false };
        let is_member = match call.row() {
            CalledRow::Columns(row) => is_member(cache, audience, &row),
            CalledRow::Whole(row) => is_member(cache, audience, &row),
        };
        is_member.unwrap_or(false)
    })
}

#[pg_schema]
mod fauna {
    use super::{
        ColumnsCall, Jsonb, KeyArgument, Record, Row, Text, default, given, is_in_audience,
        is_row_in_audience, pg_extern, pg_sys, settings,
    };

    #[pg_extern(name = "in_audience", stable, parallel_safe, cost = 10)]
    fn in_audience(
        audience: Option<Text<'_>>,
        context: Option<Jsonb<'_>>,
        call: pg_sys::FunctionCallInfo,
    ) -> bool {
        // SAFETY: the call and its first argument; the function keeps nothing else.
        is_in_audience(&unsafe { KeyArgument::first(call, audience) }, &given(context))
    }

    #[pg_extern(name = "in_audience", stable, parallel_safe, cost = 10)]
    fn in_audience_in_session(audience: Option<Text<'_>>, call: pg_sys::FunctionCallInfo) -> bool {
        // SAFETY: the call and its first argument; the function keeps nothing else.
        is_in_audience(&unsafe { KeyArgument::first(call, audience) }, &*settings::context())
    }

    #[pg_extern(name = "in_audience_row", stable, parallel_safe, cost = 10, support = row_support)]
    fn in_audience_row(
        audience: Option<Text<'_>>,
        row: Option<Record>,
        key_column: default!(Option<Text<'_>>, "'id'"),
        call: pg_sys::FunctionCallInfo,
    ) -> bool {
        // SAFETY: the call and an argument of it; the function keeps nothing else.
        is_in_audience(&KeyArgument::passing(audience), &unsafe { Row::new(call, row, key_column) })
    }

    /// Its SQL is written out because pgrx has no type `"any"`.
    #[pg_extern(sql = r#"
        CREATE FUNCTION fauna.in_audience_columns(audience text, key_column text, names text[], relation regclass,
            place tid, mark internal, VARIADIC columns "any") RETURNS boolean STABLE PARALLEL SAFE COST 10 LANGUAGE c AS '@MODULE_PATHNAME@', '@FUNCTION_NAME@';
    "#)]
    fn in_audience_columns(call: pg_sys::FunctionCallInfo) -> bool {
        // SAFETY: the call; the function keeps nothing else.
        is_row_in_audience(&unsafe { ColumnsCall::new(call) })
    }

    #[pg_extern(immutable, strict, parallel_safe)]
    fn bucket(salt: Text<'_>, value: Text<'_>) -> i32 {
        // Below 100 000.
        fauna_core::bucket(salt.as_str(), value.as_str()).cast_signed()
    }
}
