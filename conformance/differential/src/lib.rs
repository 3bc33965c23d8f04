//! Random rulesets, contexts and instants, and what `fauna-core` makes of them.
//!
//! The vectors in `conformance/` say what somebody thought of; this crate makes up the rest. A
//! [`Round`] is a ruleset with some contexts, the same for the same seed for ever, so a
//! disagreement is reported by its seed alone. Whoever evaluates otherwise (TypeScript, SQL) reads the
//! JSON lines of the binary, or uses the crate, and compares.
#![forbid(unsafe_code)]

mod condition;
mod context;
mod dice;
mod json;
mod network;
mod outcome;
mod pattern;
mod round;
mod ruleset;
mod text;

pub use dice::Dice;
pub use json::Json;
pub use round::{Case, Round};
