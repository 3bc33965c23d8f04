-- No audience contains itself and no flag requires itself, at whatever distance, and neither goes deeper than an
-- evaluation does.
--
-- An evaluation has at most 64 flags and audiences in progress, and its way leads from flag to required flag and then
-- from audience to nested audience. So each kind may take half: 32 in a chain, 31 steps.
--
-- Part of a graph without cycles has none and is no deeper, so a restore cannot fail. Two sessions that
-- each add one half of a cycle both pass at their statement; the second to commit is refused (see 60:
-- twice, and why).

CREATE FUNCTION fauna.validate_nesting() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    is_cycle boolean;
    levels integer;
BEGIN
    IF TG_ARGV[0] = 'commit' THEN
        PERFORM fauna.lock_commits();
    END IF;
    WITH RECURSIVE inside (key, level) AS (
        -- By now the condition may have been deleted or changed again.
        SELECT c.nested_audience_key, 1 FROM fauna.conditions c WHERE c.id = NEW.id
        UNION
        SELECT c.nested_audience_key, i.level + 1
        FROM inside i JOIN fauna.conditions c ON c.audience_key = i.key
        WHERE c.nested_audience_key IS NOT NULL AND i.level < 32
    ), outside (key, level) AS (
        SELECT NEW.audience_key COLLATE "C", 0
        UNION
        SELECT c.audience_key, o.level + 1
        FROM outside o JOIN fauna.conditions c ON c.nested_audience_key = o.key
        WHERE o.level < 32
    )
    SELECT bool_or(i.key = NEW.audience_key), max(i.level) + (SELECT max(o.level) FROM outside o)
    INTO is_cycle, levels
    FROM inside i;

    IF is_cycle THEN
        RAISE EXCEPTION USING
            ERRCODE = 'UF020',
            MESSAGE = format('audience "%s" would contain itself', NEW.audience_key),
            DETAIL = CASE WHEN NEW.audience_key = NEW.nested_audience_key
                THEN format('Condition %s asks for membership in the audience it belongs to.', NEW.id)
                ELSE format('Condition %s asks for membership in audience "%s", which leads back to "%s".',
                    NEW.id, NEW.nested_audience_key, NEW.audience_key) END,
            HINT = 'Move the conditions that both need into a third audience.',
            SCHEMA = 'fauna', TABLE = 'conditions', CONSTRAINT = 'conditions_nested_audience_key_cycle_check';
    ELSIF levels > 31 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = 'audiences are nested more than 32 deep',
            DETAIL = format('Condition %s asks, for audience "%s", for membership in audience "%s".',
                NEW.id, NEW.audience_key, NEW.nested_audience_key),
            HINT = 'Repeat the conditions that are needed instead of nesting further.',
            SCHEMA = 'fauna', TABLE = 'conditions', CONSTRAINT = 'conditions_nested_audience_key_depth_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_nesting() IS
    'Trigger: refuses an audience that contains itself, directly or through others, and nesting too deep to evaluate.';

CREATE TRIGGER conditions_validate_nesting
    AFTER INSERT OR UPDATE OF nested_audience_key ON fauna.conditions
    FOR EACH ROW WHEN (NEW.nested_audience_key IS NOT NULL)
    EXECUTE FUNCTION fauna.validate_nesting('statement');

CREATE CONSTRAINT TRIGGER conditions_validate_nesting_at_commit
    AFTER INSERT OR UPDATE OF nested_audience_key ON fauna.conditions
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.nested_audience_key IS NOT NULL)
    EXECUTE FUNCTION fauna.validate_nesting('commit');

CREATE FUNCTION fauna.validate_prerequisite() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    is_cycle boolean;
    levels integer;
BEGIN
    IF TG_ARGV[0] = 'commit' THEN
        PERFORM fauna.lock_commits();
    END IF;
    WITH RECURSIVE required (key, level) AS (
        SELECT p.required_flag_key, 1
        FROM fauna.prerequisites p
        WHERE p.flag_key = NEW.flag_key AND p.environment_key = NEW.environment_key
            AND p.required_flag_key = NEW.required_flag_key
        UNION
        SELECT p.required_flag_key, r.level + 1
        FROM required r
        JOIN fauna.prerequisites p ON p.flag_key = r.key AND p.environment_key = NEW.environment_key
        WHERE r.level < 32
    ), requiring (key, level) AS (
        SELECT NEW.flag_key COLLATE "C", 0
        UNION
        SELECT p.flag_key, r.level + 1
        FROM requiring r
        JOIN fauna.prerequisites p ON p.required_flag_key = r.key AND p.environment_key = NEW.environment_key
        WHERE r.level < 32
    )
    SELECT bool_or(r.key = NEW.flag_key), max(r.level) + (SELECT max(o.level) FROM requiring o)
    INTO is_cycle, levels
    FROM required r;

    IF is_cycle THEN
        RAISE EXCEPTION USING
            ERRCODE = 'UF020',
            MESSAGE = format('flag "%s" would require itself', NEW.flag_key),
            DETAIL = CASE WHEN NEW.flag_key = NEW.required_flag_key
                THEN format('In environment "%s" it would be its own prerequisite.', NEW.environment_key)
                ELSE format('In environment "%s" it would require flag "%s", which leads back to "%s".',
                    NEW.environment_key, NEW.required_flag_key, NEW.flag_key) END,
            HINT = 'Drop one of the prerequisites that lead back; fauna.prerequisites holds them.',
            SCHEMA = 'fauna', TABLE = 'prerequisites', CONSTRAINT = 'prerequisites_required_flag_key_cycle_check';
    ELSIF levels > 31 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = 'flags require one another more than 32 deep',
            DETAIL = format('In environment "%s" flag "%s" would require flag "%s".',
                NEW.environment_key, NEW.flag_key, NEW.required_flag_key),
            HINT = 'Require the flags at the end of the chain directly.',
            SCHEMA = 'fauna', TABLE = 'prerequisites', CONSTRAINT = 'prerequisites_required_flag_key_depth_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_prerequisite() IS
    'Trigger: refuses a flag that requires itself, directly or through others, and chains too deep to evaluate.';

CREATE TRIGGER prerequisites_validate
    AFTER INSERT OR UPDATE ON fauna.prerequisites
    FOR EACH ROW EXECUTE FUNCTION fauna.validate_prerequisite('statement');

CREATE CONSTRAINT TRIGGER prerequisites_validate_at_commit
    AFTER INSERT OR UPDATE ON fauna.prerequisites
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fauna.validate_prerequisite('commit');
