//! What must hold after any test: the log says what the source tables say.

use tokio_postgres::Client;

use crate::database::Database;

/// Each query lists violations; all of them must come back empty.
const VIOLATIONS: [(&str, &str); 6] = [
    (
        "every document equals a full recompile",
        "SELECT environment_key, kind, key
         FROM (SELECT e.key AS environment_key, c.kind, c.key, c.doc
               FROM fauna.environments e, fauna.compile_environment(e.key) c) c
         FULL JOIN (SELECT * FROM fauna.documents WHERE doc IS NOT NULL) d USING (environment_key, kind, key)
         WHERE c.doc IS DISTINCT FROM d.doc",
    ),
    (
        "the history of an epoch, replayed, gives the documents",
        "SELECT environment_key, kind, key
         FROM (SELECT DISTINCT ON (environment_key, kind, key) environment_key, kind, key, h.revision, doc
               FROM fauna.history h JOIN fauna.heads USING (environment_key, epoch)
               ORDER BY environment_key, kind, key, h.revision DESC) h
         FULL JOIN fauna.documents d USING (environment_key, kind, key)
         WHERE h.doc IS DISTINCT FROM d.doc OR (d.doc IS NOT NULL AND h.revision <> d.revision)",
    ),
    (
        "every environment has a head, and no other",
        "SELECT environment_key, '', '' FROM (SELECT key AS environment_key FROM fauna.environments) e
         FULL JOIN fauna.heads h USING (environment_key) WHERE (h IS NULL) OR (e IS NULL)",
    ),
    (
        "revisions are gap-free from the horizon to the head",
        "SELECT h.environment_key, h.epoch::text, h.revision::text FROM fauna.heads h
         WHERE h.revision - h.horizon + 1 <> (SELECT count(*) FROM fauna.revisions r
             WHERE (r.environment_key, r.epoch) = (h.environment_key, h.epoch) AND r.revision BETWEEN h.horizon AND h.revision)
            OR h.revision < (SELECT max(r.revision) FROM fauna.revisions r
             WHERE (r.environment_key, r.epoch) = (h.environment_key, h.epoch))",
    ),
    (
        "no revision was committed before its predecessor",
        "SELECT environment_key, epoch::text, revision::text
         FROM (SELECT *, lag(committed_at) OVER (PARTITION BY environment_key, epoch ORDER BY revision) AS before
               FROM fauna.revisions) r WHERE before > committed_at",
    ),
    (
        "a finished transaction leaves nothing in the workings",
        "SELECT environment_key, kind, key FROM fauna.dirty UNION ALL SELECT environment_key, kind, key FROM fauna.pending",
    ),
];

/// Fails with the first violation found.
pub async fn assert_consistent(database: &Database<'_>) {
    let client = database.connect().await;
    for violation in VIOLATIONS {
        assert_none(&client, violation).await;
    }
}

/// The first of them alone, as a transaction sees it that has stamped but not committed.
pub async fn assert_documents_compiled(client: &Client) {
    assert_none(client, VIOLATIONS[0]).await;
}

async fn assert_none(client: &Client, (what, query): (&str, &str)) {
    let rows = client.query(query, &[]).await.expect(what);
    let rows: Vec<(String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert!(rows.is_empty(), "not so: {what}: {rows:?}");
}
