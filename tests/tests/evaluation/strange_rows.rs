//! No row makes an evaluation raise, whatever its columns are and hold.

use super::answers::{ask, ask_all, database_with_flag, run};

/// Columns of types that a context hardly knows, with the values that are hardest on each.
const ROWS: &str = r#"
    CREATE TYPE mood AS ENUM ('fine', 'not so');
    CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
    CREATE TABLE strange (id bigint, plan text, "a.b" text, "Üñí ""quoted""" text, n numeric, r real, d double precision, day date, t timestamp,
        tz timestamptz, clock time with time zone, span interval, bits bit varying, bytes bytea, address inet, lsn pg_lsn, place point, words tsvector,
        span_of int4range, pieces int4multirange, mood mood, pair pair, pairs pair[], short short, c "char", padded char(5), label name, class regclass,
        doc json, data jsonb, tags text[], cube int[][], from_zero int[], path jsonpath, self oid);
    INSERT INTO strange (id, plan) VALUES (1, 'gold');
    INSERT INTO strange VALUES (-9223372036854775808, 'gold', '', '', 'NaN', 'NaN', 'NaN', 'infinity', '-infinity', 'infinity', '24:00:00+15:59',
        '-178000000 years', '', '', '::/0', '0/0', '(Infinity,NaN)', '', 'empty', '{}', 'not so', ROW(NULL, NULL), '{}', '', '', '', '', 0,
        '{"a": "\u0000"}', 'null', '{}', '{}', '[0:1]={1,2}', '$', 0);
    INSERT INTO strange VALUES (9223372036854775807, 'gold', repeat('x', 1 << 20), repeat('é', 1 << 19), (repeat('9', 10000) || '.' || repeat('3', 10000))::numeric, '1e-45', '5e-324', '4713-01-01 BC',
        '294276-12-31 23:59:59.999999', '4713-11-24 00:00 BC', '00:00:00-15:59', '178000000 years', repeat('01', 1 << 19)::varbit, repeat('\000', 1 << 18)::bytea, 'ffff::1/128', 'FFFFFFFF/FFFFFFFF',
        '(1e308,-1e308)', repeat('word ', 1000)::tsvector, '(,)', '{(,1),[5,)}', 'fine', ROW(1, repeat('x', 1 << 20)), array_fill(ROW(1, 'b')::pair, '{1000}'),
        'short', 'x', 'a', repeat('n', 63), 'pg_class', ('{"a": ' || repeat('[', 2000) || repeat(']', 2000) || '}')::json,
        (repeat('{"plan":', 2000) || '1' || repeat('}', 2000))::jsonb, array_fill('tag'::text, '{50000}') || NULL::text, '{{1,2},{3,4}}', '[-5:-4]={1,2}',
        '$.a[*] ? (@ > 1)', 4294967295);
"#;

#[tokio::test]
async fn every_column_can_be_asked_for_and_for_anything() {
    let client = database_with_flag().await.connect().await;
    run(&client, ROWS).await;
    let columns = ask_all(
        &client,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'strange'::regclass AND attnum > 0",
    )
    .await;
    assert!(columns.len() > 30);
    // For each column a condition of each type, straight into the log: most columns' names are no keys of attributes.
    run(
        &client,
        "INSERT INTO fauna.documents (environment_key, kind, key, revision, doc)
        SELECT 'production', 'audience', 'a' || a.attnum || '-' || o.type || '-' || o.operator, 1, jsonb_build_object('match', 'all', 'conditions',
            jsonb_build_array(jsonb_build_object('attribute', a.attname, 'type', o.type, 'operator', o.operator, 'values', o.members)))
        FROM pg_attribute AS a, (VALUES ('string', 'eq', '[\"x\"]'::jsonb), ('string', 'matches', '[\"^[a-z]+x$\"]'), ('string', 'in_cidr', '[\"::/0\"]'),
            ('string', 'contains', '[\"xx\"]'), ('string', 'exists', '[]'), ('number', 'gte', '[0]'), ('number', 'in', '[1, 2]'), ('boolean', 'eq', '[true]'),
            ('date', 'lt', '[\"2026-01-01T00:00:00Z\"]'), ('version', 'gte', '[\"1.0.0\"]')) AS o (type, operator, members)
        WHERE attrelid = 'strange'::regclass AND attnum > 0",
    )
    .await;
    let audiences = "FROM fauna.documents AS d, strange AS s WHERE d.kind = 'audience'";
    let asked = ask(&client, &format!("SELECT count(fauna.in_audience_row(d.key, s)) {audiences}")).await;
    assert_eq!(asked, (columns.len() * 10 * 3).to_string());
    // Of one row there are only id and plan; of the others all but a null in jsonb, NaN, and what is more than a double.
    let exist = format!(
        "SELECT string_agg(n::text, ' ' ORDER BY id) FROM (SELECT s.id, count(*) FILTER (WHERE fauna.in_audience_row(d.key, s)) AS n
            {audiences} AND d.key LIKE '%exists' GROUP BY s.id) AS counts"
    );
    let all = columns.len();
    assert_eq!(ask(&client, &exist).await, format!("{} 2 {}", all - 4, all - 1));
}

#[tokio::test]
async fn a_flag_is_evaluated_for_every_strange_row() {
    let client = database_with_flag().await.connect().await;
    run(&client, ROWS).await;
    run(&client, "SELECT fauna.create_attribute('plan'), fauna.create_audience('gold')").await;
    run(&client, "SELECT fauna.add_condition('gold', 'plan', 'eq', '{gold}'), fauna.enable('x'), fauna.rollout('x', 0)").await;
    run(&client, "SELECT fauna.target('x', 'gold')").await;
    for key in
        ["id", "n", "r", "tz", "doc", "data", "pair", "tags", "bytes", "none", "", "a.b", "Üñí \"quoted\""]
    {
        let on =
            format!("SELECT count(*) FROM strange WHERE fauna.enabled_row('x', strange, $key${key}$key$)");
        assert_eq!(ask(&client, &on).await, "3", "{key}");
    }
    run(&client, "SELECT fauna.untarget('x', 'gold'), fauna.rollout('x', 99.999)").await;
    for (key, subjects) in [("id", "3"), ("plan", "3"), ("n", "0"), ("pair", "0"), ("none", "0")] {
        let on = format!("SELECT count(*) FROM strange WHERE fauna.enabled_row('x', strange, '{key}')");
        assert_eq!(ask(&client, &on).await, subjects, "{key}");
    }
}
