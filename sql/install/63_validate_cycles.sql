-- No audience contains itself, no flag requires itself, at whatever distance.
--
-- Half of a graph without cycles has none, so a restore cannot fail. Two sessions that each add one half of a cycle both pass
-- at their statement; the second to commit is refused (see 60: twice, and why).

CREATE FUNCTION fauna.validate_nesting() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
BEGIN
    IF TG_ARGV[0] = 'commit' THEN
        PERFORM fauna.lock_commits();
    END IF;
    IF EXISTS (
        WITH RECURSIVE inside (key) AS (
            -- By now the condition may have been deleted or changed again.
            SELECT c.nested_audience_key FROM fauna.conditions AS c
            WHERE c.id = NEW.id AND c.audience_key = NEW.audience_key
            UNION
            SELECT c.nested_audience_key FROM inside AS i JOIN fauna.conditions AS c ON c.audience_key = i.key
        )
        SELECT FROM inside AS i WHERE i.key = NEW.audience_key
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'UF020',
            MESSAGE = format('audience "%s" would contain itself', NEW.audience_key),
            DETAIL = CASE WHEN NEW.audience_key = NEW.nested_audience_key
                THEN format('Condition %s asks for membership in the audience it belongs to.', NEW.id)
                ELSE format('Condition %s asks for membership in audience "%s", which leads back to "%s".',
                    NEW.id, NEW.nested_audience_key, NEW.audience_key) END,
            HINT = 'Move the conditions that both need into a third audience.',
            SCHEMA = 'fauna', TABLE = 'conditions', CONSTRAINT = 'conditions_nested_audience_key_cycle_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_nesting() IS
    'Trigger: refuses an audience that contains itself, directly or through others.';

CREATE TRIGGER conditions_validate_nesting
    AFTER INSERT OR UPDATE OF audience_key, nested_audience_key ON fauna.conditions
    FOR EACH ROW WHEN (NEW.nested_audience_key IS NOT NULL)
    EXECUTE FUNCTION fauna.validate_nesting('statement');

CREATE CONSTRAINT TRIGGER conditions_validate_nesting_at_commit
    AFTER INSERT OR UPDATE OF audience_key, nested_audience_key ON fauna.conditions
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.nested_audience_key IS NOT NULL)
    EXECUTE FUNCTION fauna.validate_nesting('commit');

CREATE FUNCTION fauna.validate_prerequisite() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
BEGIN
    IF TG_ARGV[0] = 'commit' THEN
        PERFORM fauna.lock_commits();
    END IF;
    IF EXISTS (
        WITH RECURSIVE required (key) AS (
            SELECT p.required_flag_key FROM fauna.prerequisites AS p
            WHERE p.flag_key = NEW.flag_key AND p.environment_key = NEW.environment_key
                AND p.required_flag_key = NEW.required_flag_key
            UNION
            SELECT p.required_flag_key FROM required AS r
            JOIN fauna.prerequisites AS p ON p.flag_key = r.key AND p.environment_key = NEW.environment_key
        )
        SELECT FROM required AS r WHERE r.key = NEW.flag_key
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'UF020',
            MESSAGE = format('flag "%s" would require itself', NEW.flag_key),
            DETAIL = CASE WHEN NEW.flag_key = NEW.required_flag_key
                THEN format('In environment "%s" it would be its own prerequisite.', NEW.environment_key)
                ELSE format('In environment "%s" it would require flag "%s", which leads back to "%s".',
                    NEW.environment_key, NEW.required_flag_key, NEW.flag_key) END,
            HINT = 'Drop one of the prerequisites that lead back; fauna.prerequisites holds them.',
            SCHEMA = 'fauna', TABLE = 'prerequisites', CONSTRAINT = 'prerequisites_required_flag_key_cycle_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_prerequisite() IS
    'Trigger: refuses a flag that requires itself, directly or through others.';

CREATE TRIGGER prerequisites_validate
    AFTER INSERT OR UPDATE ON fauna.prerequisites
    FOR EACH ROW EXECUTE FUNCTION fauna.validate_prerequisite('statement');

CREATE CONSTRAINT TRIGGER prerequisites_validate_at_commit
    AFTER INSERT OR UPDATE ON fauna.prerequisites
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fauna.validate_prerequisite('commit');
