//! Evaluation: section by section what a flag is for a context at an instant.
//!
//! Nothing here can loop or overflow the stack, whatever the documents say: flags and audiences in
//! progress are bounded in depth and visits in number, and both bounds are part of the semantics,
//! so that every evaluator gives up at the same place. A cycle simply runs into the first.

use std::borrow::Cow;

use crate::audience::Audience;
use crate::condition::{AttributeCondition, Condition};
use crate::document::{DocumentError, Match};
use crate::evaluation::{AudienceError, ErrorCode, Evaluation, Reason};
use crate::flag::{Body, Flag, Rule};
use crate::serve::{Serve, Split};
use crate::trace::{Conclusion, Opening, StepKind, Steps, Tracer, to_json};
use crate::{Context, Explanation, Source, Timestamp};

/// How many flags and audiences may be in progress at once, the first flag included.
pub const MAX_DEPTH: u32 = 64;

/// How many prerequisites and audiences one evaluation may visit.
pub const MAX_VISITS: u32 = 10_000;

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
    trace_flag(source, flag, context, now, &mut ())
}

/// Evaluates the flag `key` and says how: every step, in the order in which they were taken.
pub fn explain<'s, S, C>(source: &'s S, key: &str, context: &C, now: Timestamp) -> Explanation<'s>
where
    S: Source + ?Sized,
    C: Context + ?Sized,
{
    let mut steps = Steps::default();
    let evaluation = match source.flag(key) {
        Some(flag) => trace_flag(source, flag, context, now, &mut steps),
        None => evaluate(source, key, context, now),
    };
    Explanation { evaluation, steps: steps.steps }
}

fn trace_flag<'s, S, C, T>(
    source: &'s S,
    flag: &'s Flag,
    context: &C,
    now: Timestamp,
    tracer: &mut T,
) -> Evaluation<'s>
where
    S: Source + ?Sized,
    C: Context + ?Sized,
    T: Tracer,
{
    if !context.is_object() {
        let message = Cow::Borrowed("the context is not an object");
        return Evaluation::failed(Some(flag), ErrorCode::InvalidContext, message);
    }
    let mut evaluator = Evaluator::new(source, context, now, tracer);
    match evaluator.flag(flag) {
        Ok(outcome) => Evaluation {
            flag: Some(flag),
            variant: flag.variants().get(outcome.variant),
            reason: outcome.reason,
            rule_id: outcome.rule_id,
            error: None,
            prerequisite: outcome.prerequisite,
        },
        Err(Failed) => Evaluation {
            variant: flag.off_variant(),
            ..Evaluation::failed(Some(flag), ErrorCode::ParseError, Cow::Owned(evaluator.reason()))
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
    is_member(source, source.audience(key).ok_or(AudienceError::NotFound)?, context)
}

/// [`in_audience`] for a caller that has the audience already; nested ones are still looked up in `source`.
///
/// # Errors
/// When the context is not an object, or the audience or one nested in it cannot be used.
pub fn is_member<S, C>(source: &S, audience: &Audience, context: &C) -> Result<bool, AudienceError>
where
    S: Source + ?Sized,
    C: Context + ?Sized,
{
    if !context.is_object() {
        return Err(AudienceError::InvalidContext);
    }
    let now = Timestamp::from_micros(0);
    let tracer = &mut ();
    let mut evaluator = Evaluator::new(source, context, now, tracer);
    let result = evaluator.audience(audience, false);
    result.map_err(|Failed| AudienceError::Parse(evaluator.reason()))
}

struct Evaluator<'s, 'c, S: ?Sized, C: ?Sized, T> {
    source: &'s S,
    context: &'c C,
    now: Timestamp,
    tracer: &'c mut T,
    depth: u32,
    visits: u32,
    /// What the last [`Failed`] was about.
    failure: Option<Failure<'s>>,
}

struct Outcome<'s> {
    variant: usize,
    reason: Reason,
    rule_id: Option<&'s str>,
    prerequisite: Option<&'s str>,
}

/// That an evaluation cannot be finished; why, says the evaluator. The reason itself would not fit into a register beside the
/// answer, and be written and looked at on every way out.
struct Failed;

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

impl<'s, 'c, S: Source + ?Sized, C: Context + ?Sized, T: Tracer> Evaluator<'s, 'c, S, C, T> {
    fn new(source: &'s S, context: &'c C, now: Timestamp, tracer: &'c mut T) -> Self {
        Self { source, context, now, tracer, depth: 0, visits: 0, failure: None }
    }

    #[cold]
    fn fail(&mut self, failure: Failure<'s>) -> Failed {
        self.failure = Some(failure);
        Failed
    }

    fn reason(&self) -> String {
        reason(self.failure.as_ref())
    }

    fn flag(&mut self, flag: &'s Flag) -> Result<Outcome<'s>, Failed> {
        self.enter()?;
        let outcome = match flag.body() {
            Ok(body) => self.body(flag, body),
            Err(error) => Err(self.fail(Failure::Flag(error))),
        };
        self.depth -= 1;
        outcome
    }

    fn body(&mut self, flag: &'s Flag, body: &'s Body) -> Result<Outcome<'s>, Failed> {
        let step = self.tracer.open(|| Opening {
            expected: Some("enabled".to_owned()),
            actual: Some(body.enabled.into()),
            ..Opening::new(StepKind::Flag, flag.key())
        });
        self.tracer.close(step, || Conclusion::new(if body.enabled { "enabled" } else { "disabled" }));
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
            if let Some((variant, reason)) = self.rule(rule, flag, body)? {
                return Ok(Outcome { variant, reason, rule_id: Some(&rule.id), prerequisite: None });
            }
        }
        let reason = if body.rules.is_empty() { Reason::Static } else { Reason::Default };
        let step = self.tracer.open(|| Opening::new(StepKind::Default, ""));
        let served = self.serve(&body.default, flag, body, reason);
        self.tracer.close(step, || match served {
            Some((variant, _)) => Conclusion::serves(&flag.variants()[variant]),
            None => Conclusion::serves(&flag.variants()[body.off]).because("its split serves nothing"),
        });
        let (variant, reason) = served.unwrap_or((body.off, Reason::Default));
        Ok(Outcome { variant, reason, rule_id: None, prerequisite: None })
    }

    fn is_met(&mut self, key: &str, variants: &[Box<str>]) -> Result<bool, Failed> {
        self.visit()?;
        let step = self.tracer.open(|| Opening {
            expected: Some(variants.join(", ")),
            ..Opening::new(StepKind::Prerequisite, key)
        });
        let Some(flag) = self.source.flag(key) else {
            self.tracer.close(step, || Conclusion::new("not met").because("flag not found"));
            return Ok(false);
        };
        match self.flag(flag) {
            Ok(outcome) => {
                let variant = flag.variants()[outcome.variant].key();
                let is_met = variants.iter().any(|required| &**required == variant);
                self.tracer.close(step, || Conclusion {
                    actual: Some(variant.into()),
                    ..Conclusion::new(if is_met { "met" } else { "not met" }).because(outcome.reason.as_str())
                });
                Ok(is_met)
            }
            Err(Failed) if self.failure.as_ref().is_some_and(Failure::is_final) => {
                self.tracer.close(step, || Conclusion::error(&reason(self.failure.as_ref())));
                Err(Failed)
            }
            Err(Failed) => {
                let failure = self.failure.take();
                self.tracer.close(step, || Conclusion::new("not met").because(reason(failure.as_ref())));
                Ok(false)
            }
        }
    }

    /// What a rule serves, if it matches and serves.
    fn rule(&mut self, rule: &'s Rule, flag: &Flag, body: &Body) -> Result<Option<(usize, Reason)>, Failed> {
        let step = self.tracer.open(|| Opening {
            expected: Some(match (rule.audiences.len(), rule.matching) {
                (0, _) => "everybody".to_owned(),
                (1, _) => "its audience".to_owned(),
                (count, Match::All) => format!("all of {count} audiences"),
                (count, Match::Any) => format!("any of {count} audiences"),
            }),
            ..Opening::new(StepKind::Rule, &rule.id)
        });
        let matches = self.matches(rule);
        let served = match matches {
            Ok(true) => self.serve(&rule.serve, flag, body, Reason::TargetingMatch),
            _ => None,
        };
        self.tracer.close(step, || match (&matches, served) {
            (Err(Failed), _) => Conclusion::error(&reason(self.failure.as_ref())),
            (Ok(_), Some((variant, _))) => Conclusion::serves(&flag.variants()[variant]),
            (Ok(true), None) => {
                Conclusion::new("serves nothing").because("it matches, but its split leaves the subject out")
            }
            (Ok(false), None) => Conclusion::new("no match"),
        });
        matches.map(|_| served)
    }

    fn matches(&mut self, rule: &'s Rule) -> Result<bool, Failed> {
        let is_active = rule.is_active(self.now);
        if rule.active_from.is_some() || rule.active_until.is_some() {
            let now = self.now;
            let step = self.tracer.open(|| Opening {
                expected: Some(window(rule)),
                actual: Some(now.to_string().into()),
                ..Opening::new(StepKind::Window, "")
            });
            self.tracer.close(step, || Conclusion::new(if is_active { "inside" } else { "outside" }));
        }
        if !is_active {
            return Ok(false);
        }
        let everyone = rule.audiences.is_empty();
        let matches = rule.matching.combine(&rule.audiences, |member| {
            Ok(self.audience_by_key(&member.key, member.negate)? != member.negate)
        })?;
        Ok(everyone || matches)
    }

    fn serve(&mut self, serve: &Serve, flag: &Flag, body: &Body, reason: Reason) -> Option<(usize, Reason)> {
        match serve {
            Serve::Variant(variant) => Some((*variant, reason)),
            Serve::Split(split) => {
                let step = self.tracer.open(|| Opening {
                    expected: Some(shares(split, flag, self.now)),
                    actual: self.context.bucket_value(split.by()).map(to_json),
                    ..Opening::new(StepKind::Bucket, split.by().name())
                });
                let picked = split.pick(&body.salt, self.context, self.now);
                self.tracer.close(step, || {
                    let bucket = split.bucket(&body.salt, self.context);
                    match (bucket, picked) {
                        (None, _) => Conclusion::new("no bucket")
                            .because("the attribute is missing, or neither text nor a whole number"),
                        (Some(bucket), Some(variant)) => {
                            Conclusion::serves(&flag.variants()[variant]).because(format!("bucket {bucket}"))
                        }
                        (Some(bucket), None) => {
                            Conclusion::new("serves nothing").because(format!("bucket {bucket}"))
                        }
                    }
                });
                picked.map(|variant| (variant, Reason::Split))
            }
        }
    }

    /// `negate` is only what will be made of the answer.
    fn audience_by_key(&mut self, key: &'s str, negate: bool) -> Result<bool, Failed> {
        self.visit()?;
        if let Some(audience) = self.source.audience(key) {
            return self.audience(audience, negate);
        }
        let failure = Failure::UnknownAudience(key);
        let step = self.tracer.open(|| Opening::new(StepKind::Audience, key));
        self.tracer.close(step, || Conclusion::error(&failure));
        Err(self.fail(failure))
    }

    fn audience(&mut self, audience: &'s Audience, negate: bool) -> Result<bool, Failed> {
        self.enter()?;
        let step = self.tracer.open(|| Opening {
            expected: Some(if negate { "not in" } else { "in" }.to_owned()),
            ..Opening::new(StepKind::Audience, audience.key())
        });
        let matches = self.conditions(audience);
        self.tracer.close(step, || match &matches {
            Ok(true) => Conclusion::new("in"),
            Ok(false) if audience.body().is_ok_and(|body| body.conditions.is_empty()) => {
                Conclusion::new("not in").because("it has no conditions")
            }
            Ok(false) => Conclusion::new("not in"),
            Err(Failed) => Conclusion::error(&reason(self.failure.as_ref())),
        });
        self.depth -= 1;
        matches
    }

    fn conditions(&mut self, audience: &'s Audience) -> Result<bool, Failed> {
        let broken = |error| Failure::Audience { audience, error };
        let body = audience.body().map_err(|error| self.fail(broken(error)))?;
        let nobody = body.conditions.is_empty();
        let matches = body.matching.combine(&body.conditions, |condition| match condition {
            Condition::Attribute(condition) => {
                self.condition(condition).map_err(|error| self.fail(broken(error)))
            }
            Condition::InAudience { keys, negate } => self.nested(keys, *negate),
        })?;
        Ok(matches && !nobody)
    }

    fn condition(&mut self, condition: &'s AttributeCondition) -> Result<bool, &'s DocumentError> {
        let step = self.tracer.open(|| Opening {
            expected: Some(condition.words().to_owned()),
            actual: self.context.get(condition.path()).map(to_json),
            ..Opening::new(StepKind::Condition, condition.path().name())
        });
        let holds = condition.holds(self.context);
        self.tracer.close(step, || match holds {
            Ok(true) => Conclusion::new("holds"),
            Ok(false) if self.context.get(condition.path()).is_none() => {
                Conclusion::new("does not hold").because("the attribute is missing")
            }
            Ok(false) => Conclusion::new("does not hold"),
            Err(error) => Conclusion::error(error),
        });
        holds
    }

    fn nested(&mut self, keys: &'s [Box<str>], negate: bool) -> Result<bool, Failed> {
        let step = self.tracer.open(|| Opening {
            expected: Some(format!("{} {}", if negate { "not in" } else { "in" }, keys.join(", "))),
            ..Opening::new(StepKind::InAudience, "")
        });
        let inside = Match::Any.combine(keys, |key| self.audience_by_key(key, negate));
        let holds = inside.map(|inside| inside != negate);
        self.tracer.close(step, || match &holds {
            Ok(holds) => Conclusion::new(if *holds { "holds" } else { "does not hold" }),
            Err(Failed) => Conclusion::error(&reason(self.failure.as_ref())),
        });
        holds
    }

    fn enter(&mut self) -> Result<(), Failed> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.fail(Failure::TooDeep)) } else { Ok(()) }
    }

    fn visit(&mut self) -> Result<(), Failed> {
        self.visits += 1;
        if self.visits > MAX_VISITS { Err(self.fail(Failure::TooLong)) } else { Ok(()) }
    }
}

/// The failure in words.
fn reason(failure: Option<&Failure<'_>>) -> String {
    failure.map(ToString::to_string).unwrap_or_default()
}

/// When a rule applies, to be read.
fn window(rule: &Rule) -> String {
    let bound = |word: &str, bound: Option<Timestamp>| bound.map(|bound| format!("{word} {bound}"));
    let bounds = [bound("from", rule.active_from), bound("until", rule.active_until)];
    bounds.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Which buckets get which variant, to be read.
fn shares(split: &Split, flag: &Flag, now: Timestamp) -> String {
    let share = |(variant, end): (usize, u32)| format!("{} below {end}", flag.variants()[variant].key());
    split.ends(now).map(share).collect::<Vec<_>>().join(", ")
}
