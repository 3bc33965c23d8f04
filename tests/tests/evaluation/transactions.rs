//! Evaluation follows the transaction it is in.

use fauna_tests::database;

use super::answers::{ask, ask_all, database_with_flag, is_on, refusal, run};

#[tokio::test]
async fn a_change_is_seen_by_its_own_transaction_before_it_commits() {
    let client = database_with_flag().await.connect().await;
    run(&client, "BEGIN").await;
    assert!(!is_on(&client).await);
    run(&client, "SELECT fauna.enable('x')").await;
    assert!(is_on(&client).await);
    run(&client, "COMMIT").await;
    assert!(is_on(&client).await);
}

#[tokio::test]
async fn a_rollback_takes_the_change_back() {
    let client = database_with_flag().await.connect().await;
    run(&client, "BEGIN; SELECT fauna.enable('x')").await;
    assert!(is_on(&client).await);
    run(&client, "ROLLBACK").await;
    assert!(!is_on(&client).await);
}

#[tokio::test]
async fn a_rollback_to_a_savepoint_takes_back_what_came_after_it() {
    let client = database_with_flag().await.connect().await;
    run(&client, "BEGIN; SELECT fauna.enable('x'); SAVEPOINT a; SELECT fauna.disable('x')").await;
    assert!(!is_on(&client).await);
    run(&client, "SAVEPOINT b; SELECT fauna.enable('x')").await;
    assert!(is_on(&client).await);
    run(&client, "ROLLBACK TO b").await;
    assert!(!is_on(&client).await);
    run(&client, "ROLLBACK TO a").await;
    assert!(is_on(&client).await);
    run(&client, "RELEASE a; COMMIT").await;
    assert!(is_on(&client).await);
}

#[tokio::test]
async fn a_block_that_fails_inside_a_function_leaves_nothing_behind() {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "CREATE FUNCTION attempt() RETURNS text LANGUAGE plpgsql AS $$
        DECLARE seen text := '';
        BEGIN
            seen := seen || fauna.enabled('x', '{}');
            BEGIN
                PERFORM fauna.enable('x');
                seen := seen || ' ' || fauna.enabled('x', '{}');
                RAISE division_by_zero;
            EXCEPTION WHEN division_by_zero THEN
                seen := seen || ' ' || fauna.enabled('x', '{}');
            END;
            RETURN seen;
        END $$",
    )
    .await;
    assert_eq!(ask(&client, "SELECT attempt()").await, "false true false");
    assert!(!is_on(&client).await);
}

#[tokio::test]
async fn a_block_that_changes_back_and_fails_leaves_the_change_under_any_snapshot() {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "CREATE FUNCTION attempt() RETURNS text LANGUAGE plpgsql AS $$
        DECLARE seen text := '';
        BEGIN
            UPDATE fauna.flag_settings SET enabled = true;
            BEGIN
                UPDATE fauna.flag_settings SET enabled = false;
                seen := fauna.enabled('x', '{}');
                RAISE division_by_zero;
            EXCEPTION WHEN division_by_zero THEN
                seen := seen || ' ' || fauna.enabled('x', '{}');
            END;
            RETURN seen;
        END $$",
    )
    .await;
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        run(&client, &format!("BEGIN ISOLATION LEVEL {level}")).await;
        assert_eq!(ask(&client, "SELECT attempt()").await, "false true", "{level}");
        run(&client, "ROLLBACK").await;
    }
}

#[tokio::test]
async fn what_was_stamped_early_is_taken_back_with_its_savepoint() {
    let client = database_with_flag().await.connect().await;
    let revision = "SELECT (fauna.evaluate('x', '{}')).revision";
    let before = ask(&client, revision).await;
    run(&client, "BEGIN; SAVEPOINT a; SELECT fauna.enable('x'); SET CONSTRAINTS ALL IMMEDIATE").await;
    assert!(is_on(&client).await);
    assert_ne!(ask(&client, revision).await, before);
    run(&client, "ROLLBACK TO a").await;
    assert!(!is_on(&client).await);
    assert_eq!(ask(&client, revision).await, before);
    run(&client, "COMMIT").await;
    assert!(!is_on(&client).await);
}

#[tokio::test]
async fn a_transaction_that_fails_at_commit_leaves_nothing_behind() {
    let database = database_with_flag().await;
    let client = database.connect().await;
    run(&client, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT fauna.enable('x')").await;
    assert!(is_on(&client).await);
    database.execute("SELECT fauna.create_flag('meanwhile')").await;
    let refusal = refusal(&client, "COMMIT").await;
    assert!(refusal.starts_with("40001"), "{refusal}");
    assert!(!is_on(&client).await);
}

#[tokio::test]
async fn a_failed_statement_that_read_its_own_change_leaves_nothing_behind() {
    let client = database_with_flag().await.connect().await;
    run(&client, "BEGIN; SELECT fauna.enable('x')").await;
    refusal(&client, "SELECT 1 / (NOT fauna.enabled('x', '{}'))::int").await;
    run(&client, "ROLLBACK").await;
    assert!(!is_on(&client).await);
}

#[tokio::test]
async fn flags_and_audiences_deleted_in_the_transaction_are_gone_in_it() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x'), fauna.create_attribute('plan'), fauna.create_audience('gold')")
        .await;
    run(&client, "SELECT fauna.add_condition('gold', 'plan', 'eq', '{gold}')").await;
    let member = "SELECT fauna.in_audience('gold', '{\"plan\": \"gold\"}')";
    assert_eq!(ask(&client, member).await, "t");
    run(&client, "BEGIN; SELECT fauna.delete_flag('x'), fauna.delete_audience('gold')").await;
    assert_eq!(ask(&client, "SELECT (fauna.evaluate('x', '{}')).error_code").await, "FLAG_NOT_FOUND");
    assert_eq!(ask(&client, member).await, "f");
    assert!(ask_all(&client, "SELECT flag FROM fauna.evaluate_all('{}')").await.is_empty());
    run(&client, "ROLLBACK").await;
    assert!(is_on(&client).await);
    assert_eq!(ask(&client, member).await, "t");
}

#[tokio::test]
async fn an_environment_can_be_evaluated_in_the_transaction_that_makes_it() {
    let client = database().await.connect().await;
    run(
        &client,
        "BEGIN; SELECT fauna.create_environment('production'), fauna.create_flag('x'), fauna.enable('x')",
    )
    .await;
    assert!(is_on(&client).await);
    assert_eq!(ask_all(&client, "SELECT flag FROM fauna.evaluate_all('{}')").await, ["x"]);
    run(&client, "ROLLBACK").await;
    assert_eq!(ask(&client, "SELECT (fauna.evaluate('x', '{}')).error_code").await, "FLAG_NOT_FOUND");
}

#[tokio::test]
async fn an_environment_without_a_log_is_compiled_from_its_tables() {
    let database = database_with_flag().await;
    database.execute("SELECT fauna.enable('x')").await;
    database.execute("DELETE FROM fauna.documents; DELETE FROM fauna.heads").await;
    database.execute("CREATE ROLE no_log_reader LOGIN; GRANT USAGE ON SCHEMA fauna TO no_log_reader").await;
    database.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA fauna TO no_log_reader").await;
    let client = database.connect_as("no_log_reader").await;
    assert!(is_on(&client).await);
    assert_eq!(ask(&client, "SELECT fauna.evaluate('x', '{}')").await, "(x,true,on,STATIC,,,,)");
    assert_eq!(ask_all(&client, "SELECT flag FROM fauna.evaluate_all('{}')").await, ["x"]);
    assert_eq!(ask(&client, "SELECT current_user").await, "no_log_reader");
}
