//! `fauna.enabled`, the function for policies, WHERE clauses and triggers.

use fauna_core::Context;
use pgrx::prelude::*;

use super::outcome::{evaluate_now, given};
use crate::jsonb::{Container, Jsonb, Node};
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
    use super::{Jsonb, Text, given, is_enabled, pg_extern, settings};

    #[pg_extern(name = "enabled", stable, parallel_safe, cost = 10)]
    fn enabled(flag: Option<Text<'_>>, context: Option<Jsonb<'_>>) -> bool {
        is_enabled(flag, &given(context))
    }

    #[pg_extern(name = "enabled", stable, parallel_safe, cost = 10)]
    fn enabled_in_session(flag: Option<Text<'_>>) -> bool {
        is_enabled(flag, &*settings::context())
    }
}
