//! A backend that evaluates for long does not grow.

use std::fs;

use tokio_postgres::Client;

use super::answers::{ask, database_with_flag, run};

/// The memory that a session's backend holds and shares with nobody, in kilobytes.
async fn private_memory(client: &Client) -> i64 {
    let pid = ask(client, "SELECT pg_backend_pid()").await;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the backend's status");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("its anonymous memory");
    line.split_whitespace().nth(1).expect("a number").parse().expect("kilobytes")
}

/// Runs `work` until its first runs have filled what there is to fill, then again, and returns the growth.
async fn growth(client: &Client, work: &str) -> i64 {
    for _ in 0..3 {
        run(client, work).await;
    }
    let before = private_memory(client).await;
    for _ in 0..5 {
        run(client, work).await;
    }
    private_memory(client).await - before
}

#[tokio::test]
async fn memory_is_flat_over_millions_of_evaluations() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x'), fauna.create_attribute('plan'), fauna.create_audience('gold')")
        .await;
    run(
        &client,
        "SELECT fauna.add_condition('gold', 'plan', 'matches', '{^g.*d$}'), fauna.target('x', 'gold', 'off')",
    )
    .await;
    run(&client, "SET fauna.context = '{\"plan\": \"silver\"}'").await;
    let calls = "SELECT count(*) FROM generate_series(1, 50000) AS n, LATERAL (
        SELECT jsonb_build_object('targetingKey', n, 'plan', 'p' || n) AS c OFFSET 0) AS context
        WHERE fauna.enabled('x', c) AND fauna.enabled('x') AND fauna.variant('x', c) IS NOT NULL
            AND fauna.value('x', c, 'null') IS NOT NULL AND (fauna.evaluate('x', c)).flag = 'x' AND NOT fauna.in_audience('gold', c)";
    let growth = growth(&client, calls).await;
    assert!(growth < 1024, "{growth} kB in 1.5 million calls");
}

#[tokio::test]
async fn memory_is_flat_over_thousands_of_invalidations() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.create_flag('flag' || n) FROM generate_series(1, 20) AS n").await;
    let changes = "DO $$ BEGIN FOR n IN 1..300 LOOP
        UPDATE fauna.documents SET revision = revision WHERE key = 'x';
        PERFORM fauna.enabled('flag' || m, '{}') FROM generate_series(1, 20) AS m;
        PERFORM count(*) FROM fauna.evaluate_all('{}');
    END LOOP; END $$";
    let growth = growth(&client, changes).await;
    assert!(growth < 2048, "{growth} kB in 1500 invalidations");
}

#[tokio::test]
async fn memory_is_flat_over_any_number_of_unknown_flags() {
    let client = database_with_flag().await.connect().await;
    let unknown = "SELECT count(*) FROM generate_series(1, 5000) AS n
        WHERE fauna.enabled('no' || random(), '{}') OR fauna.in_audience('no' || random(), '{}') OR fauna.enabled(repeat('x', n), '{}')";
    let growth = growth(&client, unknown).await;
    assert!(growth < 1024, "{growth} kB in 75 000 unknown keys");
}

#[tokio::test]
async fn a_cache_beyond_its_bound_is_dropped_and_still_right() {
    let client = database_with_flag().await.connect().await;
    // 100 documents of about 1 MB: more than the cache holds.
    run(
        &client,
        "INSERT INTO fauna.documents (environment_key, kind, key, revision, doc)
        SELECT 'production', 'flag', 'big' || n, 1, jsonb_build_object('kind', 'string', 'enabled', true, 'offVariant', 'a',
            'variants', jsonb_build_object('a', n || repeat('x', 1 << 20)), 'default', jsonb_build_object('variant', 'a'))
        FROM generate_series(1, 100) AS n",
    )
    .await;
    let right = "SELECT count(*) FROM generate_series(1, 100) AS n
        WHERE starts_with(fauna.text_value('big' || n, '{}', ''), n || 'x')";
    for _ in 0..3 {
        assert_eq!(ask(&client, right).await, "100");
    }
    let memory = private_memory(&client).await;
    assert!(memory < 400_000, "{memory} kB");
}
