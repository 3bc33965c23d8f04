//! Asking a question in SQL and reading the answer as text.

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::database::{Database, database, error_of};

/// A database with the environment `production` and a disabled boolean flag `x`.
pub async fn database_with_flag() -> Database<'static> {
    let database = database().await;
    database.execute("SELECT fauna.create_environment('production'), fauna.create_flag('x')").await;
    database
}

/// Runs statements; a failure stops the test with PostgreSQL's words.
pub async fn run(client: &Client, sql: &str) {
    if let Err(error) = client.batch_execute(sql).await {
        panic!("{}\nin: {sql}", error_of(&error));
    }
}

/// The first column of every row that the statements return; null as `NULL`.
pub async fn ask_all(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await;
    let messages = messages.unwrap_or_else(|error| panic!("{}\nin: {sql}", error_of(&error)));
    let cell = |message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
        _ => None,
    };
    messages.into_iter().filter_map(cell).collect()
}

/// The only answer.
pub async fn ask(client: &Client, sql: &str) -> String {
    let mut answers = ask_all(client, sql).await;
    assert_eq!(answers.len(), 1, "rows of {sql}");
    answers.remove(0)
}

/// Whether the flag `x` is on, as this session sees it.
pub async fn is_on(client: &Client) -> bool {
    ask(client, "SELECT fauna.enabled('x', '{}')").await == "t"
}

/// How PostgreSQL refuses the statements.
pub async fn refusal(client: &Client, sql: &str) -> String {
    match client.batch_execute(sql).await {
        Ok(()) => panic!("not refused: {sql}"),
        Err(error) => error_of(&error),
    }
}
