//! Evaluation: section by section what a flag is for a context at an instant.
//!
//! Nothing here can loop or overflow the stack, whatever the documents say: flags and audiences in
//! progress are bounded in depth and visits in number, and both bounds are part of the semantics,
//! so that every evaluator gives up at the same place. A cycle simply runs into the first.

use std::borrow::Cow;

use crate::audience::Audience;
use crate::condition::Condition;
use crate::document::{DocumentError, Match};
use crate::evaluation::{AudienceError, ErrorCode, Evaluation, Reason};
use crate::flag::{Body, Flag, Rule};
use crate::serve::Serve;
use crate::{Context, Source, Timestamp};

/// How many flags and audiences may be in progress at once, the first flag included.
const MAX_DEPTH: u32 = 64;

/// How many prerequisites and audiences one evaluation may visit.
const MAX_VISITS: u32 = 10_000;

/// Evaluates the flag `key` for `context` at `now`.
pub fn evaluate<'s, S, C>(source: &'s S, key: &str, context: &C, now: Timestamp) -> Evaluation<'s>
where
    S: Source + ?Sized,
    C: Context + ?Sized,
{
    match source.flag(key) {
        Some(flag) => evaluate_flag(source, flag, context, now),
        None => Evaluation::failed(None, ErrorCode::FlagNotFound, Cow::Borrowed("flag not found")),
    }
}

/// Evaluates a flag already found in `source`.
pub fn evaluate_flag<'s, S, C>(source: &'s S, flag: &'s Flag, context: &C, now: Timestamp) -> Evaluation<'s>
where
    S: Source + ?Sized,
    C: Context + ?Sized,
{
    if !context.is_object() {
        let message = Cow::Borrowed("the context is not an object");
        return Evaluation::failed(Some(flag), ErrorCode::InvalidContext, message);
    }
    match (Evaluator { source, context, now, depth: 0, visits: 0 }).flag(flag) {
        Ok(outcome) => Evaluation {
            flag: Some(flag),
            variant: flag.variants().get(outcome.variant),
            reason: outcome.reason,
            rule_id: outcome.rule_id,
            error: None,
            prerequisite: outcome.prerequisite,
        },
        Err(failure) => Evaluation {
            variant: flag.off_variant(),
            ..Evaluation::failed(Some(flag), ErrorCode::ParseError, Cow::Owned(failure.to_string()))
        },
    }
}

/// Whether `context` is in the audience `key`. An audience does not depend on time.
///
/// # Errors
/// When there is no such audience, the context is not an object, or the audience or one nested in
/// it cannot be used.
pub fn in_audience<S, C>(source: &S, key: &str, context: &C) -> Result<bool, AudienceError>
where
    S: Source + ?Sized,
    C: Context + ?Sized,
{
    let audience = source.audience(key).ok_or(AudienceError::NotFound)?;
    if !context.is_object() {
        return Err(AudienceError::InvalidContext);
    }
    let now = Timestamp::from_micros(0);
    let result = Evaluator { source, context, now, depth: 0, visits: 0 }.audience(audience);
    result.map_err(|failure| AudienceError::Parse(failure.to_string()))
}

struct Evaluator<'s, 'c, S: ?Sized, C: ?Sized> {
    source: &'s S,
    context: &'c C,
    now: Timestamp,
    depth: u32,
    visits: u32,
}

struct Outcome<'s> {
    variant: usize,
    reason: Reason,
    rule_id: Option<&'s str>,
    prerequisite: Option<&'s str>,
}

/// Why an evaluation cannot be finished.
#[derive(Debug, thiserror::Error)]
enum Failure<'s> {
    #[error("{0}")]
    Flag(&'s DocumentError),
    #[error("audience \"{}\": {error}", .audience.key())]
    Audience { audience: &'s Audience, error: &'s DocumentError },
    #[error("audience \"{0}\" does not exist")]
    UnknownAudience(&'s str),
    #[error("prerequisites and audiences are nested more than {MAX_DEPTH} deep, perhaps in a cycle")]
    TooDeep,
    #[error("evaluation visits more than {MAX_VISITS} prerequisites and audiences")]
    TooLong,
}

impl Failure<'_> {
    /// Exhausted bounds end the whole evaluation; anything else ends that of one flag, and only
    /// makes a prerequisite unmet.
    fn is_final(&self) -> bool {
        matches!(self, Self::TooDeep | Self::TooLong)
    }
}

impl<'s, S: Source + ?Sized, C: Context + ?Sized> Evaluator<'s, '_, S, C> {
    fn flag(&mut self, flag: &'s Flag) -> Result<Outcome<'s>, Failure<'s>> {
        self.enter()?;
        let outcome = flag.body().map_err(Failure::Flag).and_then(|body| self.body(body));
        self.depth -= 1;
        outcome
    }

    fn body(&mut self, body: &'s Body) -> Result<Outcome<'s>, Failure<'s>> {
        if !body.enabled {
            return Ok(Outcome {
                variant: body.off,
                reason: Reason::Disabled,
                rule_id: None,
                prerequisite: None,
            });
        }
        for prerequisite in &body.prerequisites {
            if !self.is_met(&prerequisite.flag, &prerequisite.variants)? {
                let prerequisite = Some(&*prerequisite.flag);
                return Ok(Outcome {
                    variant: body.off,
                    reason: Reason::Disabled,
                    rule_id: None,
                    prerequisite,
                });
            }
        }
        for rule in &body.rules {
            if self.matches(rule)?
                && let Some((variant, reason)) = self.serve(&rule.serve, body, Reason::TargetingMatch)
            {
                return Ok(Outcome { variant, reason, rule_id: Some(&rule.id), prerequisite: None });
            }
        }
        let reason = if body.rules.is_empty() { Reason::Static } else { Reason::Default };
        let (variant, reason) =
            self.serve(&body.default, body, reason).unwrap_or((body.off, Reason::Default));
        Ok(Outcome { variant, reason, rule_id: None, prerequisite: None })
    }

    fn is_met(&mut self, key: &str, variants: &[Box<str>]) -> Result<bool, Failure<'s>> {
        self.visit()?;
        let Some(flag) = self.source.flag(key) else { return Ok(false) };
        match self.flag(flag) {
            Ok(outcome) => {
                let variant = flag.variants()[outcome.variant].key();
                Ok(variants.iter().any(|required| &**required == variant))
            }
            Err(failure) if failure.is_final() => Err(failure),
            Err(_) => Ok(false),
        }
    }

    fn matches(&mut self, rule: &'s Rule) -> Result<bool, Failure<'s>> {
        if !rule.is_active(self.now) {
            return Ok(false);
        }
        let everyone = rule.audiences.is_empty();
        let matches = rule
            .matching
            .combine(&rule.audiences, |member| Ok(self.audience_by_key(&member.key)? != member.negate))?;
        Ok(everyone || matches)
    }

    fn serve(&self, serve: &Serve, body: &Body, reason: Reason) -> Option<(usize, Reason)> {
        match serve {
            Serve::Variant(variant) => Some((*variant, reason)),
            Serve::Split(split) => {
                split.pick(&body.salt, self.context, self.now).map(|variant| (variant, Reason::Split))
            }
        }
    }

    fn audience_by_key(&mut self, key: &'s str) -> Result<bool, Failure<'s>> {
        self.visit()?;
        let audience = self.source.audience(key).ok_or(Failure::UnknownAudience(key))?;
        self.audience(audience)
    }

    fn audience(&mut self, audience: &'s Audience) -> Result<bool, Failure<'s>> {
        self.enter()?;
        let matches = self.conditions(audience);
        self.depth -= 1;
        matches
    }

    fn conditions(&mut self, audience: &'s Audience) -> Result<bool, Failure<'s>> {
        let broken = |error| Failure::Audience { audience, error };
        let body = audience.body().map_err(broken)?;
        let nobody = body.conditions.is_empty();
        let matches = body.matching.combine(&body.conditions, |condition| match condition {
            Condition::Attribute(condition) => condition.holds(self.context).map_err(broken),
            Condition::InAudience { keys, negate } => {
                let inside = Match::Any.combine(keys, |key| self.audience_by_key(key))?;
                Ok(inside != *negate)
            }
        })?;
        Ok(matches && !nobody)
    }

    fn enter(&mut self) -> Result<(), Failure<'s>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Failure::TooDeep) } else { Ok(()) }
    }

    fn visit(&mut self) -> Result<(), Failure<'s>> {
        self.visits += 1;
        if self.visits > MAX_VISITS { Err(Failure::TooLong) } else { Ok(()) }
    }
}
