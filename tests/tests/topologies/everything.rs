//! All evaluation functions in one statement, for places where each of them has to work.

use fauna_tests::{Cluster, Database};
use tokio_postgres::Client;

use crate::answers::{ask, ask_all, database_with_flag};

/// What every evaluation function answers about each of three users, of whom one is in the audience.
const EVERYTHING: &str = "WITH users AS MATERIALIZED (
        SELECT id, plan, jsonb_build_object('targetingKey', id, 'plan', plan) AS context
        FROM (VALUES ('u1', 'gold'), ('u2', 'iron'), ('u3', NULL)) AS users (id, plan))
    SELECT concat_ws(' ', id, fauna.enabled('x', context), fauna.variant('x', context), fauna.value('x', context, 'null'),
        fauna.bool_value('x', context, NULL), fauna.text_value('word', context, '?'), fauna.int_value('number', context, 0),
        fauna.float_value('number', context, 0), fauna.evaluate('x', context), fauna.evaluate('x', context, '2020-01-01 00:00Z'),
        fauna.in_audience('gold', context), fauna.enabled_row('x', users), fauna.in_audience_row('gold', users),
        fauna.condition_holds(plan, '{\"type\": \"string\", \"operator\": \"matches\", \"values\": [\"^g\"]}'),
        (SELECT concat_ws(' ', fauna.enabled_row('x', r), fauna.in_audience_row('gold', r)) FROM (SELECT users.id, users.plan) AS r),
        fauna.bucket('salt', id),
        (SELECT jsonb_agg(to_jsonb(a) ORDER BY flag) FROM fauna.evaluate_all(context) AS a),
        (SELECT jsonb_agg(to_jsonb(e) ORDER BY step) FROM fauna.explain('x', context) AS e))
    FROM users ORDER BY id";

/// A database in which `x` is on for the audience `gold`, for a third of the rest, and nobody else.
pub async fn database_in(cluster: &Cluster) -> Database<'_> {
    let database = Database::create(cluster).await;
    database
        .execute(
            "SELECT fauna.create_environment('production'), fauna.create_flag('x'), fauna.create_attribute('plan');
            SELECT fauna.create_flag('word', 'string', '{\"a\": \"one\", \"b\": \"two\"}');
            SELECT fauna.create_flag('number', 'number', '{\"a\": 1, \"b\": 2}');
            SELECT fauna.create_audience('gold');
            SELECT fauna.add_condition('gold', 'plan', 'eq', '{gold}');
            SELECT fauna.rollout('x', 33), fauna.target('x', 'gold'), fauna.enable('x'), fauna.enable('word'), fauna.enable('number')",
        )
        .await;
    database
}

/// What they all answer, in this session.
pub async fn everything(client: &Client) -> Vec<String> {
    let answers = ask_all(client, EVERYTHING).await;
    assert_eq!(answers.len(), 3);
    answers
}

#[tokio::test]
async fn every_evaluation_function_is_asked() {
    let client = database_with_flag().await.connect().await;
    let functions = "SELECT DISTINCT p.proname FROM fauna.profile_privileges('evaluator') AS g
        JOIN pg_proc AS p ON g.object = 'FUNCTION ' || p.oid::regprocedure";
    let functions = ask_all(&client, functions).await;
    assert!(functions.len() > 10, "{functions:?}");
    // Some are put in place by the planner.
    let plan = ask_all(&client, &format!("EXPLAIN VERBOSE {EVERYTHING}")).await.join("\n");
    for function in functions {
        let call = format!("fauna.{function}(");
        assert!(EVERYTHING.contains(&call) || plan.contains(&call), "{function} is not asked");
    }
}

#[tokio::test]
async fn evaluation_on_a_primary_assigns_no_transaction_id_and_writes_nothing() {
    let client = database_in(fauna_tests::cluster()).await.connect().await;
    let expected = everything(&client).await;
    crate::answers::run(&client, "BEGIN").await;
    assert_eq!(everything(&client).await, expected);
    assert_eq!(ask(&client, "SELECT pg_current_xact_id_if_assigned() IS NULL").await, "t");
    crate::answers::run(&client, "COMMIT; BEGIN READ ONLY").await;
    assert_eq!(everything(&client).await, expected);
    crate::answers::run(&client, "COMMIT").await;
    // Of the whole, PostgreSQL counts what a statement wrote to the log. The first run is over, which may have set hint bits.
    let plan =
        ask_all(&client, &format!("EXPLAIN (ANALYZE, WAL, COSTS OFF, TIMING OFF, SUMMARY OFF) {EVERYTHING}"))
            .await;
    assert!(!plan.join("\n").contains("WAL:"), "{plan:#?}");
}
