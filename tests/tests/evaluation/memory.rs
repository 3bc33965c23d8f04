//! A backend that evaluates for long does not grow.

use std::fs;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::answers::{ask, database_with_flag, run};

/// The memory that a session's backend holds and shares with nobody, in kilobytes.
async fn private_memory(client: &Client) -> i64 {
    memory(client, "RssAnon:").await
}

async fn memory(client: &Client, kind: &str) -> i64 {
    let pid = ask(client, "SELECT pg_backend_pid()").await;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the backend's status");
    let line = status.lines().find(|line| line.starts_with(kind)).expect("the kind of memory");
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
async fn a_scan_of_large_contexts_holds_one_at_a_time() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x'), fauna.create_attribute('plan'), fauna.create_audience('gold')")
        .await;
    run(
        &client,
        "SELECT fauna.add_condition('gold', 'plan', 'matches', '{^g.*d$}'), fauna.target('x', 'gold', 'off')",
    )
    .await;
    // Compressed to 24 kB each, and 2 MB when they are read.
    run(
        &client,
        "CREATE TABLE contexts AS SELECT jsonb_build_object('targetingKey', n, 'plan', repeat('silver', 1 << 17), 'more',
            repeat('x', 1 << 20)) AS c FROM generate_series(1, 60) AS n",
    )
    .await;
    let scan = "SELECT count(*) FROM contexts AS u WHERE fauna.enabled('x', c) AND fauna.variant('x', c) IS NOT NULL
        AND (fauna.evaluate('x', c)).flag = 'x' AND NOT fauna.in_audience('gold', c) AND fauna.enabled_row('x', u)
        AND (SELECT count(*) FROM fauna.evaluate_all(c)) = 1 AND (SELECT count(*) FROM fauna.explain('x', c)) > 3";
    assert_eq!(ask(&client, scan).await, "60");
    let most = memory(&client, "VmHWM:").await;
    assert!(most < 200_000, "{most} kB for 120 MB of contexts, each read seven times");
    let growth = growth(&client, scan).await;
    assert!(growth < 4096, "{growth} kB in 300 contexts of 2 MB");
}

#[tokio::test]
async fn memory_is_flat_over_evaluations_that_are_cancelled() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.create_attribute('plan'), fauna.create_audience('slow')").await;
    run(&client, "SELECT fauna.add_condition('slow', 'plan', 'matches', ARRAY['[01]*1[01]{990}x'])").await;
    run(
        &client,
        "CREATE TABLE contexts AS SELECT jsonb_build_object('plan',
        translate(string_agg(md5(n::text), ''), '23456789abcdef', '01010101010101')) AS c FROM generate_series(1, 1 << 18) AS n",
    )
    .await;
    let cancelled = async || {
        for _ in 0..10 {
            let error = client.batch_execute("SELECT fauna.in_audience('slow', c) FROM contexts").await;
            let error = error.expect_err("an evaluation of minutes");
            assert_eq!(error.code().map(SqlState::code), Some("57014"), "{error}");
        }
    };
    run(&client, "SET statement_timeout = '60ms'").await;
    cancelled().await;
    let before = private_memory(&client).await;
    for _ in 0..4 {
        cancelled().await;
    }
    let growth = private_memory(&client).await - before;
    assert!(growth < 4096, "{growth} kB in 40 cancelled evaluations");
}

#[tokio::test]
async fn memory_is_flat_over_hundreds_of_thousands_of_rows_whole_and_taken_apart() {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "SELECT fauna.create_attribute(name, kind), fauna.create_audience('by-' || name) FROM (VALUES ('name', 'string'), ('mood', 'string'),
            ('team', 'string'), ('since', 'date'), ('score', 'number'), ('tags', 'string'), ('data.plan', 'string'), ('body', 'string')) AS a (name, kind);
        SELECT fauna.add_condition('by-' || key, key, CASE type WHEN 'date' THEN 'gt' WHEN 'number' THEN 'lt' ELSE 'contains' END,
            CASE type WHEN 'date' THEN '{2020-01-01T00:00:00Z}' WHEN 'number' THEN '{-1}' ELSE '{nowhere}' END::text[]) FROM fauna.attributes;
        SELECT fauna.enable('x'), fauna.rollout('x', 50); SELECT fauna.target('x', key) FROM fauna.audiences;
        CREATE TYPE mood AS ENUM ('happy', 'sad');
        CREATE TABLE people AS SELECT n AS id, 'n' || n AS name, 'sad'::mood AS mood, md5(n::text)::uuid AS team, '2019-01-01'::timestamptz AS since,
            n::numeric AS score, ARRAY['a', 'b'] AS tags, jsonb_build_object('plan', 'free', 'long', repeat(md5(n::text), 200)) AS data,
            repeat(md5(n::text), 200) AS body, n % 2 = 0 AS even, 1.5::real AS ratio, '10.0.0.1'::inet AS address
            FROM generate_series(1, 2000) AS n",
    )
    .await;
    let calls = "SELECT count(*) FILTER (WHERE fauna.enabled_row('x', apart)), count(*) FILTER (WHERE fauna.enabled_row('x', whole))
        FROM generate_series(1, 5), people apart, LATERAL (SELECT apart.* OFFSET 0) AS whole";
    let growth = growth(&client, calls).await;
    assert!(growth < 1024, "{growth} kB in 160 000 rows of eight conditions");
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
