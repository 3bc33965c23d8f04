//! What must hold for all documents and contexts, not only for the vectors'.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod conditions;
mod robustness;
mod rulesets;
mod schedule;
mod splits;
mod values;
