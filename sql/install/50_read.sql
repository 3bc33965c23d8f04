-- Reading the log: the whole of an environment, or what changed since a revision. The answers are
-- exactly what a stream carries as put and patch.
--
-- STABLE, so that head and documents come from one snapshot. They write nothing and take no
-- transaction id, so they work on a standby. They run as the extension's owner: a reader needs
-- EXECUTE and no privilege on the tables. SDK keys are never part of an answer.

CREATE FUNCTION fauna.refuse_unknown_environment(environment text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'environment "%" does not exist', environment
        USING ERRCODE = 'UF003',
              DETAIL = coalesce(
                  'There is: ' || (SELECT string_agg(e.key, ', ' ORDER BY e.key)
                                   FROM (SELECT key FROM fauna.environments
                                         UNION SELECT environment_key FROM fauna.heads) e) || '.',
                  'There is no environment yet.'),
              HINT = 'Create it with fauna.create_environment(), or name another with SET fauna.environment.';
END
$$;
REVOKE ALL ON FUNCTION fauna.refuse_unknown_environment(text) FROM PUBLIC;
COMMENT ON FUNCTION fauna.refuse_unknown_environment(text) IS 'Raises UF003.';

-- An environment without head (loaded with triggers off, or created by this very transaction) is
-- compiled on the fly and says so by the nil epoch, which no reader can ever be up to date with.
CREATE FUNCTION fauna.ruleset(environment text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := coalesce(environment, nullif(current_setting('fauna.environment', true), ''), 'production');
    head fauna.heads;
    flags jsonb;
    audiences jsonb;
BEGIN
    SELECT * INTO head FROM fauna.heads h WHERE h.environment_key = wanted;
    IF FOUND THEN
        SELECT jsonb_object_agg(d.key, d.doc) FILTER (WHERE d.kind = 'flag'),
            jsonb_object_agg(d.key, d.doc) FILTER (WHERE d.kind = 'audience')
        INTO flags, audiences
        FROM fauna.documents d
        WHERE d.environment_key = wanted AND d.doc IS NOT NULL;
    ELSIF EXISTS (SELECT FROM fauna.environments e WHERE e.key = wanted) THEN
        SELECT jsonb_object_agg(c.key, c.doc) FILTER (WHERE c.kind = 'flag'),
            jsonb_object_agg(c.key, c.doc) FILTER (WHERE c.kind = 'audience')
        INTO flags, audiences
        FROM fauna.compile_environment(wanted) c;
    ELSE
        PERFORM fauna.refuse_unknown_environment(wanted);
    END IF;

    RETURN jsonb_build_object(
        'environment', wanted,
        'epoch', coalesce(head.epoch, '00000000-0000-0000-0000-000000000000'),
        'revision', coalesce(head.revision, 0),
        'flags', coalesce(flags, '{}'),
        'audiences', coalesce(audiences, '{}'));
END
$$;
REVOKE ALL ON FUNCTION fauna.ruleset(text) FROM PUBLIC;
COMMENT ON FUNCTION fauna.ruleset(text) IS 'The committed flags and audiences of an environment (default: setting fauna.environment), as the payload of a put.';

CREATE FUNCTION fauna.changes(environment text, epoch uuid, since bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head fauna.heads;
BEGIN
    SELECT * INTO head FROM fauna.heads h WHERE h.environment_key = environment;
    IF head.epoch IS DISTINCT FROM epoch OR epoch IS NULL OR since IS NULL OR since < head.horizon THEN
        RETURN fauna.ruleset(environment);
    ELSIF since = head.revision THEN
        RETURN NULL;
    ELSIF since > head.revision THEN
        -- Ahead of a standby: the standby lags and will follow. Ahead of a primary: what the reader
        -- knows was never committed here.
        RETURN CASE WHEN NOT pg_is_in_recovery() THEN fauna.ruleset(environment) END;
    END IF;

    RETURN (
        SELECT jsonb_build_object(
            'environment', environment,
            'epoch', head.epoch,
            'from', since,
            'revision', head.revision,
            'flags', coalesce(jsonb_object_agg(d.key, d.doc) FILTER (WHERE d.kind = 'flag'), '{}'),
            'audiences', coalesce(jsonb_object_agg(d.key, d.doc) FILTER (WHERE d.kind = 'audience'), '{}'))
        FROM fauna.documents d
        WHERE d.environment_key = environment AND d.revision > since);
END
$$;
REVOKE ALL ON FUNCTION fauna.changes(text, uuid, bigint) FROM PUBLIC;
COMMENT ON FUNCTION fauna.changes(text, uuid, bigint) IS 'What a reader at epoch:since lacks, as the payload of a patch, or of a put where a patch cannot tell; null when it lacks nothing.';
