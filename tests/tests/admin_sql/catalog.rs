//! What the catalog says of the extension's objects: described, pinned, and nobody's until granted.

use crate::{database, rows};

/// Everything in the extension that has an access list of its own, with its grantees; `PUBLIC` has oid 0.
const GRANTS_TO_PUBLIC: &str = "
    SELECT 'schema ' || nspname FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
    WHERE nspname = 'fauna' AND a.grantee = 0
    UNION ALL
    SELECT 'relation ' || relname FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) a
    WHERE relnamespace = 'fauna'::regnamespace AND relkind IN ('r', 'v', 'm', 'S', 'p') AND a.grantee = 0
    UNION ALL
    SELECT 'column ' || c.relname || '.' || t.attname
    FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
    WHERE c.relnamespace = 'fauna'::regnamespace AND a.grantee = 0
    UNION ALL
    SELECT 'function ' || oid::regprocedure FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
    WHERE pronamespace = 'fauna'::regnamespace AND a.grantee = 0
    UNION ALL
    SELECT 'type ' || y.typname
    FROM pg_type y LEFT JOIN pg_class c ON c.oid = y.typrelid, aclexplode(coalesce(y.typacl, acldefault('T', y.typowner))) a
    WHERE y.typnamespace = 'fauna'::regnamespace AND y.typelem = 0 AND coalesce(c.relkind, 'c') = 'c' AND a.grantee = 0";

#[tokio::test]
async fn nothing_is_granted_to_public() {
    assert!(rows(&database().await, GRANTS_TO_PUBLIC).await.is_empty());
}

#[tokio::test]
async fn everything_is_described() {
    let database = database().await;
    let missing = "
        SELECT 'function ' || oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'fauna'::regnamespace AND coalesce(obj_description(oid, 'pg_proc'), '') = ''
        UNION ALL
        SELECT 'relation ' || relname FROM pg_class
        WHERE relnamespace = 'fauna'::regnamespace AND relkind IN ('r', 'v')
            AND coalesce(obj_description(oid, 'pg_class'), '') = ''
        UNION ALL
        SELECT 'column ' || c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'fauna'::regnamespace AND c.relkind IN ('r', 'v', 'c') AND a.attnum > 0
            AND coalesce(col_description(c.oid, a.attnum), '') = ''";
    let missing = rows(&database, missing).await;
    assert!(missing.is_empty(), "{missing:#?}");
}

#[tokio::test]
async fn every_function_finds_its_names_in_pg_catalog_only() {
    let database = database().await;
    let unpinned = "SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'fauna'::regnamespace
            AND prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql'))
            AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']
        ORDER BY 1";
    let unpinned = rows(&database, unpinned).await;
    // These run the caller's query, in which row-level security may call functions that need the caller's path.
    let meant = ["fauna.count_audience(jsonb,regclass,text)", "fauna.count_audience(text,regclass,text)"];
    assert_eq!(unpinned, meant);
}

/// A function with its owner's rights that somebody may call is a door; each has to be meant.
#[tokio::test]
async fn what_a_profile_may_call_runs_as_the_caller_but_for_reading_the_log_and_the_counts_of_usage() {
    let database = database().await;
    let doors = "
        SELECT DISTINCT p.oid::regprocedure::text
        FROM unnest('{admin,bridge}'::text[]) f (profile)
        CROSS JOIN LATERAL fauna.profile_privileges(f.profile) g
        JOIN pg_proc p ON g.object = 'FUNCTION ' || p.oid::regprocedure
        WHERE p.prosecdef ORDER BY 1";
    assert_eq!(
        rows(&database, doors).await,
        [
            "fauna.changes(text,uuid,bigint)",
            "fauna.prune_usage(interval)",
            "fauna.record_usage(jsonb)",
            "fauna.ruleset(text)"
        ]
    );
}

/// A new function belongs to a profile, or to those that only triggers, the owner or other functions call.
#[tokio::test]
async fn every_function_is_in_a_profile_or_known_to_be_internal() {
    let database = database().await;
    let internal = [
        // The log, called by its triggers.
        "announce",
        "compile_audiences",
        "compile_document",
        "compile_documents",
        "compile_environment",
        "compile_flags",
        "compile_sdk_keys",
        "expand",
        "mark",
        "origin",
        "refresh_pending",
        "refuse_unknown_environment",
        "rfc3339",
        "stamp_environment",
        // Validation, called by its triggers.
        "lock_commits",
        "is_required",
        "protected_flags",
        // For the planner.
        "row_support",
        // For the owner.
        "grant",
        "new_epoch",
        "profile_privileges",
        "prune",
        "rebuild",
        "refuse_unless_owner",
        "revoke",
    ];
    let unknown = format!(
        "SELECT p.oid::regprocedure FROM pg_proc p
         WHERE p.pronamespace = 'fauna'::regnamespace AND p.prorettype <> 'trigger'::regtype
             AND p.proname <> ALL ('{{{}}}')
             AND NOT EXISTS (
                 SELECT FROM unnest('{{admin,bridge}}'::text[]) f (profile)
                 CROSS JOIN LATERAL fauna.profile_privileges(f.profile) g
                 WHERE g.object = 'FUNCTION ' || p.oid::regprocedure)",
        internal.join(",")
    );
    let unknown = rows(&database, &unknown).await;
    assert!(unknown.is_empty(), "{unknown:#?}");
}
