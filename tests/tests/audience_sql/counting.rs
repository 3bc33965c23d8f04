//! `fauna.count_audience` counts what its caller may see, with its caller's rights.

use fauna_tests::Database;

use super::words::database_with_users;
use fauna_tests::answers::{ask, refusal, run};

const ADULTS: &str = r#"'{"match": "all", "conditions": [{"attribute": "age", "type": "number", "operator": "gte", "values": [18]}]}'::jsonb"#;

/// `users` with ten rows, six of them adults, the audience `adults`, and roles with the profiles viewer and evaluator.
async fn database_with_adults() -> (Database<'static>, String, String) {
    let database = database_with_users().await;
    let (viewer, evaluator) =
        (format!("viewer_{}", database.name()), format!("evaluator_{}", database.name()));
    database
        .execute(&format!(
            "INSERT INTO users (id, country, age) SELECT n, CASE n % 2 WHEN 0 THEN 'CA' ELSE 'US' END, n + 13 FROM generate_series(1, 10) AS n;
            SELECT fauna.create_audience('adults'), fauna.add_condition('adults', 'age', 'gte', '{{18}}');
            CREATE ROLE {viewer} LOGIN; CREATE ROLE {evaluator} LOGIN;
            SELECT fauna.grant('{viewer}', 'viewer'), fauna.grant('{evaluator}', 'evaluator')"
        ))
        .await;
    (database, viewer, evaluator)
}

#[tokio::test]
async fn every_kind_of_relation_is_counted() {
    let (database, ..) = database_with_adults().await;
    let client = database.connect().await;
    run(
        &client,
        "CREATE VIEW a_view AS SELECT age, id FROM users; CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM users;
        CREATE TABLE parts (LIKE users) PARTITION BY LIST (country);
        CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN ('CA'); CREATE TABLE part_2 PARTITION OF parts DEFAULT;
        INSERT INTO parts SELECT * FROM users;
        CREATE TABLE parent (age int NOT NULL); CREATE TABLE child () INHERITS (parent);
        INSERT INTO child VALUES (18); INSERT INTO parent VALUES (18), (17);
        CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
        CREATE FOREIGN TABLE far (age int NOT NULL) SERVER nowhere",
    )
    .await;
    for (relation, expected) in [
        ("users", "6"),
        ("a_view", "6"),
        ("a_matview", "6"),
        ("parts", "6"),
        ("part_1", "3"),
        ("parent", "2"),
    ] {
        for audience in ["'adults'", ADULTS] {
            let count = ask(&client, &format!("SELECT fauna.count_audience({audience}, '{relation}')")).await;
            assert_eq!(count, expected, "{relation}");
        }
    }
    // What another server promises is not taken for granted, nor what a parent's column says of its children.
    let others = r#"'{"match": "all", "conditions": [{"operator": "in_audience", "values": ["adults"], "negate": true}]}'::jsonb"#;
    for (relation, expected) in [
        ("far", "NOT (age >= 18 AND age IS NOT NULL)"),
        ("parent", "NOT (age >= 18 AND age IS NOT NULL)"),
        ("parts", "NOT age >= 18"),
        ("a_view", "NOT (age >= 18 AND age IS NOT NULL)"),
    ] {
        assert_eq!(
            ask(&client, &format!("SELECT fauna.audience_sql({others}, '{relation}')")).await,
            expected
        );
    }
}

#[tokio::test]
async fn a_transaction_counts_with_its_own_changes() {
    let (database, ..) = database_with_adults().await;
    let client = database.connect().await;
    let count = "SELECT fauna.count_audience('adults', 'users')";
    run(&client, "BEGIN; UPDATE fauna.conditions SET \"values\" = '[20]'; INSERT INTO users (id, country, age) VALUES (11, 'CA', 99)").await;
    assert_eq!(ask(&client, count).await, "5");
    run(&client, "ROLLBACK").await;
    assert_eq!(ask(&client, count).await, "6");
    run(&client, "BEGIN READ ONLY").await;
    assert_eq!(ask(&client, count).await, "6");
    run(&client, "COMMIT").await;
}

#[tokio::test]
async fn counting_takes_the_right_to_read_the_table_and_to_see_the_audience() {
    let (database, viewer, evaluator) = database_with_adults().await;
    let as_viewer = database.connect_as(&viewer).await;
    let count = "SELECT fauna.count_audience('adults', 'users')";
    // What an audience asks for is no secret from who may view, and so neither is its predicate; the rows are.
    assert_eq!(ask(&as_viewer, "SELECT fauna.audience_sql('adults', 'users')").await, "age >= 18");
    assert!(refusal(&as_viewer, count).await.starts_with("42501: permission denied for table users"));
    database.execute(&format!("GRANT SELECT ON users TO {viewer}, {evaluator}")).await;
    assert_eq!(ask(&as_viewer, count).await, "6");
    // Only some columns: the ones that are asked for.
    database
        .execute(&format!(
            "REVOKE SELECT ON users FROM {viewer}; GRANT SELECT (id, country) ON users TO {viewer}"
        ))
        .await;
    assert!(refusal(&as_viewer, count).await.starts_with("42501: permission denied for table users"));
    database.execute(&format!("GRANT SELECT (age) ON users TO {viewer}")).await;
    assert_eq!(ask(&as_viewer, count).await, "6");

    let as_evaluator = database.connect_as(&evaluator).await;
    for call in ["count_audience", "audience_sql"] {
        let refused = refusal(&as_evaluator, &format!("SELECT fauna.{call}('adults', 'users')")).await;
        assert!(refused.starts_with(&format!("42501: permission denied for function {call}")), "{refused}");
    }
    // A predicate that somebody gave to a program works there.
    let regex =
        r#"fauna.condition_holds(country, '{"type": "string", "operator": "matches", "values": ["C."]}')"#;
    assert_eq!(ask(&as_evaluator, &format!("SELECT count(*) FROM users WHERE {regex}")).await, "5");
}

#[tokio::test]
async fn row_level_security_hides_rows_from_the_count_and_runs_in_its_own_search_path() {
    let (database, viewer, _) = database_with_adults().await;
    database
        .execute(&format!(
            "GRANT SELECT ON users TO {viewer}; ALTER TABLE users ENABLE ROW LEVEL SECURITY;
            CREATE SCHEMA tenancy; GRANT USAGE ON SCHEMA tenancy TO {viewer};
            CREATE TABLE tenancy.mine AS SELECT 'CA'::text AS country; GRANT SELECT ON tenancy.mine TO {viewer};
            CREATE FUNCTION tenancy.country() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT country FROM mine); END';
            CREATE POLICY mine ON users USING (country = tenancy.country())"
        ))
        .await;
    let client = database.connect_as(&viewer).await;
    run(&client, "SET search_path = public, tenancy").await;
    for audience in ["'adults'", ADULTS] {
        assert_eq!(ask(&client, &format!("SELECT fauna.count_audience({audience}, 'users')")).await, "3");
    }
}
