//! A row as a context answers as the same row made into jsonb does.

use std::fmt::Write as _;

use tokio_postgres::Client;

use super::answers::{ask, ask_all, database_with_flag, run};

/// Columns of every type that both forms can hold, an expression for a random value of each, and what jsonb has to
/// hold for it if that is not what `to_jsonb` makes of it.
const COLUMNS: [(&str, &str, &str, Option<&str>); 33] = [
    ("id", "bigint", "n", None),
    ("a_text", "text", "(ARRAY['', 'a', 'Ab', 'é😀', repeat('long ', 2000)])[1 + floor(random() * 5)]", None),
    (
        "a_varchar",
        "varchar(8)",
        "(ARRAY['x', 'X', '1.2.3', 'v2', '10.1.2.3'])[1 + floor(random() * 5)]",
        None,
    ),
    ("a_char", "char(4)", "(ARRAY['ab', 'abcd', ''])[1 + floor(random() * 3)]", None),
    ("a_name", "name", "(ARRAY['ab', 'xyz'])[1 + floor(random() * 2)]", None),
    ("a_byte", "\"char\"", "(ARRAY['a', 'b'])[1 + floor(random() * 2)]", None),
    ("a_bool", "boolean", "random() < 0.5", None),
    ("a_smallint", "smallint", "floor(random() * 9) - 4", None),
    ("an_int", "int", "floor(random() * 4000000000 - 2000000000)", None),
    ("a_bigint", "bigint", "floor(random() * 9007199254740991)::bigint", None),
    ("a_numeric", "numeric", "(random() * 10 ^ floor(random() * 20 - 5))::numeric", None),
    ("a_decimal", "numeric(12, 2)", "random() * 100", None),
    (
        "a_nan",
        "numeric",
        "(ARRAY['NaN', '1', '0', '1e400'])[1 + floor(random() * 4)]::numeric",
        Some("CASE WHEN $ = 'NaN' THEN 'null' ELSE to_jsonb($) END"),
    ),
    ("a_real", "real", "(random() * 10 ^ floor(random() * 20 - 10))::real", None),
    ("a_double", "double precision", "random() * 10 ^ floor(random() * 20 - 10)", None),
    (
        "an_infinity",
        "double precision",
        "(ARRAY['NaN', 'Infinity', '-Infinity', '-0', '7'])[1 + floor(random() * 5)]::float8",
        Some("CASE WHEN $ IN ('NaN', 'Infinity', '-Infinity') THEN 'null' ELSE to_jsonb($) END"),
    ),
    (
        "some_infinities",
        "float4[]",
        "ARRAY['NaN', floor(random() * 3), '-Infinity']::float4[]",
        Some("CASE WHEN $ IS NOT NULL THEN jsonb_build_array(NULL, ($)[2], NULL) END"),
    ),
    ("a_uuid", "uuid", "gen_random_uuid()", None),
    ("an_enum", "mood", "(ARRAY['happy', 'sad'])[1 + floor(random() * 2)]::mood", None),
    (
        "an_address",
        "inet",
        "(ARRAY['10.1.2.3', '192.168.0.0/16', '::1'])[1 + floor(random() * 3)]::inet",
        None,
    ),
    ("an_oid", "oid", "floor(random() * 4000000000)::bigint::oid", None),
    ("a_domain", "positive", "1 + floor(random() * 5)", None),
    (
        "some_texts",
        "text[]",
        "(ARRAY['{}', '{a,b,NULL}', '{{a,b},{c,d}}', '[5:6]={\"x y\",Ab}'])[1 + floor(random() * 4)]::text[]",
        None,
    ),
    ("some_ints", "int[]", "ARRAY[floor(random() * 3), NULL, 7]::int[]", None),
    ("some_addresses", "inet[]", "ARRAY['10.1.2.3', NULL, '::1']::inet[]", None),
    ("some_ids", "uuid[]", "ARRAY[gen_random_uuid()]", None),
    ("some_doubles", "float8[]", "ARRAY[random(), 1]", None),
    ("some_moods", "mood[]", "ARRAY['happy', NULL]::mood[]", None),
    (
        "a_jsonb",
        "jsonb",
        "(ARRAY['{\"plan\": \"pro\", \"in\": {\"ner\": [1, \"a\"]}}', '\"a\"', '3', '[\"a\", 2]', 'null', '{}', 'true'])[1 + floor(random() * 7)]::jsonb",
        None,
    ),
    ("\"dotted.name\"", "text", "(ARRAY['a', NULL])[1 + floor(random() * 2)]", None),
    ("a_date", "date", "'2020-01-01'::date + floor(random() * 2000)::int", Some(UTC)),
    ("a_timestamp", "timestamp", "'2020-01-01'::timestamp + random() * interval '5 years'", Some(UTC)),
    (
        "a_timestamptz",
        "timestamptz",
        "'2020-01-01'::timestamptz + random() * interval '5 years'",
        Some(
            "to_jsonb(regexp_replace(to_char($ AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '\\.?0*Z', 'Z'))",
        ),
    ),
];

const UTC: &str =
    "to_jsonb(regexp_replace(to_char($::timestamp, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '\\.?0*Z', 'Z'))";

const PATHS: [&str; 4] = ["a_jsonb.plan", "a_jsonb.in.ner", "a_jsonb.in", "a_text.none"];

/// The table `people` of 150 random rows, a fifth of the values null, and the view `contexts` of the same as jsonb.
async fn create_people(client: &Client) {
    let (mut types, mut values, mut overrides) = (String::new(), String::new(), String::new());
    for (name, kind, value, jsonb) in COLUMNS {
        let null = if name == "id" { "false" } else { "random() < 0.2" };
        let _ =
            write!(types, "{name} {kind}, dropped_after_{} int, ", name.trim_matches('"').replace('.', "_"));
        let _ = write!(values, "CASE WHEN {null} THEN NULL ELSE {value} END, n, ");
        if let Some(jsonb) = jsonb {
            let _ = write!(overrides, ", '{name}', {}", jsonb.replace('$', &format!("p.{name}")));
        }
    }
    let (types, values) = (types.trim_end_matches(", "), values.trim_end_matches(", "));
    run(
        client,
        &format!(
            "CREATE TYPE mood AS ENUM ('happy', 'sad'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
            CREATE TABLE people ({types});
            INSERT INTO people SELECT {values} FROM generate_series(1, 150) AS n;
            CREATE VIEW contexts AS SELECT p AS row, to_jsonb(p)
                || jsonb_build_object('targetingKey', p.id {overrides}) AS context FROM people p"
        ),
    )
    .await;
}

/// Random conditions on every column and path, with values from the rows themselves, straight into the log.
async fn create_audiences(client: &Client, paths: &[&str]) {
    run(
        client,
        "CREATE FUNCTION add_audiences(path text) RETURNS void LANGUAGE sql AS $$
            INSERT INTO fauna.documents (environment_key, kind, key, revision, doc)
            SELECT 'production', 'audience', format('%s/%s/%s/%s', path, t.type, o.operator, n), 1,
                jsonb_build_object('match', 'all', 'conditions', jsonb_build_array(jsonb_build_object(
                    'attribute', path, 'type', t.type, 'operator', o.operator, 'negate', random() < 0.3,
                    'ignoreCase', random() < 0.3, 'values', v.sample)))
            FROM (VALUES ('string', '{eq,contains,starts_with,ends_with}'::text[]), ('number', '{eq,lt,lte,gt,gte}'),
                ('boolean', '{eq}'), ('date', '{lt,gte}'), ('version', '{eq,lt}')) AS t (type, operators)
            CROSS JOIN LATERAL unnest(t.operators) AS o (operator)
            CROSS JOIN generate_series(1, 3) AS n
            CROSS JOIN LATERAL (SELECT jsonb_agg(DISTINCT s.value) AS sample FROM (
                SELECT CASE WHEN jsonb_typeof(c.found) = 'array' THEN c.found -> 0 ELSE c.found END AS value
                FROM (SELECT coalesce(context -> path, context #> string_to_array(path, '.')) AS found FROM contexts
                    ORDER BY random() LIMIT 50) AS c) AS s
                WHERE jsonb_typeof(s.value) = CASE WHEN t.type IN ('number', 'boolean') THEN t.type ELSE 'string' END
                    AND (t.type <> 'date' OR s.value #>> '{}' ~ '^\\d{4}-.*Z$')
                    AND (t.type <> 'version' OR s.value #>> '{}' ~ '^v?\\d+(\\.\\d+){0,2}$')) AS v
            WHERE v.sample IS NOT NULL
            UNION ALL SELECT 'production', 'audience', path || '/exists', 1, jsonb_build_object('match', 'all', 'conditions',
                jsonb_build_array(jsonb_build_object('attribute', path, 'type', 'string', 'operator', 'exists')))
            UNION ALL SELECT 'production', 'flag', path || '/split', 1, jsonb_build_object('kind', 'boolean', 'enabled', true,
                'variants', '{\"on\": true, \"off\": false}'::jsonb, 'offVariant', 'off', 'default',
                jsonb_build_object('split', '[{\"variant\": \"on\", \"weight\": 50000}]'::jsonb, 'by', path))
        $$",
    )
    .await;
    for path in paths {
        run(client, &format!("SELECT add_audiences('{path}')")).await;
    }
}

#[tokio::test]
async fn a_row_is_the_context_that_its_jsonb_is() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SET TIME ZONE 'Asia/Kolkata'").await;
    create_people(&client).await;
    let names: Vec<_> = COLUMNS.iter().map(|(name, ..)| name.trim_matches('"')).collect();
    let paths: Vec<_> = names.iter().copied().chain(PATHS).chain(["targetingKey", "missing"]).collect();
    create_audiences(&client, &paths).await;
    let dropped = "SELECT string_agg('DROP COLUMN ' || attname, ', ') FROM pg_attribute
        WHERE attrelid = 'people'::regclass AND attname LIKE 'dropped_after_%'";
    for state in ["whole", "with dropped columns"] {
        // The same row as it comes from a subquery, whole, and from the table, where the planner takes it apart.
        let differing = "WITH people_contexts AS MATERIALIZED (SELECT * FROM contexts)
            SELECT string_agg(DISTINCT d.key, ', ') FROM people_contexts AS c JOIN people p ON p.id = (c.row).id, fauna.documents AS d
            WHERE d.kind = 'audience' AND num_nulls(nullif(fauna.in_audience_row(d.key, c.row), fauna.in_audience(d.key, c.context)),
                nullif(fauna.in_audience_row(d.key, p), fauna.in_audience(d.key, c.context))) < 2
            OR d.kind = 'flag' AND num_nulls(nullif(fauna.enabled_row(d.key, c.row), fauna.enabled(d.key, c.context)),
                nullif(fauna.enabled_row(d.key, p), fauna.enabled(d.key, c.context))) < 2";
        let plan = ask_all(&client, &format!("EXPLAIN VERBOSE {differing}")).await.join(" ");
        for function in ["in_audience_row(", "in_audience_columns(", "enabled_row(", "enabled_columns("] {
            assert!(plan.contains(function), "{plan}");
        }
        assert_eq!(ask(&client, differing).await, "NULL", "{state}");
        let drop = ask(&client, dropped).await;
        if drop != "NULL" {
            run(&client, &format!("DROP VIEW contexts; ALTER TABLE people {drop}")).await;
            let overrides = COLUMNS.iter().filter_map(|(name, .., jsonb)| {
                Some(format!(", '{name}', {}", jsonb.as_ref()?.replace('$', &format!("p.{name}"))))
            });
            let overrides: String = overrides.collect();
            run(
                &client,
                &format!(
                    "CREATE VIEW contexts AS SELECT p AS row, to_jsonb(p)
                    || jsonb_build_object('targetingKey', p.id {overrides}) AS context FROM people p"
                ),
            )
            .await;
        }
    }
    // The comparison is not of nothing with nothing.
    let decided = "WITH people_contexts AS MATERIALIZED (SELECT * FROM contexts) SELECT count(*) FILTER (WHERE share BETWEEN 0.01 AND 0.99) FROM (
        SELECT avg(fauna.in_audience_row(d.key, c.row)::int) AS share FROM people_contexts AS c, fauna.documents AS d
        WHERE d.kind = 'audience' GROUP BY d.key) AS shares";
    let decided: u32 = ask(&client, decided).await.parse().expect("a count");
    assert!(decided > 150, "{decided}");
}
