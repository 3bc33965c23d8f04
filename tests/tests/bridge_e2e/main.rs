//! The bridge against a real PostgreSQL: what a server SDK sees, whatever happens to the database.
// The lints know test functions, but not what those share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check;
mod client_keys;
mod client_streams;
mod encrypted;
mod events;
mod following;
mod keys;
mod limits;
mod listener;
mod metrics;
mod network;
mod ofrep;
mod outages;
mod pair;
mod requests;
mod resume;
mod shop;
mod snapshots;
mod streams;
mod subscriber;
mod usage;
