-- Compiling: source tables -> documents. The only place that knows the shape of a document.
--
-- PL/pgSQL, because a SQL function is planned anew at every call. One statement per kind serves one
-- key and ten thousand, and is written so that its plan can only be a loop of index lookups:
-- LATERAL (… OFFSET 0) keeps the planner from pulling a lookup up into a join, and the settings on
-- each function fix the rest. A plan made when a session met three flags is then still right when
-- the same session has imported five thousand; a hash join or a sequential scan would not be.
--
-- Compiling is total. It runs in the middle of a cascading delete and between the statements of an
-- import, so a missing row means "nothing yet", never an error: a flag without setting has no
-- document, a rule without allocations serves nobody and is left out, no default rule means the
-- off variant.

-- RFC 3339 in UTC whatever the session's TimeZone, without trailing zeros: 2026-12-24T00:00:00Z.
CREATE FUNCTION fauna.rfc3339(at timestamptz) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN rtrim(rtrim(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z';
END
$$;
REVOKE ALL ON FUNCTION fauna.rfc3339(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION fauna.rfc3339(timestamptz) IS 'A time as documents carry it: RFC 3339, in UTC.';

CREATE FUNCTION fauna.compile_flags(environments text[], keys text[])
    RETURNS TABLE (environment_key text, key text, doc jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.environment_key, t.key,
        jsonb_build_object(
            'kind', f.kind,
            'enabled', s.enabled,
            'salt', coalesce(f.salt, f.key),
            'offVariant', s.off_variant,
            'variants', (
                SELECT coalesce(jsonb_object_agg(v.key, v.value), '{}')
                FROM fauna.variants v WHERE v.flag_key = t.key),
            'prerequisites', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('flag', p.required_flag_key, 'variants', p.variants)
                                          ORDER BY p.required_flag_key), '[]')
                FROM (SELECT p.required_flag_key, jsonb_agg(p.required_variant ORDER BY p.required_variant) AS variants
                      FROM fauna.prerequisites p
                      WHERE p.flag_key = t.key AND p.environment_key = t.environment_key
                      GROUP BY p.required_flag_key) p),
            'rules', coalesce(r.rules, '[]'),
            'default', coalesce(r.default_serve, jsonb_build_object('variant', s.off_variant)),
            'clientVisible', f.client_visible,
            'tags', to_jsonb(f.tags))
    FROM unnest(environments, keys) t (environment_key, key)
    CROSS JOIN LATERAL (
        SELECT * FROM fauna.flags f WHERE f.key = t.key AND f.archived_at IS NULL OFFSET 0) f
    CROSS JOIN LATERAL (
        SELECT * FROM fauna.flag_settings s
        WHERE s.flag_key = t.key AND s.environment_key = t.environment_key OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT
            jsonb_agg(
                jsonb_build_object(
                    'id', r.id,
                    'match', r.match,
                    'audiences', (
                        SELECT coalesce(jsonb_agg(jsonb_build_object('key', a.audience_key, 'negate', a.negate)
                                                  ORDER BY a.audience_key), '[]')
                        FROM fauna.rule_audiences a WHERE a.rule_id = r.id),
                    'activeFrom', fauna.rfc3339(r.active_from),
                    'activeUntil', fauna.rfc3339(r.active_until),
                    'serve', a.serve)
                ORDER BY r.position, r.id)
                FILTER (WHERE NOT r.is_default AND a.serve IS NOT NULL) AS rules,
            jsonb_agg(a.serve) FILTER (WHERE r.is_default AND a.serve IS NOT NULL) -> 0 AS default_serve
        FROM fauna.rules r
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN count(*) = 0 THEN NULL
                WHEN count(*) = 1 AND min(a.weight) = 100000 AND r.ramp_from IS NULL
                    THEN jsonb_build_object('variant', min(a.variant_key))
                ELSE jsonb_build_object(
                        'split', jsonb_agg(jsonb_build_object('variant', a.variant_key, 'weight', a.weight)
                                           ORDER BY a.position, a.variant_key),
                        'by', r.bucket_by)
                    || CASE WHEN r.ramp_from IS NULL THEN '{}' ELSE jsonb_build_object('ramp', jsonb_build_object(
                        'from', fauna.rfc3339(r.ramp_from),
                        'until', fauna.rfc3339(r.ramp_until),
                        'startWeight', r.ramp_start_weight)) END
                END AS serve
            FROM fauna.allocations a WHERE a.rule_id = r.id) a
        WHERE r.flag_key = t.key AND r.environment_key = t.environment_key) r;
END
$$;
REVOKE ALL ON FUNCTION fauna.compile_flags(text[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION fauna.compile_flags(text[], text[]) IS 'Documents of flags, for pairs of environment and key. No row where there is no document.';

CREATE FUNCTION fauna.compile_audiences(keys text[])
    RETURNS TABLE (key text, doc jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.key,
        jsonb_build_object(
            'match', a.match,
            'conditions', (
                SELECT coalesce(jsonb_agg(
                    CASE WHEN c.nested_audience_key IS NOT NULL
                        THEN jsonb_build_object(
                            'operator', c.operator,
                            'values', jsonb_build_array(c.nested_audience_key),
                            'negate', c.negate)
                        ELSE jsonb_build_object(
                            'attribute', c.attribute_key,
                            'type', (SELECT b.type FROM fauna.attributes b WHERE b.key = c.attribute_key),
                            'operator', c.operator,
                            'values', c."values",
                            'negate', c.negate,
                            'ignoreCase', c.ignore_case)
                        END
                    ORDER BY c.position, c.id), '[]')
                FROM fauna.conditions c WHERE c.audience_key = t.key))
    FROM unnest(keys) t (key)
    CROSS JOIN LATERAL (SELECT * FROM fauna.audiences a WHERE a.key = t.key OFFSET 0) a;
END
$$;
REVOKE ALL ON FUNCTION fauna.compile_audiences(text[]) FROM PUBLIC;
COMMENT ON FUNCTION fauna.compile_audiences(text[]) IS 'Documents of audiences, the same in every environment. No row where there is no audience.';

-- A key that is no uuid names no SDK key, hence the comparison as text; the cast beside it is what
-- finds the row by index, and only for what looks like a uuid.
CREATE FUNCTION fauna.compile_sdk_keys(environments text[], keys text[])
    RETURNS TABLE (environment_key text, key text, doc jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.environment_key, t.key,
        jsonb_build_object(
            'kind', k.kind,
            'name', k.name,
            'hash', k.hash,
            'expiresAt', fauna.rfc3339(k.expires_at),
            'revokedAt', fauna.rfc3339(k.revoked_at))
    FROM unnest(environments, keys) t (environment_key, key)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN t.key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN t.key::uuid END AS id OFFSET 0) i
    CROSS JOIN LATERAL (
        SELECT * FROM fauna.sdk_keys k
        WHERE k.id = i.id AND k.environment_key = t.environment_key OFFSET 0) k;
END
$$;
REVOKE ALL ON FUNCTION fauna.compile_sdk_keys(text[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION fauna.compile_sdk_keys(text[], text[]) IS 'Documents of SDK keys, for pairs of environment and id. No row where there is no such key.';
