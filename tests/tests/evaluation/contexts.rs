//! No context makes an evaluation raise, and every representation of a context reads the same.

use fauna_tests::Database;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::answers::{ask, ask_all, database_with_flag, refusal, run};

/// A database whose flag `x` is on for the audience `gold`: plan = gold.
async fn database_with_audience() -> Database<'static> {
    let database = database_with_flag().await;
    database.execute("SELECT fauna.create_attribute('plan'), fauna.create_audience('gold')").await;
    database.execute("SELECT fauna.add_condition('gold', 'plan', 'eq', '{gold}'), fauna.enable('x')").await;
    database
        .execute(
            "SELECT fauna.target('x', 'gold', 'on'); UPDATE fauna.allocations SET variant_key = 'off'
        WHERE rule_id IN (SELECT id FROM fauna.rules WHERE is_default)",
        )
        .await;
    database
}

/// What each function makes of a context, which is an SQL expression.
async fn answers(client: &Client, context: &str) -> String {
    let sql = format!(
        "SELECT concat_ws(' ', fauna.enabled('x', c), fauna.in_audience('gold', c), fauna.variant('x', c),
            fauna.value('x', c, '\"fallback\"'), fauna.bool_value('x', c, NULL), fauna.text_value('x', c, '?'),
            fauna.int_value('x', c, 7), fauna.float_value('x', c, 0.5), (fauna.evaluate('x', c)).reason,
            (fauna.evaluate('x', c, 'infinity')).reason, (fauna.evaluate('x', c, '-infinity')).reason,
            (SELECT string_agg(reason, ' ') FROM fauna.evaluate_all(c)),
            (SELECT outcome FROM fauna.explain('x', c) ORDER BY step DESC LIMIT 1))
        FROM (SELECT {context} AS c OFFSET 0) AS contexts"
    );
    ask(client, &sql).await
}

const MEMBER: &str =
    "t t on true t ? 7 0.5 TARGETING_MATCH TARGETING_MATCH TARGETING_MATCH TARGETING_MATCH TARGETING_MATCH";
const OUTSIDER: &str = "f f off false f ? 7 0.5 DEFAULT DEFAULT DEFAULT DEFAULT DEFAULT";
const INVALID: &str = "f f \"fallback\" ? 7 0.5 ERROR ERROR ERROR ERROR ERROR";

#[tokio::test]
async fn a_context_that_is_no_object_is_an_error_in_the_answer() {
    let client = database_with_audience().await.connect().await;
    let contexts = [
        "NULL::jsonb",
        "'null'::jsonb",
        "'true'",
        "'0'",
        "'1e400'",
        "'\"gold\"'",
        "'\"\"'",
        "'[]'",
        "'[{\"plan\": \"gold\"}]'",
    ];
    for context in contexts {
        let context = format!("{context}::jsonb");
        assert_eq!(answers(&client, &context).await, INVALID, "{context}");
    }
}

#[tokio::test]
async fn strange_objects_are_contexts_like_any_other() {
    let client = database_with_audience().await.connect().await;
    let outsiders = [
        "'{}'::jsonb",
        "'{\"plan\": null}'::jsonb",
        "'{\"\": \"gold\"}'::jsonb",
        "'{\"plan\": {\"plan\": \"gold\"}}'::jsonb",
        "'{\"plan\": 1e400, \"targetingKey\": 1e400}'::jsonb",
        "'{\"plan\": -1e-400}'::jsonb",
        "'{\"plan\": [[\"gold\"], {}, null, 1e1000, true]}'::jsonb",
        "jsonb_build_object('plan', repeat('x', 1 << 20))",
        "(repeat('{\"plan\":', 2000) || '1' || repeat('}', 2000))::jsonb",
        "jsonb_build_object('plan', (repeat('[', 2000) || repeat(']', 2000))::jsonb)",
        "(SELECT jsonb_object_agg('key' || n, n) FROM generate_series(1, 20000) AS n)",
        "jsonb_build_object(repeat('plan', 1 << 18), 'gold', '', 'gold', 'pla', 'gold')",
        "'{\"plan.\": \"gold\", \".plan\": \"gold\", \".\": \"gold\", \"plan.plan\": \"gold\", \"a.plan\": {\"plan\": \"gold\"}}'::jsonb",
        "'{\"plan\": \"gold\", \"plan\": \"iron\"}'::jsonb",
        "('{\"plan\": 1' || repeat('0', 10000) || ', \"targetingKey\": -0.' || repeat('3', 10000) || '}')::jsonb",
        "jsonb_build_object('plan', 10::numeric ^ 100000, 'targetingKey', 9.5::numeric ^ -10000)",
        "'{\"plan\": \"\\u0001\\u001f\\u007f\\uffff\\ufffe\", \"\\u0001\": \"gold\"}'::jsonb",
        "'{\"plan\": \"gold \", \"Plan\": \"gold\", \"plan \": \"gold\"}'::jsonb",
        "jsonb_build_object('plan', (SELECT jsonb_agg(jsonb_build_object('plan', 'gold')) FROM generate_series(1, 20000)))",
    ];
    for context in outsiders {
        assert_eq!(answers(&client, context).await, OUTSIDER, "{context}");
    }
    let members = [
        "'{\"plan\": \"gold\", \"targetingKey\": \"\\u00e9\\ud83d\\ude00\"}'::jsonb",
        "'{\"plan\": [1, null, \"gold\"]}'::jsonb",
        "'{\"plan\": \"iron\", \"plan\": \"gold\"}'::jsonb",
        "'{\"plan\": \"\\u0067old\"}'::jsonb",
        "jsonb_build_object('plan', 'gold', repeat('k', 1 << 20), repeat('v', 1 << 20))",
        "jsonb_build_object('plan', 'gold', 'targetingKey', 10::numeric ^ 100000, 'deep', (repeat('[', 2000) || repeat(']', 2000))::jsonb)",
        "jsonb_build_object('plan', 'gold', 'rest', repeat('x', 1 << 20))",
        "(SELECT jsonb_object_agg('key' || n, n) || '{\"plan\": \"gold\"}' FROM generate_series(1, 20000) AS n)",
        "(SELECT jsonb_build_object('plan', jsonb_agg(n) || '[\"gold\"]') FROM generate_series(1, 20000) AS n)",
    ];
    for context in members {
        assert_eq!(answers(&client, context).await, MEMBER, "{context}");
    }
}

#[tokio::test]
async fn a_context_nests_as_deeply_as_postgresql_takes_it() {
    let client = database_with_audience().await.connect().await;
    let mut deepest = 0;
    for depth in [100, 1000, 2000, 4000, 8000, 10_000, 20_000, 100_000] {
        for (inner, expected) in
            [("1", OUTSIDER), ("\"gold\"", OUTSIDER), ("1}, \"plan\": {\"b\": \"gold\"", OUTSIDER)]
        {
            let nested =
                format!("(repeat('{{\"a\":', {depth}) || '{inner}' || repeat('}}', {depth}))::jsonb");
            if let Err(error) = client.simple_query(&format!("SELECT {nested}")).await {
                assert_eq!(error.code().map(SqlState::code), Some("54001"), "{depth}: {error}");
                continue;
            }
            deepest = depth;
            assert_eq!(answers(&client, &nested).await, expected, "{depth}");
            let member =
                format!("jsonb_build_object('a', {nested}, 'plan', jsonb_build_array({nested}, 'gold'))");
            assert_eq!(answers(&client, &member).await, MEMBER, "{depth}");
        }
    }
    assert!(deepest >= 2000, "{deepest}");
}

#[tokio::test]
async fn a_context_reads_the_same_however_the_table_stores_it() {
    let client = database_with_audience().await.connect().await;
    // Plain and short values lie in the row, long ones are compressed, moved out of line, or both.
    run(&client, "CREATE TABLE users (id int, c jsonb)").await;
    let methods = "SELECT unnest(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'";
    let methods = ask_all(&client, methods).await;
    assert!(methods.contains(&"pglz".to_owned()), "{methods:?}");
    let kinds = ["PLAIN", "MAIN", "EXTENDED", "EXTERNAL"];
    for (storage, method) in
        kinds.iter().flat_map(|storage| methods.iter().map(move |method| (*storage, method)))
    {
        let size = if storage == "PLAIN" { 1000 } else { 100_000 };
        run(
            &client,
            &format!(
                "TRUNCATE users; ALTER TABLE users ALTER c SET STORAGE {storage}, ALTER c SET COMPRESSION {method};
                INSERT INTO users SELECT n, jsonb_build_object('plan', 'gold', 'n', n) || CASE n % 3
                    WHEN 0 THEN '{{}}' WHEN 1 THEN jsonb_build_object('a', repeat('x', {size}))
                    ELSE jsonb_build_object('z', (SELECT string_agg(md5(m::text), '') FROM generate_series(1, {size} / 40) m))
                END FROM generate_series(1, 30) n"
            ),
        )
        .await;
        let members =
            "SELECT count(*) FROM users WHERE fauna.enabled('x', c) AND fauna.in_audience('gold', c)
            AND (SELECT bool_or(outcome = 'holds' AND actual = '\"gold\"') FROM fauna.explain('x', c))
            AND (SELECT bool_and(variant = 'on') FROM fauna.evaluate_all(c))";
        assert_eq!(ask(&client, members).await, "30", "{storage} {method}");
        let stored = if storage == "EXTENDED" || storage == "MAIN" { method.as_str() } else { "NULL" };
        let methods = "SELECT coalesce(max(pg_column_compression(c)), 'NULL') FROM users";
        assert_eq!(ask(&client, methods).await, stored, "{storage} {method}");
    }
}

#[tokio::test]
async fn every_member_of_a_small_or_large_object_is_found() {
    let client = database_with_flag().await.connect().await;
    // Audiences that ask for each of the keys, straight into the log.
    run(
        &client,
        "INSERT INTO fauna.documents (environment_key, kind, key, revision, doc)
        SELECT 'production', 'audience', 'k' || n, 1, jsonb_build_object('match', 'all', 'conditions', jsonb_build_array(
            jsonb_build_object('attribute', repeat('k', n), 'type', 'number', 'operator', 'eq', 'values', jsonb_build_array(n))))
        FROM generate_series(0, 100) AS n",
    )
    .await;
    for members in [1, 2, 15, 16, 17, 31, 32, 33, 64, 65, 100] {
        let wrong = format!(
            "SELECT count(*) FROM generate_series(0, 100) AS n, (SELECT jsonb_object_agg(repeat('k', m), m) AS c
                FROM generate_series(1, {members}) AS m) AS context
            WHERE fauna.in_audience('k' || n, c) IS DISTINCT FROM n BETWEEN 1 AND {members}"
        );
        assert_eq!(ask(&client, &wrong).await, "0", "{members} members");
    }
}

#[tokio::test]
async fn a_number_is_the_double_that_postgresql_makes_of_it() {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "CREATE TABLE numbers AS SELECT row_number() OVER () AS id, n FROM (
            SELECT (random() * 10 ^ (random() * 30))::numeric AS n FROM generate_series(1, 400)
            UNION ALL SELECT (random() * 10 ^ (-random() * 30))::numeric FROM generate_series(1, 400)
            UNION ALL SELECT -(random() * 1e6)::numeric(20, 3) FROM generate_series(1, 400)
            UNION ALL SELECT (random() * 1e9)::bigint * (10::numeric ^ (n % 40)::numeric) FROM generate_series(1, 400) AS n
            UNION ALL SELECT n FROM unnest('{0, 0.0, -0.0, 1, -1, 10000, 9999, 0.0001, 0.1, 0.3, 1.10, 1e22, 1e23, 1e-22, 1e-23,
                9007199254740991, 9007199254740992, 9007199254740993, 9007199254740995, -9007199254740993,
                99999999.99999999, 1e308, 1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 123456789012345678901234567890,
                0.1234567890123456789012345678901234567890}'::numeric[]) AS n) AS all_numbers;
        INSERT INTO fauna.documents (environment_key, kind, key, revision, doc)
        SELECT 'production', 'audience', 'n' || id, 1, jsonb_build_object('match', 'all', 'conditions', jsonb_build_array(
            jsonb_build_object('attribute', 'n', 'type', 'number', 'operator', 'eq', 'values', jsonb_build_array(n::float8))))
        FROM numbers",
    )
    .await;
    let wrong =
        "SELECT count(*) FROM numbers WHERE NOT fauna.in_audience('n' || id, jsonb_build_object('n', n))
        OR fauna.in_audience('n' || id, jsonb_build_object('n', n + (abs(n) + 1) / 1e9))";
    assert_eq!(ask(&client, wrong).await, "0");
    assert_eq!(ask(&client, "SELECT count(*) > 1600 FROM numbers").await, "t");
}

#[tokio::test]
async fn a_nul_escape_never_reaches_a_jsonb_context() {
    let client = database_with_audience().await.connect().await;
    // PostgreSQL itself refuses it; the setting is text, where it is legal JSON.
    let refusal = refusal(&client, "SELECT fauna.enabled('x', '{\"plan\": \"\\u0000\"}')").await;
    assert!(refusal.starts_with("22P05"), "{refusal}");
    run(&client, "SET fauna.context = '{\"plan\": \"\\u0000\"}'").await;
    assert_eq!(ask(&client, "SELECT (fauna.evaluate('x')).reason").await, "DEFAULT");
}
