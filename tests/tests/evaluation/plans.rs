//! Plans may keep a call, never its result.

use fauna_tests::eventually;

use super::answers::{ask, database_with_flag, run};

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
async fn a_function_and_a_view_that_evaluate_follow_changes() {
    let database = database_with_flag().await;
    let (writer, client) = (database.connect().await, database.connect().await);
    run(
        &client,
        "CREATE FUNCTION ask() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN fauna.enabled('x', '{}'); END $$;
        CREATE VIEW asked AS SELECT fauna.enabled('x', '{}') AS answer",
    )
    .await;
    for round in 0..8 {
        let is_on = round % 2 == 0;
        run(&writer, if is_on { "SELECT fauna.enable('x')" } else { "SELECT fauna.disable('x')" }).await;
        let expected = if is_on { "t" } else { "f" };
        assert_eq!(ask(&client, "SELECT ask()").await, expected, "round {round}");
        assert_eq!(ask(&client, "SELECT answer FROM asked").await, expected, "round {round}");
    }
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
