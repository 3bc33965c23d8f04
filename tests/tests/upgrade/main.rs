//! A database made by an older version and upgraded is the same as one made by this version.
//!
//! `sql/released/fauna--<version>.sql` is the whole install script of the version to upgrade from; the build puts it into the
//! server that the tests run on. Whoever changes `sql/install` (or a native function's declaration) says in
//! `sql/fauna--<A>--<B>.sql` how a database that has the older version comes to the same, and these tests hold the two to
//! each other.

// A helper that cannot go on stops its test, like the tests themselves.
#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod catalog;
mod data;

use std::collections::BTreeSet;

use fauna_tests::{Database, cluster, database};
use tokio_postgres::Client;

/// The version that this build installs.
pub const THIS: &str = env!("CARGO_PKG_VERSION");

/// The versions that one can upgrade from: those whose install script is in the server, this one aside.
pub async fn older_versions() -> Vec<String> {
    let client = Database::existing(cluster(), "postgres").connect().await;
    let versions = client
        .query(
            "SELECT version FROM pg_available_extension_versions WHERE name = 'fauna' AND version <> $1",
            &[&THIS],
        )
        .await
        .expect("the versions");
    assert!(!versions.is_empty(), "sql/released has no install script of an older version");
    versions.iter().map(|row| row.get(0)).collect()
}

/// A database as that version made it.
pub async fn made_by(version: &str) -> Database<'static> {
    let database = Database::create_empty(cluster()).await;
    database.execute(&format!("CREATE EXTENSION fauna VERSION '{version}'")).await;
    database
}

/// Every fact that the catalog holds about the extension: see `catalog.sql`.
pub async fn facts(client: &Client) -> BTreeSet<String> {
    let rows = client.query(include_str!("catalog.sql"), &[]).await.expect("the catalog's facts");
    rows.iter().map(|row| row.get(0)).collect()
}

/// What is to be done about facts that an upgraded database lacks or should not have; nothing if there are none.
fn advice(version: &str, fresh: &BTreeSet<String>, upgraded: &BTreeSet<String>) -> Option<String> {
    let lines = |sign: char, one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).map(|fact| format!("{sign} {fact}")).collect()
    };
    let mut lacking = lines('-', fresh, upgraded);
    lacking.extend(lines('+', upgraded, fresh));
    (!lacking.is_empty()).then(|| {
        format!(
            "a database upgraded from fauna {version} is not what CREATE EXTENSION makes.\n\
             Say in sql/fauna--{version}--{THIS}.sql how it becomes so, as sql/README.md describes;\n\
             only where {version} was never released, `scripts/freeze-sql {version}` makes it the present state instead.\n\
             - it lacks, + it has and should not:\n{}",
            lacking.join("\n")
        )
    })
}

#[tokio::test]
async fn an_upgraded_database_equals_a_fresh_one() {
    let fresh = facts(&database().await.connect().await).await;
    for version in older_versions().await {
        let database = made_by(&version).await;
        database.execute("ALTER EXTENSION fauna UPDATE").await;
        let upgraded = facts(&database.connect().await).await;
        if let Some(advice) = advice(&version, &fresh, &upgraded) {
            panic!("{advice}");
        }
    }
}

#[tokio::test]
async fn a_database_of_an_older_version_does_not_equal_a_fresh_one() {
    let fresh = facts(&database().await.connect().await).await;
    for version in older_versions().await {
        let old = facts(&made_by(&version).await.connect().await).await;
        let advice = advice(&version, &fresh, &old).expect("at least the version differs");
        assert!(advice.contains(&format!("sql/fauna--{version}--{THIS}.sql")), "{advice}");
    }
}
