//! What predicates look like: as a person would write them, wherever that is exact.

use fauna_tests::Database;
use tokio_postgres::Client;

use fauna_tests::answers::{ask, database_with_flag, run};

/// A database with the table `users`, and an attribute for each of its columns.
pub async fn database_with_users() -> Database<'static> {
    let database = database_with_flag().await;
    database
        .execute(
            "CREATE TABLE users (id bigint PRIMARY KEY, country text NOT NULL, age int NOT NULL, signed_up timestamptz, email varchar(80),
                score float8, balance numeric(12, 2), is_staff boolean, tags text[], profile jsonb);
            SELECT fauna.create_attribute(name, type) FROM (VALUES ('country', 'string'), ('age', 'number'), ('signed_up', 'date'),
                ('email', 'string'), ('score', 'number'), ('balance', 'number'), ('is_staff', 'boolean'), ('tags', 'string'),
                ('profile.plan', 'string'), ('nowhere', 'string'), ('targetingKey', 'string')) AS a (name, type)",
        )
        .await;
    database
}

/// The predicate of an audience that matches all of some conditions.
async fn sql(client: &Client, conditions: &str) -> String {
    let document = format!("{{\"match\": \"all\", \"conditions\": [{conditions}]}}");
    ask(client, &format!("SELECT fauna.audience_sql($${document}$$::jsonb, 'users')")).await
}

#[tokio::test]
async fn predicates_are_what_one_would_write() {
    let client = database_with_users().await.connect().await;
    for (condition, expected) in [
        (
            r#""country", "type": "string", "operator": "in", "values": ["CA", "US"]"#,
            "country = ANY ('{CA,US}')",
        ),
        (
            r#""country", "type": "string", "operator": "eq", "values": ["CA"], "negate": true"#,
            "NOT country = 'CA'",
        ),
        (r#""country", "type": "number", "operator": "eq", "values": [1]"#, "false"),
        (r#""country", "type": "number", "operator": "eq", "values": [1], "negate": true"#, "true"),
        (r#""country", "type": "string", "operator": "in", "values": []"#, "false"),
        (r#""age", "type": "number", "operator": "gte", "values": [18]"#, "age >= 18"),
        (r#""age", "type": "number", "operator": "lt", "values": [65.5, 30]"#, "age < 66"),
        (r#""age", "type": "number", "operator": "in", "values": [18, 19, 19.5]"#, "age = ANY ('{18,19}')"),
        (r#""age", "type": "number", "operator": "gte", "values": [3e9]"#, "false"),
        (
            r#""signed_up", "type": "date", "operator": "lt", "values": ["2026-01-01T01:00:00+01:00"]"#,
            "(signed_up < '2026-01-01 00:00:00+00' AND signed_up >= '0001-01-01 00:00:00+00')",
        ),
        (
            r#""email", "type": "string", "operator": "ends_with", "values": ["@example.com"]"#,
            "email::text LIKE '%@example.com'",
        ),
        (
            r#""email", "type": "string", "operator": "matches", "values": ["^50%\\.$", "^a_"]"#,
            r"(email::text = '50%.' OR email::text LIKE E'a\\_%')",
        ),
        (
            r#""email", "type": "string", "operator": "matches", "values": ["[0-9]+@"]"#,
            r#"fauna.condition_holds(email, '{"operator":"matches","type":"string","values":["[0-9]+@"]}')"#,
        ),
        (
            r#""email", "type": "string", "operator": "eq", "values": ["a"], "ignoreCase": true, "negate": true"#,
            r#"fauna.condition_holds(email, '{"ignoreCase":true,"negate":true,"operator":"eq","type":"string","values":["a"]}')"#,
        ),
        (
            r#""score", "type": "number", "operator": "gt", "values": [0.5]"#,
            "(score > '0.5' AND score < 'Infinity')",
        ),
        (
            r#""balance", "type": "number", "operator": "gte", "values": [99.9]"#,
            "(balance >= '99.9' AND balance < 'NaN')",
        ),
        (
            r#""is_staff", "type": "boolean", "operator": "eq", "values": [true], "negate": true"#,
            "is_staff IS FALSE",
        ),
        (
            r#""tags", "type": "string", "operator": "in", "values": ["a b", "x"]"#,
            r#"(tags OPERATOR(pg_catalog.&&) '{"a b",x}' AND pg_catalog.array_ndims(tags) = 1)"#,
        ),
        (
            r#""tags", "type": "string", "operator": "eq", "values": ["a b"]"#,
            "('a b' OPERATOR(pg_catalog.=) ANY (tags) AND pg_catalog.array_ndims(tags) = 1)",
        ),
        (
            r#""profile.plan", "type": "string", "operator": "eq", "values": ["pro"]"#,
            r#"(profile @> '{"plan":"pro"}' OR profile @> '{"plan":["pro"]}')"#,
        ),
        (r#""email", "type": "string", "operator": "exists", "negate": true"#, "email IS NULL"),
        (r#""nowhere", "type": "string", "operator": "eq", "values": ["a"], "negate": true"#, "false"),
        (r#""nowhere", "type": "string", "operator": "exists", "negate": true"#, "true"),
        (r#""targetingKey", "type": "string", "operator": "eq", "values": ["1"]"#, "false"),
    ] {
        assert_eq!(sql(&client, &format!("{{\"attribute\": {condition}}}")).await, expected);
    }
}

#[tokio::test]
async fn an_element_is_sought_as_the_indexes_of_its_column_have_it() {
    let client = database_with_users().await.connect().await;
    let condition = r#"{"attribute": "tags", "type": "string", "operator": "eq", "values": ["a"]}"#;
    let overlap = "(tags OPERATOR(pg_catalog.&&) '{a}' AND pg_catalog.array_ndims(tags) = 1)";
    let any = "('a' OPERATOR(pg_catalog.=) ANY (tags) AND pg_catalog.array_ndims(tags) = 1)";
    for (change, expected) in [
        ("CREATE INDEX of_the_whole ON users (tags)", any),
        ("CREATE INDEX of_another ON users USING gin (profile)", any),
        ("CREATE INDEX of_elements ON users USING gin (tags)", overlap),
        ("DROP INDEX of_elements", any),
        // The rows of a child may have an index that the parent has not.
        ("CREATE TABLE children () INHERITS (users)", overlap),
    ] {
        run(&client, change).await;
        assert_eq!(sql(&client, condition).await, expected, "{change}");
    }
}

#[tokio::test]
async fn other_audiences_are_written_out() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "SELECT fauna.create_audience('adults'), fauna.create_audience('staff', 'any'), fauna.create_audience('nobody');
        SELECT fauna.add_condition('adults', 'age', 'gte', '{18}'), fauna.add_condition('adults', 'country', 'eq', '{CA}');
        SELECT fauna.add_condition('staff', 'is_staff', 'eq', '{true}'), fauna.add_condition('staff', 'country', 'eq', '{US}'),
            fauna.nest_audience('staff', 'adults'), fauna.nest_audience('staff', 'nobody')",
    )
    .await;
    for (audience, expected) in [
        ("adults", "(age >= 18 AND country = 'CA')"),
        ("staff", "(is_staff IS TRUE OR country = 'US' OR (age >= 18 AND country = 'CA'))"),
        ("nobody", "false"),
    ] {
        assert_eq!(
            ask(&client, &format!("SELECT fauna.audience_sql('{audience}', 'users')")).await,
            expected
        );
    }
    run(
        &client,
        "SELECT fauna.create_audience('others'), fauna.nest_audience('others', 'staff', negate => true)",
    )
    .await;
    assert_eq!(
        ask(&client, "SELECT fauna.audience_sql('others', 'users')").await,
        "NOT (is_staff IS TRUE OR country = 'US' OR (age >= 18 AND country = 'CA'))"
    );
    // A rule for all but adults, before it is saved.
    let rule = r#"{"match": "any", "conditions": [{"operator": "in_audience", "values": ["adults"], "negate": true}]}"#;
    assert_eq!(
        ask(&client, &format!("SELECT fauna.audience_sql('{rule}'::jsonb, 'users')")).await,
        "NOT (age >= 18 AND country = 'CA')"
    );
}

#[tokio::test]
async fn nasty_names_and_values_stay_names_and_values() {
    let client = database_with_flag().await.connect().await;
    let nasty = r#"x" = "x" OR true; DROP TABLE "the 'table'"; --"#;
    let quoted = nasty.replace('"', "\"\"");
    run(
        &client,
        &format!(
            r#"CREATE SCHEMA "it's"; CREATE TABLE "it's"."the 'table'" (id int, "{quoted}" text, "{}" text[]);
            CREATE TABLE canary ();"#,
            quoted.replace('x', "y")
        ),
    )
    .await;
    let values = [
        "'",
        "''",
        "\\",
        "\\'",
        "'; DROP TABLE canary; --",
        "$$",
        "{",
        "}",
        "\"",
        "a,b",
        "NULL",
        "%",
        "_",
        "/*",
        "\n",
        "E'\\''",
    ];
    for value in values {
        client.execute(r#"DELETE FROM "it's"."the 'table'""#, &[]).await.expect("emptying");
        let insert = r#"INSERT INTO "it's"."the 'table'" VALUES (1, $1, ARRAY[$1, 'other']), (2, $1 || 'x', ARRAY[$1 || 'x']), (3, '', '{}')"#;
        client.execute(insert, &[&value]).await.expect("inserting");
        for (attribute, operator) in
            [(nasty.to_owned(), "eq"), (nasty.replace('x', "y"), "in"), (nasty.to_owned(), "ends_with")]
        {
            for conforming in ["on", "off"] {
                run(&client, &format!("SET standard_conforming_strings = {conforming}")).await;
                let condition = serde_json::json!({"attribute": attribute, "type": "string", "operator": operator, "values": [value, value]});
                let document = serde_json::json!({"match": "all", "conditions": [condition]});
                let row = client
                    .query_one(
                        r#"SELECT fauna.count_audience($1::jsonb, '"it''s"."the ''table''"'::regclass)"#,
                        &[&document],
                    )
                    .await
                    .expect("counting");
                assert_eq!(row.get::<_, i64>(0), 1, "{operator} {value:?}");
            }
        }
    }
    assert_eq!(ask(&client, "SELECT count(*) FROM canary").await, "0");
}

#[tokio::test]
async fn a_predicate_means_the_same_where_the_search_path_has_operators_of_its_own() {
    let client = database_with_users().await.connect().await;
    run(
        &client,
        "CREATE TYPE mood AS ENUM ('happy', 'sad'); CREATE DOMAIN whole AS int; CREATE SCHEMA trap;
        CREATE TABLE traps (id int, a varchar(9), b whole, c numeric, d mood, e text[], f \"char\", g jsonb, h name, i char(2), j smallint);
        INSERT INTO traps VALUES (1, 'a', 18, 18, 'happy', '{a}', 'a', '{\"a\": \"a\"}', 'a', 'ab', 18);
        CREATE FUNCTION trap.sprung(a anyelement, b anyelement) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''sprung''; END';
        CREATE FUNCTION trap.array_ndims(text[]) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE ''sprung''; END';
        DO $$ DECLARE pair text[]; name text; BEGIN
            FOREACH pair SLICE 1 IN ARRAY '{{varchar,text},{varchar,varchar},{whole,int},{numeric,int},{mood,mood},{text[],text[]},{jsonb,text},
                {name,name},{whole,whole}}'::text[] LOOP
                EXECUTE format('CREATE FUNCTION trap.sprung(%s, %s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN RAISE ''''sprung''''; END''', pair[1], pair[2]);
                FOREACH name IN ARRAY '{=,<,>=,&&,~~,->,@>}'::text[] LOOP
                    EXECUTE format('CREATE OPERATOR trap.%s (FUNCTION = trap.sprung, LEFTARG = %s, RIGHTARG = %s)', name, pair[1], pair[2]);
                END LOOP;
            END LOOP;
        END $$;
        SET search_path = public, trap",
    )
    .await;
    let conditions = [
        r#""a", "type": "string", "operator": "in", "values": ["a", "b"]"#,
        r#""a", "type": "string", "operator": "starts_with", "values": ["a"]"#,
        r#""b", "type": "number", "operator": "gte", "values": [18]"#,
        r#""b", "type": "number", "operator": "in", "values": [18, 19]"#,
        r#""c", "type": "number", "operator": "gte", "values": [18]"#,
        r#""c", "type": "number", "operator": "eq", "values": [18]"#,
        r#""d", "type": "string", "operator": "eq", "values": ["happy"]"#,
        r#""e", "type": "string", "operator": "eq", "values": ["a"]"#,
        r#""g.a", "type": "string", "operator": "eq", "values": ["a"]"#,
        r#""g.a", "type": "string", "operator": "ends_with", "values": ["a"]"#,
        r#""h", "type": "string", "operator": "contains", "values": ["a"]"#,
        r#""h", "type": "string", "operator": "eq", "values": ["a"]"#,
        r#""i", "type": "string", "operator": "eq", "values": ["ab"]"#,
        r#""j", "type": "number", "operator": "lt", "values": [19]"#,
    ];
    for condition in conditions {
        let count = format!(
            "SELECT fauna.count_audience($${{\"match\": \"all\", \"conditions\": [{{\"attribute\": {condition}}}]}}$$::jsonb, 'traps')"
        );
        assert_eq!(ask(&client, &count).await, "1", "{condition}");
    }
    // The traps are there.
    assert!(
        fauna_tests::answers::refusal(&client, "SELECT FROM traps WHERE a = 'a'::text")
            .await
            .contains("sprung")
    );
}
