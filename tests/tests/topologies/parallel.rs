//! Parallel workers evaluate as their leader does.

use fauna_tests::cluster;

use crate::answers::{ask, ask_all, database_with_flag, run};
use crate::everything::{database_in, everything};

const MEMBERS: &str =
    "SELECT count(*) FROM users WHERE fauna.enabled('x', jsonb_build_object('targetingKey', id))";

async fn client_with_users() -> tokio_postgres::Client {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 100000) AS n;
        ALTER TABLE users SET (parallel_workers = 3);
        ANALYZE users;
        SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
        SET max_parallel_workers_per_gather = 3",
    )
    .await;
    client
}

/// Makes every statement run in a worker that can.
async fn force(client: &tokio_postgres::Client) {
    let version: u32 = ask(client, "SHOW server_version_num").await.parse().expect("a version");
    let force = if version >= 160_000 { "debug_parallel_query" } else { "force_parallel_mode" };
    run(client, &format!("SET {force} = on")).await;
}

#[tokio::test]
async fn a_parallel_scan_finds_what_a_serial_one_finds() {
    let client = client_with_users().await;
    run(&client, "SELECT fauna.create_attribute('id', 'number'), fauna.create_audience('early')").await;
    run(&client, "SELECT fauna.add_condition('early', 'id', 'lt', '{5000}'), fauna.enable('x')").await;
    run(&client, "SELECT fauna.rollout('x', 30), fauna.target('x', 'early')").await;
    let sums = "SELECT concat_ws(' ', count(*) FILTER (WHERE fauna.enabled('x', c)),
            count(*) FILTER (WHERE fauna.enabled_row('x', u)), count(*) FILTER (WHERE fauna.in_audience_row('early', u)),
            bit_xor(hashtext(u.id || fauna.variant('x', c))), bit_xor(hashtext(fauna.evaluate('x', c)::text)))
        FROM users AS u, LATERAL (SELECT jsonb_build_object('targetingKey', u.id, 'id', u.id) AS c OFFSET 0) AS context";
    let plan = ask_all(&client, &format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sums}")).await.join("\n");
    assert!(plan.contains("Parallel Seq Scan") && !plan.contains("Workers Launched: 0"), "{plan}");
    let parallel = ask(&client, sums).await;
    run(&client, "SET max_parallel_workers_per_gather = 0").await;
    assert_eq!(parallel, ask(&client, sums).await);
    let served: f64 = parallel.split(' ').next().expect("a count").parse().expect("a number");
    assert!((0.32..0.35).contains(&(served / 100_000.0)), "{parallel}");
}

#[tokio::test]
async fn workers_see_the_uncommitted_change_of_their_leader() {
    let client = client_with_users().await;
    run(&client, "SET parallel_leader_participation = off").await;
    assert_eq!(ask(&client, MEMBERS).await, "0");
    run(&client, "BEGIN; SELECT fauna.enable('x')").await;
    assert_eq!(ask(&client, MEMBERS).await, "100000");
    run(&client, "SAVEPOINT a; SELECT fauna.disable('x')").await;
    assert_eq!(ask(&client, MEMBERS).await, "0");
    run(&client, "ROLLBACK TO a").await;
    assert_eq!(ask(&client, MEMBERS).await, "100000");
    run(&client, "ROLLBACK").await;
    assert_eq!(ask(&client, MEMBERS).await, "0");
}

#[tokio::test]
async fn every_function_answers_in_a_worker_as_in_a_session() {
    let client = database_in(cluster()).await.connect().await;
    let expected = everything(&client).await;
    force(&client).await;
    assert_eq!(everything(&client).await, expected);
    run(&client, "BEGIN; SELECT fauna.rollout('x', 90)").await;
    let changed = everything(&client).await;
    assert_ne!(changed, expected);
    run(&client, "RESET ALL").await;
    assert_eq!(everything(&client).await, changed);
    run(&client, "ROLLBACK").await;
    assert_eq!(everything(&client).await, expected);
}

#[tokio::test]
async fn workers_know_the_settings() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x'), fauna.create_environment('empty')").await;
    force(&client).await;
    run(&client, "SET fauna.context = '{\"targetingKey\": \"u\"}'").await;
    for (sql, answer) in [
        ("SELECT fauna.enabled('x')", "t"),
        ("SELECT fauna.variant('x')", "on"),
        ("SELECT fauna.value('x', 'null')", "true"),
        ("SELECT reason FROM fauna.evaluate('x')", "STATIC"),
        ("SELECT fauna.evaluate('x', '{}')", "(x,true,on,STATIC,,,,"),
        ("SELECT count(*) FROM fauna.evaluate_all()", "1"),
        ("SELECT fauna.in_audience('x')", "f"),
    ] {
        assert!(ask(&client, sql).await.starts_with(answer), "{sql}");
    }
    run(&client, "SET fauna.environment = 'empty'; SELECT fauna.archive_flag('x')").await;
    assert_eq!(ask(&client, "SELECT (fauna.evaluate('x')).error_code").await, "FLAG_NOT_FOUND");
}
