//! Statements that must fail, in exactly these words, and leave nothing behind.

use fauna_tests::{Database, error_of};
use tokio_postgres::Client;

/// Every table that a refused statement could have left something in, the log's own included.
const TABLES: &str = "environments attributes audiences conditions flags variants flag_settings rules allocations \
    rule_audiences prerequisites sdk_keys heads revisions documents history dirty pending";

/// Runs what must fail, and returns PostgreSQL's words for it with every uuid replaced by `<id>`: state, message, detail, hint
/// and constraint, as `error_of` lays them out.
pub async fn refusal(client: &Client, sql: &str) -> String {
    match client.batch_execute(sql).await {
        Ok(()) => panic!("was not refused: {sql}"),
        Err(error) => mask_ids(&error_of(&error)),
    }
}

/// The same in a session of its own; moreover, nothing in the database is different afterwards.
pub async fn refused(database: &Database<'_>, sql: &str) -> String {
    let before = contents(database).await;
    let words = refusal(&database.connect().await, sql).await;
    assert_eq!(contents(database).await, before, "changed something: {sql}");
    words
}

/// Everything there is, as text.
async fn contents(database: &Database<'_>) -> Vec<String> {
    let client = database.connect().await;
    let mut contents = Vec::new();
    for table in TABLES.split_whitespace() {
        let rows = client
            .query(&format!("SELECT to_jsonb(t)::text FROM fauna.{table} t ORDER BY 1"), &[])
            .await
            .unwrap_or_else(|error| panic!("reading {table}: {}", error_of(&error)));
        contents.push(format!("{table}:"));
        contents.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    contents
}

fn mask_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() == 36 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .map(|piece| {
            let end = piece.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(piece.len());
            let (word, rest) = piece.split_at(end);
            if is_id(word) { format!("<id>{rest}") } else { piece.to_owned() }
        })
        .collect()
}
