//! Whatever evaluates can be cancelled, and the session goes on as if nothing had been.

use fauna_tests::{DEADLINE, Database};
use tokio_postgres::Client;

use super::answers::{ask, database_with_flag, refusal, run};

/// A database in which `x` is off for the audience `slow`, whose pattern takes minutes for the text in `contexts`.
async fn database_with_slow_audience() -> Database<'static> {
    let database = database_with_flag().await;
    database
        .execute(
            "SELECT fauna.enable('x'), fauna.create_attribute('plan'), fauna.create_audience('slow');
            SELECT fauna.add_condition('slow', 'plan', 'matches', ARRAY['[01]*1[01]{990}x']);
            SELECT fauna.target('x', 'slow', 'off');
            CREATE TABLE texts AS SELECT translate(string_agg(md5(n::text), ''), '23456789abcdef', '01010101010101') AS plan
                FROM generate_series(1, 1 << 18) AS n;
            CREATE TABLE contexts AS SELECT jsonb_build_object('plan', plan) AS c FROM texts;
            INSERT INTO contexts SELECT jsonb_build_object('plan', jsonb_agg(part)) FROM generate_series(1, 2000) AS n, LATERAL (
                SELECT translate(string_agg(md5(n || ' ' || m), ''), '23456789abcdef', '01010101010101') AS part
                FROM generate_series(1, 125) AS m) AS parts",
        )
        .await;
    database
}

/// Runs a statement that would take minutes, and expects PostgreSQL to end it.
async fn cancelled(client: &Client, sql: &str) {
    let refused = tokio::time::timeout(DEADLINE, refusal(client, sql)).await;
    let refused = refused.unwrap_or_else(|_| panic!("cannot be cancelled: {sql}"));
    assert_eq!(refused, "57014: canceling statement due to statement timeout", "{sql}");
}

#[tokio::test]
async fn a_scan_that_evaluates_can_be_cancelled() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x')").await;
    run(&client, "SET statement_timeout = '100ms'").await;
    for call in [
        "fauna.enabled('x', jsonb_build_object('targetingKey', n))",
        "fauna.enabled_row('x', u)",
        "(fauna.evaluate('x', jsonb_build_object('n', n))).variant = 'on'",
        "EXISTS (SELECT FROM fauna.evaluate_all(jsonb_build_object('n', n)))",
        "EXISTS (SELECT FROM fauna.explain('x', jsonb_build_object('n', n)))",
    ] {
        cancelled(&client, &format!("SELECT count(*) FROM generate_series(1, 1000000000) AS n, LATERAL (SELECT n AS id) AS u WHERE {call}"))
            .await;
    }
    run(&client, "RESET statement_timeout").await;
    assert_eq!(ask(&client, "SELECT fauna.enabled('x', '{}')").await, "t");
}

#[tokio::test]
async fn one_evaluation_of_megabytes_can_be_cancelled() {
    let client = database_with_slow_audience().await.connect().await;
    run(&client, "SET statement_timeout = '300ms'").await;
    for context in ["FROM contexts LIMIT 1", "FROM contexts OFFSET 1"] {
        for call in [
            "fauna.enabled('x', c)",
            "fauna.in_audience('slow', c)",
            "fauna.value('x', c, 'null')",
            "fauna.evaluate('x', c)",
            "fauna.evaluate_all(c)",
            "fauna.explain('x', c)",
        ] {
            cancelled(&client, &format!("SELECT {call} {context}")).await;
        }
    }
    cancelled(&client, "SELECT fauna.in_audience_row('slow', texts) FROM texts").await;
}

#[tokio::test]
async fn a_cancelled_evaluation_leaves_its_transaction_and_session_as_they_were() {
    let database = database_with_slow_audience().await;
    let client = database.connect().await;
    let slow = "SELECT fauna.enabled('x', c) FROM contexts LIMIT 1";
    let question = "SELECT fauna.enabled('x', '{\"plan\": \"0\"}')";
    run(&client, "SET statement_timeout = '300ms'").await;
    run(&client, "BEGIN; SAVEPOINT a").await;
    cancelled(&client, slow).await;
    run(&client, "ROLLBACK TO a").await;
    assert_eq!(ask(&client, question).await, "t");
    run(
        &client,
        "SET LOCAL statement_timeout = 0; SELECT fauna.disable('x'); SET LOCAL statement_timeout = '300ms'",
    )
    .await;
    assert_eq!(ask(&client, question).await, "f");
    run(&client, "ROLLBACK").await;
    assert_eq!(ask(&client, question).await, "t");
    cancelled(&client, slow).await;
    database.execute("SELECT fauna.disable('x')").await;
    assert_eq!(ask(&client, question).await, "f");
    // Nothing asks for the audience any more.
    assert_eq!(ask(&client, slow).await, "f");
}
