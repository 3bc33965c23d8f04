-- Who may do what: five profiles, each a list of privileges that fauna.grant hands out and fauna.revoke takes back.
--
-- A profile contains the one before it: evaluator, viewer, editor, admin. bridge stands alone. Roles are
-- the database's own: Fauna keeps no second list of people.

CREATE FUNCTION fauna.profile_privileges(profile text) RETURNS TABLE (privileges text, object text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ladder CONSTANT text[] := '{evaluator,viewer,editor,admin}';
BEGIN
    IF profile IS NULL OR profile <> ALL (ladder || 'bridge'::text) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('profile "%s" does not exist', coalesce(profile, 'null')),
            DETAIL = 'The profiles are viewer, editor, admin, bridge and evaluator.',
            HINT = 'Name one of them.';
    END IF;
    RETURN QUERY
    WITH entries (profile, kind, privileges, names) AS (VALUES
        ('evaluator', 'schema', 'USAGE', '{fauna}'::text[]),
        ('evaluator', 'type', 'USAGE', '{evaluation}'),
        ('evaluator', 'function', 'EXECUTE', '{enabled,variant,value,bool_value,text_value,int_value,float_value,
            evaluate,evaluate_all,explain,in_audience,enabled_row,in_audience_row,enabled_columns,in_audience_columns,
            condition_holds,bucket}'),
        ('viewer', 'table', 'SELECT', '{environments,attributes,audiences,conditions,flags,variants,flag_settings,rules,
            allocations,rule_audiences,prerequisites,heads,revisions,usage,sdk_key_usage,rule_list,flag_status,change_log}'),
        -- All but the hash.
        ('viewer', 'table', 'SELECT (id, environment_key, kind, name, prefix, created_at, expires_at, revoked_at)', '{sdk_keys}'),
        ('viewer', 'function', 'EXECUTE', '{cache_stats,check_condition,check_variant,check_weights,known_flag,known_audience,
            known_environment,known_attribute,known_variant,known_rule,nearest,refuse_unknown,weight_of,typed_value,
            audience_predicate,checked_predicate,audience_sql,count_audience,refuse_unless_rows,relation_name}'),
        ('editor', 'table', 'INSERT, UPDATE, DELETE', '{attributes,audiences,conditions,flags,variants,flag_settings,rules,
            allocations,rule_audiences,prerequisites}'),
        ('editor', 'function', 'EXECUTE', '{complete_settings,create_attribute,delete_attribute,create_audience,
            delete_audience,add_condition,nest_audience,remove_condition,create_flag,set_variant,delete_variant,enable,
            disable,archive_flag,restore_flag,delete_flag,rule_for,allocate,target,untarget,rollout,split,schedule,ramp,
            move_rule,remove_rule,require_flag,unrequire_flag}'),
        ('admin', 'table', 'SELECT, INSERT, UPDATE, DELETE', '{environments,sdk_keys}'),
        ('admin', 'function', 'EXECUTE', '{create_environment,delete_environment,create_sdk_key,revoke_sdk_key,
            prune_usage}'),
        ('bridge', 'schema', 'USAGE', '{fauna}'),
        ('bridge', 'table', 'SELECT', '{heads,documents}'),
        ('bridge', 'function', 'EXECUTE', '{changes,ruleset,record_usage}')
    )
    SELECT e.privileges,
        CASE e.kind
            WHEN 'schema' THEN format('SCHEMA %I', n.name)
            WHEN 'type' THEN format('TYPE fauna.%I', n.name)
            WHEN 'table' THEN format('TABLE fauna.%I', n.name)
            ELSE format('FUNCTION %s', p.oid::regprocedure)
        END
    FROM entries e
    CROSS JOIN LATERAL (SELECT btrim(u.name) AS name FROM unnest(e.names) u (name)) n
    LEFT JOIN pg_proc p ON e.kind = 'function' AND p.pronamespace = 'fauna'::regnamespace AND p.proname = n.name
    WHERE (e.kind <> 'function' OR p.oid IS NOT NULL)
        AND CASE WHEN profile_privileges.profile = 'bridge' THEN e.profile = 'bridge'
            ELSE array_position(ladder, e.profile) <= array_position(ladder, profile_privileges.profile) END;
END
$$;
COMMENT ON FUNCTION fauna.profile_privileges(text) IS
    'What a profile may do, as the words of a GRANT. SELECT * FROM fauna.profile_privileges(''viewer'');';

CREATE FUNCTION fauna.refuse_unless_owner() RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner oid := (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'fauna');
BEGIN
    -- GRANT by somebody who may not grant is only a warning, and would look like success.
    IF NOT pg_has_role(current_user, owner, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'only the owner of the extension can hand out its privileges',
            DETAIL = format('The owner is role "%s".', pg_get_userbyid(owner)),
            HINT = 'Ask a member of that role, or a superuser.';
    END IF;
END
$$;
COMMENT ON FUNCTION fauna.refuse_unless_owner() IS
    'Raises unless the caller is, or is a member of, the extension''s owner.';

CREATE FUNCTION fauna.grant(role name, profile text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item record;
BEGIN
    PERFORM fauna.refuse_unless_owner();
    FOR item IN SELECT p.privileges, p.object FROM fauna.profile_privileges(profile) p LOOP
        EXECUTE format('GRANT %s ON %s TO %I', item.privileges, item.object, role);
    END LOOP;
    RETURN role;
END
$$;
COMMENT ON FUNCTION fauna.grant(name, text) IS
    'Gives a role the privileges of a profile: viewer, editor, admin, bridge or evaluator. Again after an upgrade, which may bring new objects. SELECT fauna.grant(''ann'', ''editor'');';

CREATE FUNCTION fauna.revoke(role name, profile text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item record;
BEGIN
    PERFORM fauna.refuse_unless_owner();
    FOR item IN
        SELECT DISTINCT p.privileges, p.object
        FROM unnest(CASE WHEN profile IS NULL THEN '{admin,bridge}' ELSE ARRAY[profile] END) t (profile)
        CROSS JOIN LATERAL fauna.profile_privileges(t.profile) p
    LOOP
        EXECUTE format('REVOKE %s ON %s FROM %I', item.privileges, item.object, role);
    END LOOP;
    RETURN role;
END
$$;
COMMENT ON FUNCTION fauna.revoke(name, text) IS
    'Takes from a role everything that fauna.grant gave with a profile, the profiles it contains included; without a profile, all. SELECT fauna.revoke(''ann'');';
