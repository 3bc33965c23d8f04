-- Flags and their variants, and turning them on and off.

CREATE FUNCTION fauna.create_flag(
    key text,
    kind text DEFAULT 'boolean',
    -- json, not jsonb: the first variant is the one served by default, and jsonb forgets which was first.
    variants json DEFAULT NULL,
    default_variant text DEFAULT NULL,
    off_variant text DEFAULT NULL,
    name text DEFAULT '',
    description text DEFAULT '',
    tags text[] DEFAULT '{}',
    owner text DEFAULT '',
    client_visible boolean DEFAULT false,
    permanent boolean DEFAULT false
) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given json := coalesce(variants, CASE WHEN kind = 'boolean' THEN '{"on": true, "off": false}'::json END);
BEGIN
    INSERT INTO fauna.flags (key, name, description, kind, tags, owner, client_visible, permanent)
    VALUES (create_flag.key, create_flag.name, create_flag.description, create_flag.kind, create_flag.tags,
        create_flag.owner, create_flag.client_visible, create_flag.permanent);
    IF given IS NULL OR json_typeof(given) <> 'object' OR given::jsonb = '{}' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('flag "%s" needs variants', create_flag.key),
            DETAIL = CASE WHEN given IS NULL THEN format('Only a boolean flag has variants of its own accord; this one is of kind "%s".', kind)
                ELSE 'The variants are not an object with a member for each.' END,
            HINT = format('For example: SELECT fauna.create_flag(%L, %L, ''{"first": …, "second": …}'');', create_flag.key, kind);
    END IF;
    INSERT INTO fauna.variants (flag_key, key, value, position)
    SELECT create_flag.key, v.key, v.value::jsonb, v.n
    FROM json_each(given) WITH ORDINALITY v (key, value, n);
    PERFORM fauna.complete_settings(
        flag => create_flag.key,
        default_variant => fauna.known_variant(create_flag.key, create_flag.default_variant),
        off_variant => CASE WHEN create_flag.off_variant IS NOT NULL
            THEN fauna.known_variant(create_flag.key, create_flag.off_variant) END);
    RETURN create_flag.key;
END
$$;
COMMENT ON FUNCTION fauna.create_flag(text, text, json, text, text, text, text, text[], text, boolean, boolean) IS
    'Makes a flag, disabled in every environment. Enabled, it serves its first variant (or default_variant) to everybody; disabled, the variant "off" or else its last (or off_variant). SELECT fauna.create_flag(''checkout''); SELECT fauna.create_flag(''theme'', ''string'', ''{"light": "#fff", "dark": "#000"}'');';

CREATE FUNCTION fauna.set_variant(flag text, variant text, value jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO fauna.variants AS v (flag_key, key, value, position)
    VALUES (fauna.known_flag(flag), variant, set_variant.value,
        (SELECT coalesce(max(o.position), 0) + 1 FROM fauna.variants o WHERE o.flag_key = flag))
    ON CONFLICT (flag_key, key) DO UPDATE SET value = EXCLUDED.value WHERE v.value <> EXCLUDED.value;
    RETURN variant;
END
$$;
COMMENT ON FUNCTION fauna.set_variant(text, text, jsonb) IS
    'Adds a variant to a flag, or gives it another value. SELECT fauna.set_variant(''theme'', ''sepia'', ''"#fed"'');';

CREATE FUNCTION fauna.delete_variant(flag text, variant text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF variant IS NULL THEN
        PERFORM fauna.refuse_unknown('23503', 'variant', NULL, NULL);
    END IF;
    PERFORM fauna.known_variant(flag, variant);
    DELETE FROM fauna.variants v WHERE v.flag_key = flag AND v.key = variant;
    RETURN variant;
END
$$;
COMMENT ON FUNCTION fauna.delete_variant(text, text) IS
    'Deletes a variant that is served nowhere. SELECT fauna.delete_variant(''theme'', ''sepia'');';

CREATE FUNCTION fauna.enable(flag text, environment text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text := fauna.known_environment(environment);
BEGIN
    PERFORM fauna.known_flag(flag);
    IF EXISTS (SELECT FROM fauna.flags f WHERE f.key = flag AND f.archived_at IS NOT NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('flag "%s" is archived', flag),
            DETAIL = 'An archived flag is found nowhere, enabled or not.',
            HINT = format('Bring it back first: SELECT fauna.restore_flag(%L);', flag);
    END IF;
    PERFORM fauna.complete_settings(flag => enable.flag, environment => place);
    UPDATE fauna.flag_settings s SET enabled = true
    WHERE s.flag_key = flag AND s.environment_key = place AND NOT s.enabled;
    RETURN flag;
END
$$;
COMMENT ON FUNCTION fauna.enable(text, text) IS
    'Turns a flag on in an environment, from the commit on. SELECT fauna.enable(''checkout''); SELECT fauna.enable(''checkout'', ''staging'');';

CREATE FUNCTION fauna.disable(flag text, environment text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text := fauna.known_environment(environment);
BEGIN
    PERFORM fauna.known_flag(flag);
    UPDATE fauna.flag_settings s SET enabled = false
    WHERE s.flag_key = flag AND s.environment_key = place AND s.enabled;
    RETURN flag;
END
$$;
COMMENT ON FUNCTION fauna.disable(text, text) IS
    'Turns a flag off in an environment: everybody gets the off variant from the commit on. SELECT fauna.disable(''checkout'');';

CREATE FUNCTION fauna.archive_flag(flag text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    requirers text;
BEGIN
    PERFORM fauna.known_flag(flag);
    SELECT string_agg(DISTINCT p.flag_key, ', ' ORDER BY p.flag_key) INTO requirers
    FROM fauna.prerequisites p
    JOIN fauna.flags f ON f.key = p.flag_key
    WHERE p.required_flag_key = flag AND f.archived_at IS NULL;
    IF requirers IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('flag "%s" is required by other flags', flag),
            DETAIL = format('These would be off for everybody: %s.', requirers),
            HINT = 'Drop the prerequisite first, with fauna.unrequire_flag, or archive those flags.';
    END IF;
    UPDATE fauna.flags f SET archived_at = now() WHERE f.key = flag AND f.archived_at IS NULL;
    RETURN flag;
END
$$;
COMMENT ON FUNCTION fauna.archive_flag(text) IS
    'Takes a flag out of use everywhere: evaluation no longer finds it, and restore_flag brings it back as it was. SELECT fauna.archive_flag(''checkout'');';

CREATE FUNCTION fauna.restore_flag(flag text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.known_flag(flag);
    UPDATE fauna.flags f SET archived_at = NULL WHERE f.key = flag AND f.archived_at IS NOT NULL;
    RETURN flag;
END
$$;
COMMENT ON FUNCTION fauna.restore_flag(text) IS
    'Brings an archived flag back, with its settings as they were. SELECT fauna.restore_flag(''checkout'');';

CREATE FUNCTION fauna.delete_flag(flag text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.known_flag(flag);
    DELETE FROM fauna.flags f WHERE f.key = flag;
    RETURN flag;
END
$$;
COMMENT ON FUNCTION fauna.delete_flag(text) IS
    'Deletes a flag with its variants, settings, rules and usage; its history stays. SELECT fauna.delete_flag(''checkout'');';
