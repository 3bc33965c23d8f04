//! Eight writers at once, and a reader that polls: no update lost, no gap, no deadlock, no document missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fauna_tests::{Database, cluster};
use serde_json::Value;

use crate::invariants::assert_consistent;
use crate::reads::apply;
use crate::shop::{changes, heads, json, text};

const WRITERS: u32 = 8;
const TRANSACTIONS: u32 = 200;
const FLAGS: u32 = 20;

/// Twenty flags of kind number whose only variant counts.
async fn counters() -> Database<'static> {
    let database = fauna_tests::database().await;
    database
        .execute(&format!(
            "BEGIN;
             INSERT INTO fauna.environments (key) VALUES ('production'), ('staging');
             INSERT INTO fauna.flags (key, kind) SELECT 'flag-' || n, 'number' FROM generate_series(0, {FLAGS} - 1) n;
             INSERT INTO fauna.variants (flag_key, key, value) SELECT key, 'count', '0' FROM fauna.flags;
             INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant) SELECT f.key, e.key, 'count' FROM fauna.flags f, fauna.environments e;
             COMMIT"
        ))
        .await;
    database
}

/// A sequence of flags that looks random and is the same every time.
fn flags(writer: u32) -> impl Iterator<Item = u32> {
    let mut state = writer.wrapping_mul(2_654_435_761).wrapping_add(1);
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % FLAGS
    })
}

async fn write(database: &Database<'_>, writer: u32) {
    let client = database.connect().await;
    for (number, flag) in flags(writer).take(TRANSACTIONS as usize).enumerate() {
        // Every third transaction changes a second row of the same document, some of them toggle one environment.
        let more = match number % 3 {
            0 => format!(
                "UPDATE fauna.flag_settings SET enabled = NOT enabled WHERE flag_key = 'flag-{flag}' AND environment_key = 'staging';"
            ),
            1 => format!("UPDATE fauna.flags SET tags = '{{writer-{writer}}}' WHERE key = 'flag-{flag}';"),
            _ => String::new(),
        };
        let sql = format!(
            "BEGIN; UPDATE fauna.variants SET value = to_jsonb((value #>> '{{}}')::int + 1) WHERE flag_key = 'flag-{flag}'; {more} COMMIT"
        );
        client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{}", fauna_tests::error_of(&error)));
    }
}

/// Follows an environment by polling until told to stop, then once more.
async fn follow(database: &Database<'_>, environment: &str, stop: Arc<AtomicBool>) -> Value {
    let client = database.connect().await;
    let mut state = changes(&client, environment, None, 0).await.expect("a put");
    loop {
        let last = stop.load(Ordering::Acquire);
        let epoch = state["epoch"].as_str().expect("an epoch").to_owned();
        let since = state["revision"].as_i64().expect("a revision");
        if let Some(payload) = changes(&client, environment, Some(&epoch), since).await {
            assert!(payload.get("from").is_some(), "a patch, not a put");
            apply(&mut state, &payload);
        } else if last {
            return state;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_lose_no_update_leave_no_gap_and_a_polling_reader_misses_nothing() {
    let database = counters().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for environment in ["production", "staging"] {
        let (name, stop) = (database.name().to_owned(), Arc::clone(&stop));
        readers.push(tokio::spawn(async move {
            follow(&Database::existing(cluster(), &name), environment, stop).await
        }));
    }
    let mut notifications = database.listen("fauna").await;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let name = database.name().to_owned();
        writers.push(tokio::spawn(async move { write(&Database::existing(cluster(), &name), writer).await }));
    }
    for writer in writers {
        writer.await.expect("no deadlock");
    }
    stop.store(true, Ordering::Release);

    let client = database.connect().await;
    let total = WRITERS * TRANSACTIONS;
    let sum = "SELECT sum((value #>> '{}')::int) FROM fauna.variants";
    assert_eq!(text(&client, sum).await, total.to_string(), "no update lost");
    // Each transaction changes the documents of its flag in both environments: one revision in each, after the first.
    assert_eq!(heads(&client).await, [format!("production:{}", total + 1), format!("staging:{}", total + 1)]);
    assert_eq!(
        u32::try_from(notifications.drain().await.len()),
        Ok(2 * total),
        "announced once per transaction and environment"
    );
    for (environment, reader) in ["production", "staging"].into_iter().zip(readers) {
        let state = reader.await.expect("the reader");
        assert_eq!(state, json(&client, &format!("SELECT fauna.ruleset('{environment}')")).await);
    }
    assert_consistent(&database).await;
}
