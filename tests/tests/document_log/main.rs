//! The document log: every change of a source table becomes a revision, whole, once and in order,
//! whatever the client, the isolation level or the fate of the database.

// A helper that cannot go on stops its test, like the tests themselves.
#![allow(clippy::expect_used, clippy::panic)]

mod capture;
mod catalog;
mod epochs;
mod isolation;
mod random;
mod reads;
mod revisions;
mod scale;
mod writers;

use fauna_tests::{invariants, shop};
