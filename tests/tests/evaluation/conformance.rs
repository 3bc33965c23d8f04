//! The conformance vectors through SQL. Documents go straight into the log, so that what is
//! tested is the reading of exactly these documents and not their compilation from tables.

use std::fs;
use std::path::PathBuf;

use fauna_tests::{Database, database};
use serde_json::Value;
use tokio_postgres::Client;

use super::answers::run;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../conformance")
}

fn vectors(file: &str) -> Value {
    let text = fs::read_to_string(folder().join(file)).expect("a file of vectors");
    serde_json::from_str(&text).expect("vectors in JSON")
}

/// Every file of evaluations, by the name that its environment gets.
fn evaluations() -> Vec<(String, Value)> {
    let paths =
        fs::read_dir(folder()).expect("the folder of vectors").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name in UTF-8").to_owned();
        let vectors = vectors(&format!("{name}.json"));
        (name, vectors)
    };
    paths.into_iter().map(read).filter(|(_, vectors)| vectors.get("cases").is_some()).collect()
}

async fn load(database: &Database<'_>, environment: &str, ruleset: &Value) -> Client {
    let client = database.connect().await;
    let head = "INSERT INTO fauna.heads (environment_key, epoch, revision, origin, txid, horizon)
        VALUES ($1, gen_random_uuid(), 1, '', pg_current_xact_id(), 1)";
    client.execute(head, &[&environment]).await.expect("a head");
    let document =
        "INSERT INTO fauna.documents (environment_key, kind, key, revision, doc) VALUES ($1, $2, $3, 1, $4)";
    for (kind, member) in [("flag", "flags"), ("audience", "audiences")] {
        for (key, doc) in ruleset[member].as_object().into_iter().flatten() {
            client.execute(document, &[&environment, &kind, key, doc]).await.expect("a document");
        }
    }
    run(&client, &format!("SET fauna.environment = '{environment}'")).await;
    client
}

/// Equal as JSON, numbers as doubles: `1`, `1.0` and `1e0` are the same.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| same(left, right)))
        }
        _ => left == right,
    }
}

/// What the SQL function answers, in the words of a vector's `expect`, but for members that it has no column for.
async fn answer(client: &Client, case: &Value) -> Value {
    let now = case["now"].as_str().unwrap_or("2026-01-01T00:00:00Z");
    let context = case["context"].to_string();
    if let Some(audience) = case["audience"].as_str() {
        let sql = "SELECT fauna.in_audience($1, $2::text::jsonb)";
        return client
            .query_one(sql, &[&audience, &context])
            .await
            .expect("an answer")
            .get::<_, bool>(0)
            .into();
    }
    let sql = "SELECT jsonb_strip_nulls(jsonb_build_object('variant', variant, 'reason', reason,
            'errorCode', error_code, 'ruleId', rule_id)) ||
            CASE WHEN variant IS NULL THEN '{}' ELSE jsonb_build_object('value', value) END
        FROM fauna.evaluate($1, $2::text::jsonb, $3::text::timestamptz)";
    let flag = case["flag"].as_str().expect("a flag or an audience");
    client.query_one(sql, &[&flag, &context, &now]).await.expect("an answer").get(0)
}

/// The part of `expect` that the composite type can say: no prerequisite, and rule ids that are uuids.
fn expected(case: &Value) -> Value {
    let mut expect = case["expect"].clone();
    if let Some(members) = expect.as_object_mut() {
        members.remove("prerequisite");
        let is_uuid = |id: &Value| id.as_str().is_some_and(|id| uuid::Uuid::parse_str(id).is_ok());
        if !members.get("ruleId").is_none_or(is_uuid) {
            members.remove("ruleId");
        }
    }
    expect
}

#[tokio::test]
async fn sql_evaluates_as_every_vector_says() {
    let database = database().await;
    let mut cases = 0;
    let mut differences = Vec::new();
    for (file, vectors) in evaluations() {
        let client = load(&database, &file, &vectors["ruleset"]).await;
        for case in vectors["cases"].as_array().expect("cases") {
            cases += 1;
            let (expected, answer) = (expected(case), answer(&client, case).await);
            if !same(&expected, &answer) {
                differences.push(format!("{file}: {}: expected {expected}, got {answer}", case["name"]));
            }
        }
    }
    assert!(cases > 1000, "only {cases} cases");
    assert!(differences.is_empty(), "{} of {cases}:\n{}", differences.len(), differences.join("\n"));
}

#[tokio::test]
async fn an_explanation_of_any_vector_ends_with_what_evaluate_answers() {
    let database = database().await;
    let sql = "SELECT steps.subject IS NOT DISTINCT FROM one.variant AND steps.actual IS NOT DISTINCT FROM one.value
            AND steps.outcome = one.reason
            AND (one.error_code IS NULL OR steps.detail = one.error_code || ': ' || one.error_message)
            AND (one.rule_id IS NULL OR steps.detail = 'rule ' || one.rule_id)
        FROM (SELECT * FROM fauna.explain($1, $2::text::jsonb) ORDER BY step DESC LIMIT 1) AS steps,
            fauna.evaluate($1, $2::text::jsonb) AS one";
    let mut differences = Vec::new();
    for (file, vectors) in evaluations() {
        let client = load(&database, &file, &vectors["ruleset"]).await;
        let explain = client.prepare(sql).await.expect("a statement");
        for case in vectors["cases"].as_array().expect("cases") {
            let Some(flag) = case["flag"].as_str() else { continue };
            let row =
                client.query_one(&explain, &[&flag, &case["context"].to_string()]).await.expect("an answer");
            if !row.get::<_, Option<bool>>(0).unwrap_or(false) {
                differences.push(format!("{file}: {}", case["name"]));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn evaluate_all_evaluates_as_every_vector_says() {
    let database = database().await;
    for (file, vectors) in evaluations() {
        let client = load(&database, &file, &vectors["ruleset"]).await;
        let differing = "SELECT string_agg(each.flag, ', ') FROM fauna.evaluate_all($1::text::jsonb) AS each,
            fauna.evaluate(each.flag, $1::text::jsonb) AS one WHERE each IS DISTINCT FROM one";
        let row = client.query_one(differing, &[&"{\"targetingKey\": \"u1\"}"]).await.expect("an answer");
        assert_eq!(row.get::<_, Option<String>>(0), None, "{file}");
        let keys: Vec<String> = client
            .query("SELECT flag FROM fauna.evaluate_all('{}')", &[])
            .await
            .expect("rows")
            .iter()
            .map(|row| row.get(0))
            .collect();
        let flags = vectors["ruleset"]["flags"].as_object();
        let mut known: Vec<_> = flags.into_iter().flatten().map(|(key, _)| key.clone()).collect();
        known.sort();
        assert_eq!(keys, known, "{file}");
    }
}

#[tokio::test]
async fn sql_buckets_as_every_vector_says() {
    let client = database().await.connect().await;
    for row in vectors("buckets.json")["rows"].as_array().expect("rows") {
        let (salt, value) = (row["salt"].as_str().expect("a salt"), row["value"].as_str().expect("a value"));
        let answer =
            client.query_one("SELECT fauna.bucket($1, $2)", &[&salt, &value]).await.expect("an answer");
        assert_eq!(i64::from(answer.get::<_, i32>(0)), row["bucket"], "{row}");
    }
}

#[tokio::test]
async fn sql_checks_conditions_as_every_vector_says() {
    let client = database().await.connect().await;
    let check = "SELECT fauna.check_condition($1, $2, $3::text::jsonb, $4)";
    for row in vectors("check-condition.json")["rows"].as_array().expect("rows") {
        let values = row["values"].to_string();
        let (kind, ignore_case) = (row["type"].as_str(), row["ignoreCase"].as_bool().unwrap_or(false));
        let operator = row["operator"].as_str();
        let answer =
            client.query_one(check, &[&kind, &operator, &values, &ignore_case]).await.expect("an answer");
        let problem: Option<String> = answer.get(0);
        assert_eq!(problem.is_none(), row["ok"] == true, "{row}: {problem:?}");
    }
}
