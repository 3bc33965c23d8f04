//! SQL evaluates random rulesets, contexts and instants as `fauna-core` does outside of the server: what stands between
//! the two is `jsonb`, which reads contexts in place, and documents in their binary form. And a row whose columns are the
//! members of a context is evaluated as that context is, whole or taken apart by the planner.
//!
//! A difference is reported with the seed of its round. `FAUNA_DIFFERENTIAL_SEED` and
//! `FAUNA_DIFFERENTIAL_SQL_EVALUATIONS` say where to begin and how long to go on.
// What asks for the tests stops them, loudly, as they do themselves.
#![allow(clippy::expect_used, clippy::panic)]

use fauna_differential::{Case, Dice, Json, Round};
use fauna_tests::{database, error_of};
use serde_json::{Map, Value, json};
use tokio_postgres::Client;

/// Seconds, not minutes.
const EVALUATIONS: u64 = 20_000;

/// Microseconds either way that an interval holds exactly: a little less than 2^53.
const EXACT_MICROS: u64 = 9_000_000_000_000_000;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test]
async fn sql_evaluates_as_the_core_does_whatever_it_is_asked() {
    let (first, wanted) =
        (setting("FAUNA_DIFFERENTIAL_SEED", 1), setting("FAUNA_DIFFERENTIAL_SQL_EVALUATIONS", EVALUATIONS));
    let client = database().await.connect().await;
    let (mut seed, mut evaluated, mut differences) = (first, 0, Vec::new());
    while evaluated < wanted {
        let round = Round::new(&mut Dice::seeded(seed));
        let documents = [round.flags(), round.audiences()];
        if documents.into_iter().flatten().all(|(_, document)| document.fits_jsonb()) {
            load(&client, &format!("e{seed}"), &round).await;
            evaluated += compare(&client, &round, &format!("seed {seed}"), &mut differences).await;
            compare_rows(&client, &round, &format!("seed {seed}"), &mut differences).await;
        }
        seed += 1;
    }
    differences.truncate(10);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Puts the documents into an environment of their own and enters it.
async fn load(client: &Client, environment: &str, round: &Round) {
    let sql = "WITH head AS (
            INSERT INTO fauna.heads (environment_key, epoch, revision, origin, txid, horizon)
            VALUES ($1, gen_random_uuid(), 1, '', pg_current_xact_id(), 1))
        INSERT INTO fauna.documents (environment_key, kind, key, revision, doc)
        SELECT $1, kind, key, 1, doc::jsonb FROM unnest($2::text[], $3::text[], $4::text[]) AS d (kind, key, doc)";
    let flags = round.flags().iter().map(|(key, document)| ("flag", key, document.to_string()));
    let audiences = round.audiences().iter().map(|(key, document)| ("audience", key, document.to_string()));
    let rows: Vec<_> = flags.chain(audiences).collect();
    let kinds: Vec<_> = rows.iter().map(|(kind, ..)| *kind).collect();
    let keys: Vec<_> = rows.iter().map(|(_, key, _)| *key).collect();
    let documents: Vec<_> = rows.iter().map(|(.., document)| document).collect();
    if let Err(error) = client.execute(sql, &[&environment, &kinds, &keys, &documents]).await {
        panic!("{environment}: {}", error_of(&error));
    }
    client.batch_execute(&format!("SET fauna.environment = '{environment}'")).await.expect("entering");
}

/// Notes where SQL disagrees, and counts the evaluations of flags.
async fn compare(client: &Client, round: &Round, seed: &str, differences: &mut Vec<String>) -> u64 {
    let ruleset = round.compile().expect("the payload of a round");
    let fits = |case: &&Case| case.context.fits_jsonb() && case.now.unsigned_abs() < EXACT_MICROS;
    let cases: Vec<_> = round.cases.iter().filter(fits).collect();
    let answers = [flags(client, round, &cases, seed).await, audiences(client, round, &cases, seed).await];
    let mut count = 0;
    for (place, case) in cases.iter().enumerate() {
        let expected = round.expect(&ruleset, case).expect("a context that is text");
        for (kind, answers) in ["flags", "audiences"].into_iter().zip(&answers) {
            for (key, expected) in expected[kind].as_object().expect("outcomes") {
                count += u64::from(kind == "flags");
                let (expected, answer) = (sayable(expected), &answers[place][key]);
                if !same(&expected, answer) {
                    let context = &case.context;
                    differences
                        .push(format!("{seed}, {kind} {key}, {context}: core {expected}, SQL {answer}"));
                }
            }
        }
    }
    count
}

/// The answers for every flag that the round asks for, by case and key.
async fn flags(client: &Client, round: &Round, cases: &[&Case], seed: &str) -> Vec<Map<String, Value>> {
    let sql = "SELECT c.place, f.key, e.variant, e.value, e.reason, e.rule_id::text, e.error_code, e.error_message
        FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS c (context, now, place), unnest($3::text[]) AS f (key),
            LATERAL fauna.evaluate(f.key, c.context::jsonb, 'epoch'::timestamptz + c.now * interval '1 microsecond') AS e";
    let instants: Vec<_> = cases.iter().map(|case| case.now).collect();
    let keys: Vec<_> = round.asked().collect();
    let rows = client.query(sql, &[&contexts(cases), &instants, &keys]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{seed}: {}", error_of(&error)));
    let mut answers = vec![Map::new(); cases.len()];
    for row in rows {
        let text = |column: usize| row.get::<_, Option<String>>(column).map(Value::from);
        let members = [
            ("variant", text(2)),
            ("value", row.get(3)),
            ("reason", text(4)),
            ("ruleId", text(5)),
            ("errorCode", text(6)),
            ("errorMessage", text(7).map(|_| json!(true))),
        ];
        let answer = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        answers[place_of(&row)].insert(row.get(1), Value::Object(answer.collect()));
    }
    answers
}

/// The same for audiences.
async fn audiences(client: &Client, round: &Round, cases: &[&Case], seed: &str) -> Vec<Map<String, Value>> {
    let sql = "SELECT c.place, a.key, fauna.in_audience(a.key, c.context::jsonb)
        FROM unnest($1::text[]) WITH ORDINALITY AS c (context, place), unnest($2::text[]) AS a (key)";
    let keys: Vec<_> = round.audiences().iter().map(|(key, _)| key.as_str()).collect();
    let rows = client.query(sql, &[&contexts(cases), &keys]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{seed}: {}", error_of(&error)));
    let mut answers = vec![Map::new(); cases.len()];
    for row in rows {
        answers[place_of(&row)].insert(row.get(1), row.get::<_, bool>(2).into());
    }
    answers
}

/// Notes where a row is evaluated otherwise than the context that it stands for.
async fn compare_rows(client: &Client, round: &Round, seed: &str, differences: &mut Vec<String>) {
    let flags: Vec<_> = round.asked().collect();
    let audiences: Vec<_> = round.audiences().iter().map(|(key, _)| key.as_str()).collect();
    for case in round.cases.iter().filter(|case| case.context.fits_jsonb()) {
        let Json::Object(members) = &case.context else { continue };
        let members = columns(members);
        if members.is_empty() {
            continue;
        }
        let context = Json::Object(members.clone());
        let values: Vec<_> =
            members.iter().enumerate().map(|(place, (name, value))| column(place, name, value)).collect();
        let row = values.join(", ");
        // The subject is the column `targetingKey` and no other.
        let sql = format!(
            "SELECT f.key FROM unnest($1::text[]) AS f (key), (SELECT {row}) AS apart, (SELECT {row} OFFSET 0) AS whole
            WHERE num_nulls(nullif(fauna.enabled_row(f.key, apart, NULL), fauna.enabled(f.key, $3::text::jsonb)),
                nullif(fauna.enabled_row(f.key, whole, NULL), fauna.enabled(f.key, $3::text::jsonb))) < 2
            UNION ALL
            SELECT a.key FROM unnest($2::text[]) AS a (key), (SELECT {row}) AS apart, (SELECT {row} OFFSET 0) AS whole
            WHERE num_nulls(nullif(fauna.in_audience_row(a.key, apart, NULL), fauna.in_audience(a.key, $3::text::jsonb)),
                nullif(fauna.in_audience_row(a.key, whole, NULL), fauna.in_audience(a.key, $3::text::jsonb))) < 2"
        );
        let found = client.query(&sql, &[&flags, &audiences, &context.to_string()]).await;
        let found = found.unwrap_or_else(|error| panic!("{seed}, {sql}: {}", error_of(&error)));
        differences
            .extend(found.iter().map(|row| format!("{seed}, row {context}: {}", row.get::<_, String>(0))));
    }
}

/// The members that can be columns: with a name that a column can have, and of two with the same name the last.
fn columns(members: &[(String, Json)]) -> Vec<(String, Json)> {
    const MAX_NAME: usize = 63;
    let is_last = |place: usize, name: &str| members[place + 1..].iter().all(|(later, _)| later != name);
    let named = members.iter().enumerate().filter(|(place, (name, _))| is_last(*place, name));
    let fitting = named.filter(|(_, (name, _))| (1..=MAX_NAME).contains(&name.len()));
    fitting.map(|(_, member)| member.clone()).collect()
}

/// A member as a column of a type that has such values.
fn column(place: usize, name: &str, value: &Json) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let value = match value {
        Json::Null => "NULL::text".to_owned(),
        Json::Bool(value) => format!("{value}::boolean"),
        Json::Number(spelled) => match spelled.parse::<f64>() {
            Ok(double) if double.is_finite() && place.is_multiple_of(2) => format!("'{double:?}'::float8"),
            _ => format!("'{spelled}'::numeric"),
        },
        Json::String(text) => format!("{}::text", quoted(text)),
        Json::Broken(_) | Json::Array(_) | Json::Object(_) => {
            format!("{}::jsonb", quoted(&value.to_string()))
        }
    };
    format!("{value} AS \"{}\"", name.replace('"', "\"\""))
}

fn contexts(cases: &[&Case]) -> Vec<String> {
    cases.iter().map(|case| Json::to_string(&case.context)).collect()
}

fn place_of(row: &tokio_postgres::Row) -> usize {
    usize::try_from(row.get::<_, i64>(0) - 1).expect("an ordinal")
}

/// What SQL can say of it: no prerequisite, no rule whose id is no uuid, and false where membership has no answer. Of
/// the message, which is for people, only that it is there.
fn sayable(expected: &Value) -> Value {
    let mut expected = expected.clone();
    if let Some(members) = expected.as_object_mut() {
        members.remove("prerequisite");
        let is_uuid = |id: &Value| id.as_str().is_some_and(|id| uuid::Uuid::parse_str(id).is_ok());
        if !members.get("ruleId").is_none_or(is_uuid) {
            members.remove("ruleId");
        }
        if let Some(message) = members.get_mut("errorMessage") {
            *message = json!(true);
        }
    }
    if expected.is_null() { json!(false) } else { expected }
}

/// Equal as JSON, numbers as doubles: `jsonb` keeps neither their spelling nor the sign of zero.
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
