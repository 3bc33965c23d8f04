//! Evaluation inside PostgreSQL: what the native functions answer, to whom, and when.

mod answers;
mod conformance;
mod contexts;
mod declarations;
mod lifecycle;
mod memory;
mod parallel;
mod plans;
mod privileges;
mod sessions;
mod settings;
mod standby;
mod transactions;
mod values;
