//! A caller needs EXECUTE and nothing else.

use fauna_tests::Database;

use super::answers::{ask, database_with_flag, is_on, refusal, run};

async fn database_with_role(role: &str) -> Database<'static> {
    let database = database_with_flag().await;
    database
        .execute(&format!(
            "SELECT fauna.enable('x'); CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA fauna TO {role}"
        ))
        .await;
    database
}

#[tokio::test]
async fn execute_is_needed_and_enough() {
    let database = database_with_role("executor").await;
    let client = database.connect_as("executor").await;
    let refused = refusal(&client, "SELECT fauna.enabled('x', '{}')").await;
    assert!(refused.starts_with("42501"), "{refused}");
    database.execute("GRANT EXECUTE ON FUNCTION fauna.enabled(text, jsonb) TO executor").await;
    assert!(is_on(&client).await);
    for table in ["documents", "heads", "pending", "flags"] {
        let refused = refusal(&client, &format!("SELECT * FROM fauna.{table}")).await;
        assert!(refused.starts_with("42501"), "{refused}");
    }
}

#[tokio::test]
async fn the_evaluator_profile_evaluates_with_every_function() {
    let database = database_with_role("evaluator_role").await;
    database.execute("SELECT fauna.grant('evaluator_role', 'evaluator')").await;
    let client = database.connect_as("evaluator_role").await;
    for sql in [
        "SELECT fauna.enabled('x'), fauna.enabled('x', '{}'), fauna.variant('x'), fauna.variant('x', '{}')",
        "SELECT fauna.value('x', '1'), fauna.value('x', '{}', '1'), fauna.bool_value('x', true), fauna.bool_value('x', '{}', true)",
        "SELECT fauna.text_value('x', 'a'), fauna.text_value('x', '{}', 'a')",
        "SELECT fauna.int_value('x', 1), fauna.int_value('x', '{}', 1)",
        "SELECT fauna.float_value('x', 1.5::float8), fauna.float_value('x', '{}', 1.5)",
        "SELECT fauna.evaluate('x'), fauna.evaluate('x', '{}'), fauna.evaluate('x', '{}', now())",
        "SELECT fauna.evaluate_all(), fauna.evaluate_all('{}')",
        "SELECT fauna.in_audience('x'), fauna.in_audience('x', '{}'), fauna.bucket('a', 'b')",
    ] {
        run(&client, sql).await;
    }
}

#[tokio::test]
async fn a_row_level_security_policy_can_ask_a_flag() {
    let database = database_with_role("tenant").await;
    database
        .execute(
            "GRANT EXECUTE ON FUNCTION fauna.enabled(text) TO tenant;
            CREATE TABLE notes (id int); INSERT INTO notes SELECT generate_series(1, 10);
            GRANT SELECT ON notes TO tenant;
            ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
            CREATE POLICY flagged ON notes USING (fauna.enabled('x'))",
        )
        .await;
    let client = database.connect_as("tenant").await;
    assert_eq!(ask(&client, "SELECT count(*) FROM notes").await, "10");
    database.execute("SELECT fauna.disable('x')").await;
    assert_eq!(ask(&client, "SELECT count(*) FROM notes").await, "0");
    database
        .execute(
            "SELECT fauna.enable('x'); SELECT fauna.create_attribute('plan'), fauna.create_audience('gold')",
        )
        .await;
    database
        .execute(
            "SELECT fauna.add_condition('gold', 'plan', 'eq', '{gold}'), fauna.target('x', 'gold', 'off')",
        )
        .await;
    assert_eq!(ask(&client, "SELECT count(*) FROM notes").await, "10");
    run(&client, "SET fauna.context = '{\"plan\": \"gold\"}'").await;
    assert_eq!(ask(&client, "SELECT count(*) FROM notes").await, "0");
}

#[tokio::test]
async fn row_level_security_on_the_extensions_own_tables_does_not_change_what_is_evaluated() {
    let database = database_with_role("under_policy").await;
    database
        .execute(
            "GRANT EXECUTE ON FUNCTION fauna.enabled(text, jsonb) TO under_policy;
            ALTER TABLE fauna.documents ENABLE ROW LEVEL SECURITY;
            ALTER TABLE fauna.documents FORCE ROW LEVEL SECURITY",
        )
        .await;
    assert!(is_on(&database.connect_as("under_policy").await).await);
}
