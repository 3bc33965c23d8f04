//! Variants and values, with a fallback for everything that goes wrong.
//!
//! The fallback is the answer when there is no flag, no valid context, a document that cannot be
//! used, or a value of another type than the function's. Numbers convert where nothing is lost:
//! `int_value` of 3.0 is 3, of 3.5 the fallback.

use fauna_core::Context;
use pgrx::prelude::*;

use super::outcome::{Outcome, evaluate_now, given};
use crate::cache::CachedFlag;
use crate::call_site::KeyArgument;
use crate::jsonb::{Container, Jsonb, Node};
use crate::settings;
use crate::varlena::{IsJsonb, IsText, Opaque, Text};

type JsonbValue = Opaque<IsJsonb>;
type TextValue = Opaque<IsText>;

/// What `read` makes of the value of an evaluation without error.
fn value_of<T>(
    flag: &KeyArgument<'_, CachedFlag>,
    context: &impl Context,
    read: impl Fn(Container<'_>) -> Option<T>,
) -> Option<T> {
    evaluate_now(flag, context, |outcome| {
        read(outcome.value().filter(|_| outcome.evaluation.error.is_none())?)
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several readers, the others of which can find another type"
)]
fn jsonb_of(value: Container<'_>) -> Option<JsonbValue> {
    Some(JsonbValue::jsonb(value.bytes()))
}

fn text_of(value: Container<'_>) -> Option<TextValue> {
    if let Some(Node::String(text)) = value.as_scalar() { Some(TextValue::text(text)) } else { None }
}

fn bool_of(value: Container<'_>) -> Option<bool> {
    if let Some(Node::Bool(value)) = value.as_scalar() { Some(value) } else { None }
}

fn integer_of(value: Container<'_>) -> Option<i64> {
    if let Some(Node::Number(number)) = value.as_scalar() { number.to_i64() } else { None }
}

fn float_of(value: Container<'_>) -> Option<f64> {
    let Some(Node::Number(number)) = value.as_scalar() else { return None };
    number.to_f64().filter(|value| value.is_finite())
}

fn variant_of(outcome: &Outcome<'_>) -> Option<TextValue> {
    outcome.evaluation.variant.map(|variant| TextValue::text(variant.key()))
}

/// Declares a function `name(flag, context, fallback)` and its twin without context.
macro_rules! value_functions {
    ($($name:ident, $in_session:ident, $sql_name:literal: $type:ty = $read:ident;)*) => {
        #[pg_schema]
        mod fauna {
            use super::*;
            $(
                #[pg_extern(name = $sql_name, stable, parallel_safe, cost = 10)]
                fn $name(
                    flag: Option<Text<'_>>,
                    context: Option<Jsonb<'_>>,
                    fallback: Option<$type>,
                    call: pg_sys::FunctionCallInfo,
                ) -> Option<$type> {
                    // SAFETY: the call and its first argument; the function keeps nothing else.
                    value_of(&unsafe { KeyArgument::first(call, flag) }, &given(context), $read).or(fallback)
                }

                #[pg_extern(name = $sql_name, stable, parallel_safe, cost = 10)]
                fn $in_session(
                    flag: Option<Text<'_>>,
                    fallback: Option<$type>,
                    call: pg_sys::FunctionCallInfo,
                ) -> Option<$type> {
                    // SAFETY: the call and its first argument; the function keeps nothing else.
                    value_of(&unsafe { KeyArgument::first(call, flag) }, &*settings::context(), $read).or(fallback)
                }
            )*

            #[pg_extern(name = "variant", stable, parallel_safe, cost = 10)]
            fn variant(
                flag: Option<Text<'_>>,
                context: Option<Jsonb<'_>>,
                call: pg_sys::FunctionCallInfo,
            ) -> Option<TextValue> {
                // SAFETY: the call and its first argument; the function keeps nothing else.
                evaluate_now(&unsafe { KeyArgument::first(call, flag) }, &given(context), variant_of)
            }

            #[pg_extern(name = "variant", stable, parallel_safe, cost = 10)]
            fn variant_in_session(flag: Option<Text<'_>>, call: pg_sys::FunctionCallInfo) -> Option<TextValue> {
                // SAFETY: the call and its first argument; the function keeps nothing else.
                evaluate_now(&unsafe { KeyArgument::first(call, flag) }, &*settings::context(), variant_of)
            }
        }
    };
}

value_functions! {
    value, value_in_session, "value": JsonbValue = jsonb_of;
    bool_value, bool_value_in_session, "bool_value": bool = bool_of;
    text_value, text_value_in_session, "text_value": TextValue = text_of;
    int_value, int_value_in_session, "int_value": i64 = integer_of;
    float_value, float_value_in_session, "float_value": f64 = float_of;
}
