//! The settings: which environment, which context.

use fauna_tests::{Database, database};

use super::answers::{ask, database_with_flag, is_on, refusal, run};

/// The flag `x` is on in `staging` and off in `production`.
async fn database_with_environments() -> Database<'static> {
    let database = database().await;
    database
        .execute("SELECT fauna.create_environment('production'), fauna.create_environment('staging')")
        .await;
    database.execute("SELECT fauna.create_flag('x'), fauna.enable('x', 'staging')").await;
    database
}

#[tokio::test]
async fn the_environment_can_be_switched_for_a_session_a_transaction_a_role_and_a_database() {
    let database = database_with_environments().await;
    let client = database.connect().await;
    assert!(!is_on(&client).await);
    run(&client, "SET fauna.environment = 'staging'").await;
    assert!(is_on(&client).await);
    run(&client, "BEGIN; SET LOCAL fauna.environment = 'production'").await;
    assert!(!is_on(&client).await);
    run(&client, "COMMIT").await;
    assert!(is_on(&client).await);
    run(&client, "BEGIN; SET fauna.environment = 'production'").await;
    assert!(!is_on(&client).await);
    run(&client, "ROLLBACK").await;
    assert!(is_on(&client).await);
    run(&client, "RESET fauna.environment").await;
    assert!(!is_on(&client).await);

    let name = database.name();
    database.execute(&format!("ALTER DATABASE {name} SET fauna.environment = 'staging'")).await;
    assert!(is_on(&database.connect().await).await);
    database
        .execute(&format!("ALTER ROLE postgres IN DATABASE {name} SET fauna.environment = 'production'"))
        .await;
    assert!(!is_on(&database.connect().await).await);
}

#[tokio::test]
async fn a_statement_can_switch_the_environment_between_rows() {
    let client = database_with_environments().await.connect().await;
    let per_row = "SELECT string_agg(CASE WHEN set_config('fauna.environment', key, false) IS NOT NULL
            THEN fauna.enabled('x', '{}')::text END, ' ' ORDER BY n)
        FROM generate_series(1, 3) AS n, fauna.environments";
    let answer = ask(&client, per_row).await;
    assert_eq!(answer.matches("true").count(), 3, "{answer}");
    assert_eq!(answer.matches("false").count(), 3, "{answer}");
}

#[tokio::test]
async fn a_change_reaches_an_environment_that_the_session_has_switched_away_from() {
    let database = database_with_environments().await;
    let client = database.connect().await;
    run(&client, "SET fauna.environment = 'staging'").await;
    assert!(is_on(&client).await);
    run(&client, "SET fauna.environment = 'production'").await;
    assert!(!is_on(&client).await);
    database.execute("SELECT fauna.disable('x', 'staging')").await;
    run(&client, "SET fauna.environment = 'staging'").await;
    assert!(!is_on(&client).await);
}

#[tokio::test]
async fn an_environment_that_is_no_key_is_refused_when_it_is_set() {
    let client = database_with_flag().await.connect().await;
    is_on(&client).await;
    for environment in ["", " ", "a b", "-a", "ä", &"a".repeat(129)] {
        let refusal = refusal(&client, &format!("SET fauna.environment = '{environment}'")).await;
        assert!(refusal.starts_with("22023: invalid value for parameter \"fauna.environment\""), "{refusal}");
        assert!(refusal.contains("An environment's key has 1 to 128 letters"), "{refusal}");
    }
    run(&client, &format!("SET fauna.environment = '{}'", "a".repeat(128))).await;
    assert_eq!(ask(&client, "SELECT (fauna.evaluate('x')).error_code").await, "FLAG_NOT_FOUND");
}

#[tokio::test]
async fn a_misspelt_setting_is_refused() {
    let client = database_with_flag().await.connect().await;
    is_on(&client).await;
    let refusal = refusal(&client, "SET fauna.enviroment = 'staging'").await;
    assert!(refusal.starts_with("42602"), "{refusal}");
}

#[tokio::test]
async fn the_context_of_the_session_is_used_where_none_is_given_and_only_there() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.create_attribute('plan'), fauna.create_audience('gold')").await;
    run(&client, "SELECT fauna.add_condition('gold', 'plan', 'eq', '{gold}')").await;
    let member = "SELECT fauna.in_audience('gold')";
    assert_eq!(ask(&client, member).await, "f");
    run(&client, "SET fauna.context = '{\"plan\": \"gold\"}'").await;
    assert_eq!(ask(&client, member).await, "t");
    assert_eq!(ask(&client, "SELECT fauna.in_audience('gold', '{}')").await, "f");
    assert_eq!(ask(&client, "SELECT fauna.in_audience('gold', NULL)").await, "f");
    run(&client, "BEGIN; SET LOCAL fauna.context = ''").await;
    assert_eq!(ask(&client, member).await, "f");
    run(&client, "ROLLBACK").await;
    assert_eq!(ask(&client, member).await, "t");
}

#[tokio::test]
async fn a_context_of_the_session_that_is_no_object_is_an_error_in_the_answer() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x')").await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for context in ["{", "null", "[]", "1", "\"a\"", "{\"a\":}", "{} {}", "{\"n\": 1e400}", &deep] {
        run(&client, &format!("SET fauna.context = '{context}'")).await;
        assert_eq!(
            ask(&client, "SELECT (fauna.evaluate('x')).error_code").await,
            "INVALID_CONTEXT",
            "{context}"
        );
        assert_eq!(ask(&client, "SELECT fauna.enabled('x')").await, "f");
    }
    for context in ["", "  ", "{}", " {\"a\": [1]} "] {
        run(&client, &format!("SET fauna.context = '{context}'")).await;
        assert_eq!(ask(&client, "SELECT fauna.enabled('x')").await, "t", "{context:?}");
    }
}

#[tokio::test]
async fn the_setting_for_comments_is_known_to_the_server() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SET fauna.comment = 'before the library is loaded'; SELECT fauna.enabled('x')").await;
    assert_eq!(ask(&client, "SHOW fauna.comment").await, "before the library is loaded");
    run(&client, "SELECT fauna.enable('x')").await;
    let comment = "SELECT comment FROM fauna.revisions ORDER BY revision DESC LIMIT 1";
    assert_eq!(ask(&client, comment).await, "before the library is loaded");
}
