//! Parallel workers evaluate as their leader does.

use super::answers::{ask, ask_all, database_with_flag, run};

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

#[tokio::test]
async fn a_parallel_scan_counts_what_a_serial_one_counts() {
    let client = client_with_users().await;
    run(&client, "SELECT fauna.enable('x'), fauna.rollout('x', 30)").await;
    let plan = ask_all(&client, &format!("EXPLAIN {MEMBERS}")).await.join("\n");
    assert!(plan.contains("Parallel Seq Scan"), "{plan}");
    let parallel = ask(&client, MEMBERS).await;
    run(&client, "SET max_parallel_workers_per_gather = 0").await;
    assert_eq!(parallel, ask(&client, MEMBERS).await);
    let share: f64 = parallel.parse::<f64>().expect("a count") / 100_000.0;
    assert!((0.29..0.31).contains(&share), "{share}");
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
async fn workers_know_the_settings_and_every_function() {
    let client = client_with_users().await;
    run(&client, "SELECT fauna.enable('x'), fauna.create_environment('empty')").await;
    let version: u32 = ask(&client, "SHOW server_version_num").await.parse().expect("a version");
    let force = if version >= 160_000 { "debug_parallel_query" } else { "force_parallel_mode" };
    run(&client, &format!("SET {force} = on; SET fauna.context = '{{\"targetingKey\": \"u\"}}'")).await;
    for (sql, answer) in [
        ("SELECT fauna.enabled('x')", "t"),
        ("SELECT fauna.variant('x')", "on"),
        ("SELECT fauna.value('x', 'null')", "true"),
        ("SELECT reason FROM fauna.evaluate('x')", "STATIC"),
        ("SELECT fauna.evaluate('x', '{}')", "(x,true,on,STATIC,,,,"),
        ("SELECT count(*) FROM fauna.evaluate_all('{}')", "1"),
        ("SELECT fauna.in_audience('x')", "f"),
    ] {
        assert!(ask(&client, sql).await.starts_with(answer), "{sql}");
    }
    run(&client, "SET fauna.environment = 'empty'; SELECT fauna.archive_flag('x')").await;
    assert_eq!(ask(&client, "SELECT (fauna.evaluate('x')).error_code").await, "FLAG_NOT_FOUND");
}
