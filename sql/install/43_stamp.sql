-- Stamping: at COMMIT, under one lock, the marked documents are compiled once more and become a
-- revision. See sql/README.md for why twice and why one lock.

-- What identifies the place a log is written at. A promoted standby has another timeline, a copy of
-- the database another oid, a restored cluster another system identifier; each of them could
-- otherwise give a second meaning to a revision that somebody has read on the original.
CREATE FUNCTION fauna.origin() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT c.system_identifier FROM pg_control_system() c)
        || '/' || (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
END
$$;
REVOKE ALL ON FUNCTION fauna.origin() FROM PUBLIC;
COMMENT ON FUNCTION fauna.origin() IS 'System identifier, database oid and timeline of this server. Fails during recovery.';

CREATE FUNCTION fauna.announce(environment text, epoch uuid, revision bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('fauna', format('{"environment":%s,"epoch":"%s","revision":%s}',
        to_json(environment), epoch, revision));
END
$$;
REVOKE ALL ON FUNCTION fauna.announce(text, uuid, bigint) FROM PUBLIC;
COMMENT ON FUNCTION fauna.announce(text, uuid, bigint) IS 'Notifies channel fauna of a revision. Nothing else ever notifies: it takes a database-wide lock at commit.';

-- The caller holds the commit lock, and fauna.pending has what differs from fauna.documents. is_whole says that every
-- document of the environment was compiled. One statement writes what every revision needs: this is the time that
-- other commits wait.
CREATE FUNCTION fauna.stamp_environment(environment text, is_whole boolean, here text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    tx xid8 := pg_current_xact_id();
    head fauna.heads;
    is_present boolean;
    is_changed boolean;
    begins_epoch boolean;
BEGIN
    SELECT * INTO head FROM fauna.heads h WHERE h.environment_key = environment;
    SELECT EXISTS (SELECT FROM fauna.environments e WHERE e.key = environment),
        EXISTS (SELECT FROM fauna.pending p WHERE p.txid = tx AND p.environment_key = environment)
    INTO is_present, is_changed;
    begins_epoch := is_present AND (
        head.origin IS DISTINCT FROM here
        OR is_whole AND EXISTS (SELECT FROM fauna.dirty d
                                WHERE d.txid = tx AND d.kind = 'epoch' AND d.environment_key IN ('', environment)));

    IF NOT is_changed AND NOT begins_epoch AND is_present = (head.environment_key IS NOT NULL) THEN
        RETURN;
    ELSIF begins_epoch THEN
        IF NOT is_whole THEN
            PERFORM fauna.refresh_pending(ARRAY['environment'], ARRAY[environment], ARRAY['']);
        END IF;
        head := ROW(environment, gen_random_uuid(), 1, here, tx, 1);
    ELSIF head.txid <> tx THEN
        -- Otherwise this transaction has made its revision already (SET CONSTRAINTS … IMMEDIATE).
        head.revision := head.revision + 1;
        head.txid := tx;
    END IF;

    WITH revision AS (
        INSERT INTO fauna.revisions (environment_key, epoch, revision, actor, role, application_name, comment, txid)
        SELECT environment, head.epoch, head.revision, d.actor, d.role, d.application_name,
            coalesce(d.comment, (
                SELECT c.comment FROM fauna.dirty c
                WHERE c.txid = tx AND c.comment IS NOT NULL ORDER BY c.marked_at LIMIT 1)), tx
        FROM fauna.dirty d
        WHERE d.txid = tx
        ORDER BY d.marked_at
        LIMIT 1
        ON CONFLICT (environment_key, epoch, revision) DO NOTHING
    ), changed AS (
        INSERT INTO fauna.documents (environment_key, kind, key, revision, doc)
        SELECT p.environment_key, p.kind, p.key, head.revision, p.doc
        FROM fauna.pending p
        WHERE p.txid = tx AND p.environment_key = environment
        ON CONFLICT (environment_key, kind, key) DO UPDATE SET revision = excluded.revision, doc = excluded.doc
    ), kept AS (
        INSERT INTO fauna.history (environment_key, epoch, revision, kind, key, doc)
        SELECT p.environment_key, head.epoch, head.revision, p.kind, p.key, p.doc
        FROM fauna.pending p
        WHERE p.txid = tx AND p.environment_key = environment
        ON CONFLICT (environment_key, epoch, revision, kind, key) DO UPDATE SET doc = excluded.doc
    )
    INSERT INTO fauna.heads SELECT head.* WHERE is_present
    ON CONFLICT (environment_key) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision,
        origin = excluded.origin, txid = excluded.txid, horizon = excluded.horizon;

    IF begins_epoch THEN
        -- Whole: what did not change is carried too, and what was deleted in the old epoch is no more.
        DELETE FROM fauna.history h
        WHERE h.environment_key = environment AND h.epoch = head.epoch AND h.doc IS NULL;
        DELETE FROM fauna.documents d WHERE d.environment_key = environment AND d.doc IS NULL;
        UPDATE fauna.documents d SET revision = head.revision
        WHERE d.environment_key = environment AND d.revision <> head.revision;
        INSERT INTO fauna.history (environment_key, epoch, revision, kind, key, doc)
        SELECT d.environment_key, head.epoch, head.revision, d.kind, d.key, d.doc
        FROM fauna.documents d WHERE d.environment_key = environment
        ON CONFLICT (environment_key, epoch, revision, kind, key) DO NOTHING;
    ELSIF NOT is_present THEN
        -- The last revision says who deleted the environment. Its history stays, its state goes.
        DELETE FROM fauna.documents d WHERE d.environment_key = environment;
        DELETE FROM fauna.heads h WHERE h.environment_key = environment;
    END IF;

    PERFORM fauna.announce(environment, head.epoch, head.revision);
END
$$;
REVOKE ALL ON FUNCTION fauna.stamp_environment(text, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION fauna.stamp_environment(text, boolean, text) IS 'Makes one revision of one environment from fauna.pending, or the first revision of a new epoch, or none if nothing changed. Takes fauna.origin().';

CREATE FUNCTION fauna.stamp() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    tx xid8 := pg_current_xact_id();
    last_commit xid8;
    here text;
    whole text[];
    environment text;
BEGIN
    IF EXISTS (SELECT FROM pg_subscription_rel r
               WHERE r.srrelid IN ('fauna.heads'::regclass, 'fauna.documents'::regclass)) THEN
        RAISE EXCEPTION 'flags cannot be changed on a logical subscriber'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'A subscription of this database writes fauna.heads and fauna.documents.',
                  HINT = 'Change flags on the publisher, or drop the subscription to make this database independent.';
    END IF;

    -- An UPDATE, not SELECT … FOR UPDATE: a REPEATABLE READ transaction that has not seen the last
    -- commit fails here (40001) instead of keeping a document compiled from what it sees.
    UPDATE fauna.commit_lock SET previous = txid, txid = tx RETURNING previous INTO last_commit;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the row of fauna.commit_lock is missing'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Without it revisions have no order.',
                  HINT = 'INSERT INTO fauna.commit_lock DEFAULT VALUES;';
    END IF;

    -- Only a later statement sees what the previous holder of the lock has committed. What is
    -- pending is looked at again as well: a concurrent commit may have narrowed what a mark means.
    -- If nobody has committed a change since the first mark, every statement of this transaction
    -- has compiled what is true now, and half of the time under the lock is saved.
    IF last_commit IS DISTINCT FROM NEW.last_commit THEN
        PERFORM fauna.refresh_pending(array_agg(m.kind), array_agg(m.environment_key), array_agg(m.key))
        FROM (SELECT d.kind, d.environment_key, d.key FROM fauna.dirty d WHERE d.txid = tx
              UNION
              SELECT p.kind, p.environment_key, p.key FROM fauna.pending p WHERE p.txid = tx) m;
    END IF;

    -- What readers have seen of a revision must survive a crash: a lost one's number would be given to another, and
    -- whoever has seen the first would never be told. Only flushed here; whether standbys are waited for is the user's.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'local', true);
    END IF;

    here := fauna.origin();
    whole := ARRAY(SELECT d.environment_key FROM fauna.dirty d
                   WHERE d.txid = tx AND d.kind IN ('environment', 'epoch'));
    FOR environment IN
        SELECT p.environment_key FROM fauna.pending p WHERE p.txid = tx
        UNION
        SELECT e.key
        FROM unnest(whole) w (key)
        CROSS JOIN LATERAL (
            SELECT e.key FROM fauna.environments e UNION SELECT h.environment_key FROM fauna.heads h OFFSET 0) e
        WHERE w.key IN ('', e.key)
        ORDER BY 1
    LOOP
        PERFORM fauna.stamp_environment(environment, whole && ARRAY['', environment], here);
    END LOOP;

    DELETE FROM fauna.dirty d WHERE d.txid = tx;
    DELETE FROM fauna.pending p WHERE p.txid = tx;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.stamp() FROM PUBLIC;
COMMENT ON FUNCTION fauna.stamp() IS 'Trigger: turns the transaction''s marks into at most one revision per environment.';

-- One event does all. It belongs to the first mark, and leaves no mark behind, so the next one (made after SET
-- CONSTRAINTS … IMMEDIATE, or by somebody's deferred trigger during the commit) is a first mark again. A savepoint
-- cannot part the event from the marks that count on it: what was marked after it, and survives when it is rolled
-- back, was marked after that rollback, and found no mark. An event for every mark would cost an import a
-- call per row.
CREATE CONSTRAINT TRIGGER dirty_stamp AFTER INSERT ON fauna.dirty
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.is_first) EXECUTE FUNCTION fauna.stamp();
