//! Evaluation inside PostgreSQL: what the native functions answer, to whom, and when.
// What asks for the tests stops them, loudly, as they do themselves.
#![allow(clippy::expect_used, clippy::panic)]

mod cache;
mod call_sites;
mod cancellation;
mod conformance;
mod contexts;
mod declarations;
mod explanations;
mod kept;
mod kept_at_random;
mod lifecycle;
mod memory;
mod privileges;
mod row_plans;
mod row_sources;
mod rows;
mod sessions;
mod settings;
mod strange_rows;
mod transactions;
mod values;

use fauna_tests::answers;
