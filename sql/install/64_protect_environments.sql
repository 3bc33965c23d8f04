-- Protected environments: what is on there, only an admin changes.
--
-- An admin is whoever may update fauna.environments, and so could take the protection away. Everybody else
-- may prepare a flag in a protected environment while it is off there, and create and delete such flags;
-- they may not turn one on, and not change one that is on: its rules, its variants, the flags it requires,
-- the audiences it asks for and the attributes these compare. The same audience serves every environment, so one that a protected
-- environment uses is protected too.
--
-- The question is asked in the WHEN clause, because only there current_user is the writer (in a function with
-- its owner's rights it is the owner); for an admin nothing else runs. A cascade runs as the tables' owner and
-- passes: the statement that caused it has been asked. It is asked at the statement only: a change prepared
-- while the flag was off, and committed after an admin turned it on, takes effect.

CREATE FUNCTION fauna.protected_flags(audiences text[]) RETURNS TABLE (flag_key text, environment_key text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE outward (key) AS (
        SELECT u.key COLLATE "C" FROM unnest(audiences) u (key)
        UNION
        SELECT c.audience_key FROM outward o JOIN fauna.conditions c ON c.nested_audience_key = o.key
    )
    SELECT s.flag_key, s.environment_key
    FROM outward o
    JOIN fauna.rule_audiences ra ON ra.audience_key = o.key
    JOIN fauna.rules r ON r.id = ra.rule_id
    JOIN fauna.flag_settings s ON s.flag_key = r.flag_key AND s.environment_key = r.environment_key
    JOIN fauna.environments e ON e.key = s.environment_key
    WHERE s.enabled AND e.protected;
END
$$;
COMMENT ON FUNCTION fauna.protected_flags(text[]) IS
    'Flags that are on in a protected environment and ask for one of the audiences, directly or through others.';

CREATE FUNCTION fauna.is_required(flag text, environment text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM fauna.prerequisites p
        JOIN fauna.flag_settings s ON s.flag_key = p.flag_key AND s.environment_key = p.environment_key
        WHERE p.required_flag_key = flag AND p.environment_key = environment AND s.enabled);
END
$$;
COMMENT ON FUNCTION fauna.is_required(text, text) IS
    'Whether a flag that is on in an environment requires this one.';

CREATE FUNCTION fauna.protect_environment() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The row before and after, as far as there is one.
    touched jsonb := jsonb_path_query_array(jsonb_build_array(to_jsonb(OLD), to_jsonb(NEW)), '$[*] ? (@.type() == "object")');
    affected record;
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'flag_settings' THEN
        -- The off variant is what a flag serves while it is off, also to one that requires it.
        SELECT s.flag_key, s.environment_key INTO affected
        FROM jsonb_populate_recordset(NULL::fauna.flag_settings, touched) s
        JOIN fauna.environments e ON e.key = s.environment_key
        WHERE e.protected AND (s.enabled OR TG_OP = 'UPDATE' OR fauna.is_required(s.flag_key, s.environment_key))
        LIMIT 1;
    WHEN 'rules', 'prerequisites' THEN
        SELECT s.flag_key, s.environment_key INTO affected
        FROM jsonb_array_elements(touched) t (r)
        JOIN fauna.flag_settings s
            ON s.flag_key = t.r ->> 'flag_key' AND s.environment_key = t.r ->> 'environment_key'
        JOIN fauna.environments e ON e.key = s.environment_key
        WHERE e.protected AND s.enabled
        LIMIT 1;
    WHEN 'allocations', 'rule_audiences' THEN
        SELECT s.flag_key, s.environment_key INTO affected
        FROM jsonb_array_elements(touched) t (r)
        JOIN fauna.rules r ON r.id = (t.r ->> 'rule_id')::uuid
        JOIN fauna.flag_settings s ON s.flag_key = r.flag_key AND s.environment_key = r.environment_key
        JOIN fauna.environments e ON e.key = s.environment_key
        WHERE e.protected AND s.enabled
        LIMIT 1;
    WHEN 'flags', 'variants' THEN
        SELECT s.flag_key, s.environment_key INTO affected
        FROM fauna.flag_settings s
        JOIN fauna.environments e ON e.key = s.environment_key
        WHERE s.flag_key = coalesce(touched -> 0 ->> 'flag_key', touched -> 0 ->> 'key')
            AND e.protected AND (s.enabled OR TG_TABLE_NAME = 'variants' AND s.off_variant = touched -> 0 ->> 'key'
                OR TG_TABLE_NAME = 'flags' AND touched -> 0 -> 'archived_at' <> touched -> 1 -> 'archived_at'
                    AND fauna.is_required(s.flag_key, s.environment_key))
        LIMIT 1;
    WHEN 'conditions' THEN
        SELECT f.flag_key, f.environment_key INTO affected
        FROM fauna.protected_flags(ARRAY[touched -> 0 ->> 'audience_key']) f
        LIMIT 1;
    WHEN 'audiences' THEN
        SELECT f.flag_key, f.environment_key INTO affected FROM fauna.protected_flags(ARRAY[touched -> 0 ->> 'key']) f LIMIT 1;
    WHEN 'attributes' THEN
        SELECT f.flag_key, f.environment_key INTO affected
        FROM fauna.protected_flags(ARRAY(
            SELECT c.audience_key FROM fauna.conditions c WHERE c.attribute_key = touched -> 0 ->> 'key')) f
        LIMIT 1;
    END CASE;
    IF affected.flag_key IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('environment "%s" is protected', affected.environment_key),
            DETAIL = format('%s of fauna.%s would change what flag "%s" serves there.',
                initcap(TG_OP), TG_TABLE_NAME, affected.flag_key),
            HINT = 'Ask somebody with the profile admin to make the change; see fauna.grant.',
            SCHEMA = 'fauna', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;
COMMENT ON FUNCTION fauna.protect_environment() IS
    'Trigger for those who are no admins: refuses a change of what a flag serves in a protected environment.';

CREATE TRIGGER flag_settings_protect
    AFTER INSERT OR UPDATE OF enabled, off_variant OR DELETE ON fauna.flag_settings
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

CREATE TRIGGER rules_protect
    AFTER INSERT OR UPDATE OR DELETE ON fauna.rules
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

CREATE TRIGGER allocations_protect
    AFTER INSERT OR UPDATE OR DELETE ON fauna.allocations
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

CREATE TRIGGER rule_audiences_protect
    AFTER INSERT OR UPDATE OR DELETE ON fauna.rule_audiences
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

CREATE TRIGGER prerequisites_protect
    AFTER INSERT OR UPDATE OR DELETE ON fauna.prerequisites
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

-- BEFORE, because after a DELETE the settings that would tell are gone as well.
CREATE TRIGGER flags_protect
    BEFORE UPDATE OF salt, client_visible, archived_at OR DELETE ON fauna.flags
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

CREATE TRIGGER variants_protect
    AFTER UPDATE OF value ON fauna.variants
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

CREATE TRIGGER conditions_protect
    AFTER INSERT OR UPDATE OR DELETE ON fauna.conditions
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

CREATE TRIGGER audiences_protect
    AFTER UPDATE OF match OR DELETE ON fauna.audiences
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();

CREATE TRIGGER attributes_protect
    AFTER UPDATE OF type ON fauna.attributes
    FOR EACH ROW WHEN (NOT pg_catalog.has_table_privilege(current_user, 'fauna.environments', 'UPDATE'))
    EXECUTE FUNCTION fauna.protect_environment();
