//! The result of an evaluation, in OpenFeature's vocabulary.

use std::borrow::Cow;
use std::fmt;

use crate::{Flag, Variant};

/// What a flag evaluates to, borrowed from the source it was found in.
#[derive(Debug, Clone)]
pub struct Evaluation<'s> {
    /// The flag; `None` when it was not found.
    pub flag: Option<&'s Flag>,
    /// The variant served; `None` when there is no value.
    pub variant: Option<&'s Variant>,
    /// Why this variant.
    pub reason: Reason,
    /// The rule that served it, when one did.
    pub rule_id: Option<&'s str>,
    /// What went wrong, when something did; the reason is then [`Reason::Error`].
    pub error: Option<EvaluationError<'s>>,
    /// The prerequisite that was not met, when that is why the flag counts as disabled.
    pub prerequisite: Option<&'s str>,
}

impl<'s> Evaluation<'s> {
    /// The served variant's value.
    pub fn value(&self) -> Option<&'s serde_json::Value> {
        self.variant.map(Variant::value)
    }

    pub(crate) fn failed(flag: Option<&'s Flag>, code: ErrorCode, message: Cow<'s, str>) -> Self {
        Self {
            flag,
            variant: None,
            reason: Reason::Error,
            rule_id: None,
            error: Some(EvaluationError { code, message }),
            prerequisite: None,
        }
    }
}

/// Why an evaluation has no ordinary result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationError<'s> {
    /// The kind of error.
    pub code: ErrorCode,
    /// One line in words; never contains a value of the context.
    pub message: Cow<'s, str>,
}

/// OpenFeature's resolution reasons, those that an evaluation can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The default of a flag without rules.
    Static,
    /// The default, or the off variant where the default is a split that serves nothing.
    Default,
    /// A rule that serves one variant.
    TargetingMatch,
    /// A split, in a rule or as the default.
    Split,
    /// Switched off, or a prerequisite is not met.
    Disabled,
    /// See the error.
    Error,
}

impl Reason {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "STATIC",
            Self::Default => "DEFAULT",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Split => "SPLIT",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
        }
    }
}

/// OpenFeature's error codes, those that an evaluation can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// No flag has this key. No value.
    FlagNotFound,
    /// The context is not an object. No value.
    InvalidContext,
    /// The flag's document, or an audience that evaluation reached, cannot be used. The value is
    /// the off variant's, where that can be read.
    ParseError,
}

impl ErrorCode {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            Self::InvalidContext => "INVALID_CONTEXT",
            Self::ParseError => "PARSE_ERROR",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why membership of an audience has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    /// No audience has this key.
    #[error("audience not found")]
    NotFound,
    /// The context is not an object.
    #[error("the context is not an object")]
    InvalidContext,
    /// The audience, or one nested in it, cannot be used.
    #[error("{0}")]
    Parse(String),
}
