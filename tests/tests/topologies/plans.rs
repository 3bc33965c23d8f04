//! Plans may keep a call, never its result.

use fauna_tests::eventually;

use crate::answers::{ask, ask_all, database_with_flag, refusal, run};

#[tokio::test]
async fn a_prepared_statement_follows_changes_with_a_generic_and_a_custom_plan() {
    let database = database_with_flag().await;
    let writer = database.connect().await;
    for mode in ["force_generic_plan", "force_custom_plan", "auto"] {
        let client = database.connect().await;
        run(&client, &format!("SET plan_cache_mode = {mode}")).await;
        run(&client, "PREPARE constant AS SELECT fauna.enabled('x', '{}')").await;
        run(&client, "PREPARE parameter(text, jsonb) AS SELECT fauna.enabled($1, $2)").await;
        for round in 0..8 {
            let is_on = round % 2 == 0;
            run(&writer, if is_on { "SELECT fauna.enable('x')" } else { "SELECT fauna.disable('x')" }).await;
            let expected = if is_on { "t" } else { "f" };
            assert_eq!(ask(&client, "EXECUTE constant").await, expected, "{mode}, round {round}");
            assert_eq!(ask(&client, "EXECUTE parameter('x', '{}')").await, expected, "{mode}, round {round}");
        }
    }
}

#[tokio::test]
async fn a_drivers_prepared_statement_follows_changes() {
    let database = database_with_flag().await;
    let (writer, client) = (database.connect().await, database.connect().await);
    let prepared = client.prepare("SELECT fauna.enabled($1, '{}')").await.expect("preparing");
    // The server tries five custom plans before it settles for the generic one.
    for round in 0..12 {
        let is_on = round % 2 == 0;
        run(&writer, if is_on { "SELECT fauna.enable('x')" } else { "SELECT fauna.disable('x')" }).await;
        let row = client.query_one(&prepared, &[&"x"]).await.expect("executing");
        assert_eq!(row.get::<_, bool>(0), is_on, "round {round}");
    }
}

#[tokio::test]
async fn functions_views_and_policies_that_evaluate_follow_changes() {
    let database = database_with_flag().await;
    let (writer, client) = (database.connect().await, database.connect().await);
    let role = format!("reader_{}", database.name());
    run(
        &writer,
        &format!(
            "CREATE FUNCTION in_plpgsql() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
                DECLARE answer boolean; BEGIN answer := fauna.enabled('x', '{{}}'); RETURN answer; END $$;
            CREATE FUNCTION in_a_query() RETURNS boolean LANGUAGE plpgsql AS $$
                DECLARE answer boolean; BEGIN SELECT fauna.enabled('x', '{{}}') INTO answer; RETURN answer; END $$;
            CREATE FUNCTION inlined() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT fauna.enabled('x', '{{}}') $$;
            CREATE FUNCTION compiled() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER BEGIN ATOMIC SELECT fauna.enabled('x', '{{}}'); END;
            CREATE VIEW asked AS SELECT fauna.enabled('x', '{{}}') AS answer;
            CREATE TABLE guarded AS SELECT 1 AS id;
            ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
            CREATE POLICY with_flag ON guarded USING (fauna.enabled('x', '{{}}'));
            CREATE ROLE {role}; SELECT fauna.grant('{role}', 'evaluator'); GRANT SELECT ON guarded, asked TO {role}"
        ),
    )
    .await;
    run(&client, &format!("SET ROLE {role}")).await;
    for round in 0..12 {
        let is_on = round % 2 == 0;
        run(&writer, if is_on { "SELECT fauna.enable('x')" } else { "SELECT fauna.disable('x')" }).await;
        let expected = if is_on { "t" } else { "f" };
        for question in [
            "in_plpgsql()",
            "in_a_query()",
            "inlined()",
            "compiled()",
            "(SELECT answer FROM asked)",
            "EXISTS (SELECT FROM guarded)",
        ] {
            assert_eq!(
                ask(&client, &format!("SELECT {question}")).await,
                expected,
                "{question}, round {round}"
            );
        }
    }
}

#[tokio::test]
async fn what_stores_an_answer_is_refused_or_keeps_it_until_it_is_refreshed() {
    let client = database_with_flag().await.connect().await;
    run(&client, "CREATE TABLE users AS SELECT 1 AS id").await;
    for stored in [
        "CREATE INDEX ON users ((fauna.enabled('x', '{}')))",
        "CREATE INDEX ON users (id) WHERE fauna.enabled_row('x', users)",
        "ALTER TABLE users ADD COLUMN is_on boolean GENERATED ALWAYS AS (fauna.enabled('x', '{}')) STORED",
        "CREATE TABLE parts (id int) PARTITION BY LIST (fauna.enabled('x', '{}'))",
    ] {
        let refused = refusal(&client, stored).await;
        assert!(
            refused.starts_with("42P17: ") && refused.to_lowercase().contains("immutable"),
            "{stored}: {refused}"
        );
    }
    run(&client, "CREATE MATERIALIZED VIEW answers AS SELECT fauna.enabled('x', '{}') AS answer").await;
    run(&client, "SELECT fauna.enable('x')").await;
    assert_eq!(ask(&client, "SELECT answer FROM answers").await, "f");
    run(&client, "REFRESH MATERIALIZED VIEW answers").await;
    assert_eq!(ask(&client, "SELECT answer FROM answers").await, "t");
}

#[tokio::test]
async fn a_cursor_answers_each_fetch_with_the_flags_of_then() {
    let database = database_with_flag().await;
    let (writer, client) = (database.connect().await, database.connect().await);
    run(
        &client,
        "BEGIN; DECLARE answers CURSOR FOR SELECT fauna.enabled('x', '{}') FROM generate_series(1, 100) AS n OFFSET 0",
    )
    .await;
    for round in 0..4 {
        let is_on = round % 2 == 0;
        run(&writer, if is_on { "SELECT fauna.enable('x')" } else { "SELECT fauna.disable('x')" }).await;
        let answers = ask_all(&client, "FETCH 10 FROM answers").await;
        assert_eq!(answers, [if is_on { "t" } else { "f" }; 10], "round {round}");
    }
    run(&client, "COMMIT").await;
}

#[tokio::test]
async fn one_statement_evaluates_one_configuration_although_another_session_commits_meanwhile() {
    for level in ["READ COMMITTED", "REPEATABLE READ"] {
        let database = database_with_flag().await;
        let (client, holder) = (database.connect().await, database.connect().await);
        run(&client, &format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM pg_class")).await;
        // What is compiled is of a later configuration than an old snapshot's.
        database.execute("SELECT fauna.create_flag('later')").await;
        // The statement stops between two rows until the other session has committed.
        run(&holder, "SELECT pg_advisory_lock(1)").await;
        let statement = tokio::spawn(async move {
            let answers = "SELECT count(DISTINCT answer) || ' ' || count(*) FROM (
                SELECT fauna.enabled('x', '{}') AS answer, CASE WHEN n = 50 THEN pg_advisory_lock(1)::text END
                FROM generate_series(1, 100) AS n OFFSET 0) AS answers";
            (ask(&client, answers).await, client)
        });
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        eventually("the statement waits", || async { (ask(&holder, waiting).await == "1").then_some(()) })
            .await;
        run(&holder, "SELECT fauna.enable('x')").await;
        run(&holder, "SELECT pg_advisory_unlock(1)").await;
        let (answers, client) = statement.await.expect("the statement ends");
        assert_eq!(answers, "1 100", "{level}");
        assert_eq!(ask(&client, "SELECT fauna.enabled('x', '{}')").await, "t", "{level}");
        run(&client, "COMMIT").await;
    }
}
