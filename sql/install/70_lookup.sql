-- What the functions for people share: finding what was named, and saying so helpfully when it is not there.

CREATE FUNCTION fauna.nearest(wanted text, known text[]) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- Dice's coefficient over pairs of neighbouring letters: good at typing errors, needs no extension, and runs
    -- only when an error is raised anyway.
    WITH pairs_wanted AS (
        SELECT DISTINCT substr(lower(wanted), i, 2) AS pair FROM generate_series(1, length(wanted) - 1) i
    )
    SELECT k.key
    FROM unnest(known) k (key)
    CROSS JOIN LATERAL (
        SELECT 2.0 * count(*) FILTER (WHERE p.pair IN (SELECT w.pair FROM pairs_wanted w))
            / greatest(count(*) + (SELECT count(*) FROM pairs_wanted), 1) AS score
        FROM (SELECT DISTINCT substr(lower(k.key), i, 2) AS pair FROM generate_series(1, length(k.key) - 1) i) p
    ) similarity
    WHERE similarity.score >= 0.5
    ORDER BY similarity.score DESC, k.key
    LIMIT 1
$$;
COMMENT ON FUNCTION fauna.nearest(text, text[]) IS
    'The known key that looks most like the wanted one, or NULL. SELECT fauna.nearest(''chekout'', ''{checkout,search}'') is checkout.';

CREATE FUNCTION fauna.refuse_unknown(code text, entity text, key text, known text[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    near text := fauna.nearest(key, known);
BEGIN
    IF key IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('no %s is named', entity),
            DETAIL = format('The key of the %s is null.', entity),
            HINT = format('Give the key of a row of fauna.%ss.', entity);
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = code,
        MESSAGE = format('%s "%s" does not exist', entity, key),
        DETAIL = format('No row of fauna.%ss has the key "%s".', entity, key),
        HINT = CASE
            WHEN near IS NULL THEN format('Make it with fauna.create_%s, or look in fauna.%ss for those there are.', entity, entity)
            ELSE format('Perhaps you meant "%s".', near)
        END;
END
$$;
COMMENT ON FUNCTION fauna.refuse_unknown(text, text, text, text[]) IS
    'Raises that an entity does not exist, with the known key that looks most like the one given.';

CREATE FUNCTION fauna.known_flag(key text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fauna.flags f WHERE f.key = known_flag.key) THEN
        PERFORM fauna.refuse_unknown('UF001', 'flag', known_flag.key, ARRAY(SELECT f.key FROM fauna.flags f));
    END IF;
    RETURN known_flag.key;
END
$$;
COMMENT ON FUNCTION fauna.known_flag(text) IS
    'The key given, if it is a flag''s; error UF001 otherwise. SELECT fauna.known_flag(''checkout'');';

CREATE FUNCTION fauna.known_audience(key text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fauna.audiences a WHERE a.key = known_audience.key) THEN
        PERFORM fauna.refuse_unknown('UF002', 'audience', known_audience.key, ARRAY(SELECT a.key FROM fauna.audiences a));
    END IF;
    RETURN known_audience.key;
END
$$;
COMMENT ON FUNCTION fauna.known_audience(text) IS
    'The key given, if it is an audience''s; error UF002 otherwise. SELECT fauna.known_audience(''beta'');';

CREATE FUNCTION fauna.known_environment(key text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A setting that was never made reads as null, one that was made and taken back as ''.
    chosen text := coalesce(key, nullif(current_setting('fauna.environment', true), ''), 'production');
BEGIN
    IF NOT EXISTS (SELECT FROM fauna.environments e WHERE e.key = chosen) THEN
        PERFORM fauna.refuse_unknown('UF003', 'environment', chosen, ARRAY(SELECT e.key FROM fauna.environments e));
    END IF;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION fauna.known_environment(text) IS
    'The key given, or else the setting fauna.environment, or else production, if it is an environment''s; error UF003 otherwise. SELECT fauna.known_environment();';

CREATE FUNCTION fauna.known_attribute(key text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fauna.attributes a WHERE a.key = known_attribute.key) THEN
        PERFORM fauna.refuse_unknown('23503', 'attribute', known_attribute.key, ARRAY(SELECT a.key FROM fauna.attributes a));
    END IF;
    RETURN known_attribute.key;
END
$$;
COMMENT ON FUNCTION fauna.known_attribute(text) IS
    'The key given, if it is an attribute''s; error 23503 otherwise, as from the foreign key. SELECT fauna.known_attribute(''country'');';

CREATE FUNCTION fauna.known_variant(flag text, variant text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known text[] := ARRAY(
        SELECT v.key FROM fauna.variants v WHERE v.flag_key = fauna.known_flag(flag) ORDER BY v.position, v.key);
BEGIN
    IF variant IS NULL AND known <> '{}' THEN
        RETURN known[1];
    ELSIF variant = ANY (known) THEN
        RETURN variant;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'foreign_key_violation',
        MESSAGE = CASE WHEN variant IS NULL THEN format('flag "%s" has no variants', flag)
            ELSE format('flag "%s" has no variant "%s"', flag, variant) END,
        DETAIL = CASE WHEN known = '{}' THEN 'It has none at all.'
            ELSE format('It has %s.', array_to_string(known, ', ')) END,
        HINT = coalesce('Perhaps you meant "' || fauna.nearest(variant, known) || '".',
            format('Add it with SELECT fauna.set_variant(%L, %L, …);', flag, coalesce(variant, 'on')));
END
$$;
COMMENT ON FUNCTION fauna.known_variant(text, text) IS
    'The key given, or else the flag''s first variant, if it is a variant of the flag; error 23503 otherwise. SELECT fauna.known_variant(''checkout'', ''on'');';

CREATE FUNCTION fauna.known_rule(rule uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fauna.rules r WHERE r.id = rule) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'no_data_found',
            MESSAGE = 'rule does not exist',
            DETAIL = format('No row of fauna.rules has the id %s.', coalesce(rule::text, 'null')),
            HINT = 'Look in fauna.rule_list for the rules there are.';
    END IF;
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.known_rule(uuid) IS
    'The id given, if it is a rule''s; error P0002 otherwise.';
