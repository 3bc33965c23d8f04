//! `fauna.enabled`, the function for policies, WHERE clauses and triggers.

use fauna_core::Context;
use pgrx::prelude::*;

use super::outcome::{evaluate_now, given};
use crate::jsonb::{Container, Jsonb, Node};
use crate::row::{Record, Row};
use crate::settings;
use crate::varlena::Text;

/// The flag's boolean value. False on any error, and for a flag of another kind.
fn is_enabled(flag: Option<Text<'_>>, context: &impl Context) -> bool {
    evaluate_now(flag, context, |outcome| {
        let value = outcome.value().filter(|_| outcome.evaluation.error.is_none());
        matches!(value.and_then(Container::as_scalar), Some(Node::Bool(true)))
    })
}

#[pg_schema]
mod fauna {
    use super::{Jsonb, Record, Row, Text, default, given, is_enabled, pg_extern, pg_sys, settings};

    #[pg_extern(name = "enabled", stable, parallel_safe, cost = 10)]
    fn enabled(flag: Option<Text<'_>>, context: Option<Jsonb<'_>>) -> bool {
        is_enabled(flag, &given(context))
    }

    #[pg_extern(name = "enabled", stable, parallel_safe, cost = 10)]
    fn enabled_in_session(flag: Option<Text<'_>>) -> bool {
        is_enabled(flag, &*settings::context())
    }

    #[pg_extern(name = "enabled_row", stable, parallel_safe, cost = 10)]
    fn enabled_row(
        flag: Option<Text<'_>>,
        row: Option<Record>,
        key_column: default!(Option<Text<'_>>, "'id'"),
        call: pg_sys::FunctionCallInfo,
    ) -> bool {
        // SAFETY: the call and an argument of it; the function keeps nothing else.
        is_enabled(flag, &unsafe { Row::new(call, row, key_column) })
    }
}
