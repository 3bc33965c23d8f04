-- Maintenance of the log: compile everything again, begin a new epoch, forget old history.

CREATE FUNCTION fauna.rebuild() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.mark('environment', ARRAY[''], ARRAY['']);
    RETURN (SELECT count(*) FROM fauna.pending p WHERE p.txid = pg_current_xact_id_if_assigned());
END
$$;
REVOKE ALL ON FUNCTION fauna.rebuild() FROM PUBLIC;
COMMENT ON FUNCTION fauna.rebuild() IS 'Compiles every document again, for after a load with triggers off and at the end of an upgrade. Makes a revision where documents differ, a head where there is none, and nothing otherwise. Returns how many documents differ.';

CREATE FUNCTION fauna.new_epoch(environment text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF environment IS NOT NULL AND NOT EXISTS (SELECT FROM fauna.environments e WHERE e.key = environment) THEN
        PERFORM fauna.refuse_unknown_environment(environment);
    END IF;
    PERFORM fauna.mark('epoch', ARRAY[coalesce(environment, '')], ARRAY['']);
END
$$;
REVOKE ALL ON FUNCTION fauna.new_epoch(text) FROM PUBLIC;
COMMENT ON FUNCTION fauna.new_epoch(text) IS 'Begins a new epoch in one environment or in all, so that every reader loads anew. Call it after restoring a disk snapshot, which PostgreSQL cannot tell from the original.';

-- History can still be asked for any moment of the kept interval: the newest version of each
-- document from before it stays, and so do the revisions that such versions come from.
CREATE FUNCTION fauna.prune(keep interval) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    oldest timestamptz := now() - keep;
    removed bigint := 0;
    removed_here bigint;
BEGIN
    IF keep IS NULL OR keep < interval '0' THEN
        RAISE EXCEPTION 'the interval to keep must not be null or negative'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('fauna.prune() was given %s.', coalesce(quote_literal(keep), 'NULL')),
                  HINT = 'Say how much history to keep, as in fauna.prune(''90 days'').';
    END IF;

    UPDATE fauna.commit_lock SET txid = pg_current_xact_id();

    UPDATE fauna.heads h SET horizon = r.revision
    FROM (SELECT r.environment_key, r.epoch, max(r.revision) AS revision
          FROM fauna.revisions r WHERE r.committed_at <= oldest
          GROUP BY r.environment_key, r.epoch) r
    WHERE r.environment_key = h.environment_key AND r.epoch = h.epoch AND r.revision > h.horizon;

    -- The present epoch: what was replaced at or before the horizon, and the graves from before it.
    DELETE FROM fauna.history o
    USING fauna.heads h
    WHERE h.environment_key = o.environment_key AND h.epoch = o.epoch AND o.revision <= h.horizon
        AND (o.doc IS NULL OR EXISTS (
            SELECT FROM fauna.history n
            WHERE n.environment_key = o.environment_key AND n.kind = o.kind AND n.key = o.key
                AND n.epoch = o.epoch AND n.revision > o.revision AND n.revision <= h.horizon));
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM fauna.documents d
    USING fauna.heads h
    WHERE h.environment_key = d.environment_key AND d.doc IS NULL AND d.revision <= h.horizon;

    -- Past epochs: all of one that had ended when the interval began, because the next had begun or
    -- the environment was gone.
    DELETE FROM fauna.history o
    USING (SELECT r.environment_key, r.epoch, max(r.committed_at) AS ended
           FROM fauna.revisions r GROUP BY r.environment_key, r.epoch) e
    WHERE o.environment_key = e.environment_key AND o.epoch = e.epoch AND e.ended < oldest
        AND (EXISTS (SELECT FROM fauna.revisions n
                     WHERE n.environment_key = e.environment_key AND n.epoch <> e.epoch
                         AND n.revision = 1 AND n.committed_at BETWEEN e.ended AND oldest)
            OR NOT EXISTS (SELECT FROM fauna.heads h WHERE h.environment_key = e.environment_key));
    GET DIAGNOSTICS removed_here = ROW_COUNT;

    DELETE FROM fauna.revisions r
    WHERE r.committed_at < oldest
        AND NOT EXISTS (SELECT FROM fauna.history o
                        WHERE o.environment_key = r.environment_key AND o.epoch = r.epoch AND o.revision = r.revision)
        AND NOT EXISTS (SELECT FROM fauna.heads h
                        WHERE h.environment_key = r.environment_key AND h.epoch = r.epoch AND r.revision >= h.horizon);
    RETURN removed + removed_here;
END
$$;
REVOKE ALL ON FUNCTION fauna.prune(interval) FROM PUBLIC;
COMMENT ON FUNCTION fauna.prune(interval) IS 'Forgets history older than the interval. Returns how many versions of documents were removed. The present state is never touched.';
