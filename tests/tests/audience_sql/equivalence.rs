//! The predicate holds for exactly the rows that are in the audience.

use fastrand::Rng;
use serde_json::json;
use tokio_postgres::Client;

use super::audiences::{audience, condition};
use super::people::{COLUMNS, PATHS, create_people};
use fauna_tests::answers::{ask, ask_all, database_with_flag, run};

const ROWS: u32 = 100;

/// The rows on which predicate and evaluation differ, by audience, that of everybody else included; and how many audiences have some rows and not others, and
/// how many are asked of the function in part.
const COMPARISON: &str = "
    CREATE TABLE outcomes (key text, predicate text, members bigint, difference text);
    CREATE FUNCTION compare(keys text[]) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        audience text;
        sql text;
    BEGIN
        FOREACH audience IN ARRAY keys LOOP
            sql := fauna.audience_sql(audience, 'people');
            EXECUTE format('INSERT INTO outcomes SELECT %1$L, %2$L, count(*) FILTER (WHERE is_in), string_agg(id::text, '', '')
                FILTER (WHERE is_in IS DISTINCT FROM (sql IS TRUE) OR is_in IS NOT DISTINCT FROM (others IS TRUE))
                FROM (SELECT p.id, fauna.in_audience_row(%1$L, p) AS is_in, %2$s AS sql, %3$s AS others FROM people AS p OFFSET 0) AS found',
                audience, sql, fauna.audience_sql(jsonb_build_object('match', 'any', 'conditions', jsonb_build_array(jsonb_build_object(
                    'operator', 'in_audience', 'values', jsonb_build_array(audience), 'negate', true))), 'people'));
        END LOOP;
    END $$";

async fn store(client: &Client, key: &str, document: &serde_json::Value) {
    let insert = "INSERT INTO fauna.documents (environment_key, kind, key, revision, doc) VALUES ('production', 'audience', $1, 1, $2)";
    client.execute(insert, &[&key, document]).await.expect("storing a document");
}

async fn compare(client: &Client, keys: &[String]) {
    client
        .execute("SELECT compare($1)", &[&keys])
        .await
        .unwrap_or_else(|error| panic!("{}", fauna_tests::error_of(&error)));
}

/// Stops the test at an audience whose predicate differs.
async fn assert_same(client: &Client, seed: u64) {
    let differing =
        "SELECT format(E'%s\\n%s\\n%s\\nrows %s', key, d.doc, predicate, difference) FROM outcomes
        JOIN fauna.documents AS d USING (key) WHERE difference IS NOT NULL ORDER BY length(predicate)";
    let differing = ask_all(client, differing).await;
    assert!(
        differing.is_empty(),
        "seed {seed}: {} audiences\n{}",
        differing.len(),
        differing[..differing.len().min(5)].join("\n\n")
    );
}

async fn count(client: &Client, condition: &str) -> u32 {
    ask(client, &format!("SELECT count(*) FROM outcomes WHERE {condition}")).await.parse().expect("a count")
}

#[tokio::test]
async fn every_condition_on_every_column_says_in_sql_what_it_evaluates_to() {
    let seed = fastrand::u64(..1 << 32);
    let mut rng = Rng::with_seed(seed);
    let client = database_with_flag().await.connect().await;
    create_people(&client, ROWS).await;
    run(&client, COMPARISON).await;
    let mut keys = Vec::new();
    for attribute in COLUMNS.iter().map(|(name, ..)| *name).chain(PATHS.iter().copied()) {
        for n in 0..25 {
            let key = format!("{attribute}/{n}");
            store(&client, &key, &json!({"match": "all", "conditions": [condition(&mut rng, attribute)]}))
                .await;
            keys.push(key);
        }
    }
    // None of these may change what a predicate means.
    run(&client, "SET TIME ZONE 'Asia/Kolkata'; SET DateStyle = 'SQL, DMY'; SET extra_float_digits = -3")
        .await;
    run(&client, "SET standard_conforming_strings = off; SET escape_string_warning = off").await;
    compare(&client, &keys).await;
    assert_same(&client, seed).await;
    // The comparison is not of nothing with nothing, nor of the function with itself.
    let (decided, plain) = (
        count(&client, &format!("members BETWEEN 1 AND {}", ROWS - 1)).await,
        count(&client, "predicate NOT LIKE '%condition_holds%' AND predicate NOT IN ('true', 'false')").await,
    );
    assert!(decided > 300 && plain > 300, "{decided} {plain}");
}

#[tokio::test]
async fn audiences_of_several_conditions_and_other_audiences_do_so_too() {
    let seed = fastrand::u64(..1 << 32);
    let mut rng = Rng::with_seed(seed);
    let client = database_with_flag().await.connect().await;
    create_people(&client, ROWS).await;
    run(&client, COMPARISON).await;
    let mut keys: Vec<String> = Vec::new();
    for n in 0..600 {
        let key = format!("r{n}");
        store(&client, &key, &audience(&mut rng, &keys[keys.len().saturating_sub(30)..])).await;
        keys.push(key);
    }
    compare(&client, &keys).await;
    assert_same(&client, seed).await;
    let decided = count(&client, &format!("members BETWEEN 1 AND {}", ROWS - 1)).await;
    assert!(decided > 150, "{decided}");
}
