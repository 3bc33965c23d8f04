//! Random changes, transactions and damage. At every step, what a session answers that has evaluated all along is what
//! one answers that never has: a session that begins now, or, for what is not committed, a parallel worker.

use fauna_tests::random::Dice;
use fauna_tests::shop::shop;
use tokio_postgres::Client;

use super::answers::{ask, run};

const STEPS: u32 = 150;

/// What only a superuser, a subscription or the server itself does to the log.
const DAMAGE: &[&str] = &[
    "UPDATE fauna.documents SET doc = jsonb_set(doc, '{enabled}', to_jsonb(NOT (doc -> 'enabled')::boolean)) WHERE kind = 'flag'",
    "UPDATE fauna.documents SET doc = jsonb_set(doc, '{match}', '\"any\"') WHERE kind = 'audience'",
    "UPDATE fauna.documents SET revision = revision - 1 WHERE revision > 1",
    "UPDATE fauna.documents SET doc = NULL WHERE key = '{flag}'",
    "DELETE FROM fauna.documents WHERE key = '{flag}'",
    "DELETE FROM fauna.documents WHERE key = '{audience}' AND environment_key = '{environment}'",
    "BEGIN; CREATE TEMPORARY TABLE copy ON COMMIT DROP AS TABLE fauna.documents; TRUNCATE fauna.documents;
        INSERT INTO fauna.documents TABLE copy; COMMIT",
    "BEGIN; CREATE TEMPORARY TABLE copy ON COMMIT DROP AS TABLE fauna.documents; DELETE FROM fauna.documents;
        INSERT INTO fauna.documents SELECT environment_key, kind, key, {number}, doc - 'default' FROM copy; COMMIT",
    "BEGIN; CREATE TEMPORARY TABLE copy ON COMMIT DROP AS TABLE fauna.heads; DELETE FROM fauna.heads; INSERT INTO fauna.heads
        SELECT environment_key, gen_random_uuid(), {number}, origin, txid, 0 FROM copy; UPDATE fauna.documents SET revision = {number}; COMMIT",
    "BEGIN; CREATE TEMPORARY TABLE copy ON COMMIT DROP AS TABLE fauna.heads; DELETE FROM fauna.heads; INSERT INTO fauna.heads
        SELECT environment_key, epoch, {number}, origin, txid, 0 FROM copy; UPDATE fauna.documents SET revision = {number} WHERE key = '{flag}'; COMMIT",
    "DELETE FROM fauna.heads WHERE environment_key = '{environment}'",
    "VACUUM FULL fauna.documents",
    "VACUUM FREEZE fauna.documents",
    "REINDEX TABLE fauna.documents",
    "SELECT fauna.prune('0 s')",
    "SELECT fauna.rebuild()",
    "SELECT fauna.rebuild()",
];

/// A question about some of the flags and audiences, or all, in one environment; it says which process has answered.
fn question(dice: &mut Dice) -> String {
    const CONTEXTS: &str =
        "'{}', '{\"country\": \"CA\", \"targetingKey\": \"u\"}', '{\"spend\": 1, \"targetingKey\": \"v\"}'";
    let (answer, from) = if dice.roll(4) == 0 {
        ("e::text", "fauna.evaluate_all(c) AS e".to_owned())
    } else {
        let mut keys = |choices| (0..=dice.roll(3)).map(|_| dice.pick(choices)).collect::<Vec<_>>().join(",");
        let flags = keys(&["checkout", "banner", "other", "none"]);
        let audiences = keys(&["beta", "staff", "new", "none"]);
        (
            "concat_ws(' ', fauna.evaluate(f, c), a, fauna.in_audience(a, c))",
            format!("unnest('{{{flags}}}'::text[]) AS f, unnest('{{{audiences}}}'::text[]) AS a"),
        )
    };
    format!(
        "SELECT process_id() || '|' || coalesce(string_agg({answer}, '; ' ORDER BY {answer}), '')
            FROM unnest(ARRAY[{CONTEXTS}]::jsonb[]) AS c, {from}"
    )
}

/// The answer, and the process that gave it.
async fn answer(client: &Client, question: &str) -> (String, String) {
    let answer = ask(client, question).await;
    let (process, answer) = answer.split_once('|').expect("a process and an answer");
    (process.to_owned(), answer.to_owned())
}

/// A statement of the writer's transaction, or of how it goes on.
fn writing(dice: &mut Dice) -> String {
    let statement = match dice.roll(14) {
        0 => "ROLLBACK TO s",
        1 => "RELEASE s; SAVEPOINT s",
        2 => "SET CONSTRAINTS ALL IMMEDIATE",
        3 => "SET CONSTRAINTS ALL DEFERRED",
        4 | 5 => "COMMIT; BEGIN; SAVEPOINT s",
        6 => "ROLLBACK; BEGIN; SAVEPOINT s",
        7 => "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SAVEPOINT s",
        _ => {
            // TRUNCATE would lock out sessions that compile from the source tables, for want of a head.
            return std::iter::repeat_with(|| dice.statement())
                .find(|statement| !statement.starts_with("TRUNCATE"))
                .expect("a statement");
        }
    };
    statement.to_owned()
}

/// Runs what may be refused; whether it was not.
async fn attempt(client: &Client, statement: &str) -> bool {
    let is_done = client.batch_execute(statement).await.is_ok();
    if !is_done {
        // Of statements in a transaction of their own, this ends it.
        run(client, "ROLLBACK").await;
    }
    is_done
}

async fn follow(seed: u64) {
    let database = shop().await;
    database
        .execute("CREATE FUNCTION process_id() RETURNS int LANGUAGE internal STABLE PARALLEL SAFE AS 'pg_backend_pid'")
        .await;
    database.execute(&format!("ALTER DATABASE {} SET statement_timeout = '30s'", database.name())).await;
    let (writer, other) = (database.connect().await, database.connect().await);
    let (reader, old) = (database.connect().await, database.connect().await);
    run(&other, "SET lock_timeout = 1").await;
    run(&writer, "BEGIN; SAVEPOINT s").await;
    run(&old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class").await;
    let mut dice = Dice(seed);
    let mut story = Vec::new();
    let (mut done, mut apart) = (0, 0);
    for step in 0..STEPS {
        let (name, session, change) = match dice.roll(8) {
            0..4 => ("writer", &writer, writing(&mut dice)),
            4..6 => ("other", &other, dice.statement()),
            _ => ("other", &other, dice.fill(DAMAGE)),
        };
        if story.len() > 20 {
            story.drain(..2);
        }
        story.push(format!("{name}: {change}"));
        if name == "writer" {
            if writer.batch_execute(&change).await.is_err()
                && writer.batch_execute("ROLLBACK TO s").await.is_err()
            {
                run(&writer, "ROLLBACK; BEGIN; SAVEPOINT s").await;
            }
        } else if attempt(session, &change).await {
            done += 1;
        }
        if dice.roll(10) == 0 {
            run(&old, "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class").await;
        }
        let environment = dice.pick(&["production", "production", "staging", "qa"]);
        let setting = format!("SET fauna.environment = '{environment}'");
        let question = question(&mut dice);
        story.push(format!("in {environment}: {question}"));

        let fresh = database.connect().await;
        run(&fresh, &setting).await;
        let (_, expected) = answer(&fresh, &question).await;
        for (session, name) in [(&reader, "reader"), (&old, "old"), (&other, "other")] {
            run(session, &setting).await;
            assert_eq!(
                answer(session, &question).await.1,
                expected,
                "{name}, seed {seed}, step {step} of {story:#?}"
            );
        }

        // Before the worker, which could make the leader learn of something first.
        run(&writer, &setting.replace("SET", "SET LOCAL")).await;
        let (here, own) = answer(&writer, &question).await;
        set_parallel(&writer, true).await;
        let (there, expected) = answer(&writer, &question).await;
        set_parallel(&writer, false).await;
        assert_eq!(own, expected, "writer, seed {seed}, step {step} of {story:#?}");
        apart += u32::from(here != there);
    }
    assert!(done > STEPS / 4, "what is done beside the writer is mostly not refused: {done}");
    assert!(apart > STEPS / 2, "a worker answers for itself: {apart}");
}

/// Whether statements run in a worker if they can.
async fn set_parallel(client: &Client, is_forced: bool) {
    let forced = if is_forced { "on" } else { "off" };
    let set = format!(
        "SELECT set_config(CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'debug_parallel_query'
            ELSE 'force_parallel_mode' END, '{forced}', true)"
    );
    run(client, &set).await;
}

#[tokio::test]
async fn sessions_that_keep_what_they_have_compiled_answer_as_those_that_begin_now() {
    for seed in [1, 2] {
        follow(seed).await;
    }
}
