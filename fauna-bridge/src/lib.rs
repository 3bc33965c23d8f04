//! The bridge between PostgreSQL and SDKs: it follows the document log and streams every committed change.
//!
//! ```text
//!  NOTIFY ──▶ database::Session ──▶ Follower ──▶ Fleet of Environments ──▶ stream::Connection ──▶ SDK
//!             (LISTEN, one query)               (documents, keys, last patches)  (position → bytes)
//! ```
//!
//! [`follower`] is the one writer and the only place that waits for PostgreSQL; [`fleet`] and [`environment`] hold the state and know
//! neither HTTP nor PostgreSQL; [`stream`] and [`http`] read it. Nothing on a request's path asks the database, except for a
//! client that resumes from further back than memory reaches.
#![forbid(unsafe_code)]

mod admission;
mod backoff;
pub mod check;
mod clock;
mod database;
mod documents;
mod environment;
mod evaluation;
mod event;
mod fleet;
mod follower;
mod health;
mod http;
mod observation;
mod ofrep;
pub mod options;
mod pem;
mod position;
mod redacted;
mod sdk_key;
pub mod serve;
mod server;
mod snapshot;
mod stream;
mod usage;
