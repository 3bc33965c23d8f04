//! Evaluation in the bridge, for clients that do not evaluate themselves.
//!
//! ```text
//! documents ──▶ Compiler ──▶ Catalog ──▶ evaluate(flag, context, now) ──▶ Answer ──▶ bytes
//!               (writer)     (shared, immutable)
//! ```
//!
//! The writer compiles a change once and says which flags it can reach; readers hold a [`Catalog`] and evaluate without any lock.
//! Every evaluation that the bridge makes goes through [`Catalog::evaluate`].

mod answer;
mod catalog;
mod compiler;
mod context;
mod dependents;
mod prepared;
mod schedules;
mod tally;

pub use answer::Scope;
pub use catalog::{Catalog, Slot};
pub use compiler::Compiler;
pub use context::{ContextJson, EvaluationContext};
pub use prepared::PreparedFlag;
pub use tally::Tally;

#[cfg(test)]
mod tests;
