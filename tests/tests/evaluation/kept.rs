//! After a change a session keeps what it has compiled of documents that are the same as before, and nothing else,
//! whatever became of their rows in between.

use fauna_tests::Database;
use tokio_postgres::Client;

use super::answers::{ask, ask_all, database_with_flag, is_on, run};

const EVERY_FLAG: &str = "SELECT concat_ws(' ', e, (SELECT fauna.evaluate(e.flag, '{\"plan\": \"gold\"}'))) FROM fauna.evaluate_all('{\"plan\": \"gold\"}') AS e";

/// A database with thirty enabled flags, one of which, `x`, is on for the audience `gold` alone; and the same off in `staging`.
async fn database_with_flags() -> Database<'static> {
    let database = database_with_flag().await;
    database
        .execute(
            "SELECT fauna.create_flag('flag-' || n) FROM generate_series(2, 30) AS n; SELECT fauna.enable(key) FROM fauna.flags;
            SELECT fauna.create_attribute('plan'), fauna.create_audience('gold');
            SELECT fauna.add_condition('gold', 'plan', 'eq', '{gold}'), fauna.rollout('x', 0), fauna.target('x', 'gold');
            SELECT fauna.create_environment('staging')",
        )
        .await;
    database
}

async fn compilations(client: &Client) -> i64 {
    ask(client, "SELECT compilations FROM fauna.cache_stats()").await.parse().expect("a number")
}

/// Answers that are those of a session which has never evaluated before.
async fn assert_fresh(database: &Database<'_>, client: &Client, after: &str) {
    let expected = ask_all(&database.connect().await, EVERY_FLAG).await;
    assert_eq!(ask_all(client, EVERY_FLAG).await, expected, "after {after}");
}

#[tokio::test]
async fn a_session_that_has_used_all_flags_compiles_only_the_one_that_changes() {
    let database = database_with_flags().await;
    let client = database.connect().await;
    run(&client, EVERY_FLAG).await;
    assert_eq!(compilations(&client).await, 31);
    for (change, compiled) in [
        ("SELECT fauna.disable('flag-7')", 1),
        ("SELECT fauna.enable('flag-7'), fauna.disable('flag-8')", 2),
        ("SELECT fauna.add_condition('gold', 'plan', 'eq', '{gold}')", 1),
        ("SELECT fauna.create_flag('new')", 1),
        ("SELECT fauna.delete_flag('new')", 0),
        ("SELECT fauna.enable('x', 'staging')", 0),
        ("SELECT fauna.create_sdk_key('production', 'client', 'web')", 0),
        ("SELECT fauna.prune('0 s')", 0),
        ("BEGIN; SELECT fauna.disable('x'); SELECT fauna.enable('x'); COMMIT", 0),
        ("BEGIN; SELECT fauna.disable('x'); ROLLBACK", 0),
    ] {
        database.execute(change).await;
        let before = compilations(&client).await;
        let one_by_one = "SELECT count(*) FROM fauna.flags WHERE fauna.variant(key, '{}') IS NULL";
        assert_eq!(ask(&client, one_by_one).await, "0");
        assert_fresh(&database, &client, change).await;
        assert_eq!(compilations(&client).await - before, compiled, "after {change}");
    }
}

#[tokio::test]
async fn what_is_not_used_for_some_changes_is_still_kept() {
    let database = database_with_flags().await;
    let client = database.connect().await;
    run(&client, EVERY_FLAG).await;
    for _ in 0..3 {
        database.execute("SELECT fauna.disable('flag-7'), fauna.disable('flag-8')").await;
        run(&client, "SELECT fauna.enabled('flag-7', '{}')").await;
        database.execute("SELECT fauna.enable('flag-7'), fauna.enable('flag-8')").await;
        run(&client, "SELECT fauna.enabled('flag-8', '{}')").await;
        assert_eq!(ask(&client, "SELECT flags FROM fauna.cache_stats()").await, "30");
    }
    let before = compilations(&client).await;
    assert_fresh(&database, &client, "three rounds").await;
    // Each was changed after it was last used, though it is now as it was.
    assert_eq!(compilations(&client).await - before, 1);
}

#[tokio::test]
async fn an_environment_that_the_session_has_left_is_kept_as_well() {
    let database = database_with_flags().await;
    let client = database.connect().await;
    let both = "SET fauna.environment = 'staging'; SELECT count(*) FROM fauna.evaluate_all('{}');
        RESET fauna.environment; SELECT count(*) FROM fauna.evaluate_all('{}')";
    run(&client, both).await;
    for environment in ["staging", "production"] {
        let before = compilations(&client).await;
        database.execute(&format!("SELECT fauna.rollout('x', 50, environment => '{environment}')")).await;
        run(&client, both).await;
        assert_eq!(compilations(&client).await - before, 1, "{environment}");
        assert_fresh(&database, &client, environment).await;
    }
}

#[tokio::test]
async fn what_a_transaction_takes_back_is_as_before_and_what_it_commits_is_not() {
    let database = database_with_flags().await;
    let client = database.connect().await;
    run(&client, EVERY_FLAG).await;
    for (end, compiled) in [("ROLLBACK", 2), ("COMMIT", 2)] {
        let before = compilations(&client).await;
        run(&client, "BEGIN; SAVEPOINT a; SELECT fauna.disable('flag-7')").await;
        run(&client, EVERY_FLAG).await;
        assert_eq!(compilations(&client).await - before, 1);
        run(&client, "SAVEPOINT b; SELECT fauna.disable('flag-8')").await;
        run(&client, "ROLLBACK TO b").await;
        assert_eq!(ask(&client, "SELECT fauna.enabled('flag-8', '{}')").await, "t");
        run(&client, end).await;
        assert_fresh(&database, &client, end).await;
        // What the transaction has written is compiled again after it.
        assert!((compiled..=compiled + 1).contains(&(compilations(&client).await - before)), "{end}");
    }
}

/// What no commit of a change does to the log, but a restore, a subscription or a superuser can.
const SURGERY: &[&str] = &[
    "UPDATE fauna.documents SET doc = jsonb_set(doc, '{enabled}', 'false') WHERE key = 'flag-7'",
    "UPDATE fauna.documents SET revision = 1, doc = jsonb_set(doc, '{enabled}', 'true') WHERE key = 'flag-7'",
    "DELETE FROM fauna.documents WHERE key = 'flag-7'",
    "INSERT INTO fauna.documents SELECT environment_key, kind, 'flag-7', 1, doc FROM fauna.documents WHERE key = 'flag-8'",
    "BEGIN; DELETE FROM fauna.documents WHERE key = 'flag-7'; INSERT INTO fauna.documents
        SELECT environment_key, kind, 'flag-7', revision, jsonb_set(doc, '{enabled}', 'false') FROM fauna.documents WHERE key = 'flag-8'; COMMIT",
    "UPDATE fauna.documents SET doc = NULL WHERE key = 'flag-8'",
    "BEGIN; CREATE TABLE copy AS TABLE fauna.documents; TRUNCATE fauna.documents;
        INSERT INTO fauna.documents SELECT environment_key, kind, key, revision, doc - 'rules' FROM copy; COMMIT",
    "BEGIN; DELETE FROM fauna.documents WHERE kind = 'audience'; INSERT INTO fauna.documents SELECT environment_key, kind, key, revision,
        jsonb_set(doc, '{match}', '\"any\"') FROM copy WHERE kind = 'audience'; COMMIT",
    "BEGIN; UPDATE fauna.documents SET key = 'aside' WHERE key = 'flag-9'; UPDATE fauna.documents SET key = 'flag-9',
        doc = doc || '{\"enabled\": false}' WHERE key = 'flag-10'; UPDATE fauna.documents SET key = 'flag-10' WHERE key = 'aside'; COMMIT",
    "BEGIN; UPDATE fauna.heads SET revision = 1; UPDATE fauna.documents SET revision = 1, doc = doc || '{\"enabled\": false}' WHERE key = 'x'; COMMIT",
    "BEGIN; UPDATE fauna.heads SET epoch = gen_random_uuid(); DELETE FROM fauna.documents WHERE key = 'flag-11'; COMMIT",
    "TRUNCATE fauna.documents",
    "SELECT fauna.rebuild()",
    "TRUNCATE fauna.heads",
    "SELECT fauna.rebuild()",
    "DELETE FROM fauna.heads",
    "SELECT fauna.rebuild()",
    "SELECT fauna.new_epoch()",
    "DELETE FROM fauna.environments WHERE key = 'production'",
    "SELECT fauna.create_environment('production')",
];

#[tokio::test]
async fn rows_that_change_without_a_revision_or_with_an_older_one_are_noticed() {
    let database = database_with_flags().await;
    let client = database.connect().await;
    let inside = database.connect().await;
    run(&inside, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class").await;
    let mut seen = Vec::new();
    for surgery in SURGERY {
        for session in [&client, &inside] {
            run(session, "SELECT count(*) FROM fauna.evaluate_all('{}')").await;
        }
        database.execute(surgery).await;
        assert_fresh(&database, &client, surgery).await;
        assert_fresh(&database, &inside, surgery).await;
        seen.push(ask_all(&client, EVERY_FLAG).await);
    }
    seen.dedup();
    assert!(seen.len() > 12, "the changes change answers: {}", seen.len());
}

#[tokio::test]
async fn a_flag_that_its_transaction_stamps_twice_is_the_later_one_wherever_its_row_ends_up() {
    let database = database_with_flag().await;
    let client = database.connect().await;
    run(&client, "SELECT fauna.delete_flag('x')").await;
    run(&client, "DELETE FROM fauna.documents").await;
    run(&client, "VACUUM FULL fauna.documents").await;
    run(&client, "BEGIN; SET CONSTRAINTS ALL IMMEDIATE; SELECT fauna.create_flag('x')").await;
    assert!(!is_on(&client).await);
    let row = "SELECT concat_ws(' ', ctid, xmin) FROM fauna.documents WHERE key = 'x' AND kind = 'flag'";
    let first = ask(&client, row).await;
    run(&client, "SELECT fauna.enable('x')").await;
    run(&client, "COMMIT").await;
    run(&client, "VACUUM FULL fauna.documents").await;
    assert_eq!(ask(&client, row).await, first, "another version of the row, written by the same transaction");
    assert!(is_on(&client).await);
}

#[tokio::test]
async fn rows_that_only_move_or_freeze_are_the_same_flags() {
    let database = database_with_flags().await;
    let client = database.connect().await;
    run(&client, EVERY_FLAG).await;
    let before = compilations(&client).await;
    run(&client, "VACUUM FREEZE fauna.documents").await;
    database.execute("SELECT fauna.disable('flag-7')").await;
    assert_fresh(&database, &client, "VACUUM FREEZE").await;
    assert_eq!(compilations(&client).await - before, 1, "frozen rows are the same");
    run(&client, "VACUUM FULL fauna.documents").await;
    database.execute("SELECT fauna.enable('flag-7')").await;
    assert_fresh(&database, &client, "VACUUM FULL").await;
    run(&client, "DROP EXTENSION fauna").await;
    run(
        &client,
        "CREATE EXTENSION fauna; SELECT fauna.create_environment('production'), fauna.create_flag('x')",
    )
    .await;
    assert_fresh(&database, &client, "another extension").await;
}

#[tokio::test]
async fn one_statement_that_lasts_over_changes_follows_them_with_what_is_kept() {
    let database = database_with_flags().await;
    let client = database.connect().await;
    run(
        &client,
        "CREATE TABLE people AS SELECT n AS id, 'gold' AS plan FROM generate_series(1, 20) AS n;
        BEGIN; DECLARE answers CURSOR FOR SELECT concat_ws(' ', fauna.enabled_row('x', people), fauna.enabled('flag-7', '{}')) FROM people",
    )
    .await;
    for (change, answer) in [
        ("SELECT", "t t"),
        ("SELECT fauna.disable('flag-7')", "t f"),
        ("SELECT fauna.enable('flag-7')", "t t"),
        ("UPDATE fauna.conditions SET \"values\" = '[\"iron\"]'", "f t"),
        ("SELECT fauna.disable('flag-8')", "f t"),
        ("UPDATE fauna.conditions SET \"values\" = '[\"gold\"]'", "t t"),
        ("SELECT fauna.delete_flag('x')", "f t"),
    ] {
        database.execute(change).await;
        assert_eq!(ask(&client, "FETCH answers").await, answer, "after {change}");
    }
}
