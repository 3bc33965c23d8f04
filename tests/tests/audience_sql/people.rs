//! A table with a column of every type that conditions can look at, full of values that are hard to compare.

use std::fmt::Write as _;

use tokio_postgres::Client;

use fauna_tests::IGNORING_CASE;
use fauna_tests::answers::{ask, run};

/// Name and type of a column, and an array of its values.
pub const COLUMNS: &[(&str, &str, &str)] = &[
    ("required", "text NOT NULL", "ARRAY['', 'a', 'CA', 'US', 'ab']"),
    ("a_text", "text", TEXTS),
    ("a_varchar", "varchar(30)", TEXTS),
    ("in_german", "text COLLATE \"C\"", TEXTS),
    ("ignoring_case", "text COLLATE ignoring_case", TEXTS),
    ("a_citext", "citext", TEXTS),
    ("a_char", "char(4)", "ARRAY['ab', 'AB', 'abcd', '', 'a b', 'é']"),
    ("a_bpchar", "bpchar", "ARRAY['ab', 'ab  ', 'abcd', '']"),
    ("a_name", "name", "ARRAY['ab', 'Ab', '', 'a_b', 'CA', repeat('x', 63)]"),
    ("an_enum", "mood", "ARRAY['happy', 'sad', 'Happy', '1.2.3', 'a_b']"),
    ("a_bool", "boolean", "ARRAY[true, false]"),
    ("required_bool", "boolean NOT NULL", "ARRAY[true, false]"),
    ("a_smallint", "smallint", "ARRAY[-32768, -5, 0, 1, 17, 18, 19, 32767]"),
    ("an_int", "int", "ARRAY[-2147483648, -5, 0, 1, 17, 18, 19, 2147483647]"),
    (
        "a_bigint",
        "bigint",
        "ARRAY[-9223372036854775808, -5, 0, 17, 18, 19, 9007199254740991, 9007199254740992, 9007199254740993,
            9007199254740994, 9223372036854775295, 9223372036854775807]",
    ),
    ("a_real", "real", DOUBLES),
    ("a_double", "double precision", "ARRAY['1.7976931348623157e308', '5e-324', '1e300', '0.30000000000000004']"),
    ("other_double", "double precision", DOUBLES),
    (
        "a_numeric",
        "numeric",
        "ARRAY['NaN', '0.1', '18', '17.99999999999999999999', '18.00000000000000000001', '17.999999999999996',
            '17.9999999999999982236431605997495353221893310546875',
            '18.0000000000000017763568394002504646778106689453125', '9007199254740993', '-5', '0',
            '0.30000000000000004', '1.7976931348623157e308', '1.7976931348623158e308',
            '1.7976931348623159e308', '1e400', '-1e400', 'Infinity', '-Infinity', '-1.7976931348623157e308']",
    ),
    ("a_decimal", "numeric(12, 2)", "ARRAY['18', '17.99', '18.01', '0.1', '0.3', '-5', '0', 'NaN', '9999999999.99']"),
    (
        "wide_decimal",
        "numeric(38, 20)",
        "ARRAY['18', '17.99999999999999999999', '18.00000000000000000001', '0.1', '0.3', '0.30000000000000000001', '-5', 'NaN']",
    ),
    (
        "a_uuid",
        "uuid",
        "ARRAY['0b54a5a1-0000-4000-8000-00000000000a', '12345678-a000-4000-8000-000000000000']",
    ),
    ("a_date", "date", "ARRAY['2020-01-01', '2024-02-29', 'infinity', '-infinity', '0001-01-01', '0001-12-31 BC',
        '9999-12-31', '10000-01-01', '2023-12-31']"),
    ("a_timestamp", "timestamp", INSTANTS),
    ("a_timestamptz", "timestamptz", INSTANTS),
    ("an_address", "inet", "ARRAY['10.1.2.3', '192.168.0.0/16', '::1', '::ffff:10.1.2.3']"),
    ("an_interval", "interval", "ARRAY['1 day', '2 hours']"),
    ("a_byte", "\"char\"", "ARRAY['a', 'b']"),
    ("texts", "text[]", "ARRAY['{}', '{a,b,NULL}', '{{a,b},{c,d}}', '{NULL}', '[5:6]={\"x y\",Ab}', '{CA,1.2.3}', '{50%,a_b}']"),
    ("varchars", "varchar(9)[]", "ARRAY['{}', '{a,b,NULL}', '{CA,US}']"),
    ("citexts", "citext[]", "ARRAY['{}', '{a,B,NULL}', '{ca,US}']"),
    ("chars", "char(2)[]", "ARRAY['{}', '{a,B,NULL}', '{CA,US}']"),
    ("ints", "int[]", "ARRAY['{}', '{1,18}', '{NULL,0}', '{{18,19}}', '{17}']"),
    ("bigints", "bigint[]", "ARRAY['{}', '{1,18}', '{9007199254740993}', '{9007199254740992}']"),
    ("doubles", "float8[]", "ARRAY['{}', '{1,18}', '{0.1,NaN}', '{Infinity}']"),
    ("numerics", "numeric[]", "ARRAY['{}', '{1,18}', '{0.1,NaN}', '{17.99999999999999999999}', '{1e400}']"),
    ("uuids", "uuid[]", "ARRAY['{}', '{0b54a5a1-0000-4000-8000-00000000000a}']"),
    ("moods", "mood[]", "ARRAY['{}', '{happy,NULL}', '{sad,1.2.3}', '{{happy}}']"),
    ("bools", "boolean[]", "ARRAY['{}', '{true,NULL}', '{false}']"),
    ("dates", "date[]", "ARRAY['{}', '{2020-01-01,infinity}', '{2024-02-29}']"),
    ("words", "word[]", "ARRAY['{}', '{a,b}', '{CA}']"),
    ("some_words", "some_words", "ARRAY['{}', '{a,b}', '{CA}']"),
    ("a_word", "word", TEXTS),
    ("a_code", "code", "ARRAY['ab', 'abcd', '']"),
    ("a_whole", "whole", "ARRAY[-5, 0, 1, 17, 18, 19]"),
    ("a_price", "price", "ARRAY['18', '17.99', '0.1', 'NaN']"),
    ("an_answer", "answer", "ARRAY[true, false]"),
    ("a_moment", "moment", INSTANTS),
    ("a_feeling", "feeling", "ARRAY['happy', 'sad']"),
    ("a_thing", "thing", "ARRAY['{\"plan\": \"a\", \"n\": {\"deep\": 18}}', '{}']"),
    ("a_point", "place", "ARRAY['(1,2)', '(,)', '(1,)']"),
    ("a_json", "json", "ARRAY['{\"plan\": \"a\"}', '\"a\"', 'null']"),
    (
        "profile",
        "jsonb",
        "ARRAY['{\"plan\": \"a\", \"n\": {\"deep\": 18}}', '{\"plan\": [\"a\", \"CA\"], \"n\": {\"deep\": [17, \"a\"]}}',
            '{\"plan\": null, \"n\": [{\"deep\": 18}]}', '{\"plan\": 18, \"n\": {\"deep\": {}}}', '{\"plan\": true, \"n\": {\"deep\": 1e400}}',
            '\"a\"', '18', '[\"a\", 18, true]', '[[\"a\"]]', 'null', '{}', 'true', '[{\"plan\": \"a\"}]', '{\"plan\": [[\"a\"]]}',
            '{\"0\": \"a\", \"o''re\\\\\\\"illy\": \"a\"}', '{\"plan\": \"1.2.3\", \"n\": {\"deep\": \"2024-01-01T00:00:00Z\"}}']",
    ),
    ("profile.plan", "text", "ARRAY['a', 'b']"),
    ("thing.n", "jsonb", "ARRAY['null', '18', '\"a\"']"),
    ("thing", "jsonb", "ARRAY['{\"n\": 18}', '{\"n\": \"a\"}', '{\"n\": null}']"),
    ("o'dd \"na\\me", "text", TEXTS),
    ("select", "int", "ARRAY[18, 17]"),
    ("Upper", "text", "ARRAY['a', 'CA']"),
];

const TEXTS: &str = "ARRAY['', 'a', 'A', 'Ab', 'ab', 'AB', 'é😀', 'É', '50%', 'a_b', 'axb', 'a\\b', '{x,\"y\"}', 'null', 'NULL',
    'O''Reilly', 'ß', 'ẞ', 'ss', 'K', 'k', 'K', '1.2.3', 'v2.0', '2024-01-01T00:00:00Z', '10.1.2.3', E'line\\nbreak',
    'true', '18', 'CA', 'US', ' a ', 'ab@example.com', '^a', 'a.b']";

const DOUBLES: &str = "ARRAY['NaN', 'Infinity', '-Infinity', '0.1', '0.3', '18', '17.5', '-5', '0', '-0', '16777217', '3.4028235e38',
    '1e-45', '17.999998', '18.000002']";

const INSTANTS: &str = "ARRAY['2020-01-01 00:00:00', '2024-01-01 00:00:00', '2023-12-31 23:59:59.999999', '2024-01-01 00:00:00.000001',
    'infinity', '-infinity', '0001-01-01 00:00:00', '0001-12-31 23:59:59 BC', '9999-12-31 23:59:59.999999', '10000-01-01 00:00:00']";

/// Attributes beside the columns' names.
pub const PATHS: &[&str] = &[
    "targetingKey",
    "missing",
    "missing.too",
    "profile.n.deep",
    "profile.n",
    "profile.0",
    "profile.o're\\\"illy",
    "a_text.none",
    "a_thing.plan",
    "a_thing.n.deep",
    "a_json.plan",
    "targetingKey.x",
];

const TYPES: &str = "CREATE EXTENSION citext;
    CREATE TYPE mood AS ENUM ('happy', 'sad', 'Happy', '1.2.3', 'a_b');
    CREATE TYPE place AS (x int, y int);
    CREATE DOMAIN word AS text; CREATE DOMAIN code AS char(4); CREATE DOMAIN whole AS int; CREATE DOMAIN price AS numeric(8, 2);
    CREATE DOMAIN answer AS boolean; CREATE DOMAIN moment AS timestamptz; CREATE DOMAIN feeling AS mood;
    CREATE DOMAIN thing AS jsonb; CREATE DOMAIN some_words AS text[];";

/// The table `people` of random rows.
pub async fn create_people(client: &Client, rows: u32) {
    run(client, IGNORING_CASE).await;
    run(client, TYPES).await;
    let (mut definitions, mut values) = (String::from("id bigint NOT NULL"), String::from("n"));
    for (name, kind, choice) in COLUMNS {
        let quoted = name.replace('"', "\"\"");
        let base = kind.replace(" NOT NULL", "").split(" COLLATE").next().expect("a type").to_owned();
        let _ = write!(definitions, ", \"{quoted}\" {kind}");
        let null = if kind.ends_with("NOT NULL") { 0.0 } else { 0.15 };
        let _ = write!(
            values,
            ", CASE WHEN random() < {null} THEN NULL ELSE (SELECT v[1 + floor(random() * cardinality(v))]::text FROM (SELECT {choice}) AS c (v)
                WHERE n > 0)::{base} END"
        );
    }
    run(
        client,
        &format!(
            "SET TIME ZONE 'UTC'; CREATE TABLE people ({definitions});
            INSERT INTO people SELECT {values} FROM generate_series(1, {rows}) AS n; RESET TIME ZONE"
        ),
    )
    .await;
    let distinct = ask(client, "SELECT count(DISTINCT a_text) FROM people").await;
    assert!(
        distinct.parse::<u32>().is_ok_and(|distinct| distinct > 10),
        "the rows are all alike: {distinct}"
    );
}
