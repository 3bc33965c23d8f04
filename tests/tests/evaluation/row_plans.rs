//! The planner takes a row apart into its columns where that is the same, and nowhere else.

use std::error::Error;

use tokio_postgres::Client;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

use super::answers::{ask, ask_all, database_with_flag, refusal, run};

/// By what a call shows that the planner made it.
const MARK: &str = "NULL::internal(1717663086)";

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
        // A column that is computed when it is read is computed for the call.
        run(
            &client,
            "SELECT fauna.create_attribute('loud'), fauna.create_audience('loud'); SELECT fauna.add_condition('loud', 'loud', 'eq', '{PRO}');
            CREATE TABLE shouts (id int, plan text, more text, loud text GENERATED ALWAYS AS (upper(plan)) VIRTUAL);
            INSERT INTO shouts SELECT id, plan FROM users",
        )
        .await;
        for from in ["shouts", "(SELECT * FROM shouts OFFSET 0)"] {
            let sql = format!("SELECT count(*) FROM {from} s WHERE fauna.in_audience_row('loud', s)");
            assert_eq!(ask(&client, &sql).await, "11", "{from}");
        }
    }
}

#[tokio::test]
async fn of_a_wide_row_only_what_is_asked_for_is_passed() {
    let client = client_with_tables().await;
    // A function has at most 100 arguments, of which six are no columns.
    for (columns, all_fit) in [(3, true), (94, true), (95, false), (1000, false)] {
        let list = (1..columns).map(|n| format!("c{n} int")).collect::<Vec<_>>().join(", ");
        run(&client, &format!("DROP TABLE IF EXISTS wide; CREATE TABLE wide ({list}, plan text)")).await;
        run(&client, "INSERT INTO wide (plan) VALUES ('pro'), ('free')").await;
        let constant = "SELECT count(*) FROM wide w WHERE fauna.in_audience_row('pro', w, 'c1')";
        let of_constant = plan(&client, constant).await;
        assert!(of_constant.contains(&format!("{MARK}, w.plan)")), "{columns}: {of_constant}");
        assert_eq!(ask(&client, constant).await, "1", "{columns}");
        let variable = "SELECT count(*) FROM wide w WHERE fauna.in_audience_row((SELECT 'pro'), w, 'c1')";
        let of_variable = plan(&client, variable).await;
        let passes_all = of_variable.contains(&format!("{MARK}, w.c1, w.c2,"));
        assert_eq!(passes_all, all_fit, "{columns}: {of_variable}");
        assert_eq!(ask(&client, variable).await, "1", "{columns}");
    }
    run(&client, "CREATE TABLE empty (); INSERT INTO empty DEFAULT VALUES").await;
    assert_eq!(ask(&client, "SELECT count(*) FROM empty e WHERE fauna.enabled_row('on', e)").await, "1");
}

#[tokio::test]
async fn a_plan_that_passes_too_few_columns_reads_the_rest_and_is_made_anew_when_the_flag_changes() {
    let database = database_with_flag().await;
    let (client, writer) = (database.connect().await, database.connect().await);
    run(
        &client,
        "SELECT fauna.create_environment('staging'), fauna.create_attribute('a'), fauna.create_attribute('b.c'), fauna.create_attribute('late'),
            fauna.create_audience('by-a'), fauna.create_audience('by-b'), fauna.create_audience('by-late');
        SELECT fauna.add_condition('by-a', 'a', 'eq', '{yes}'), fauna.add_condition('by-b', 'b.c', 'eq', '{yes}'), fauna.add_condition('by-late', 'late', 'eq', '{yes}');
        SELECT fauna.create_flag('wide'), fauna.enable('wide'), fauna.enable('wide', environment => 'staging'),
            fauna.rollout('wide', 0), fauna.rollout('wide', 0, environment => 'staging');
        SELECT fauna.target('wide', 'by-a', 'on'), fauna.target('wide', 'by-b', 'on', environment => 'staging');
        CREATE TABLE things (gone int, id bigint, a text, b jsonb, filler text, more text); ALTER TABLE things DROP gone;
        INSERT INTO things SELECT n, CASE WHEN n <= 10 THEN 'yes' END,
            jsonb_build_object('c', CASE WHEN n > 12 THEN 'yes' END, 'long', string_agg(md5((m * n)::text), '')), repeat('x', 100), 'y'
            FROM generate_series(1, 20) AS n, generate_series(1, 200) AS m GROUP BY n;
        ALTER TABLE things ADD COLUMN late text DEFAULT 'yes';
        SET plan_cache_mode = force_generic_plan;
        PREPARE scanned AS SELECT count(*) FROM things t WHERE fauna.enabled_row('wide', t);
        PREPARE joined AS SELECT count(*) FILTER (WHERE fauna.enabled_row('wide', t)) FROM
            (SELECT t FROM things t JOIN generate_series(1, 20) n ON n = t.id ORDER BY t.filler, n OFFSET 0) s,
            LATERAL (SELECT (s.t).*) t;
        PREPARE sorted AS SELECT string_agg(id::text, ' ' ORDER BY id) FROM
            (SELECT t.id, fauna.enabled_row('wide', t) AS yes FROM things t JOIN generate_series(1, 20) n ON n = t.id ORDER BY t.filler, n) s WHERE yes",
    )
    .await;
    let explain = "EXPLAIN (VERBOSE, COSTS off) EXECUTE scanned";
    let (few, of_sorted) = (", t.a)", "1 2 3 4 5 6 7 8 9 10");
    for (environment, count, sorted) in [
        ("production", "10", of_sorted),
        ("staging", "8", "13 14 15 16 17 18 19 20"),
        ("production", "10", of_sorted),
    ] {
        run(&client, &format!("SET fauna.environment = '{environment}'")).await;
        assert_eq!(ask(&client, "EXECUTE scanned").await, count, "{environment}");
        assert_eq!(ask(&client, "EXECUTE joined").await, count, "{environment}");
        assert_eq!(ask(&client, "EXECUTE sorted").await, sorted, "{environment}");
        let plan = ask_all(&client, explain).await.join(" ");
        assert!(plan.contains(few), "{environment}: {plan}");
    }
    run(&writer, "SELECT fauna.target('wide', 'by-late', 'on')").await;
    assert_eq!(ask(&client, "EXECUTE scanned").await, "20");
    let plan = ask_all(&client, explain).await.join(" ");
    assert!(plan.contains(", t.a, t.late)"), "{plan}");
    // A row that is read again has the value that the column had from the beginning.
    run(&client, "SET fauna.environment = 'staging'").await;
    run(&client, "DEALLOCATE scanned; PREPARE scanned AS SELECT count(*) FROM things t WHERE fauna.enabled_row('wide', t)").await;
    assert_eq!(ask(&client, "EXECUTE scanned").await, "8");
    run(&client, "SET fauna.environment = 'production'").await;
    assert_eq!(ask(&client, "EXECUTE scanned").await, "20");
}

#[tokio::test]
async fn a_policy_checks_a_row_that_is_not_in_the_table_yet() {
    let database = database_with_flag().await;
    database
        .execute(
            "SELECT fauna.create_attribute('plan'), fauna.create_audience('pro');
            SELECT fauna.add_condition('pro', 'plan', 'eq', '{pro}');
            CREATE ROLE row_writer LOGIN; SELECT fauna.grant('row_writer', 'evaluator');
            CREATE TABLE users (id int, name text, city text, plan text); GRANT ALL ON users TO row_writer;
            INSERT INTO users VALUES (1, 'a', 'b', 'pro'), (2, 'a', 'b', 'free');
            ALTER TABLE users ENABLE ROW LEVEL SECURITY;
            CREATE POLICY members ON users USING (fauna.in_audience_row('pro', users)) WITH CHECK (fauna.in_audience_row('pro', users))",
        )
        .await;
    let client = database.connect_as("row_writer").await;
    assert_eq!(ask(&client, "SELECT count(*) FROM users").await, "1");
    run(&client, "INSERT INTO users VALUES (3, 'a', 'b', 'pro'); UPDATE users SET id = 4 WHERE id = 3").await;
    for sql in
        ["INSERT INTO users VALUES (5, 'a', 'b', 'free')", "UPDATE users SET plan = 'free' WHERE id = 4"]
    {
        let refused = refusal(&client, sql).await;
        assert!(refused.starts_with("42501"), "{refused}");
    }
    assert_eq!(ask(&client, "WITH d AS (DELETE FROM users u RETURNING fauna.in_audience_row('pro', u) AS yes) SELECT string_agg(yes::text, ' ') FROM d").await, "true true");
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
async fn only_the_planner_can_call_what_reads_a_row_by_its_place() {
    let client = client_with_tables().await;
    for last in ["NULL", "'x'", "1", "NULL::text", "NULL::internal"] {
        for function in ["enabled_columns", "in_audience_columns"] {
            for columns in ["", ", 'pro'::text", ", VARIADIC ARRAY['pro']"] {
                let sql = format!(
                    "SELECT fauna.{function}('pro', 'id', '{{plan}}', 'users', '(0,1)', {last}{columns})"
                );
                let refused = refusal(&client, &sql).await;
                // No such function, no such cast, no such value: not all versions refuse it in the same place.
                let is_refused = ["42883", "42846", "0A000"].iter().any(|code| refused.starts_with(code));
                assert!(is_refused, "{sql}: {refused}");
            }
        }
    }
}

/// Null, of whatever type a parameter has, in one of the protocol's formats.
#[derive(Debug)]
struct Null(Format);

impl ToSql for Null {
    fn to_sql(&self, _: &Type, _: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        self.0
    }

    tokio_postgres::types::to_sql_checked!();
}

#[tokio::test]
async fn a_parameter_declared_as_internal_does_not_pass_for_the_planners_mark() {
    let client = client_with_tables().await;
    // Newer minor versions of PostgreSQL refuse the call, others the value, in either format. Fauna refuses what gets past them.
    let words = [
        "functions accepting type \"internal\" cannot be called explicitly",
        "cannot accept a value of type internal",
        "no binary input function available for type internal",
        "this function is for the planner only",
    ];
    for function in ["enabled_columns", "in_audience_columns"] {
        let sql = format!("SELECT fauna.{function}('pro', 'id', '{{}}', 'users', '(0,1)', $1, 'pro'::text)");
        for format in [Format::Text, Format::Binary] {
            let refused = match client.prepare_typed(&sql, &[Type::INTERNAL]).await {
                Ok(statement) => client.query(&statement, &[&Null(format)]).await.map(|rows| rows.len()),
                Err(error) => Err(error),
            };
            let refused = refused.expect_err(&sql);
            let refused = refused.as_db_error().expect("an error of the server");
            assert!(words.contains(&refused.message()), "{refused}");
        }
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
