//! Evaluation inside PostgreSQL: what the native functions answer, to whom, and when.
// What asks for the tests stops them, loudly, as they do themselves.
#![allow(clippy::expect_used, clippy::panic)]

mod answers;
mod conformance;
mod contexts;
mod declarations;
mod explanations;
mod lifecycle;
mod memory;
mod parallel;
mod plans;
mod privileges;
mod row_sources;
mod rows;
mod sessions;
mod settings;
mod standby;
mod transactions;
mod values;
