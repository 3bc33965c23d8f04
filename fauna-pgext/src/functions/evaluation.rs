//! `fauna.evaluate` and `fauna.evaluate_all`: the whole outcome.

use fauna_core::{Context, Timestamp};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

use super::outcome::{Outcome, given};
use super::row::EvaluationRow;
use crate::cache::with_cache;
use crate::jsonb::Jsonb;
use crate::settings;
use crate::time::{from_postgres, statement_time};
use crate::varlena::Text;

fn evaluate_at(flag: Option<Text<'_>>, context: &impl Context, now: Timestamp) -> EvaluationRow {
    let flag = flag.map(Text::as_str);
    with_cache(|cache| {
        EvaluationRow::new(cache, flag, &Outcome::new(cache, flag.unwrap_or_default(), context, now))
    })
}

fn evaluate_every_flag(context: &impl Context) -> Vec<EvaluationRow> {
    let now = statement_time();
    with_cache(|cache| {
        let row = |key: &str| EvaluationRow::new(cache, Some(key), &Outcome::new(cache, key, context, now));
        cache.flag_keys().iter().map(row).collect()
    })
}

#[pg_schema]
mod fauna {
    use super::{
        EvaluationRow, Jsonb, SetOfIterator, Text, TimestampWithTimeZone, evaluate_at, evaluate_every_flag,
        from_postgres, given, pg_extern, settings, statement_time,
    };

    #[pg_extern(
        name = "evaluate",
        stable,
        parallel_safe,
        cost = 10,
        requires = ["before_native_functions"]
    )]
    fn evaluate(flag: Option<Text<'_>>, context: Option<Jsonb<'_>>) -> EvaluationRow {
        evaluate_at(flag, &given(context), statement_time())
    }

    #[pg_extern(
        name = "evaluate",
        stable,
        parallel_safe,
        cost = 10,
        requires = ["before_native_functions"]
    )]
    fn evaluate_in_session(flag: Option<Text<'_>>) -> EvaluationRow {
        evaluate_at(flag, &*settings::context(), statement_time())
    }

    #[pg_extern(
        name = "evaluate",
        stable,
        parallel_safe,
        cost = 10,
        requires = ["before_native_functions"]
    )]
    fn evaluate_as_of(
        flag: Option<Text<'_>>,
        context: Option<Jsonb<'_>>,
        at: Option<TimestampWithTimeZone>,
    ) -> EvaluationRow {
        let now = at.map_or_else(statement_time, |at| from_postgres(at.into()));
        evaluate_at(flag, &given(context), now)
    }

    #[pg_extern(
        name = "evaluate_all",
        stable,
        parallel_safe,
        cost = 1000,
        requires = ["before_native_functions"]
    )]
    fn evaluate_all(context: Option<Jsonb<'_>>) -> SetOfIterator<'static, EvaluationRow> {
        SetOfIterator::new(evaluate_every_flag(&given(context)))
    }

    #[pg_extern(
        name = "evaluate_all",
        stable,
        parallel_safe,
        cost = 1000,
        requires = ["before_native_functions"]
    )]
    fn evaluate_all_in_session() -> SetOfIterator<'static, EvaluationRow> {
        SetOfIterator::new(evaluate_every_flag(&*settings::context()))
    }
}
