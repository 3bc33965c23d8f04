-- From what was touched to the documents that are concerned, and from those to their contents.

-- The marks are read again when the lock is held: an attribute's audiences and the list of
-- environments may have grown since the statement that left the mark.
CREATE FUNCTION fauna.expand(kinds text[], environments text[], keys text[])
    RETURNS TABLE (environment_key text, kind text, key text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    -- The common case: documents of one or more flags, in named environments.
    IF 'flag' = ALL (kinds) AND '' <> ALL (environments) THEN
        RETURN QUERY SELECT DISTINCT m.environment_key, 'flag', m.key
            FROM unnest(environments, keys) m (environment_key, key);
        RETURN;
    END IF;

    RETURN QUERY
    WITH marks AS MATERIALIZED (
        SELECT m.kind, m.environment_key, m.key
        FROM unnest(kinds, environments, keys) m (kind, environment_key, key)
    ), everywhere AS MATERIALIZED (
        -- What has a log but is no longer a row in environments is an environment to close.
        SELECT e.key FROM fauna.environments e
        UNION SELECT h.environment_key FROM fauna.heads h
    ), whole AS MATERIALIZED (
        SELECT DISTINCT e.key AS environment_key
        FROM marks m JOIN everywhere e ON m.environment_key IN ('', e.key)
        WHERE m.kind IN ('environment', 'epoch')
    )
    SELECT m.environment_key, m.kind, m.key
    FROM marks m
    WHERE m.kind IN ('flag', 'audience', 'sdk_key') AND m.environment_key <> ''
    UNION
    SELECT e.key, m.kind, m.key
    FROM marks m CROSS JOIN everywhere e
    WHERE m.kind IN ('flag', 'audience', 'sdk_key') AND m.environment_key = ''
    UNION
    SELECT e.key, 'audience', c.audience_key
    FROM marks m
    CROSS JOIN LATERAL (
        SELECT DISTINCT c.audience_key FROM fauna.conditions c WHERE c.attribute_key = m.key OFFSET 0) c
    CROSS JOIN everywhere e
    WHERE m.kind = 'attribute'
    UNION
    SELECT w.environment_key, x.kind, x.key
    FROM whole w
    CROSS JOIN LATERAL (
        SELECT 'flag', s.flag_key FROM fauna.flag_settings s WHERE s.environment_key = w.environment_key
        UNION ALL
        SELECT 'audience', a.key FROM fauna.audiences a
        UNION ALL
        SELECT 'sdk_key', k.id::text FROM fauna.sdk_keys k WHERE k.environment_key = w.environment_key
        UNION ALL
        SELECT d.kind, d.key FROM fauna.documents d WHERE d.environment_key = w.environment_key
        OFFSET 0) x (kind, key);
END
$$;
REVOKE ALL ON FUNCTION fauna.expand(text[], text[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION fauna.expand(text[], text[], text[]) IS 'The documents that marks (see fauna.dirty) concern, as the source tables are now.';

CREATE FUNCTION fauna.compile_documents(environments text[], kinds text[], keys text[])
    RETURNS TABLE (environment_key text, kind text, key text, doc jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF 'flag' = ANY (kinds) THEN
        RETURN QUERY
        SELECT c.environment_key, 'flag', c.key, c.doc
        FROM (SELECT array_agg(t.environment_key) AS environments, array_agg(t.key) AS keys
              FROM unnest(environments, kinds, keys) t (environment_key, kind, key)
              WHERE t.kind = 'flag') t
        CROSS JOIN LATERAL fauna.compile_flags(t.environments, t.keys) c;
    END IF;
    IF 'audience' = ANY (kinds) THEN
        -- Compiled once and given to every environment that exists and was asked for.
        RETURN QUERY
        SELECT t.environment_key, 'audience', c.key, c.doc
        FROM fauna.compile_audiences(ARRAY(
            SELECT DISTINCT t.key FROM unnest(kinds, keys) t (kind, key) WHERE t.kind = 'audience')) c
        JOIN unnest(environments, kinds, keys) t (environment_key, kind, key)
            ON t.kind = 'audience' AND t.key = c.key
        JOIN fauna.environments e ON e.key = t.environment_key;
    END IF;
    IF 'sdk_key' = ANY (kinds) THEN
        RETURN QUERY
        SELECT c.environment_key, 'sdk_key', c.key, c.doc
        FROM (SELECT array_agg(t.environment_key) AS environments, array_agg(t.key) AS keys
              FROM unnest(environments, kinds, keys) t (environment_key, kind, key)
              WHERE t.kind = 'sdk_key') t
        CROSS JOIN LATERAL fauna.compile_sdk_keys(t.environments, t.keys) c;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION fauna.compile_documents(text[], text[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION fauna.compile_documents(text[], text[], text[]) IS 'Documents of any kind. No row where there is no document.';

CREATE FUNCTION fauna.compile_document(environment text, kind text, key text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT c.doc
            FROM fauna.compile_documents(ARRAY[environment], ARRAY[kind], ARRAY[key]) c);
END
$$;
REVOKE ALL ON FUNCTION fauna.compile_document(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION fauna.compile_document(text, text, text) IS 'The document as the source tables are now; null where there is none. kind is flag, audience or sdk_key.';

CREATE FUNCTION fauna.compile_environment(environment text)
    RETURNS TABLE (kind text, key text, doc jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.kind, c.key, c.doc
    FROM (SELECT array_agg(x.environment_key) AS environments, array_agg(x.kind) AS kinds, array_agg(x.key) AS keys
          FROM fauna.expand(ARRAY['environment'], ARRAY[environment], ARRAY['']) x) x
    CROSS JOIN LATERAL fauna.compile_documents(x.environments, x.kinds, x.keys) c;
END
$$;
REVOKE ALL ON FUNCTION fauna.compile_environment(text) FROM PUBLIC;
COMMENT ON FUNCTION fauna.compile_environment(text) IS 'Every document of an environment, as the source tables are now.';
