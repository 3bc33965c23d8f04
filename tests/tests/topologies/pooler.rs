//! Behind `PgBouncer` in transaction mode, where clients share sessions, and a transaction is all that a client has to itself.

use fauna_tests::{Database, Pooler, cluster};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::answers::{ask, is_on, run};
use crate::everything::{database_in, everything};

/// `x` is on in `staging` for all and off in `production`; the pool is one session.
async fn two_environments() -> (Database<'static>, Pooler) {
    let database = Database::create(cluster()).await;
    database
        .execute(
            "SELECT fauna.create_environment('production'), fauna.create_environment('staging'), fauna.create_flag('x');
            SELECT fauna.enable('x', 'staging')",
        )
        .await;
    (database, Pooler::start(cluster(), &[]))
}

/// Which session of the server a client talks to at the moment.
async fn session_of(client: &Client) -> String {
    ask(client, "SELECT pg_backend_pid()").await
}

const STAGING: &str = "BEGIN; SET LOCAL fauna.environment = 'staging'";

#[tokio::test]
async fn settings_of_a_transaction_reach_no_other_client_of_the_same_session() {
    let (database, pooler) = two_environments().await;
    let (a, b) = (pooler.connect(&database).await, pooler.connect(&database).await);
    let session = session_of(&a).await;
    for round in 0..5 {
        run(&a, &format!("{STAGING}; SET LOCAL fauna.context = '{{\"targetingKey\": \"a\"}}'")).await;
        assert_eq!(session_of(&a).await, session);
        assert!(is_on(&a).await, "round {round}");
        assert_eq!(ask(&a, "SELECT (fauna.evaluate('x')).reason").await, "STATIC");
        run(&a, if round % 2 == 0 { "COMMIT" } else { "ROLLBACK" }).await;

        assert_eq!(session_of(&b).await, session);
        assert!(!is_on(&b).await, "round {round}");
        assert_eq!(ask(&b, "SELECT current_setting('fauna.context')").await, "");
        assert_eq!(ask(&b, "SELECT (fauna.evaluate('x')).reason").await, "DISABLED");
    }
}

#[tokio::test]
async fn a_setting_made_without_local_stays_for_the_next_client_until_it_is_reset() {
    let (database, pooler) = two_environments().await;
    let (a, b) = (pooler.connect(&database).await, pooler.connect(&database).await);
    run(&a, "SET fauna.environment = 'staging'").await;
    assert!(is_on(&b).await, "any setting leaks so");
    run(&b, "DISCARD ALL").await;
    assert!(!is_on(&a).await);
    assert!(!is_on(&b).await);
}

#[tokio::test]
async fn settings_of_roles_and_databases_hold_for_every_client() {
    let (database, _) = two_environments().await;
    let role = format!("stager_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'evaluator')")).await;
    database.execute(&format!("ALTER ROLE {role} SET fauna.environment = 'staging'")).await;
    database
        .execute(&format!(
            "ALTER DATABASE {} SET fauna.context = '{{\"targetingKey\": \"d\"}}'",
            database.name()
        ))
        .await;
    let pooler = Pooler::start(cluster(), &[&role]);
    let (stager, other) = (pooler.connect_as(&role, &database).await, pooler.connect(&database).await);
    for _ in 0..2 {
        assert!(is_on(&stager).await);
        assert!(!is_on(&other).await);
        let context = "SELECT current_setting('fauna.context')::jsonb ->> 'targetingKey'";
        assert_eq!(ask(&other, context).await, "d");
        run(&stager, "DISCARD ALL").await;
    }
}

#[tokio::test]
async fn a_shared_session_follows_changes_of_its_clients_and_of_others() {
    let database = database_in(cluster()).await;
    let pooler = Pooler::start(cluster(), &[]);
    let (a, b) = (pooler.connect(&database).await, pooler.connect(&database).await);
    let direct = database.connect().await;
    assert_eq!(session_of(&a).await, session_of(&b).await);
    for change in ["SELECT fauna.disable('x')", "SELECT fauna.enable('x')", "SELECT fauna.rollout('x', 80)"] {
        for writer in [&a, &direct] {
            run(writer, "BEGIN; SELECT fauna.archive_flag('x')").await;
            assert_eq!(ask(writer, "SELECT (fauna.evaluate('x', '{}')).error_code").await, "FLAG_NOT_FOUND");
            run(writer, "ROLLBACK").await;
            run(writer, change).await;
            let expected = everything(&direct).await;
            assert_eq!(everything(&a).await, expected, "after {change}");
            assert_eq!(everything(&b).await, expected, "after {change}");
        }
    }
}

#[tokio::test]
async fn a_client_that_vanishes_amid_its_change_leaves_nothing_behind() {
    let (database, pooler) = two_environments().await;
    let a = pooler.connect(&database).await;
    run(&a, "BEGIN; SELECT fauna.enable('x', 'production'); SET LOCAL fauna.comment = 'unfinished'").await;
    assert!(is_on(&a).await);
    drop(a);
    let b = pooler.connect(&database).await;
    assert!(!is_on(&b).await);
    assert_eq!(ask(&b, "SELECT count(*) FROM fauna.pending").await, "0");
}

#[tokio::test]
async fn statements_prepared_within_a_transaction_evaluate_as_others_do() {
    let (database, pooler) = two_environments().await;
    let clients = [pooler.connect(&database).await, pooler.connect(&database).await];
    for round in 0..3 {
        for (client, environment, answer) in
            [(&clients[0], "staging", true), (&clients[1], "production", false)]
        {
            // Every driver's one-trip form: an unnamed statement is gone with the trip.
            let question = "SELECT fauna.enabled($1, $2::text::jsonb)";
            let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
                [(&"x", Type::TEXT), (&"{}", Type::TEXT)];
            let rows = client.query_typed(question, &parameters).await.expect("an unnamed statement");
            assert!(!rows[0].get::<_, bool>(0), "production is the default");

            run(client, &format!("BEGIN; SET LOCAL fauna.environment = '{environment}'")).await;
            let prepared = client.prepare(question).await.expect("a named statement");
            for _ in 0..7 {
                let row = client.query_one(&prepared, &[&"x", &"{}"]).await.expect("executing it");
                assert_eq!(row.get::<_, bool>(0), answer, "{environment}, round {round}");
            }
            // Released before the transaction, or the next client would find the name taken.
            drop(prepared);
            run(client, "COMMIT").await;
        }
    }
}

#[tokio::test]
async fn a_policy_evaluates_for_whoever_the_transaction_is_for() {
    let database = database_in(cluster()).await;
    let role = format!("reader_{}", database.name());
    database
        .execute(&format!(
            "SELECT fauna.rollout('x', 0);
            CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'evaluator');
            CREATE TABLE reports AS SELECT 1 AS id; GRANT SELECT ON reports TO {role};
            ALTER TABLE reports ENABLE ROW LEVEL SECURITY;
            CREATE POLICY early_access ON reports USING (fauna.enabled('x'))"
        ))
        .await;
    let pooler = Pooler::start(cluster(), &[&role]);
    let (gold, iron) = (pooler.connect_as(&role, &database).await, pooler.connect_as(&role, &database).await);
    let read = "SELECT count(*) FROM reports";
    for _ in 0..3 {
        for (client, plan, reports) in [(&gold, "gold", "1"), (&iron, "iron", "0")] {
            run(client, &format!("BEGIN; SET LOCAL fauna.context = '{{\"plan\": \"{plan}\"}}'")).await;
            assert_eq!(ask(client, read).await, reports, "{plan}");
            run(client, "COMMIT").await;
            assert_eq!(ask(client, read).await, "0", "no context, no access");
        }
    }
}
