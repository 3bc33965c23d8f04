-- Marking: a statement has changed source rows, so note what it touched and compile it for the
-- transaction's own eyes. See sql/README.md for the whole flow.
--
-- No lock is taken. Two transactions that change different flags meet only at commit.

-- The role that acts is the one of SET ROLE, or else the login; current_user would be the owner of
-- these functions. Both are taken now, because at COMMIT the role may have been reset.
CREATE FUNCTION fauna.mark(kind text, environments text[], keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    tx xid8 := pg_current_xact_id();
    said text := nullif(current_setting('fauna.comment', true), '');
    is_first boolean := NOT EXISTS (SELECT FROM fauna.dirty d WHERE d.txid = tx);
    -- Read before anything is compiled, so that who commits meanwhile is noticed at the stamp.
    last_commit xid8 := CASE WHEN is_first THEN (SELECT l.txid FROM fauna.commit_lock l) END;
BEGIN
    -- Compiled first and marked then: after SET CONSTRAINTS … IMMEDIATE the mark stamps at once, what is pending.
    PERFORM fauna.refresh_pending(array_fill(kind, ARRAY[cardinality(keys)]), environments, keys);

    INSERT INTO fauna.dirty (txid, kind, environment_key, key, actor, role, application_name, comment,
                             is_first, last_commit)
    SELECT tx, kind, m.environment_key, m.key,
        session_user, coalesce(nullif(current_setting('role'), 'none'), session_user),
        current_setting('application_name'), said,
        m.n = 1 AND is_first, CASE WHEN m.n = 1 THEN last_commit END
    FROM unnest(environments, keys) WITH ORDINALITY m (environment_key, key, n)
    ON CONFLICT DO NOTHING;

    -- What was marked without a word may be changed once more with one.
    IF said IS NOT NULL THEN
        UPDATE fauna.dirty d SET comment = said
        WHERE d.ctid = ANY (ARRAY(
            SELECT s.place
            FROM unnest(environments, keys) m (environment_key, key)
            CROSS JOIN LATERAL (
                SELECT d.ctid AS place FROM fauna.dirty d
                WHERE d.txid = tx AND d.kind = mark.kind AND d.environment_key = m.environment_key AND d.key = m.key
                    AND d.comment IS NULL
                OFFSET 0) s));
    END IF;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark(text, text[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark(text, text[], text[]) IS 'Marks what a statement touched (see fauna.dirty) and compiles it into fauna.pending.';

-- Rows of fauna.pending are found one by one, by their whole key (OFFSET 0 as in the compile
-- functions) and deleted by their place: a plan that went through all of the transaction's rows
-- would make a long import quadratic.
CREATE FUNCTION fauna.refresh_pending(kinds text[], environments text[], keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    tx xid8 := pg_current_xact_id();
BEGIN
    WITH targets AS MATERIALIZED (
        SELECT x.environment_key, x.kind, x.key FROM fauna.expand(kinds, environments, keys) x
        UNION
        -- An environment made and deleted by this very transaction is known here alone.
        SELECT p.environment_key, p.kind, p.key FROM fauna.pending p
        WHERE kinds && ARRAY['environment', 'epoch'] AND p.txid = tx
    ), compiled AS (
        -- Each target once, with its document if it has one.
        SELECT u.environment_key, u.kind, u.key,
            (array_agg(u.doc) FILTER (WHERE u.doc IS NOT NULL))[1] AS doc
        FROM (
            SELECT t.environment_key, t.kind, t.key, NULL::jsonb AS doc FROM targets t
            UNION ALL
            SELECT c.environment_key, c.kind, c.key, c.doc
            FROM (SELECT array_agg(t.environment_key) AS environments, array_agg(t.kind) AS kinds,
                         array_agg(t.key) AS keys
                  FROM targets t) a
            CROSS JOIN LATERAL fauna.compile_documents(a.environments, a.kinds, a.keys) c
        ) u
        GROUP BY u.environment_key, u.kind, u.key
    ), compared AS MATERIALIZED (
        SELECT c.*,
            c.doc IS DISTINCT FROM d.doc AS is_changed,
            p.place,
            p.place IS NOT NULL AND p.doc IS NOT DISTINCT FROM c.doc AS is_known
        FROM compiled c
        LEFT JOIN LATERAL (
            SELECT d.doc FROM fauna.documents d
            WHERE d.environment_key = c.environment_key AND d.kind = c.kind AND d.key = c.key
            OFFSET 0) d ON true
        LEFT JOIN LATERAL (
            SELECT p.ctid AS place, p.doc FROM fauna.pending p
            WHERE p.txid = tx
                AND p.environment_key = c.environment_key AND p.kind = c.kind AND p.key = c.key
            OFFSET 0) p ON true
    ), changed_back AS (
        DELETE FROM fauna.pending p
        WHERE p.ctid = ANY (ARRAY(SELECT c.place FROM compared c WHERE NOT c.is_changed AND c.place IS NOT NULL))
    )
    INSERT INTO fauna.pending AS p (txid, environment_key, kind, key, doc)
    SELECT tx, c.environment_key, c.kind, c.key, c.doc
    FROM compared c
    WHERE c.is_changed AND NOT c.is_known
    ON CONFLICT (txid, environment_key, kind, key) DO UPDATE SET doc = excluded.doc;
END
$$;
REVOKE ALL ON FUNCTION fauna.refresh_pending(text[], text[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION fauna.refresh_pending(text[], text[], text[]) IS 'Compiles what marks concern and keeps in fauna.pending what differs from fauna.documents.';
