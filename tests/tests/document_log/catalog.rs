//! What the catalog has to say: no source table without its triggers, no child without its cascade, no
//! object without a comment. A new table or column fails here until somebody has thought about it.

use std::collections::BTreeSet;

use fauna_tests::database;

/// Source tables and the events that can reach a document.
const MARKED: [(&str, &str); 12] = [
    ("allocations", "delete,insert,truncate,update"),
    ("attributes", "truncate,update"),
    ("audiences", "delete,insert,truncate,update"),
    ("conditions", "delete,insert,truncate,update"),
    ("environments", "delete,insert,truncate"),
    ("flag_settings", "delete,insert,truncate,update"),
    ("flags", "delete,truncate,update"),
    ("prerequisites", "delete,insert,truncate,update"),
    ("rule_audiences", "delete,insert,truncate,update"),
    ("rules", "delete,insert,truncate,update"),
    ("sdk_keys", "delete,insert,truncate,update"),
    ("variants", "delete,insert,truncate,update"),
];
const LOG_DUMPED: [&str; 4] = ["history", "revisions", "sdk_key_usage", "usage"];
const NOT_DUMPED: [&str; 6] = ["cache_signal", "commit_lock", "dirty", "documents", "heads", "pending"];

async fn names(query: &str) -> BTreeSet<String> {
    let client = database().await.connect().await;
    client.query(query, &[]).await.expect(query).iter().map(|row| row.get(0)).collect()
}

fn set(names: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_table_is_a_source_or_part_of_the_log() {
    let known = MARKED.iter().map(|(table, _)| *table).chain(LOG_DUMPED).chain(NOT_DUMPED);
    let tables = names(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'fauna'::regnamespace AND relkind = 'r'",
    )
    .await;
    assert_eq!(tables, set(known));
}

#[tokio::test]
async fn every_source_table_marks_each_event_that_can_reach_a_document() {
    let marked = names(
        "SELECT format('%s %s', tgrelid::regclass, string_agg(event, ',' ORDER BY event))
         FROM (SELECT tgrelid, tgtype, tgenabled, tgoldtable, tgnewtable, unnest(
                   CASE WHEN tgtype & 4 <> 0 THEN '{insert}'::text[] ELSE '{}' END
                   || CASE WHEN tgtype & 8 <> 0 THEN '{delete}'::text[] ELSE '{}' END
                   || CASE WHEN tgtype & 16 <> 0 THEN '{update}'::text[] ELSE '{}' END
                   || CASE WHEN tgtype & 32 <> 0 THEN '{truncate}'::text[] ELSE '{}' END) AS event
               FROM pg_trigger WHERE tgname ~ '_mark_(insert|update|delete|truncate)$') t
         WHERE tgtype & 3 = 0 AND tgenabled = 'O'
           AND (event = 'truncate' OR (event <> 'insert') = (tgoldtable IS NOT NULL))
           AND (event = 'truncate' OR (event <> 'delete') = (tgnewtable IS NOT NULL))
         GROUP BY tgrelid",
    )
    .await;
    let expected: BTreeSet<String> =
        MARKED.iter().map(|(table, events)| format!("fauna.{table} {events}")).collect();
    assert_eq!(marked, expected);
}

#[tokio::test]
async fn what_the_log_makes_by_itself_is_not_dumped_and_all_else_is() {
    let dumped = names(
        "SELECT c.relname::text FROM pg_extension e, unnest(e.extconfig) t JOIN pg_class c ON c.oid = t
         WHERE e.extname = 'fauna'",
    )
    .await;
    assert_eq!(dumped, set(MARKED.iter().map(|(table, _)| *table).chain(LOG_DUMPED)));
}

#[tokio::test]
async fn nothing_is_seeded_that_is_also_dumped() {
    let client = database().await.connect().await;
    for table in MARKED.iter().map(|(table, _)| *table).chain(LOG_DUMPED) {
        let query = format!("SELECT count(*) FROM fauna.{table}");
        let count: i64 = client.query_one(&query, &[]).await.expect("a count").get(0);
        assert_eq!(count, 0, "{table}");
    }
}

#[tokio::test]
async fn every_child_of_a_flag_or_environment_goes_with_it_by_a_key_of_its_own() {
    for (column, parent) in [("flag_key", "flags"), ("environment_key", "environments")] {
        // The log outlives what it tells of, so it refers to nothing.
        let children = format!(
            "SELECT c.relname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             WHERE c.relnamespace = 'fauna'::regnamespace AND c.relkind = 'r' AND a.attname = '{column}'
               AND c.relname NOT IN ('heads', 'revisions', 'documents', 'history', 'dirty', 'pending')"
        );
        let cascading = format!(
            "SELECT c.relname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
             JOIN pg_attribute a ON a.attrelid = c.oid AND k.conkey = ARRAY[a.attnum]
             WHERE k.contype = 'f' AND k.confrelid = 'fauna.{parent}'::regclass AND k.confdeltype = 'c'
               AND a.attname = '{column}'"
        );
        assert_eq!(names(&children).await, names(&cascading).await, "{parent}");
    }
}

#[tokio::test]
async fn every_foreign_key_column_leads_an_index_of_its_own_table() {
    let without = names(
        "SELECT conname::text FROM pg_constraint k
         WHERE k.contype = 'f' AND k.connamespace = 'fauna'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
               AND (i.indkey::int2[])[0] = k.conkey[1])",
    )
    .await;
    assert_eq!(without, BTreeSet::new());
}

#[tokio::test]
async fn every_table_column_type_and_function_has_a_comment() {
    let silent = names(
        "SELECT format('%s.%s', c.relname, a.attname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'fauna'::regnamespace AND c.relkind IN ('r', 'v', 'c') AND a.attnum > 0 AND NOT a.attisdropped
           AND col_description(c.oid, a.attnum) IS NULL
         UNION ALL
         SELECT c.relname FROM pg_class c
         WHERE c.relnamespace = 'fauna'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL
         UNION ALL
         SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace = 'fauna'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL",
    )
    .await;
    assert_eq!(silent, BTreeSet::new());
}

#[tokio::test]
async fn every_function_in_sql_but_the_counting_ones_pins_its_search_path() {
    let loose = names(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
         WHERE p.pronamespace = 'fauna'::regnamespace AND l.lanname <> 'c'
           AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)",
    )
    .await;
    // 52_predicate.sql says why the caller's path is theirs.
    let counting = ["jsonb", "text"].map(|given| format!("fauna.count_audience({given},regclass,text)"));
    assert_eq!(loose, BTreeSet::from(counting));
}
