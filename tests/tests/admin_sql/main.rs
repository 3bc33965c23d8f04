//! The functions a person types in psql: what they do, who may call them, and that the reference tells the truth.
// Helpers of tests stop the test, as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod audiences;
mod catalog;
mod environments;
mod flags;
mod privileges;
mod protection;
mod reference;
#[path = "../support/refusal.rs"]
mod refusal;
mod rollouts;
mod sdk_keys;
mod targeting;
mod usage;
mod views;

use fauna_tests::{Database, error_of};

/// A database with one environment.
async fn database() -> Database<'static> {
    let database = fauna_tests::database().await;
    database.execute("SELECT fauna.create_environment('production')").await;
    database
}

/// What a query gives, as text: a row per element, its columns joined by ` | `, null as nothing.
async fn rows(database: &Database<'_>, query: &str) -> Vec<String> {
    let client = database.connect().await;
    let messages =
        client.simple_query(query).await.unwrap_or_else(|error| panic!("{query}: {}", error_of(&error)));
    messages
        .into_iter()
        .filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).unwrap_or("")).collect::<Vec<_>>().join(" | "))
            }
            _ => None,
        })
        .collect()
}

/// The one value that a query gives, as text.
async fn value(database: &Database<'_>, query: &str) -> String {
    let rows = rows(database, query).await;
    let [value] = rows.as_slice() else { panic!("{query}: {} rows", rows.len()) };
    value.clone()
}
