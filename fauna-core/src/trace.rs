//! What an evaluation does, step by step, for somebody who asks why.
//!
//! The evaluator is generic over who listens. Nobody is `()`, whose methods are empty and never call
//! what would describe the step, so an ordinary evaluation is compiled without a trace of this; and
//! an explanation cannot differ from it, being the same code.

use serde_json::{Number, Value as Json};

use crate::{Evaluation, Scalar, Value, Variant};

/// A step of an evaluation. Steps inside another (the conditions of an audience) follow it, deeper.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// How many steps this one is part of.
    pub depth: u32,
    /// What is looked at.
    pub kind: StepKind,
    /// Which: the key of a flag or audience, the id of a rule, the path of an attribute.
    pub subject: String,
    /// What is asked for.
    pub expected: Option<String>,
    /// What there is.
    pub actual: Option<Json>,
    /// What follows from it, in a word or two.
    pub outcome: String,
    /// The reason, where the rest does not say it.
    pub detail: Option<String>,
}

/// What a step looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// A flag: whether it is enabled.
    Flag,
    /// A flag that another requires.
    Prerequisite,
    /// A rule.
    Rule,
    /// The time in which a rule applies.
    Window,
    /// An audience.
    Audience,
    /// A condition on an attribute.
    Condition,
    /// A condition on being in other audiences.
    InAudience,
    /// A split: the subject's bucket among the shares.
    Bucket,
    /// What is served when no rule serves.
    Default,
}

impl StepKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Prerequisite => "prerequisite",
            Self::Rule => "rule",
            Self::Window => "window",
            Self::Audience => "audience",
            Self::Condition => "condition",
            Self::InAudience => "in_audience",
            Self::Bucket => "bucket",
            Self::Default => "default",
        }
    }
}

/// An evaluation and how it came about.
#[derive(Debug, Clone)]
pub struct Explanation<'s> {
    /// The outcome.
    pub evaluation: Evaluation<'s>,
    /// What was looked at, in the order in which it was.
    pub steps: Vec<Step>,
}

/// How a step begins.
pub(crate) struct Opening {
    pub(crate) kind: StepKind,
    pub(crate) subject: String,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<Json>,
}

/// How a step ends.
pub(crate) struct Conclusion {
    pub(crate) outcome: String,
    pub(crate) detail: Option<String>,
    /// Replaces what the beginning said, if the step itself has found it.
    pub(crate) actual: Option<Json>,
}

impl Opening {
    pub(crate) fn new(kind: StepKind, subject: &str) -> Self {
        Self { kind, subject: subject.to_owned(), expected: None, actual: None }
    }
}

impl Conclusion {
    pub(crate) fn serves(variant: &Variant) -> Self {
        Self::new(&format!("serves {}", variant.key()))
    }

    pub(crate) fn error(error: &impl std::fmt::Display) -> Self {
        Self::new("error").because(error.to_string())
    }

    pub(crate) fn new(outcome: &str) -> Self {
        Self { outcome: outcome.to_owned(), detail: None, actual: None }
    }

    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// Somebody who listens to an evaluation.
pub(crate) trait Tracer {
    /// Begins a step; returns what ends it.
    fn open(&mut self, opening: impl FnOnce() -> Opening) -> usize;

    /// Ends a step.
    fn close(&mut self, step: usize, conclusion: impl FnOnce() -> Conclusion);
}

impl Tracer for () {
    #[inline]
    fn open(&mut self, _opening: impl FnOnce() -> Opening) -> usize {
        0
    }

    #[inline]
    fn close(&mut self, _step: usize, _conclusion: impl FnOnce() -> Conclusion) {}
}

/// Writes every step down.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) steps: Vec<Step>,
    depth: u32,
}

impl Tracer for Steps {
    fn open(&mut self, opening: impl FnOnce() -> Opening) -> usize {
        let Opening { kind, subject, expected, actual } = opening();
        let outcome = String::new();
        self.steps.push(Step { depth: self.depth, kind, subject, expected, actual, outcome, detail: None });
        self.depth += 1;
        self.steps.len() - 1
    }

    fn close(&mut self, step: usize, conclusion: impl FnOnce() -> Conclusion) {
        let Conclusion { outcome, detail, actual } = conclusion();
        self.depth -= 1;
        let step = &mut self.steps[step];
        (step.outcome, step.detail) = (outcome, detail);
        step.actual = actual.or(step.actual.take());
    }
}

/// A context's value in JSON; of an object only that it is one.
pub(crate) fn to_json<'a, A: Iterator<Item = Scalar<'a>>>(value: Value<'a, A>) -> Json {
    match value {
        Value::Bool(value) => value.into(),
        Value::Number(value) => number(value),
        Value::String(value) => value.into_owned().into(),
        Value::Instant(value) => value.to_rfc3339().into(),
        Value::Array(elements) => elements.map(scalar).collect(),
        Value::Object => Json::Object(serde_json::Map::new()),
    }
}

fn scalar(value: Scalar<'_>) -> Json {
    match value {
        Scalar::Bool(value) => value.into(),
        Scalar::Number(value) => number(value),
        Scalar::String(value) => value.into_owned().into(),
        Scalar::Instant(value) => value.to_rfc3339().into(),
        Scalar::Other => Json::Null,
    }
}

fn number(value: f64) -> Json {
    const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
    if value.fract() == 0.0 && value.abs() <= EXACT_INTEGERS {
        return (value as i64).into();
    }
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}
