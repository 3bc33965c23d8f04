-- Rules as such: when they hold, in which order, and what a flag asks of other flags.

CREATE FUNCTION fauna.schedule(rule uuid, active_from timestamptz DEFAULT NULL, active_until timestamptz DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.known_rule(rule);
    UPDATE fauna.rules r
    SET active_from = schedule.active_from, active_until = schedule.active_until
    WHERE r.id = rule;
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.schedule(uuid, timestamptz, timestamptz) IS
    'Lets a rule match only from and until a time; null means open. SELECT fauna.schedule(fauna.target(''sale'', ''beta''), ''2026-12-01 00:00+00'', ''2026-12-24 00:00+00'');';

CREATE FUNCTION fauna.ramp(rule uuid, until timestamptz, start timestamptz DEFAULT now(), start_percent numeric DEFAULT 0) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.known_rule(rule);
    UPDATE fauna.rules r
    SET ramp_from = ramp.start, ramp_until = ramp.until, ramp_start_weight = fauna.weight_of(start_percent)
    WHERE r.id = rule;
    PERFORM fauna.check_weights(rule);
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.ramp(uuid, timestamptz, timestamptz, numeric) IS
    'Lets the share of a rule''s first variant grow evenly from start_percent to its own until a time. SELECT fauna.ramp(fauna.rollout(''checkout'', 100), now() + interval ''7 days'');';

CREATE FUNCTION fauna.move_rule(rule uuid, place integer DEFAULT 1) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved fauna.rules;
BEGIN
    PERFORM fauna.known_rule(rule);
    SELECT * INTO moved FROM fauna.rules r WHERE r.id = rule;
    IF moved.is_default THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the default rule is always last',
            DETAIL = format('Rule %s is the default of flag "%s" in environment "%s".', rule, moved.flag_key, moved.environment_key),
            HINT = 'Move the other rules.';
    END IF;
    -- The flag's rules take turns on the default, as in rule_for.
    PERFORM FROM fauna.rules r
    WHERE r.flag_key = moved.flag_key AND r.environment_key = moved.environment_key AND r.is_default
    FOR NO KEY UPDATE;
    UPDATE fauna.rules r
    SET position = n.position
    FROM (
        -- The moved rule stands just before whoever has its place now.
        SELECT o.id, row_number() OVER (ORDER BY
            CASE WHEN o.id = rule THEN greatest(place, 1) ELSE o.n END, o.id <> rule, o.n) AS position
        FROM (
            SELECT a.id, row_number() OVER (ORDER BY a.id = rule, a.position, a.id) AS n
            FROM fauna.rules a
            WHERE a.flag_key = moved.flag_key AND a.environment_key = moved.environment_key AND NOT a.is_default
        ) o
    ) n
    WHERE r.id = n.id AND r.position <> n.position;
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.move_rule(uuid, integer) IS
    'Moves a rule to a place in the order of the flag''s rules, 1 being the first. SELECT fauna.move_rule(fauna.target(''checkout'', ''staff''));';

CREATE FUNCTION fauna.remove_rule(rule uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed fauna.rules;
BEGIN
    PERFORM fauna.known_rule(rule);
    SELECT * INTO removed FROM fauna.rules r WHERE r.id = rule;
    IF removed.is_default THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the default rule stays',
            DETAIL = format('Rule %s is the default of flag "%s" in environment "%s".', rule, removed.flag_key, removed.environment_key),
            HINT = format('Let it serve the off variant: SELECT fauna.rollout(%L, 0, environment => %L);', removed.flag_key, removed.environment_key);
    END IF;
    DELETE FROM fauna.rules r WHERE r.id = rule;
    RETURN rule;
END
$$;
COMMENT ON FUNCTION fauna.remove_rule(uuid) IS
    'Removes a rule that is not the default. SELECT fauna.remove_rule(rule) FROM fauna.rule_list WHERE flag = ''checkout'' AND place = 1;';

CREATE FUNCTION fauna.require_flag(
    flag text, required_flag text, required_variant text DEFAULT NULL, environment text DEFAULT NULL
) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text := fauna.known_environment(environment);
BEGIN
    PERFORM fauna.complete_settings(flag => fauna.known_flag(flag), environment => place);
    INSERT INTO fauna.prerequisites (flag_key, environment_key, required_flag_key, required_variant)
    VALUES (flag, place, required_flag, fauna.known_variant(required_flag, require_flag.required_variant))
    ON CONFLICT DO NOTHING;
    RETURN required_flag;
END
$$;
COMMENT ON FUNCTION fauna.require_flag(text, text, text, text) IS
    'Makes a flag serve its off variant unless another flag evaluates to a variant (the first, for a boolean flag on); several calls allow several variants. SELECT fauna.require_flag(''checkout'', ''payments'');';

CREATE FUNCTION fauna.unrequire_flag(flag text, required_flag text, environment text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text := fauna.known_environment(environment);
    removed bigint;
BEGIN
    PERFORM fauna.known_flag(flag), fauna.known_flag(required_flag);
    DELETE FROM fauna.prerequisites p
    WHERE p.flag_key = flag AND p.environment_key = place AND p.required_flag_key = unrequire_flag.required_flag;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION fauna.unrequire_flag(text, text, text) IS
    'Drops what a flag asks of another flag, and returns how many variants that were. SELECT fauna.unrequire_flag(''checkout'', ''payments'');';
