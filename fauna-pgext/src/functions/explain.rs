//! `fauna.explain`: how an evaluation came about, a row for every step.
//!
//! The last row is the outcome, what `fauna.evaluate` returns.

use fauna_core::{Context, Explanation, Step, explain};
use pgrx::prelude::*;

use super::outcome::given;
use crate::cache::with_cache;
use crate::jsonb::Jsonb;
use crate::settings;
use crate::time::statement_time;
use crate::varlena::{IsJsonb, Opaque, Text};

type JsonbValue = Opaque<IsJsonb>;

/// `step, depth, kind, subject, expected, actual, outcome, detail`
type Row = (
    i32,
    i32,
    &'static str,
    Option<String>,
    Option<String>,
    Option<JsonbValue>,
    Option<String>,
    Option<String>,
);

fn steps_of(flag: Option<Text<'_>>, context: &impl Context) -> Vec<Row> {
    let key = flag.map_or("", Text::as_str);
    with_cache(|cache| {
        let Explanation { evaluation, steps } = explain(cache, key, context, statement_time());
        let value = cache.cached_flag(key).zip(evaluation.variant).map(|(flag, variant)| flag.value(variant));
        let error = evaluation.error.as_ref().map(|error| format!("{}: {}", error.code, error.message));
        let rule = evaluation.rule_id.map(|id| format!("rule {id}"));
        let prerequisite = evaluation.prerequisite.map(|key| format!("prerequisite {key} is not met"));
        let outcome = (
            position(steps.len()),
            0,
            "outcome",
            evaluation.variant.map(|variant| variant.key().to_owned()),
            None,
            value.map(|value| JsonbValue::jsonb(value.bytes())),
            Some(evaluation.reason.to_string()),
            error.or(rule).or(prerequisite),
        );
        steps.into_iter().enumerate().map(|(index, step)| row(index, step)).chain([outcome]).collect()
    })
}

fn row(index: usize, step: Step) -> Row {
    let subject = Some(step.subject).filter(|subject| !subject.is_empty());
    let actual = step.actual.and_then(JsonbValue::json);
    let depth = i32::try_from(step.depth).unwrap_or(i32::MAX);
    (
        position(index),
        depth,
        step.kind.as_str(),
        subject,
        step.expected,
        actual,
        Some(step.outcome),
        step.detail,
    )
}

/// Steps are counted from one.
fn position(index: usize) -> i32 {
    i32::try_from(index).map_or(i32::MAX, |index| index.saturating_add(1))
}

#[expect(clippy::type_complexity, reason = "pgrx takes the columns' names from the return type")]
#[pg_schema]
mod fauna {
    use super::{Jsonb, JsonbValue, TableIterator, Text, given, name, pg_extern, settings, steps_of};

    #[pg_extern(name = "explain", stable, parallel_safe, cost = 1000)]
    fn explain(
        flag: Option<Text<'_>>,
        context: Option<Jsonb<'_>>,
    ) -> TableIterator<
        'static,
        (
            name!(step, i32),
            name!(depth, i32),
            name!(kind, &'static str),
            name!(subject, Option<String>),
            name!(expected, Option<String>),
            name!(actual, Option<JsonbValue>),
            name!(outcome, Option<String>),
            name!(detail, Option<String>),
        ),
    > {
        TableIterator::new(steps_of(flag, &given(context)))
    }

    #[pg_extern(name = "explain", stable, parallel_safe, cost = 1000)]
    fn explain_in_session(
        flag: Option<Text<'_>>,
    ) -> TableIterator<
        'static,
        (
            name!(step, i32),
            name!(depth, i32),
            name!(kind, &'static str),
            name!(subject, Option<String>),
            name!(expected, Option<String>),
            name!(actual, Option<JsonbValue>),
            name!(outcome, Option<String>),
            name!(detail, Option<String>),
        ),
    > {
        TableIterator::new(steps_of(flag, &*settings::context()))
    }
}
