//! `docs/sql.md` tells the truth: its examples run, and it leaves nothing out.

use fauna_tests::database;

use crate::rows;

const REFERENCE: &str = include_str!("../../../docs/sql.md");

#[tokio::test]
async fn the_examples_run_from_top_to_bottom() {
    let database = database().await;
    let examples: Vec<&str> = REFERENCE
        .split("```sql\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    assert!(examples.len() > 10, "{} examples", examples.len());
    let script = examples.join("\n");
    // A role belongs to the whole cluster.
    database.psql(&script.replace("ann", &format!("ann_{}", database.name())));
}

#[tokio::test]
async fn every_function_that_somebody_may_call_to_change_something_is_there_with_its_arguments() {
    let database = database().await;
    let functions = rows(
        &database,
        "SELECT p.proname, array_to_string(p.proargnames, ', ')
         FROM fauna.profile_privileges('admin') g
         JOIN pg_proc p ON g.object = 'FUNCTION ' || p.oid::regprocedure
         WHERE p.provolatile = 'v'
         UNION SELECT p.proname, array_to_string(p.proargnames, ', ') FROM pg_proc p
         WHERE p.oid IN ('fauna.grant'::regproc, 'fauna.revoke'::regproc)",
    )
    .await;
    assert!(functions.len() > 30, "{functions:#?}");
    for function in functions {
        let (name, arguments) = function.split_once(" | ").unwrap();
        let signature = format!("`fauna.{name}({arguments})`");
        assert!(REFERENCE.contains(&signature), "{signature} is not in the reference");
    }
}

#[tokio::test]
async fn every_constraint_that_a_check_names_is_there() {
    let database = database().await;
    let names = rows(
        &database,
        "SELECT DISTINCT m[1] FROM pg_proc, regexp_matches(prosrc, 'CONSTRAINT = ''([a-z_]+_check)''', 'g') m
         WHERE pronamespace = 'fauna'::regnamespace",
    )
    .await;
    assert!(names.len() > 8, "{names:#?}");
    for name in names {
        assert!(REFERENCE.contains(&format!("`{name}`")), "{name} is not in the reference");
    }
}

#[tokio::test]
async fn every_table_and_view_is_there() {
    let database = database().await;
    let workings = ["dirty", "pending", "commit_lock", "cache_signal"];
    let relations =
        "SELECT relname FROM pg_class WHERE relnamespace = 'fauna'::regnamespace AND relkind IN ('r', 'v')";
    for name in rows(&database, relations).await {
        let is_there =
            REFERENCE.contains(&format!("`{name}`")) || REFERENCE.contains(&format!("`fauna.{name}`"));
        assert!(is_there || workings.contains(&name.as_str()), "{name} is not in the reference");
    }
}
