-- What a rule may serve, and to whom.
--
-- The sum of a rule's weights is checked at COMMIT only: moving share from one variant to another takes two
-- statements in plain SQL, and which comes first should not matter. Behind the log's lock it also holds
-- when two sessions each add a part. A half-loaded rule has a part of its weights, so a restore cannot
-- fail.

CREATE FUNCTION fauna.check_weights(rule uuid) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total record;
BEGIN
    SELECT r.flag_key, r.environment_key, sum(a.weight) AS weight,
        -- While a ramp runs, the first allocation may weigh more than its own weight.
        greatest((array_agg(a.weight ORDER BY a.position, a.variant_key))[1], r.ramp_start_weight)
            - (array_agg(a.weight ORDER BY a.position, a.variant_key))[1] AS more_in_ramp,
        string_agg(format('%s %s %%', a.variant_key, trim_scale(a.weight / 1000.0)), ', ' ORDER BY a.position, a.variant_key) AS shares
    INTO total
    FROM fauna.rules AS r
    JOIN fauna.allocations AS a ON a.rule_id = r.id
    WHERE r.id = check_weights.rule
    GROUP BY r.id;
    IF total.weight + total.more_in_ramp > 100000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = CASE WHEN total.weight > 100000 THEN 'weights of a rule exceed 100 %'
                ELSE 'weights of a rule exceed 100 % at the start of its ramp' END,
            DETAIL = format('Rule %s of flag "%s" in environment "%s": %s, together %s %%.', check_weights.rule, total.flag_key,
                total.environment_key, total.shares, trim_scale((total.weight + total.more_in_ramp) / 1000.0)),
            HINT = 'Lower one of the weights in the same transaction: they are added up at COMMIT.',
            SCHEMA = 'fauna', TABLE = 'allocations', CONSTRAINT = 'allocations_weight_sum_check';
    END IF;
END
$$;
COMMENT ON FUNCTION fauna.check_weights(uuid) IS
    'Raises if the weights of a rule exceed 100 %, at the start of its ramp included.';

CREATE FUNCTION fauna.validate_weights() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    rule uuid;
BEGIN
    -- Nearly every rule is done in three short statements; an import has tens of thousands.
    IF (SELECT l.txid <> pg_current_xact_id() FROM fauna.commit_lock l) THEN
        PERFORM fauna.lock_commits();
    END IF;
    IF TG_TABLE_NAME = 'rules' THEN
        rule := NEW.id;
    ELSE
        rule := NEW.rule_id;
    END IF;
    IF (SELECT sum(a.weight) FROM fauna.allocations a WHERE a.rule_id = rule)
        + (SELECT coalesce(r.ramp_start_weight, 0) FROM fauna.rules r WHERE r.id = rule) > 100000 THEN
        PERFORM fauna.check_weights(rule);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_weights() IS
    'Trigger at commit: refuses a rule whose weights exceed 100 %.';

CREATE CONSTRAINT TRIGGER allocations_validate_weights
    AFTER INSERT OR UPDATE OF rule_id, weight, position ON fauna.allocations
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fauna.validate_weights();

CREATE CONSTRAINT TRIGGER rules_validate_weights
    AFTER INSERT OR UPDATE OF ramp_start_weight ON fauna.rules
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.ramp_start_weight > 0)
    EXECUTE FUNCTION fauna.validate_weights();

-- Whether a rule is the default is settled when it is made. Then no rule can become the default while another session
-- gives it an audience, and the check below reads what nobody can change.
CREATE FUNCTION fauna.validate_default() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    misfit record;
BEGIN
    IF TG_TABLE_NAME = 'rules' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = 'whether a rule is the default cannot change',
            DETAIL = format('Rule %s of flag "%s" in environment "%s" is %s.', OLD.id, OLD.flag_key, OLD.environment_key,
                CASE WHEN OLD.is_default THEN 'the default' ELSE 'not the default' END),
            HINT = 'Change the allocations of the default rule; for anything else delete the rule and make another.',
            SCHEMA = 'fauna', TABLE = 'rules', CONSTRAINT = 'rules_is_default_unchanged_check';
    END IF;
    SELECT r.id, r.flag_key, r.environment_key, n.audience_key INTO misfit
    FROM new_rows n
    JOIN fauna.rules r ON r.id = n.rule_id
    WHERE r.is_default
    ORDER BY r.id, n.audience_key
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = 'the default rule is for everybody and has no audiences',
            DETAIL = format('Rule %s is the default of flag "%s" in environment "%s"; audience "%s" was to be added.',
                misfit.id, misfit.flag_key, misfit.environment_key, misfit.audience_key),
            HINT = format('Make a rule for the audience: SELECT fauna.target(%L, %L);', misfit.flag_key, misfit.audience_key),
            SCHEMA = 'fauna', TABLE = 'rule_audiences', CONSTRAINT = 'rule_audiences_default_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_default() IS
    'Trigger: keeps the default rule the default, and without audiences.';

CREATE TRIGGER rules_validate_default
    AFTER UPDATE OF is_default ON fauna.rules
    FOR EACH ROW WHEN (OLD.is_default <> NEW.is_default)
    EXECUTE FUNCTION fauna.validate_default();

CREATE TRIGGER rule_audiences_validate_inserted
    AFTER INSERT ON fauna.rule_audiences
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.validate_default();

CREATE TRIGGER rule_audiences_validate_updated
    AFTER UPDATE ON fauna.rule_audiences
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.validate_default();
