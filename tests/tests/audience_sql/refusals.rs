//! What is no audience, no relation or no column is refused, in words that say what to do.

use super::words::database_with_users;
use fauna_tests::answers::{ask, refusal, run};

#[tokio::test]
async fn what_is_not_there_is_named() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "SELECT fauna.create_audience('beta'), fauna.add_condition('beta', 'targetingKey', 'exists'); CREATE TABLE keyless (a int);
        CREATE TYPE pair AS (a int); CREATE SEQUENCE counter",
    )
    .await;
    let document = |condition: &str| format!(r#"'{{"match": "all", "conditions": [{condition}]}}'::jsonb"#);
    for function in ["audience_sql", "count_audience"] {
        for (arguments, state, message) in [
            ("'betaa', 'users'".to_owned(), "UF002", "audience \"betaa\" does not exist"),
            ("NULL::text, 'users'".to_owned(), "22004", "no audience is named"),
            ("'beta', 'pair'".to_owned(), "42809", "relation \"public.pair\" has no rows to choose from"),
            (
                "'beta', 'counter'".to_owned(),
                "42809",
                "relation \"public.counter\" has no rows to choose from",
            ),
            (
                "'beta', 'users_pkey'".to_owned(),
                "42809",
                "relation \"public.users_pkey\" has no rows to choose from",
            ),
            ("'beta', 'nowhere'".to_owned(), "42P01", "relation \"nowhere\" does not exist"),
            ("'beta', 1".to_owned(), "42P01", "relation does not exist"),
            ("'beta', NULL".to_owned(), "22004", "no relation is named"),
            ("'beta', 'keyless'".to_owned(), "42703", "relation \"public.keyless\" has no column \"id\""),
            (
                "'beta', 'users', 'nick'".to_owned(),
                "42703",
                "relation \"public.users\" has no column \"nick\"",
            ),
            ("'beta', 'users', NULL".to_owned(), "42703", "relation \"public.users\" has no column \"null\""),
            ("NULL::jsonb, 'users'".to_owned(), "22023", "audience is not valid: not an object"),
            ("'[]'::jsonb, 'users'".to_owned(), "22023", "audience is not valid: not an object"),
            (
                "'{\"match\": \"all\"}'::jsonb, 'users'".to_owned(),
                "22023",
                "audience is not valid: conditions: missing",
            ),
            (
                format!(
                    "{}, 'users'",
                    document(
                        r#"{"attribute": "age", "type": "number", "operator": "contains", "values": [1]}"#
                    )
                ),
                "22023",
                "audience is not valid: conditions[0].operator: does not fit an attribute of type number",
            ),
            (
                format!(
                    "{}, 'users'",
                    document(
                        r#"{"attribute": "age", "type": "string", "operator": "matches", "values": ["("]}"#
                    )
                ),
                "22023",
                "audience is not valid: conditions[0].values[0]: bad pattern",
            ),
            (
                format!("{}, 'users'", document(r#"{"operator": "in_audience", "values": ["betaa"]}"#)),
                "UF002",
                "audience \"betaa\" does not exist",
            ),
        ] {
            let refused = refusal(&client, &format!("SELECT fauna.{function}({arguments})")).await;
            assert!(
                refused.starts_with(&format!("{state}: {message}")),
                "{function}({arguments}): {refused}"
            );
        }
    }
    let refused = refusal(&client, "SELECT fauna.audience_sql('betaa', 'users')").await;
    assert!(refused.contains("Perhaps you meant \"beta\"."), "{refused}");
}

#[tokio::test]
async fn an_environment_that_is_not_there_is_named() {
    let client = database_with_users().await.connect().await;
    run(&client, "SELECT fauna.create_audience('beta'); SET fauna.environment = 'nowhere'").await;
    let refused = refusal(&client, "SELECT fauna.audience_sql('beta', 'users')").await;
    assert!(refused.starts_with("UF003: environment \"nowhere\" does not exist"), "{refused}");
}

/// Each asks twice for the one before it: 2^20 visits.
#[tokio::test]
async fn an_audience_too_large_to_evaluate_is_refused() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "SELECT fauna.create_audience('a0'); SELECT fauna.add_condition('a0', 'age', 'gte', '{18}');
        DO $$ BEGIN FOR n IN 1..20 LOOP
            PERFORM fauna.create_audience('a' || n), fauna.nest_audience('a' || n, 'a' || n - 1), fauna.nest_audience('a' || n, 'a' || n - 1);
        END LOOP; END $$",
    )
    .await;
    let refused = refusal(&client, "SELECT fauna.audience_sql('a20', 'users')").await;
    assert!(
        refused.starts_with("54000: the audience is nested too deep, or asks for too many others"),
        "{refused}"
    );
    assert_eq!(ask(&client, "SELECT fauna.audience_sql('a10', 'users')").await, "age >= 18");
}

#[tokio::test]
async fn a_condition_on_a_value_is_false_when_it_is_none() {
    let client = database_with_users().await.connect().await;
    for (call, expected) in [
        ("'a'::text, NULL", "f"),
        ("'a'::text, '[]'", "f"),
        ("'a'::text, '{\"type\": \"string\", \"operator\": \"nothing\", \"values\": [\"a\"]}'", "f"),
        ("'a'::text, '{\"operator\": \"in_audience\", \"values\": [\"\"]}'", "f"),
        ("'a'::text, '{\"type\": \"string\", \"operator\": \"eq\", \"values\": [\"a\"]}'", "t"),
        (
            "NULL::text, '{\"type\": \"string\", \"operator\": \"eq\", \"values\": [\"a\"], \"negate\": true}'",
            "f",
        ),
        ("NULL::text, '{\"type\": \"string\", \"operator\": \"exists\", \"negate\": true}'", "t"),
        ("18, '{\"type\": \"number\", \"operator\": \"gte\", \"values\": [18]}'", "t"),
        ("true, '{\"type\": \"boolean\", \"operator\": \"eq\", \"values\": [true]}'", "t"),
        ("18::smallint, '{\"type\": \"number\", \"operator\": \"gt\", \"values\": [18]}'", "f"),
        ("ARRAY['a', 'b'], '{\"type\": \"string\", \"operator\": \"eq\", \"values\": [\"b\"]}'", "t"),
    ] {
        assert_eq!(ask(&client, &format!("SELECT fauna.condition_holds({call})")).await, expected, "{call}");
    }
}

/// The condition is compiled once for a call; another one at the same call is another.
#[tokio::test]
async fn a_condition_that_changes_from_row_to_row_is_compiled_anew() {
    let client = database_with_users().await.connect().await;
    let sum = "SELECT string_agg(fauna.condition_holds(n, jsonb_build_object('type', 'number', 'operator', 'eq', 'values', jsonb_build_array(n % 2)))::text, ' ')
        FROM generate_series(0, 3) AS n";
    assert_eq!(ask(&client, sum).await, "true true false false");
    run(
        &client,
        "CREATE FUNCTION ask(value int, condition jsonb) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN fauna.condition_holds(value, condition); END'",
    )
    .await;
    let sum = sum.replace("fauna.condition_holds", "ask");
    assert_eq!(ask(&client, &sum).await, "true true false false");
}
