//! Random transactions. At every step the documents as the transaction sees them are what its source rows
//! compile to, and so are the documents after the commit. That is what lets a commit that nobody has come
//! before keep what its statements compiled.

use fauna_tests::{database, random::Dice};
use tokio_postgres::Client;

use crate::invariants::{assert_consistent, assert_documents_compiled};
use crate::shop::SHOP;

const TRANSACTIONS: u32 = 60;

/// What the transaction sees: its pending documents over the committed ones.
const SEEN: &str = "
    SELECT environment_key, kind, key
    FROM (SELECT e.key AS environment_key, c.kind, c.key, c.doc FROM fauna.environments e, fauna.compile_environment(e.key) c) c
    FULL JOIN (
        SELECT environment_key, kind, key, CASE WHEN p.txid IS NULL THEN d.doc ELSE p.doc END AS doc
        FROM fauna.documents d
        FULL JOIN (SELECT * FROM fauna.pending WHERE txid = pg_current_xact_id()) p USING (environment_key, kind, key)
        WHERE CASE WHEN p.txid IS NULL THEN d.doc ELSE p.doc END IS NOT NULL) s USING (environment_key, kind, key)
    WHERE c.doc IS DISTINCT FROM s.doc";

async fn assert_sees_what_it_wrote(client: &Client, story: &[String]) {
    let rows = client.query(SEEN, &[]).await.expect("the comparison");
    assert!(
        rows.is_empty(),
        "{:?} after {story:#?}",
        rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect::<Vec<(String, String, String)>>()
    );
}

#[tokio::test]
async fn a_transaction_sees_exactly_what_it_wrote_and_so_does_everybody_after_it() {
    let database = database().await;
    database.execute(&format!("BEGIN; {SHOP} COMMIT")).await;
    let client = database.connect().await;
    let mut dice = Dice(1);
    let mut refused = 0;
    for _ in 0..TRANSACTIONS {
        let mut story = Vec::new();
        client.batch_execute("BEGIN; SAVEPOINT s").await.expect("BEGIN");
        for _ in 0..=dice.roll(6) {
            let statement = match dice.roll(9) {
                0 => "ROLLBACK TO s".to_owned(),
                1 => "RELEASE s; SAVEPOINT s".to_owned(),
                2 => "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
                3 => "SET CONSTRAINTS ALL DEFERRED".to_owned(),
                _ => dice.statement(),
            };
            if client.batch_execute(&statement).await.is_err() {
                refused += 1;
                client.batch_execute("ROLLBACK TO s").await.expect("ROLLBACK TO");
                continue;
            }
            story.push(statement);
            assert_sees_what_it_wrote(&client, &story).await;
        }
        if client.batch_execute("COMMIT").await.is_err() {
            refused += 1;
        }
        assert_documents_compiled(&client).await;
    }
    assert!(refused < TRANSACTIONS * 2, "most statements do something: {refused} refused");
    assert_consistent(&database).await;
}

#[tokio::test]
async fn whoever_commits_in_between_is_not_undone() {
    let database = database().await;
    database.execute(&format!("BEGIN; {SHOP} COMMIT")).await;
    let (client, other) = (database.connect().await, database.connect().await);
    // What the open transaction holds, the other leaves.
    other.batch_execute("SET lock_timeout = 1").await.expect("SET");
    let mut dice = Dice(2);
    let mut between = 0;
    for _ in 0..TRANSACTIONS {
        client.batch_execute("BEGIN; SAVEPOINT s").await.expect("BEGIN");
        for _ in 0..=dice.roll(6) {
            let statement = match dice.roll(10) {
                0 => "ROLLBACK TO s".to_owned(),
                1 => "RELEASE s; SAVEPOINT s".to_owned(),
                2 => "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED".to_owned(),
                _ => dice.statement(),
            };
            if client.batch_execute(&statement).await.is_err() {
                client.batch_execute("ROLLBACK TO s").await.expect("ROLLBACK TO");
            }
            if dice.roll(2) == 0 && other.batch_execute(&dice.statement()).await.is_ok() {
                between += 1;
            }
        }
        // Refused if the two do not fit together.
        let _ = client.batch_execute("COMMIT").await;
        assert_documents_compiled(&client).await;
    }
    assert!(between > TRANSACTIONS, "most statements in between do something: {between}");
    assert_consistent(&database).await;
}
