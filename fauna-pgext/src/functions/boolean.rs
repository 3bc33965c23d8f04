//! `fauna.enabled`, the function for policies, WHERE clauses and triggers.

use fauna_core::Context;
use pgrx::prelude::*;

use super::outcome::{Outcome, evaluate_now, given, is_on};
use crate::cache::{CachedFlag, with_cache};
use crate::call_site::KeyArgument;
use crate::jsonb::Jsonb;
use crate::row::{CalledRow, ColumnsCall, Record, Row};
use crate::settings;
use crate::time::statement_time;
use crate::varlena::Text;

/// The flag's boolean value. False on any error, and for a flag of another kind.
fn is_enabled(flag: &KeyArgument<'_, CachedFlag>, context: &impl Context) -> bool {
    evaluate_now(flag, context, is_on)
}

/// The same for a row that comes as its columns.
fn is_enabled_for(call: &ColumnsCall<'_, CachedFlag>) -> bool {
    with_cache(|cache| {
        let Some(flag) = call.find(cache) else { return false };
        match call.row() {
            CalledRow::Columns(row) => is_on(&Outcome::of(flag, cache, &row, statement_time())),
            CalledRow::Whole(row) => is_on(&Outcome::of(flag, cache, &row, statement_time())),
        }
    })
}

#[pg_schema]
mod fauna {
    use super::{
        ColumnsCall, Jsonb, KeyArgument, Record, Row, Text, default, given, is_enabled, is_enabled_for,
        pg_extern, pg_sys, settings,
    };

    #[pg_extern(name = "enabled", stable, parallel_safe, cost = 10)]
    fn enabled(flag: Option<Text<'_>>, context: Option<Jsonb<'_>>, call: pg_sys::FunctionCallInfo) -> bool {
        // SAFETY: the call and its first argument; the function keeps nothing else.
        is_enabled(&unsafe { KeyArgument::first(call, flag) }, &given(context))
    }

    #[pg_extern(name = "enabled", stable, parallel_safe, cost = 10)]
    fn enabled_in_session(flag: Option<Text<'_>>, call: pg_sys::FunctionCallInfo) -> bool {
        // SAFETY: the call and its first argument; the function keeps nothing else.
        is_enabled(&unsafe { KeyArgument::first(call, flag) }, &*settings::context())
    }

    #[pg_extern(name = "enabled_row", stable, parallel_safe, cost = 10, support = row_support)]
    fn enabled_row(
        flag: Option<Text<'_>>,
        row: Option<Record>,
        key_column: default!(Option<Text<'_>>, "'id'"),
        call: pg_sys::FunctionCallInfo,
    ) -> bool {
        // SAFETY: the call and an argument of it; the function keeps nothing else.
        is_enabled(&KeyArgument::passing(flag), &unsafe { Row::new(call, row, key_column) })
    }

    /// Its SQL is written out because pgrx has no type `"any"`.
    #[pg_extern(sql = r#"
        CREATE FUNCTION fauna.enabled_columns(flag text, key_column text, names text[], relation regclass, place tid,
            mark internal, VARIADIC columns "any") RETURNS boolean STABLE PARALLEL SAFE COST 10 LANGUAGE c AS '@MODULE_PATHNAME@', '@FUNCTION_NAME@';
    "#)]
    fn enabled_columns(call: pg_sys::FunctionCallInfo) -> bool {
        // SAFETY: the call; the function keeps nothing else.
        is_enabled_for(&unsafe { ColumnsCall::new(call) })
    }
}
