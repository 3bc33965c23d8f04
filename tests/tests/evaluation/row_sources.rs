//! Wherever a row comes from, it is read by the columns it has there.

use fauna_tests::Database;
use tokio_postgres::Client;

use super::answers::{ask, ask_all, database_with_flag, run};

/// A table `users` of which every second is in the audience `pro`, and the flag `x` on for half of these.
async fn database_with_users() -> Database<'static> {
    let database = database_with_flag().await;
    database
        .execute(
            "SELECT fauna.create_attribute('plan'), fauna.create_audience('pro'), fauna.enable('x');
            SELECT fauna.add_condition('pro', 'plan', 'eq', '{pro}');
            SELECT fauna.rollout('x', 50, audience => 'pro');
            UPDATE fauna.allocations SET variant_key = 'off' WHERE rule_id IN (SELECT id FROM fauna.rules WHERE is_default);
            CREATE TABLE users (gone text, id int, plan text);
            ALTER TABLE users DROP gone;
            INSERT INTO users SELECT n, CASE n % 2 WHEN 0 THEN 'pro' ELSE 'free' END FROM generate_series(1, 100) AS n",
        )
        .await;
    database
}

async fn members(client: &Client, from: &str) -> String {
    ask(client, &format!("SELECT count(*) FROM {from} WHERE fauna.in_audience_row('pro', u)")).await
}

#[tokio::test]
async fn every_kind_of_row_is_read_by_its_columns() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "CREATE VIEW reversed AS SELECT plan, 'x' AS more, id FROM users;
        CREATE TYPE person AS (name text, plan text);
        CREATE DOMAIN known_person AS person CHECK ((VALUE).plan IS NOT NULL);
        CREATE TABLE held AS SELECT ROW('n', plan)::person AS one, ROW('n', plan)::person::known_person AS two FROM users;
        CREATE MATERIALIZED VIEW kept AS SELECT * FROM reversed",
    )
    .await;
    for from in [
        "users u",
        "reversed u",
        "kept u",
        "(SELECT plan FROM users OFFSET 0) u",
        "(SELECT 1 AS first, upper(plan) AS other, plan FROM users UNION ALL SELECT 1, 'pro', 'free') u",
        "(VALUES ('pro'), ('free')) v (plan), generate_series(1, 50), LATERAL (SELECT v.plan) u",
        "(SELECT one AS u FROM held) h",
        "(SELECT two AS u FROM held) h",
        "(SELECT ROW('n', plan)::person AS u FROM users) h",
        "(SELECT plan FROM users GROUP BY plan, id) u",
        "unnest((SELECT array_agg(users) FROM users)) u",
    ] {
        assert_eq!(members(&client, from).await, "50", "{from}");
    }
    // Without names there is nothing to find.
    assert_eq!(ask(&client, "SELECT fauna.in_audience_row('pro', ROW(1, 'pro'))").await, "f");
}

#[tokio::test]
async fn partitions_and_children_are_read_as_their_parent() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "CREATE TABLE parts (id int, plan text) PARTITION BY HASH (id);
        CREATE TABLE part_a (extra text, plan text, id int NOT NULL); ALTER TABLE part_a DROP extra;
        ALTER TABLE parts ATTACH PARTITION part_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE part_b PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO parts SELECT id, plan FROM users;
        CREATE TABLE guests (invited boolean) INHERITS (users);
        INSERT INTO guests SELECT 1000 + n, 'pro', true FROM generate_series(1, 10) AS n",
    )
    .await;
    assert_eq!(members(&client, "parts u").await, "50");
    assert_eq!(members(&client, "users u").await, "60");
    assert_eq!(members(&client, "ONLY users u").await, "50");
    let on = |from: &str| format!("SELECT count(*) FROM {from} u WHERE fauna.enabled_row('x', u)");
    let share = ask(&client, &on("parts")).await;
    assert_eq!(share, ask(&client, &on("ONLY users")).await);
    assert!((10..40).contains(&share.parse::<i32>().expect("a count")), "{share}");
}

#[tokio::test]
async fn a_changed_table_is_read_as_it_is_now() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "PREPARE members AS SELECT count(*) FROM users u WHERE fauna.in_audience_row('pro', u);
        SET plan_cache_mode = force_generic_plan;
        CREATE FUNCTION member(u users) RETURNS boolean LANGUAGE plpgsql AS
            $$ BEGIN RETURN fauna.in_audience_row('pro', u); END $$",
    )
    .await;
    let by_function = "SELECT count(*) FROM users u WHERE member(u)";
    for (change, count) in [
        ("SELECT 1", "50"),
        ("ALTER TABLE users ADD COLUMN new text DEFAULT 'pro'", "50"),
        ("ALTER TABLE users RENAME plan TO old", "0"),
        ("ALTER TABLE users RENAME new TO plan", "100"),
        ("ALTER TABLE users ADD COLUMN first int, ALTER old TYPE varchar(9)", "100"),
        ("ALTER TABLE users DROP COLUMN plan", "0"),
        ("ALTER TABLE users RENAME old TO plan", "50"),
    ] {
        run(&client, change).await;
        assert_eq!(ask(&client, "EXECUTE members").await, count, "prepared, after {change}");
        assert_eq!(ask(&client, by_function).await, count, "in PL/pgSQL, after {change}");
    }
    // Also within one transaction, where PL/pgSQL keeps its expressions.
    run(&client, "BEGIN").await;
    assert_eq!(ask(&client, by_function).await, "50");
    run(&client, "ALTER TABLE users DROP COLUMN plan; ALTER TABLE users ADD COLUMN plan text DEFAULT 'pro'")
        .await;
    assert_eq!(ask(&client, by_function).await, "100");
    run(&client, "ROLLBACK").await;
    assert_eq!(ask(&client, by_function).await, "50");
}

#[tokio::test]
async fn a_stored_row_older_than_its_type_lacks_the_new_columns() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "CREATE TYPE person AS (name text);
        CREATE TABLE held AS SELECT ROW('n')::person AS u FROM generate_series(1, 3);
        ALTER TYPE person ADD ATTRIBUTE plan text;
        INSERT INTO held SELECT ROW('n', 'pro')::person FROM generate_series(1, 4)",
    )
    .await;
    assert_eq!(members(&client, "held").await, "4");
}

#[tokio::test]
async fn different_types_may_meet_at_one_call_site() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "CREATE TABLE others (number numeric, plan text); INSERT INTO others VALUES (1, 'pro'), (2, 'free');
        CREATE FUNCTION member(r record) RETURNS boolean LANGUAGE plpgsql AS
            $$ BEGIN RETURN fauna.in_audience_row('pro', r); END $$",
    )
    .await;
    let both = "SELECT member(u) FROM users u WHERE id < 3 UNION ALL SELECT member(o) FROM others o
        UNION ALL SELECT member(s) FROM (SELECT true AS yes, 'pro' AS plan) s";
    assert_eq!(ask_all(&client, both).await, ["f", "t", "t", "f", "t"]);
}

#[tokio::test]
async fn the_subject_is_the_column_targeting_key_or_else_the_one_named() {
    let client = database_with_users().await.connect().await;
    run(&client, "CREATE TABLE accounts AS SELECT id, id + 1000 AS account_id, plan FROM users").await;
    let differing = |call: &str, subject: &str| {
        format!(
            "SELECT count(*) FROM accounts a WHERE {call} <> fauna.enabled('x',
            to_jsonb(a) || jsonb_build_object('targetingKey', {subject}))"
        )
    };
    for (call, subject) in [
        ("fauna.enabled_row('x', a)", "id"),
        ("fauna.enabled_row('x', a, 'account_id')", "account_id"),
        ("fauna.enabled_row('x', a, key_column => 'account_id')", "account_id"),
        ("fauna.enabled_row('x', a, 'no_such_column')", "NULL"),
        ("fauna.enabled_row('x', a, NULL)", "NULL"),
    ] {
        assert_eq!(ask(&client, &differing(call, subject)).await, "0", "{call}");
    }
    run(&client, "ALTER TABLE accounts ADD COLUMN \"targetingKey\" text; UPDATE accounts SET \"targetingKey\" = 'u' || id")
        .await;
    assert_eq!(ask(&client, &differing("fauna.enabled_row('x', a)", "'u' || id")).await, "0");
    assert_eq!(ask(&client, &differing("fauna.enabled_row('x', a, 'account_id')", "'u' || id")).await, "0");
}

#[tokio::test]
async fn a_wide_integer_has_a_bucket_by_its_digits() {
    let client = database_with_users().await.connect().await;
    run(&client, "CREATE TABLE wide AS SELECT 9007199254740992 + n AS id, 'pro' AS plan FROM generate_series(0, 999) AS n")
        .await;
    let counts = "SELECT concat_ws(' ', count(*) FILTER (WHERE fauna.enabled_row('x', w) <>
        (fauna.bucket('x', w.id::text) < 50000)), count(*) FILTER (WHERE fauna.enabled_row('x', w))) FROM wide w";
    let counts = ask(&client, counts).await;
    let (differing, on) = counts.split_once(' ').expect("two counts");
    assert_eq!(differing, "0");
    assert!((400..600).contains(&on.parse::<i32>().expect("a count")), "{on}");
}

#[tokio::test]
async fn nulls_and_strange_rows_are_answers() {
    let client = database_with_users().await.connect().await;
    run(&client, "SELECT fauna.create_flag('all'), fauna.enable('all')").await;
    for (call, answer) in [
        ("fauna.enabled_row('all', NULL)", "f"),
        ("fauna.enabled_row('all', NULL::users)", "f"),
        ("fauna.enabled_row('all', ROW())", "t"),
        ("fauna.enabled_row('all', ROW(NULL, NULL)::users)", "t"),
        ("fauna.enabled_row(NULL, ROW(1))", "f"),
        ("fauna.enabled_row('unknown', ROW(1))", "f"),
        ("fauna.in_audience_row(NULL, ROW(1))", "f"),
        ("fauna.in_audience_row('pro', NULL)", "f"),
        ("fauna.in_audience_row('pro', ROW(1, NULL)::users)", "f"),
        ("fauna.in_audience_row('pro', jsonb_populate_record(NULL::users, '{\"plan\": \"pro\"}'))", "t"),
        (
            "count(*) FROM generate_series(1, 5) n LEFT JOIN users u ON u.id = -n WHERE fauna.enabled_row('all', u)",
            "0",
        ),
    ] {
        assert_eq!(ask(&client, &format!("SELECT {call}")).await, answer, "{call}");
    }
}

#[tokio::test]
async fn long_values_are_read_wherever_the_table_keeps_them() {
    let client = database_with_users().await.connect().await;
    run(&client, "CREATE TABLE docs (id int, body text, plan text, data jsonb, tags text[])").await;
    run(
        &client,
        "SELECT fauna.create_attribute('data.plan'), fauna.create_attribute('tags'), fauna.create_audience('in-data');
        SELECT fauna.add_condition('in-data', 'data.plan', 'eq', '{pro}'), fauna.add_condition('in-data', 'tags', 'eq', '{last}')",
    )
    .await;
    for storage in ["EXTENDED", "EXTERNAL", "MAIN"] {
        run(
            &client,
            &format!(
                "TRUNCATE docs; ALTER TABLE docs ALTER body SET STORAGE {storage}, ALTER data SET STORAGE {storage},
                    ALTER tags SET STORAGE {storage};
                INSERT INTO docs SELECT n, r.long, 'pro', jsonb_build_object('long', r.long, 'plan', 'pro'),
                    ARRAY[r.long, 'last'] FROM generate_series(1, 20) AS n,
                    LATERAL (SELECT string_agg(md5((m * n)::text), '') AS long FROM generate_series(1, 500) AS m) AS r"
            ),
        )
        .await;
        assert_eq!(members(&client, "docs u").await, "20", "{storage}");
        let in_data = "SELECT count(*) FROM docs u WHERE fauna.in_audience_row('in-data', u)";
        assert_eq!(ask(&client, in_data).await, "20", "{storage}");
    }
}

#[tokio::test]
async fn parallel_workers_read_rows_as_their_leader_does() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "INSERT INTO users SELECT n, CASE n % 2 WHEN 0 THEN 'pro' ELSE 'free' END FROM generate_series(101, 100000) AS n;
        ANALYZE users; ALTER TABLE users SET (parallel_workers = 3);
        SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
        SET max_parallel_workers_per_gather = 3; SET parallel_leader_participation = off",
    )
    .await;
    for from in ["users u", "(SELECT plan, id FROM users) u"] {
        let sql = format!("SELECT count(*) FROM {from} WHERE fauna.enabled_row('x', u)");
        let plan = ask_all(&client, &format!("EXPLAIN {sql}")).await.join("\n");
        assert!(plan.contains("Parallel Seq Scan"), "{plan}");
        let parallel = ask(&client, &sql).await;
        run(&client, "SET max_parallel_workers_per_gather = 0").await;
        assert_eq!(parallel, ask(&client, &sql).await, "{from}");
        run(&client, "SET max_parallel_workers_per_gather = 3").await;
    }
}
