//! Values come back as they were written, or the fallback does.

use fauna_tests::{Database, database};

use super::answers::{ask, run};

/// Flags of all kinds, each on and serving `a`.
async fn database_with_values() -> Database<'static> {
    let database = database().await;
    database.execute("SELECT fauna.create_environment('production')").await;
    for (key, kind, value) in [
        ("yes", "boolean", "true"),
        ("text", "string", "\"grüße\""),
        ("empty", "string", "\"\""),
        ("whole", "number", "3.0"),
        ("part", "number", "1.50"),
        ("long", "number", "12345678901234567890.12345678901234567890"),
        ("edge", "number", "-9223372036854775808"),
        ("beyond", "number", "9223372036854775808"),
        ("millions", "number", "1e6"),
        ("object", "json", "{\"a\": [1.10, null, {\"b\": \"\"}], \"n\": {}}"),
        ("list", "json", "[]"),
        ("word", "json", "\"json\""),
    ] {
        let variants = if kind == "boolean" {
            "'{\"a\": true, \"b\": false}'".to_owned()
        } else {
            format!("'{{\"a\": {value}}}'")
        };
        let create = format!(
            "SELECT fauna.create_flag('{key}', '{kind}', {variants}, default_variant => 'a', off_variant => 'a'), fauna.enable('{key}')"
        );
        database.execute(&create).await;
    }
    database
}

#[tokio::test]
async fn a_value_is_the_one_that_was_written_to_the_last_digit() {
    let client = database_with_values().await.connect().await;
    let wrong = "SELECT string_agg(v.flag_key, ' ') FROM fauna.variants AS v WHERE v.key = 'a' AND (
        fauna.value(v.flag_key, '{}', NULL)::text IS DISTINCT FROM v.value::text
        OR (fauna.evaluate(v.flag_key, '{}')).value::text IS DISTINCT FROM v.value::text
        OR fauna.variant(v.flag_key, '{}') IS DISTINCT FROM 'a')";
    assert_eq!(ask(&client, wrong).await, "NULL");
    let long = ask(&client, "SELECT fauna.value('long', '{}', NULL)").await;
    assert_eq!(long, "12345678901234567890.12345678901234567890");
    assert_eq!(ask(&client, "SELECT fauna.value('part', '{}', NULL) = '1.5'").await, "t");
}

#[tokio::test]
async fn a_typed_value_of_another_type_is_the_fallback() {
    let client = database_with_values().await.connect().await;
    for (flag, typed) in [
        ("yes", "t fallback -1 -1"),
        ("text", "NULL grüße -1 -1"),
        ("empty", "NULL  -1 -1"),
        ("whole", "NULL fallback 3 3"),
        ("part", "NULL fallback -1 1.5"),
        ("long", "NULL fallback -1 1.2345678901234567e+19"),
        ("edge", "NULL fallback -9223372036854775808 -9.223372036854776e+18"),
        ("beyond", "NULL fallback -1 9.223372036854776e+18"),
        ("millions", "NULL fallback 1000000 1000000"),
        ("object", "NULL fallback -1 -1"),
        ("list", "NULL fallback -1 -1"),
        ("word", "NULL json -1 -1"),
        ("nothing", "NULL fallback -1 -1"),
    ] {
        let sql = format!(
            "SELECT coalesce(fauna.bool_value('{flag}', '{{}}', NULL)::text, 'NULL') || ' ' || fauna.text_value('{flag}', '{{}}', 'fallback')
                || ' ' || fauna.int_value('{flag}', '{{}}', -1) || ' ' || fauna.float_value('{flag}', '{{}}', -1)"
        );
        assert_eq!(ask(&client, &sql).await.replacen("true", "t", 1), typed, "{flag}");
        let session = sql.replace(", '{}'", "");
        assert_eq!(
            ask(&client, &session).await.replacen("true", "t", 1),
            typed,
            "{flag} for the session's context"
        );
    }
}

#[tokio::test]
async fn nulls_for_arguments_are_errors_in_the_answer() {
    let client = database_with_values().await.connect().await;
    for (sql, answer) in [
        ("SELECT fauna.enabled(NULL, '{}')", "f"),
        ("SELECT fauna.enabled('yes', NULL)", "f"),
        ("SELECT fauna.enabled(NULL)", "f"),
        ("SELECT fauna.variant(NULL, NULL)", "NULL"),
        ("SELECT fauna.value('yes', NULL, '1')", "1"),
        ("SELECT fauna.value('nothing', '{}', NULL)", "NULL"),
        ("SELECT fauna.text_value('text', NULL, 'fallback')", "fallback"),
        ("SELECT fauna.text_value(NULL::text, NULL::text)", "NULL"),
        ("SELECT (fauna.evaluate(NULL, '{}')).flag", "NULL"),
        ("SELECT (fauna.evaluate(NULL, '{}')).error_code", "FLAG_NOT_FOUND"),
        ("SELECT (fauna.evaluate('yes', NULL)).error_code", "INVALID_CONTEXT"),
        ("SELECT (fauna.evaluate('yes', '{}', NULL)).variant", "a"),
        ("SELECT fauna.in_audience(NULL, NULL)", "f"),
        ("SELECT fauna.bucket(NULL, 'a')", "NULL"),
        ("SELECT count(*) FROM fauna.evaluate_all(NULL) WHERE error_code = 'INVALID_CONTEXT'", "12"),
        ("SELECT fauna.check_condition(NULL, NULL, NULL, NULL) IS NOT NULL", "t"),
    ] {
        assert_eq!(ask(&client, sql).await, answer, "{sql}");
    }
}

#[tokio::test]
async fn enabled_is_false_for_flags_that_are_not_boolean() {
    let client = database_with_values().await.connect().await;
    let enabled = "SELECT string_agg(key, ' ') FROM fauna.flags WHERE fauna.enabled(key, '{}')";
    assert_eq!(ask(&client, enabled).await, "yes");
}

#[tokio::test]
async fn a_flag_that_cannot_be_used_is_false_and_falls_back_but_says_what_its_off_variant_is() {
    let client = database_with_values().await.connect().await;
    run(
        &client,
        "UPDATE fauna.documents SET doc = doc || '{\"offVariant\": \"a\", \"rules\": [{\"id\": 1}]}'
        WHERE kind = 'flag' AND key = 'yes'",
    )
    .await;
    assert_eq!(ask(&client, "SELECT fauna.enabled('yes', '{}')").await, "f");
    assert_eq!(ask(&client, "SELECT fauna.bool_value('yes', '{}', NULL)").await, "NULL");
    assert_eq!(ask(&client, "SELECT fauna.variant('yes', '{}')").await, "a");
    let row = "SELECT concat_ws(' ', value, variant, reason, error_code, error_message) FROM fauna.evaluate('yes', '{}')";
    assert_eq!(ask(&client, row).await, "true a ERROR PARSE_ERROR rules[0].id: not a string");
}

#[tokio::test]
async fn evaluation_at_a_time_uses_that_time() {
    let client = database_with_values().await.connect().await;
    run(
        &client,
        "UPDATE fauna.documents SET doc = doc || '{\"default\": {\"variant\": \"b\"}, \"rules\": [{\"id\": \"r\", \"match\": \"any\",
            \"activeFrom\": \"2030-01-01T00:00:00Z\", \"activeUntil\": \"2031-01-01T00:00:00Z\", \"serve\": {\"variant\": \"a\"}}]}'
        WHERE kind = 'flag' AND key = 'yes'",
    )
    .await;
    for (at, variant) in [
        ("2029-12-31T23:59:59.999999Z", "b"),
        ("2030-01-01T00:00:00Z", "a"),
        ("2030-12-31T23:59:59.999999Z", "a"),
        ("2031-01-01T00:00:00Z", "b"),
        ("-infinity", "b"),
        ("infinity", "b"),
    ] {
        let sql = format!("SELECT variant FROM fauna.evaluate('yes', '{{}}', '{at}')");
        assert_eq!(ask(&client, &sql).await, variant, "{at}");
    }
}

#[tokio::test]
async fn a_value_nested_deeper_than_any_evaluator_recurses_is_served_whole() {
    let client = database_with_values().await.connect().await;
    run(
        &client,
        "UPDATE fauna.documents SET doc = jsonb_set(doc, '{variants,a}', (repeat('[', 3000) || repeat(']', 3000))::jsonb)
        WHERE kind = 'flag' AND key = 'list'",
    )
    .await;
    assert_eq!(ask(&client, "SELECT length(fauna.value('list', '{}', NULL)::text)").await, "6000");
}
