//! The harness of the tests that need the real thing: private PostgreSQL clusters with the extension
//! installed, databases in them, and bridge processes in front.
//!
//! Nothing here is a mock. A test binary shares one cluster ([`cluster`]) and gives every test a database
//! of its own ([`database`]), so tests run side by side; a test that kills or restarts PostgreSQL starts
//! its own with [`Cluster::start`]. Everything lives in a temporary folder and goes with the process, even
//! if that is killed: see [`Cluster`].
//!
//! Two variables say what is tested: `FAUNA_E2E_PG_BINDIR`, the `bin` folder of a PostgreSQL that has the
//! extension, and `FAUNA_E2E_BRIDGE`, the bridge's binary. `make test` sets both.
#![forbid(unsafe_code)]
// A harness that cannot set up its world has nothing to return to: it stops the test, loudly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod answers;
mod bridge;
mod certificates;
mod cluster;
mod database;
pub mod invariants;
mod pooler;
mod proxy;
pub mod random;
pub mod shop;
mod wait;

pub use bridge::{Bridge, BridgeOptions, check, wall_clock_off_by};
pub use certificates::{Authority, Certified};
pub use cluster::{Cluster, cluster};
pub use database::{Database, IGNORING_CASE, Listener, database, error_of};
pub use pooler::Pooler;
pub use proxy::Proxy;
pub use wait::{DEADLINE, eventually};

/// Reads a variable that the test needs, or stops with a word on how to set it.
fn required_env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run the tests with `make test`, which builds what they need")
    })
}
