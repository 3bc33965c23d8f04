//! What a session keeps is bounded, and it says how much that is.

use fauna_tests::{Cluster, Database};
use tokio_postgres::Client;

use super::answers::{ask, database_with_flag, run};

async fn stat(client: &Client, column: &str) -> i64 {
    ask(client, &format!("SELECT {column} FROM fauna.cache_stats()")).await.parse().expect("a number")
}

/// A database whose sessions count exactly: where many others work, a session that was idle for long has everything
/// invalidated, because it has missed too much.
async fn quiet_database(cluster: &Cluster) -> Database<'_> {
    let database = Database::create(cluster).await;
    database.execute("SELECT fauna.create_environment('production'), fauna.create_flag('x')").await;
    database
}

/// Puts flags with long values straight into the log.
async fn add_flags(client: &Client, prefix: &str, count: u32, bytes: u32) {
    run(
        client,
        &format!(
            "INSERT INTO fauna.documents (environment_key, kind, key, revision, doc)
            SELECT 'production', 'flag', '{prefix}' || n, 1, jsonb_build_object('kind', 'string', 'enabled', true, 'offVariant', 'a',
                'variants', jsonb_build_object('a', n || repeat('x', {bytes})), 'default', jsonb_build_object('variant', 'a'))
            FROM generate_series(1, {count}) AS n"
        ),
    )
    .await;
}

#[tokio::test]
async fn a_session_tells_what_it_keeps_and_what_it_has_done() {
    let cluster = Cluster::start();
    let database = quiet_database(&cluster).await;
    let (client, writer) = (database.connect().await, database.connect().await);
    assert_eq!(ask(&client, "SELECT concat_ws(' ', flags, audiences, loads, evaluations, environments) FROM fauna.cache_stats()").await, "0 0 0 0 {}");
    run(
        &writer,
        "SELECT fauna.create_environment('staging'), fauna.create_attribute('plan'), fauna.create_audience('pro'), fauna.create_audience('more');
        SELECT fauna.add_condition('pro', 'plan', 'eq', '{pro}'), fauna.enable('x'), fauna.target('x', 'pro', 'on')",
    )
    .await;
    run(&client, "SELECT fauna.enabled('x', '{}') FROM generate_series(1, 10)").await;
    run(&client, "SELECT fauna.enabled('none', '{}') FROM generate_series(1, 10)").await;
    let counts = "SELECT concat_ws(' ', flags, audiences, absent_keys, loads, compilations, evaluations, invalidations, evictions) FROM fauna.cache_stats()";
    assert_eq!(ask(&client, counts).await, "1 1 1 3 2 20 0 0");
    let position = "SELECT environments -> 'production' = jsonb_build_object('epoch', h.epoch, 'revision', h.revision, 'flags', 1, 'audiences', 1)
        FROM fauna.cache_stats(), fauna.heads h WHERE h.environment_key = 'production'";
    assert_eq!(ask(&client, position).await, "t");
    run(&client, "SET fauna.environment = 'staging'; SELECT fauna.enabled('x', '{}')").await;
    assert_eq!(ask(&client, counts).await, "2 1 1 4 3 21 0 0");
    assert_eq!(ask(&client, "SELECT string_agg(key, ' ' ORDER BY key) FROM fauna.cache_stats(), jsonb_object_keys(environments) AS key").await, "production staging");
    run(&writer, "SELECT fauna.disable('x')").await;
    run(&client, "SELECT fauna.enabled('x', '{}')").await;
    // What is kept counts: it takes memory. The change was in the other environment, so nothing is compiled again.
    assert_eq!(ask(&client, counts).await, "2 1 1 5 3 22 1 0");
}

#[tokio::test]
async fn the_bytes_are_those_that_compiled_flags_take() {
    let client = database_with_flag().await.connect().await;
    add_flags(&client, "long", 10, 1 << 20).await;
    run(&client, "SELECT fauna.enabled('x', '{}')").await;
    let before = stat(&client, "bytes").await;
    run(
        &client,
        "SELECT sum(length(fauna.text_value('long' || n, '{}', ''))) FROM generate_series(1, 10) AS n",
    )
    .await;
    let growth = stat(&client, "bytes").await - before;
    // Each value as text and as jsonb.
    assert!((20 << 20..=40 << 20).contains(&growth), "{growth}");
    run(&client, "UPDATE fauna.documents SET revision = 2 WHERE key = 'x'; SELECT fauna.enabled('x', '{}')")
        .await;
    let kept = stat(&client, "bytes").await - before;
    assert!((kept - growth).abs() < 100_000, "{kept}");
    // With what is deleted goes what was compiled of it, once all there is has been looked at.
    run(
        &client,
        "DELETE FROM fauna.documents WHERE key <> 'x'; SELECT count(*) FROM fauna.evaluate_all('{}')",
    )
    .await;
    let left = stat(&client, "bytes").await - before;
    assert!(left.abs() < 100_000, "{left}");
}

#[tokio::test]
async fn a_cache_beyond_its_limit_goes_with_the_statement_and_not_within_it() {
    let cluster = Cluster::start();
    let client = quiet_database(&cluster).await.connect().await;
    add_flags(&client, "large", 4, 1 << 20).await;
    run(&client, "SET fauna.cache_limit = '4MB'").await;
    let sum = "SELECT sum(length(fauna.text_value('large' || n % 4 + 1, '{}', ''))) FROM generate_series(1, 4000) AS n";
    for _ in 0..3 {
        let loads = stat(&client, "loads").await;
        assert_eq!(ask(&client, sum).await, (4000_i64 * ((1 << 20) + 1)).to_string());
        assert_eq!(stat(&client, "loads").await - loads, 4);
    }
    assert_eq!(stat(&client, "evictions").await, 2);
    assert_eq!(stat(&client, "invalidations").await, 0);
    run(&client, "RESET fauna.cache_limit").await;
    let loads = stat(&client, "loads").await;
    run(&client, sum).await;
    assert_eq!(stat(&client, "loads").await - loads, 0);
}

#[tokio::test]
async fn a_statement_that_uses_far_more_than_the_limit_does_not_keep_it_all() {
    let client = database_with_flag().await.connect().await;
    add_flags(&client, "large", 40, 1 << 20).await;
    run(&client, "SET fauna.cache_limit = '4MB'").await;
    let right = "SELECT count(*) FROM generate_series(1, 40) AS n WHERE starts_with(fauna.text_value('large' || n, '{}', ''), n || 'x')";
    assert_eq!(ask(&client, right).await, "40");
    assert!(stat(&client, "evictions").await >= 3, "{}", stat(&client, "evictions").await);
    assert!(stat(&client, "bytes").await < 24 << 20, "{}", stat(&client, "bytes").await);
    // One evaluation of what is larger than all that is allowed works, and goes on working.
    add_flags(&client, "huge", 1, 20 << 20).await;
    let loads = stat(&client, "loads").await;
    let huge = "SELECT count(*) FROM generate_series(1, 100) WHERE length(fauna.text_value('huge1', '{}', '')) > 20 << 20";
    assert_eq!(ask(&client, huge).await, "100");
    assert!(stat(&client, "loads").await - loads <= 2);
}

#[tokio::test]
async fn what_is_kept_after_a_change_counts_against_the_limit() {
    let cluster = Cluster::start();
    let client = quiet_database(&cluster).await.connect().await;
    add_flags(&client, "large", 4, 1 << 20).await;
    let sum = "SELECT sum(length(fauna.text_value('large' || n, '{}', ''))) FROM generate_series(1, 4) AS n";
    run(&client, sum).await;
    run(&client, "UPDATE fauna.documents SET revision = 2 WHERE key = 'x'; SELECT fauna.enabled('x', '{}')")
        .await;
    assert!(stat(&client, "bytes").await > 8 << 20);
    run(&client, "SET fauna.cache_limit = '4MB'; SELECT fauna.enabled('x', '{}')").await;
    assert!(stat(&client, "bytes").await < 1 << 20, "{}", stat(&client, "bytes").await);
    assert_eq!(stat(&client, "evictions").await, 1);
    let compiled = stat(&client, "compilations").await;
    run(&client, "RESET fauna.cache_limit").await;
    run(&client, sum).await;
    assert_eq!(stat(&client, "compilations").await - compiled, 4);
    // A change that finds too much does not keep it either.
    run(&client, "SET fauna.cache_limit = '4MB'").await;
    run(&client, "UPDATE fauna.documents SET revision = 3 WHERE key = 'x'; SELECT fauna.enabled('x', '{}')")
        .await;
    assert!(stat(&client, "bytes").await < 1 << 20, "{}", stat(&client, "bytes").await);
}

#[tokio::test]
async fn a_limit_below_a_megabyte_is_refused() {
    let client = database_with_flag().await.connect().await;
    // The setting is known once the library is loaded.
    run(&client, "SELECT fauna.enabled('x', '{}')").await;
    let refused = super::answers::refusal(&client, "SET fauna.cache_limit = '1023kB'").await;
    assert!(refused.starts_with("22023"), "{refused}");
}
