//! How the native functions are declared, and that the extension's script is whole and in order.

use std::fs;
use std::path::Path;

use fauna_tests::database;

use super::answers::{ask, database_with_flag, run};

#[tokio::test]
async fn every_native_function_is_declared_safe_for_every_caller_and_explained() {
    let client = database().await.connect().await;
    let native = "FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
        WHERE l.lanname = 'c' AND p.pronamespace = 'fauna'::regnamespace";
    let count: u32 = ask(&client, &format!("SELECT count(*) {native}")).await.parse().expect("a count");
    assert!(count >= 24, "{count}");
    for (wrong, condition) in [
        ("volatile", "provolatile = 'v' AND prorettype <> 'trigger'::regtype"),
        (
            "not parallel safe",
            // A worker would tell of itself.
            "proparallel <> 's' AND prorettype <> 'trigger'::regtype AND proname <> 'cache_stats'",
        ),
        ("strict", "proisstrict AND pronargs > 0 AND proname <> 'bucket'"),
        ("a security definer", "prosecdef"),
        ("without a comment", "obj_description(p.oid, 'pg_proc') IS NULL"),
        ("open to everyone", "has_function_privilege('public', p.oid, 'execute')"),
        ("not a member", "NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')"),
    ] {
        let found = format!("SELECT string_agg(p.oid::regprocedure::text, ', ') {native} AND {condition}");
        assert_eq!(ask(&client, &found).await, "NULL", "{wrong}");
    }
}

#[tokio::test]
async fn evaluation_assigns_no_transaction_id() {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "BEGIN; SELECT fauna.evaluate('x', '{}'), fauna.evaluate_all('{}'), fauna.in_audience('a', '{}')",
    )
    .await;
    assert_eq!(ask(&client, "SELECT pg_current_xact_id_if_assigned()").await, "NULL");
    run(&client, "COMMIT").await;
}

#[tokio::test]
async fn evaluation_holds_no_lock_after_its_statement() {
    let client = database_with_flag().await.connect().await;
    run(&client, "BEGIN; SELECT fauna.evaluate('x', '{}'), fauna.evaluate_all('{}')").await;
    let held = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'fauna.%'";
    assert_eq!(ask(&client, held).await, "0");
    run(&client, "COMMIT").await;
}

#[tokio::test]
async fn the_script_contains_every_install_file_in_the_order_of_their_numbers() {
    let client = database().await.connect().await;
    let sharedir = ask(&client, "SELECT setting FROM pg_config WHERE name = 'SHAREDIR'").await;
    let version = env!("CARGO_PKG_VERSION");
    let script =
        fs::read_to_string(format!("{sharedir}/extension/fauna--{version}.sql")).expect("the script");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/install");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the install files").map(|f| f.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() > 20, "{}", files.len());
    let native = script.find("LANGUAGE c").expect("a native function");
    let last_native = script.rfind("LANGUAGE c").expect("a native function");
    let mut end = 0;
    for file in files {
        let text = fs::read_to_string(&file).expect("an install file");
        let Some(start) = script.find(text.trim()) else { panic!("not in the script: {}", file.display()) };
        assert!(start >= end, "out of order: {}", file.display());
        end = start + text.len();
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let is_before = name < "40";
        assert_eq!(start < native, is_before, "{name} and the native functions");
        assert_eq!(start > last_native, !is_before, "{name} and the native functions");
    }
}
