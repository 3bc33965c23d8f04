-- Who gets what: a rule for an audience, the default rule for everybody else, and what they serve.

CREATE FUNCTION fauna.weight_of(percent numeric) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF percent BETWEEN 0 AND 100 AND percent = round(percent, 3) THEN
        RETURN (percent * 1000)::integer;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = 'percentage is not valid',
        DETAIL = format('%s is not a number from 0 to 100 with at most three decimals.', coalesce(percent::text, 'null')),
        HINT = 'Give a share such as 10 or 0.125; weights are thousandths of a percent.';
END
$$;
COMMENT ON FUNCTION fauna.weight_of(numeric) IS
    'A percentage as the weight of an allocation, in thousandths of a percent. SELECT fauna.weight_of(12.5) is 12500.';

CREATE FUNCTION fauna.rule_for(flag text, audience text, environment text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text := fauna.known_environment(environment);
    rule uuid;
BEGIN
    PERFORM fauna.complete_settings(flag => fauna.known_flag(flag), environment => place);
    -- Locking the default rule makes sessions that target the same flag take turns, so that no two make the
    -- same rule, or give two the same place. To turn the flag on or off is to update another row, which
    -- does not wait.
    SELECT r.id INTO rule
    FROM fauna.rules r
    WHERE r.flag_key = flag AND r.environment_key = place AND r.is_default
    FOR NO KEY UPDATE;
    IF rule IS NULL THEN
        INSERT INTO fauna.rules (flag_key, environment_key, is_default) VALUES (flag, place, true) RETURNING id INTO rule;
    END IF;
    IF audience IS NULL THEN
        RETURN rule;
    END IF;
    PERFORM fauna.known_audience(audience);
    SELECT r.id INTO rule
    FROM fauna.rules r
    JOIN fauna.rule_audiences ra ON ra.rule_id = r.id
    WHERE r.flag_key = flag AND r.environment_key = place
    GROUP BY r.id
    HAVING count(*) = 1 AND bool_and(ra.audience_key = audience AND NOT ra.negate)
    ORDER BY r.position, r.id
    LIMIT 1;
    IF rule IS NULL THEN
        INSERT INTO fauna.rules (flag_key, environment_key, position)
        SELECT flag, place, coalesce(max(r.position), 0) + 1
        FROM fauna.rules r
        WHERE r.flag_key = flag AND r.environment_key = place AND NOT r.is_default
        RETURNING id INTO rule;
        INSERT INTO fauna.rule_audiences (rule_id, flag_key, audience_key)
        VALUES (rule, flag, audience);
    END IF;
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.rule_for(text, text, text) IS
    'The flag''s first rule for exactly this audience, or with a null audience its default rule; made, last in order and serving nothing yet, if there is none.';

CREATE FUNCTION fauna.allocate(rule uuid, variants text[], weights integer[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.known_rule(rule);
    -- Whoever changes the same rule at the same time takes turns here, and then sees the other's allocations.
    PERFORM FROM fauna.rules r WHERE r.id = rule FOR NO KEY UPDATE;
    -- What is served now is served at these weights: a ramp set earlier was for others.
    UPDATE fauna.rules r SET ramp_from = NULL, ramp_until = NULL, ramp_start_weight = NULL
    WHERE r.id = rule AND r.ramp_from IS NOT NULL;
    DELETE FROM fauna.allocations a WHERE a.rule_id = rule AND a.variant_key <> ALL (variants);
    INSERT INTO fauna.allocations AS a (rule_id, flag_key, variant_key, position, weight)
    SELECT rule, r.flag_key, fauna.known_variant(r.flag_key, n.variant), n.position, n.weight
    FROM fauna.rules r
    CROSS JOIN unnest(variants, weights) WITH ORDINALITY n (variant, weight, position)
    WHERE r.id = rule
    ON CONFLICT ON CONSTRAINT allocations_pkey DO UPDATE SET position = EXCLUDED.position, weight = EXCLUDED.weight
    WHERE (a.position, a.weight) <> (EXCLUDED.position, EXCLUDED.weight);
    PERFORM fauna.check_weights(rule);
END
$$;
COMMENT ON FUNCTION fauna.allocate(uuid, text[], integer[]) IS
    'Makes a rule serve exactly these variants, in this order, with these weights in thousandths of a percent, from now on (a ramp ends). SELECT fauna.allocate(rule, ''{on,off}'', ''{10000,90000}'');';

CREATE FUNCTION fauna.target(flag text, audience text, variant text DEFAULT NULL, environment text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text := fauna.known_environment(environment);
    served text := fauna.known_variant(flag, variant);
    rule uuid := fauna.rule_for(flag, fauna.known_audience(audience), place);
BEGIN
    PERFORM fauna.allocate(rule, ARRAY[served], ARRAY[100000]);
    IF EXISTS (
        SELECT FROM fauna.rules r
        JOIN fauna.allocations a ON a.rule_id = r.id
        WHERE r.flag_key = flag AND r.environment_key = place AND r.is_default
            AND a.variant_key = served AND a.weight = 100000
    ) THEN
        RAISE NOTICE USING
            MESSAGE = format('everybody else gets variant "%s" as well', served),
            DETAIL = format('The default rule of flag "%s" in environment "%s" serves it to all.', flag, place),
            HINT = format('To keep it to audiences: SELECT fauna.rollout(%L, 0, environment => %L);', flag, place);
    END IF;
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.target(text, text, text, text) IS
    'Serves a variant (the first, for a boolean flag on) to an audience, and returns the rule. A rule for this audience alone is changed, else one is added before the default. SELECT fauna.target(''checkout'', ''beta'');';

CREATE FUNCTION fauna.untarget(flag text, audience text, environment text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text := fauna.known_environment(environment);
    removed bigint;
BEGIN
    PERFORM fauna.known_flag(flag), fauna.known_audience(audience);
    DELETE FROM fauna.rules r
    WHERE r.flag_key = flag AND r.environment_key = place
        AND (SELECT count(*) = 1 AND bool_and(ra.audience_key = audience AND NOT ra.negate)
             FROM fauna.rule_audiences ra WHERE ra.rule_id = r.id);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION fauna.untarget(text, text, text) IS
    'Removes the flag''s rules for exactly this audience, and returns how many there were. SELECT fauna.untarget(''checkout'', ''beta'');';

CREATE FUNCTION fauna.rollout(
    flag text,
    percent numeric,
    audience text DEFAULT NULL,
    variant text DEFAULT NULL,
    environment text DEFAULT NULL,
    by text DEFAULT NULL
) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    weight integer := fauna.weight_of(percent);
    served text := fauna.known_variant(flag, variant);
    rule uuid := fauna.rule_for(flag, audience, environment);
    rest text;
BEGIN
    -- The served variant comes first and starts at bucket 0, so more percent keep whom fewer had. Whom a
    -- rule for an audience leaves falls through to the next; the default has no next and names the variant
    -- for the rest.
    SELECT s.off_variant INTO rest
    FROM fauna.rules r
    JOIN fauna.flag_settings s ON s.flag_key = r.flag_key AND s.environment_key = r.environment_key
    WHERE r.id = rule AND r.is_default AND s.off_variant <> served AND weight < 100000;
    UPDATE fauna.rules r SET bucket_by = rollout.by WHERE r.id = rule AND r.bucket_by <> rollout.by;
    IF rest IS NULL THEN
        PERFORM fauna.allocate(rule, ARRAY[served], ARRAY[weight]);
    ELSE
        PERFORM fauna.allocate(rule, ARRAY[served, rest], ARRAY[weight, 100000 - weight]);
    END IF;
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.rollout(text, numeric, text, text, text, text) IS
    'Serves a variant (the first, for a boolean flag on) to a share of everybody, or of an audience, and returns the rule; the rest get the off variant, or what the next rules give. A larger share later keeps everybody who was in. SELECT fauna.rollout(''checkout'', 10);';

CREATE FUNCTION fauna.split(
    flag text,
    -- json, not jsonb: buckets are handed out in the order typed.
    weights json,
    audience text DEFAULT NULL,
    environment text DEFAULT NULL,
    by text DEFAULT NULL
) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named text[];
    shares integer[];
    rule uuid;
BEGIN
    IF weights IS NULL OR json_typeof(weights) <> 'object' OR weights::jsonb = '{}'
        OR jsonb_path_exists(weights::jsonb, 'strict $.* ? (@.type() != "number")')
        OR (SELECT count(*) <> count(DISTINCT k.key) FROM json_object_keys(weights) k (key)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'weights are not valid',
            DETAIL = 'They are not an object with one percentage for every variant to be served.',
            HINT = format('For example: SELECT fauna.split(%L, ''{"on": 50, "off": 50}'');', flag);
    END IF;
    SELECT array_agg(w.key ORDER BY w.n), array_agg(fauna.weight_of(w.percent::numeric) ORDER BY w.n)
    INTO named, shares
    FROM json_each_text(weights) WITH ORDINALITY w (key, percent, n);
    rule := fauna.rule_for(flag, audience, environment);
    UPDATE fauna.rules r SET bucket_by = split.by WHERE r.id = rule AND r.bucket_by <> split.by;
    PERFORM fauna.allocate(rule, named, shares);
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.split(text, json, text, text, text) IS
    'Serves variants in shares of percent to everybody, or to an audience, and returns the rule. SELECT fauna.split(''theme'', ''{"light": 50, "dark": 50}'');';
