//! Fauna where applications run it: on standbys, in parallel workers, behind poolers, on logical subscribers, from plans that
//! are kept, and out of dumps.
//!
//! `docs/topologies.md` is the guide to all this, and its statements are executed here.
// What asks for the tests stops them, loudly, as they do themselves.
#![allow(clippy::expect_used, clippy::panic)]

mod dump_restore;
mod everything;
mod guide;
mod parallel;
mod plans;
mod pooler;
mod promotion;
mod standby;
mod subscriber;

use fauna_tests::{answers, invariants, shop};
