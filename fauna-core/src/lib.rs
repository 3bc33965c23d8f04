//! Fauna's evaluation engine: documents become compiled flags and audiences, and these are
//! evaluated for a context at an instant. Pure computation: no I/O, no clock, no randomness.
//!
//! A caller brings two things of its own: a [`Source`] that finds compiled flags and audiences by
//! key, and a [`Context`] that finds attributes by path. Both are traits so that a PostgreSQL
//! backend can evaluate over its lazily filled cache and a binary `jsonb` without copying either.
//!
//! ```
//! use fauna_core::{Ruleset, Timestamp, evaluate};
//! use serde_json::json;
//!
//! let ruleset = Ruleset::from_documents(
//!     &json!({"checkout": {"kind": "boolean", "enabled": true, "offVariant": "off",
//!         "variants": {"on": true, "off": false},
//!         "rules": [{"id": "r1", "match": "any", "audiences": [{"key": "beta"}], "serve": {"variant": "on"}}],
//!         "default": {"variant": "off"}}}),
//!     &json!({"beta": {"match": "all", "conditions": [
//!         {"attribute": "plan", "type": "string", "operator": "eq", "values": ["beta"]}]}}),
//! )?;
//! let now = Timestamp::from_micros(0);
//! let evaluation = evaluate(&ruleset, "checkout", &json!({"plan": "beta"}), now);
//! assert_eq!(evaluation.value(), Some(&json!(true)));
//! assert_eq!(evaluation.rule_id, Some("r1"));
//! # Ok::<(), fauna_core::RulesetError>(())
//! ```
#![forbid(unsafe_code)]

mod attribute;
mod audience;
mod bucket;
mod bytes;
mod case_fold;
mod condition;
mod context;
mod document;
mod evaluate;
mod evaluation;
mod flag;
mod needs;
mod network;
mod next_change;
mod pattern;
mod pause;
mod ruleset;
mod serve;
mod source;
mod timestamp;
mod trace;
mod version;

pub use attribute::AttributePath;
pub use audience::Audience;
pub use bucket::{MAX_SAFE_INTEGER, bucket};
pub use bytes::{is_ascii, same_bytes};
pub use condition::check_condition;
pub use context::{Context, JsonArray, Scalar, Value};
pub use document::DocumentError;
pub use evaluate::{MAX_DEPTH, MAX_VISITS, evaluate, evaluate_flag, explain, in_audience, is_member};
pub use evaluation::{AudienceError, ErrorCode, Evaluation, EvaluationError, Reason};
pub use flag::{Flag, FlagKind, Variant};
pub use needs::{audience_needs, flag_needs};
pub use next_change::next_change;
pub use pause::pause_with;
pub use ruleset::{Ruleset, RulesetError};
pub use source::{Nothing, Source};
pub use timestamp::Timestamp;
pub use trace::{Explanation, Step, StepKind};
