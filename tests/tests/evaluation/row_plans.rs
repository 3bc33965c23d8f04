//! The planner takes a row apart into its columns where that is the same, and nowhere else.

use tokio_postgres::Client;

use super::answers::{ask, ask_all, database_with_flag, refusal, run};

/// The tables `users` and `orders`, the audience `pro` and the flag `on`.
async fn client_with_tables() -> Client {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "SELECT fauna.create_attribute('plan'), fauna.create_audience('pro'), fauna.create_flag('on'), fauna.enable('on');
        SELECT fauna.add_condition('pro', 'plan', 'eq', '{pro}');
        CREATE TABLE users (gone text, id int PRIMARY KEY, plan text, shout text GENERATED ALWAYS AS (upper(plan)) STORED);
        ALTER TABLE users DROP gone;
        INSERT INTO users SELECT n, CASE n % 2 WHEN 0 THEN 'pro' ELSE 'free' END FROM generate_series(1, 20) AS n;
        CREATE TABLE orders (id int, user_id int); INSERT INTO orders SELECT n, n % 10 FROM generate_series(1, 40) AS n;
        CREATE TABLE parts (id int, plan text) PARTITION BY HASH (id);
        CREATE TABLE part_a (extra text, plan text, id int); ALTER TABLE part_a DROP extra;
        ALTER TABLE parts ATTACH PARTITION part_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE part_b PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO parts SELECT id, plan FROM users;
        CREATE VIEW members AS SELECT plan, id FROM users WHERE fauna.in_audience_row('pro', users)",
    )
    .await;
    client
}

async fn plan(client: &Client, sql: &str) -> String {
    ask_all(client, &format!("EXPLAIN (VERBOSE, COSTS off) {sql}")).await.join("\n")
}

#[tokio::test]
async fn a_row_whose_columns_the_planner_sees_is_taken_apart_and_answers_the_same() {
    let client = client_with_tables().await;
    for (sql, answer) in [
        ("SELECT count(*) FROM users u WHERE fauna.in_audience_row('pro', u)", "10"),
        ("SELECT count(*) FROM users u WHERE fauna.enabled_row('on', u)", "20"),
        ("SELECT count(*) FROM parts u WHERE fauna.in_audience_row('pro', u)", "10"),
        ("SELECT count(*) FROM members", "10"),
        ("SELECT count(*) FROM members m WHERE fauna.in_audience_row('pro', m)", "10"),
        (
            "SELECT count(*) FROM (SELECT id, lower(plan) AS plan FROM users) u WHERE fauna.in_audience_row('pro', u)",
            "10",
        ),
        (
            "SELECT count(*) FROM users u JOIN orders o ON o.user_id = u.id WHERE fauna.in_audience_row('pro', u)",
            "16",
        ),
        (
            "SELECT count(*) FROM users u JOIN orders o USING (id), LATERAL (SELECT fauna.in_audience_row('pro', u) AS yes) l WHERE yes",
            "10",
        ),
        (
            "SELECT count(*) FROM orders o WHERE EXISTS (SELECT FROM users u WHERE u.id = o.user_id AND fauna.in_audience_row('pro', u))",
            "16",
        ),
        (
            "SELECT count(*) FROM users u WHERE 3 < (SELECT count(*) FROM orders o WHERE o.user_id = u.id AND fauna.in_audience_row('pro', u))",
            "4",
        ),
        ("SELECT sum(fauna.in_audience_row('pro', u)::int) OVER () FROM users u LIMIT 1", "10"),
        (
            "SELECT count(*) FROM (SELECT fauna.in_audience_row('pro', u) FROM users u GROUP BY u.id, u.plan HAVING fauna.in_audience_row('pro', u)) g",
            "10",
        ),
        (
            "SELECT count(*) FROM users u TABLESAMPLE SYSTEM (100) WHERE fauna.in_audience_row('pro', ROW(u.id, u.plan)::part_b)",
            "10",
        ),
        (
            "WITH w AS (UPDATE users u SET id = id + 100 WHERE fauna.in_audience_row('pro', u)
            RETURNING fauna.in_audience_row('pro', u) AS yes) SELECT count(*) FROM w WHERE yes",
            "10",
        ),
    ] {
        let plan = plan(&client, sql).await;
        assert!(plan.contains("_columns(") && !plan.contains("_row("), "{sql}\n{plan}");
        assert_eq!(ask(&client, sql).await, answer, "{sql}");
    }
}

#[tokio::test]
async fn a_row_that_may_be_null_or_is_no_tables_is_left_whole() {
    let client = client_with_tables().await;
    for (sql, answer) in [
        (
            "SELECT count(*) FROM orders o LEFT JOIN users u ON u.id = o.id WHERE fauna.enabled_row('on', u)",
            "20",
        ),
        (
            "SELECT count(*) FROM users u RIGHT JOIN orders o ON u.id = o.id WHERE fauna.enabled_row('on', u)",
            "20",
        ),
        (
            "SELECT count(*) FROM users u FULL JOIN orders o ON u.id = o.id WHERE fauna.enabled_row('on', u)",
            "20",
        ),
        (
            "SELECT count(*) FROM (SELECT plan FROM users OFFSET 0) u WHERE fauna.in_audience_row('pro', u)",
            "10",
        ),
        (
            "SELECT count(*) FROM unnest((SELECT array_agg(users) FROM users)) u WHERE fauna.in_audience_row('pro', u)",
            "10",
        ),
        (
            "SELECT count(*) FROM (SELECT u, fauna.enabled_row('on', u) AS yes FROM users u GROUP BY CUBE (u)) g WHERE yes",
            "20",
        ),
        (
            "SELECT count(*) FROM users u, generate_series(1, 2) n WHERE fauna.in_audience_row('pro', u, CASE n WHEN 1 THEN 'id' ELSE 'plan' END)",
            "20",
        ),
    ] {
        let plan = plan(&client, sql).await;
        assert!(plan.contains("_row(") && !plan.contains("_columns("), "{sql}\n{plan}");
        assert_eq!(ask(&client, sql).await, answer, "{sql}");
    }
    // Where a version of PostgreSQL tells old rows from new ones, the old row of an insert is null.
    let version: u32 = ask(&client, "SHOW server_version_num").await.parse().expect("a number");
    if version >= 180_000 {
        let insert = "INSERT INTO users VALUES (1000, 'pro') RETURNING
            concat(fauna.enabled_row('on', old), fauna.enabled_row('on', new), fauna.enabled_row('on', users))";
        assert_eq!(ask(&client, insert).await, "ftt");
    }
}

#[tokio::test]
async fn a_table_with_more_columns_than_a_function_takes_is_left_whole() {
    let client = client_with_tables().await;
    for (columns, is_taken_apart) in [(97, true), (98, false), (1000, false)] {
        let list = (1..columns).map(|n| format!("c{n} int")).collect::<Vec<_>>().join(", ");
        run(&client, &format!("DROP TABLE IF EXISTS wide; CREATE TABLE wide ({list}, plan text)")).await;
        run(&client, "INSERT INTO wide (plan) VALUES ('pro'), ('free')").await;
        let sql = "SELECT count(*) FROM wide w WHERE fauna.in_audience_row('pro', w, 'c1')";
        assert_eq!(plan(&client, sql).await.contains("_columns("), is_taken_apart, "{columns}");
        assert_eq!(ask(&client, sql).await, "1", "{columns}");
    }
    run(&client, "CREATE TABLE empty (); INSERT INTO empty DEFAULT VALUES").await;
    assert_eq!(ask(&client, "SELECT count(*) FROM empty e WHERE fauna.enabled_row('on', e)").await, "1");
}

#[tokio::test]
async fn what_is_kept_is_the_call_as_it_was_written() {
    let client = client_with_tables().await;
    run(
        &client,
        "ALTER TABLE users DROP shout;
        ALTER TABLE users ADD CONSTRAINT members_only CHECK (fauna.enabled_row('on', users));
        CREATE POLICY members_only ON users USING (fauna.in_audience_row('pro', users));
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := -NEW.id; RETURN NEW; END $$;
        CREATE TRIGGER members_only BEFORE INSERT ON users FOR EACH ROW WHEN (fauna.in_audience_row('pro', NEW)) EXECUTE FUNCTION note()",
    )
    .await;
    for definition in [
        "pg_get_viewdef('members'::regclass)",
        "pg_get_constraintdef((SELECT oid FROM pg_constraint WHERE conname = 'members_only'))",
        "(SELECT qual FROM pg_policies WHERE policyname = 'members_only')",
        "pg_get_triggerdef((SELECT oid FROM pg_trigger WHERE tgname = 'members_only'))",
    ] {
        let text = ask(&client, &format!("SELECT {definition}")).await;
        assert!(text.contains("_row('") && !text.contains("_columns("), "{text}");
    }
    run(&client, "INSERT INTO users VALUES (31, 'pro'), (32, 'free')").await;
    assert_eq!(
        ask(&client, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM users WHERE abs(id) > 30").await,
        "-31 32"
    );
    run(&client, "SELECT fauna.disable('on')").await;
    let refused = refusal(&client, "INSERT INTO users VALUES (33, 'free')").await;
    assert!(refused.starts_with("23514"), "{refused}");
    // A constraint is simplified with the numbers of its own table, here in a query that has another first.
    run(&client, "SET constraint_exclusion = on").await;
    let joined =
        "SELECT count(*) FROM orders o, users u WHERE u.id = o.id AND fauna.in_audience_row('pro', u)";
    assert_eq!(ask(&client, joined).await, "10");
}

#[tokio::test]
async fn a_plan_that_is_kept_follows_the_type_of_its_row() {
    let client = client_with_tables().await;
    run(
        &client,
        "CREATE TYPE person AS (id int, plan text); SET plan_cache_mode = force_generic_plan;
        PREPARE persons AS SELECT count(*) FROM users u WHERE fauna.in_audience_row('pro', ROW(u.id, u.plan)::person);
        PREPARE in_view AS SELECT count(*) FROM members m WHERE fauna.in_audience_row('pro', m)",
    )
    .await;
    for (change, persons, in_view) in [
        ("SELECT 1", "10", "10"),
        ("ALTER TYPE person RENAME ATTRIBUTE plan TO old", "0", "10"),
        ("ALTER VIEW members RENAME plan TO old", "0", "0"),
        ("ALTER TYPE person RENAME ATTRIBUTE old TO plan", "10", "0"),
        ("ALTER VIEW members RENAME old TO plan", "10", "10"),
    ] {
        run(&client, change).await;
        assert_eq!(ask(&client, "EXECUTE persons").await, persons, "{change}");
        assert_eq!(ask(&client, "EXECUTE in_view").await, in_view, "{change}");
    }
}

#[tokio::test]
async fn a_renamed_label_of_an_enum_is_read_as_it_is_now() {
    let client = client_with_tables().await;
    run(
        &client,
        "CREATE TYPE tier AS ENUM ('free', 'pro'); CREATE TABLE tiers (plan tier);
        INSERT INTO tiers VALUES ('pro'), ('free');
        CREATE FUNCTION member(t tiers) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN fauna.in_audience_row('pro', t); END $$;
        CREATE FUNCTION member(plan tier) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN fauna.in_audience_row('pro', r) FROM (SELECT plan) r; END $$;
        PREPARE members AS SELECT concat_ws(' ', count(*) FILTER (WHERE fauna.in_audience_row('pro', t)),
            count(*) FILTER (WHERE member(t)), count(*) FILTER (WHERE member(t.plan))) FROM tiers t",
    )
    .await;
    run(&client, "BEGIN").await;
    for (change, answer) in [
        ("SELECT 1", "1 1 1"),
        ("ALTER TYPE tier RENAME VALUE 'pro' TO 'gold'", "0 0 0"),
        ("ALTER TYPE tier RENAME VALUE 'free' TO 'pro'", "1 1 1"),
    ] {
        run(&client, change).await;
        assert_eq!(ask(&client, "EXECUTE members").await, answer, "{change}");
    }
    run(&client, "ROLLBACK").await;
    assert_eq!(ask(&client, "EXECUTE members").await, "1 1 1");
}

#[tokio::test]
async fn only_the_planner_calls_what_takes_columns() {
    let client = client_with_tables().await;
    for arguments in [
        "'pro', 'id', '{plan}'",
        "'pro', 'id', '{plan}', 'pro', 'more'",
        "'pro', 'id', NULL, 'pro'",
        "'pro', 'id', '{plan}', VARIADIC ARRAY['pro']",
        "'pro', 'id', ARRAY[left('plan', n)], 'pro') FROM generate_series(1, 2) AS n WHERE (true",
        "'pro', left('id', n), '{plan}', 'pro') FROM generate_series(1, 2) AS n WHERE (true",
        "'pro', 'id', '{{plan},{id}}', 'pro'",
    ] {
        for function in ["enabled_columns", "in_audience_columns"] {
            let sql = format!("SELECT fauna.{function}({arguments})");
            let refused = match client.batch_execute(&sql).await {
                Ok(()) => String::from("42883: accepted"),
                Err(error) => fauna_tests::error_of(&error),
            };
            assert!(
                refused.starts_with("0A000") || refused.starts_with("42883: function"),
                "{sql}: {refused}"
            );
        }
    }
    for (call, answer) in [
        ("fauna.in_audience_columns('pro', 'id', '{plan}', 'pro'::text)", "t"),
        ("fauna.in_audience_columns('pro', NULL, '{plan}', 'pro')", "t"),
        ("fauna.in_audience_columns('pro', 'id', '{NULL}', 'pro'::text)", "f"),
        ("fauna.in_audience_columns(NULL, 'id', '{plan}', 'pro'::text)", "f"),
        ("fauna.enabled_columns('unknown', 'id', '{plan}', 1)", "f"),
        ("fauna.enabled_columns('on', 'id', '{plan}', NULL)", "t"),
    ] {
        assert_eq!(ask(&client, &format!("SELECT {call}")).await, answer, "{call}");
    }
}

#[tokio::test]
async fn who_may_call_one_of_both_functions_gets_what_they_may_call() {
    let database = database_with_flag().await;
    database
        .execute(
            "SELECT fauna.enable('x'); CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 3) AS n;
            CREATE ROLE row_caller LOGIN; GRANT USAGE ON SCHEMA fauna TO row_caller; GRANT SELECT ON users TO row_caller;
            GRANT EXECUTE ON FUNCTION fauna.enabled_row(text, record, text) TO row_caller",
        )
        .await;
    let client = database.connect_as("row_caller").await;
    let sql = "SELECT count(*) FROM users u WHERE fauna.enabled_row('x', u)";
    assert_eq!(ask(&client, sql).await, "3");
    assert!(plan(&client, sql).await.contains("enabled_row("));
    database.execute("SELECT fauna.grant('row_caller', 'evaluator')").await;
    assert_eq!(ask(&client, sql).await, "3");
    assert!(plan(&client, sql).await.contains("enabled_columns("));
    database
        .execute("REVOKE EXECUTE ON FUNCTION fauna.enabled_row(text, record, text) FROM row_caller")
        .await;
    let refused = refusal(&client, sql).await;
    assert!(refused.starts_with("42501") && refused.contains("enabled_row"), "{refused}");
}
