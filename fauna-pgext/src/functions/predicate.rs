//! What `fauna.audience_sql` and the predicates that it makes are built on.

use std::cell::RefCell;

use fauna_core::{AttributePath, Context, Value};
use pgrx::datum::FromDatum;
use pgrx::prelude::*;
use pgrx::{impl_sql_translatable, pg_sys};

use crate::call_site::{is_constant, kept};
use crate::jsonb::{Jsonb, to_json};
use crate::predicate::{ATTRIBUTE, Compiled, Problem, Subject, predicate};
use crate::row::{Elements, Field, Kind, label_changes};
use crate::varlena::{Text, argument};

/// `predicate, problem, subject`
type Answer = (Option<String>, Option<&'static str>, Option<String>);

fn answer(subject: &Subject<'_>, relation: pg_sys::Oid, key_column: &str) -> Answer {
    // SAFETY: the SQL function that calls this has seen that the relation is one with rows.
    let problem = match unsafe { predicate(subject, relation, key_column) } {
        Ok(predicate) => return (Some(predicate), None, None),
        Err(problem) => problem,
    };
    let (problem, subject) = match problem {
        Problem::UnknownAudience(key) => ("unknown audience", Some(key)),
        Problem::Invalid(reason) => ("invalid", Some(reason)),
        Problem::NoKeyColumn => ("no key column", None),
        Problem::TooLarge => ("too large", None),
    };
    (None, Some(problem), subject)
}

/// A value of any type, as it came.
#[derive(Clone, Copy)]
pub struct AnyValue(pg_sys::Datum);

impl FromDatum for AnyValue {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then_some(Self(datum))
    }
}

argument!(AnyValue);
impl_sql_translatable!(AnyValue, "anyelement");

/// What a call site keeps: the condition, compiled, and how to read its values.
struct CallSite {
    kind: Kind,
    /// As [`label_changes`] counts them.
    label_changes: u64,
    /// Whether the condition is written where the call is, and so never another.
    is_constant: bool,
    condition: RefCell<Option<(Box<[u8]>, Compiled)>>,
}

impl CallSite {
    /// # Safety
    /// `call` is that of the running call, of a function that keeps nothing else in `fn_extra`.
    unsafe fn of<'a>(call: pg_sys::FunctionCallInfo) -> &'a Self {
        let is_current = |site: &Self| site.label_changes == label_changes();
        // SAFETY: as the caller says.
        unsafe {
            kept(call, is_current, |function| Self {
                kind: Kind::of(pg_sys::get_fn_expr_argtype(function, 0)),
                label_changes: label_changes(),
                is_constant: is_constant(function, 1),
                condition: RefCell::default(),
            })
        }
    }

    fn holds(&self, value: Option<AnyValue>, condition: Jsonb<'_>) -> bool {
        let bytes = condition.root().bytes();
        let mut kept = self.condition.borrow_mut();
        let (_, compiled) = match &mut *kept {
            Some(kept) if self.is_constant || *kept.0 == *bytes => kept,
            kept => kept.insert((bytes.into(), Compiled::new(to_json(condition.root())))),
        };
        // SAFETY: a value of the argument's type, which lives as long as the call.
        let field = value.map(|AnyValue(datum)| unsafe { Field::new(&self.kind, datum) });
        compiled.holds(&OneValue(field))
    }
}

/// A context of one attribute.
struct OneValue<'a>(Option<Field<'a>>);

impl Context for OneValue<'_> {
    type Array<'a>
        = Elements<'a>
    where
        Self: 'a;

    fn is_object(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, path: &AttributePath) -> Option<Value<'a, Elements<'a>>> {
        self.0.filter(|_| path.name() == ATTRIBUTE).and_then(Field::value)
    }
}

#[pg_schema]
mod fauna {
    use super::{
        Answer, AnyValue, CallSite, Jsonb, Subject, TableIterator, Text, answer, name, pg_extern, pg_sys,
        to_json,
    };

    /// The predicate; or what stands in its way, and of what.
    #[pg_extern(name = "audience_predicate", stable, parallel_safe, cost = 1000)]
    fn audience_predicate(
        audience: Option<Text<'_>>,
        document: Option<Jsonb<'_>>,
        relation: Option<pg_sys::Oid>,
        key_column: Option<Text<'_>>,
    ) -> TableIterator<
        'static,
        (
            name!(predicate, Option<String>),
            name!(problem, Option<&'static str>),
            name!(subject, Option<String>),
        ),
    > {
        let subject = match document {
            Some(document) => Subject::Document(to_json(document.root())),
            None => Subject::Audience(audience.map_or("", Text::as_str)),
        };
        let key_column = key_column.map_or("", Text::as_str);
        let answer: Answer = answer(&subject, relation.unwrap_or(pg_sys::Oid::INVALID), key_column);
        TableIterator::once(answer)
    }

    /// Whether a value satisfies a condition, as `fauna.in_audience` has it for an attribute with this value. False for
    /// what is no condition.
    #[pg_extern(name = "condition_holds", stable, parallel_safe, cost = 10)]
    fn condition_holds(
        value: Option<AnyValue>,
        condition: Option<Jsonb<'_>>,
        call: pg_sys::FunctionCallInfo,
    ) -> bool {
        // SAFETY: the running call, of a function that keeps nothing else.
        condition.is_some_and(|condition| unsafe { CallSite::of(call) }.holds(value, condition))
    }
}
