-- Environments, and the setting and default rule that every flag has in each of them.
--
-- All functions from here to 76 are SECURITY INVOKER: the caller's privileges on the tables decide, exactly as for
-- plain INSERT, UPDATE and DELETE, which do the same. They return a key or an id, to look at or to pass on.

CREATE FUNCTION fauna.complete_settings(
    flag text DEFAULT NULL,
    environment text DEFAULT NULL,
    default_variant text DEFAULT NULL,
    off_variant text DEFAULT NULL
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made bigint;
BEGIN
    -- One statement however many flags there are: each statement compiles its documents anew, and an
    -- environment may be created beside thousands of flags.
    WITH missing AS (
        SELECT f.key AS flag_key, e.key AS environment_key,
            coalesce(complete_settings.off_variant, model.off_variant, fallback.off_variant) AS off_variant,
            CASE WHEN complete_settings.default_variant IS NULL THEN model.default_rule END AS model_rule,
            coalesce(complete_settings.default_variant, fallback.default_variant) AS default_variant
        FROM fauna.flags f
        CROSS JOIN fauna.environments e
        CROSS JOIN LATERAL (
            SELECT (array_agg(v.key ORDER BY v.position, v.key))[1] AS default_variant,
                (array_agg(v.key ORDER BY v.key <> 'off', v.position DESC, v.key DESC))[1] AS off_variant
            FROM fauna.variants v
            WHERE v.flag_key = f.key
        ) fallback
        LEFT JOIN LATERAL (
            SELECT s.off_variant, r.id AS default_rule
            FROM fauna.flag_settings s
            JOIN fauna.environments o ON o.key = s.environment_key
            LEFT JOIN fauna.rules r
                ON r.flag_key = s.flag_key AND r.environment_key = s.environment_key AND r.is_default
            WHERE s.flag_key = f.key
            ORDER BY o.position, o.key
            LIMIT 1
        ) model ON true
        WHERE (complete_settings.flag IS NULL OR f.key = complete_settings.flag)
            AND (complete_settings.environment IS NULL OR e.key = complete_settings.environment)
            AND fallback.off_variant IS NOT NULL
            AND NOT EXISTS (
                SELECT FROM fauna.flag_settings s WHERE s.flag_key = f.key AND s.environment_key = e.key)
    ), settings AS (
        INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant)
        SELECT m.flag_key, m.environment_key, m.off_variant FROM missing m
        -- Two sessions may find the same one missing.
        ON CONFLICT ON CONSTRAINT flag_settings_pkey DO NOTHING
        RETURNING flag_key, environment_key
    ), defaults AS (
        INSERT INTO fauna.rules (flag_key, environment_key, is_default)
        SELECT s.flag_key, s.environment_key, true FROM settings s
        RETURNING id, flag_key, environment_key
    ), shares AS (
        INSERT INTO fauna.allocations (rule_id, flag_key, variant_key, position, weight)
        SELECT d.id, d.flag_key, coalesce(a.variant_key, m.default_variant), coalesce(a.position, 1), coalesce(a.weight, 100000)
        FROM defaults d
        JOIN missing m USING (flag_key, environment_key)
        LEFT JOIN fauna.allocations a ON a.rule_id = m.model_rule
    )
    SELECT count(*) INTO made FROM settings;
    RETURN made;
END
$$;
COMMENT ON FUNCTION fauna.complete_settings(text, text, text, text) IS
    'Gives every flag (or this one) a setting, disabled, and a default rule in every environment (or this one) where it has none, like those in the first environment that has them; returns how many it made. After an import by plain INSERT: SELECT fauna.complete_settings();';

CREATE FUNCTION fauna.create_environment(key text, name text DEFAULT '', protected boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO fauna.environments (key, name, position, protected)
    SELECT create_environment.key, create_environment.name, coalesce(max(e.position), 0) + 1, create_environment.protected
    FROM fauna.environments e;
    PERFORM fauna.complete_settings(environment => create_environment.key);
    RETURN create_environment.key;
END
$$;
COMMENT ON FUNCTION fauna.create_environment(text, text, boolean) IS
    'Makes an environment, in which every flag there is stays disabled. SELECT fauna.create_environment(''staging'');';

CREATE FUNCTION fauna.delete_environment(key text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF delete_environment.key IS NULL THEN
        -- Never the default one.
        PERFORM fauna.refuse_unknown('UF003', 'environment', NULL, NULL);
    END IF;
    PERFORM fauna.known_environment(delete_environment.key);
    DELETE FROM fauna.environments e WHERE e.key = delete_environment.key;
    RETURN delete_environment.key;
END
$$;
COMMENT ON FUNCTION fauna.delete_environment(text) IS
    'Deletes an environment with its settings, rules and SDK keys. SELECT fauna.delete_environment(''staging'');';
