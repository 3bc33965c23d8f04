-- Mark triggers on environments, attributes, audiences, conditions and SDK keys.
--
-- All mark triggers (here and in 42) have one form. They are per statement with transition tables,
-- which PostgreSQL allows for one event at a time: hence three triggers and one function with three
-- branches. (Row triggers made an import of 5 000 flags take 38 s instead of 4.) An UPDATE marks
-- rows whose document-bearing columns differ before and after; names and descriptions reach no
-- document, so changing them makes no revision. Events that cannot reach a document, such as the
-- insert of an attribute that no condition can refer to yet, have no trigger.
--
-- SECURITY DEFINER: who may change a flag has no privilege on the log, and must not need one.

CREATE FUNCTION fauna.mark_everything() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.mark('environment', ARRAY[''], ARRAY['']);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_everything() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_everything() IS 'Trigger: after TRUNCATE, which names no rows, everything counts as touched.';

CREATE FUNCTION fauna.mark_environments() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fauna.mark('environment', array_agg(n.key), array_agg(''::text)) FROM new_rows n;
    ELSE
        PERFORM fauna.mark('environment', array_agg(o.key), array_agg(''::text)) FROM old_rows o;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_environments() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_environments() IS 'Trigger: marks environments that appear or go.';

CREATE TRIGGER environments_mark_insert AFTER INSERT ON fauna.environments
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_environments();
CREATE TRIGGER environments_mark_delete AFTER DELETE ON fauna.environments
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_environments();
CREATE TRIGGER environments_mark_truncate AFTER TRUNCATE ON fauna.environments
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE FUNCTION fauna.mark_attributes() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.mark('attribute', array_agg(''::text), array_agg(n.key))
    FROM (SELECT key, type FROM new_rows EXCEPT SELECT key, type FROM old_rows) n;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_attributes() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_attributes() IS 'Trigger: marks attributes whose type changes.';

CREATE TRIGGER attributes_mark_update AFTER UPDATE ON fauna.attributes
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_attributes();
CREATE TRIGGER attributes_mark_truncate AFTER TRUNCATE ON fauna.attributes
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE FUNCTION fauna.mark_audiences() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fauna.mark('audience', array_agg(''::text), array_agg(n.key)) FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM fauna.mark('audience', array_agg(''::text), array_agg(o.key)) FROM old_rows o;
    ELSE
        PERFORM fauna.mark('audience', array_agg(''::text), array_agg(n.key))
        FROM (SELECT key, match FROM new_rows EXCEPT SELECT key, match FROM old_rows) n;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_audiences() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_audiences() IS 'Trigger: marks audiences.';

CREATE TRIGGER audiences_mark_insert AFTER INSERT ON fauna.audiences
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_audiences();
CREATE TRIGGER audiences_mark_update AFTER UPDATE ON fauna.audiences
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_audiences();
CREATE TRIGGER audiences_mark_delete AFTER DELETE ON fauna.audiences
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_audiences();
CREATE TRIGGER audiences_mark_truncate AFTER TRUNCATE ON fauna.audiences
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE FUNCTION fauna.mark_conditions() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fauna.mark('audience', array_agg(''::text), array_agg(n.audience_key))
        FROM (SELECT DISTINCT audience_key FROM new_rows) n;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM fauna.mark('audience', array_agg(''::text), array_agg(o.audience_key))
        FROM (SELECT DISTINCT audience_key FROM old_rows) o;
    ELSE
        -- Every column but none that is only for people: there is none.
        PERFORM fauna.mark('audience', array_agg(''::text), array_agg(n.audience_key))
        FROM (SELECT DISTINCT c.audience_key
              FROM (SELECT * FROM new_rows EXCEPT SELECT * FROM old_rows) c) n;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_conditions() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_conditions() IS 'Trigger: marks the audiences of conditions.';

CREATE TRIGGER conditions_mark_insert AFTER INSERT ON fauna.conditions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_conditions();
CREATE TRIGGER conditions_mark_update AFTER UPDATE ON fauna.conditions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_conditions();
CREATE TRIGGER conditions_mark_delete AFTER DELETE ON fauna.conditions
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_conditions();
CREATE TRIGGER conditions_mark_truncate AFTER TRUNCATE ON fauna.conditions
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE FUNCTION fauna.mark_sdk_keys() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fauna.mark('sdk_key', array_agg(n.environment_key), array_agg(n.id::text)) FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM fauna.mark('sdk_key', array_agg(o.environment_key), array_agg(o.id::text)) FROM old_rows o;
    ELSE
        PERFORM fauna.mark('sdk_key', array_agg(n.environment_key), array_agg(n.id::text))
        FROM (SELECT environment_key, id, kind, name, hash, expires_at, revoked_at FROM new_rows
              EXCEPT SELECT environment_key, id, kind, name, hash, expires_at, revoked_at FROM old_rows) n;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_sdk_keys() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_sdk_keys() IS 'Trigger: marks SDK keys.';

CREATE TRIGGER sdk_keys_mark_insert AFTER INSERT ON fauna.sdk_keys
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_sdk_keys();
CREATE TRIGGER sdk_keys_mark_update AFTER UPDATE ON fauna.sdk_keys
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_sdk_keys();
CREATE TRIGGER sdk_keys_mark_delete AFTER DELETE ON fauna.sdk_keys
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_sdk_keys();
CREATE TRIGGER sdk_keys_mark_truncate AFTER TRUNCATE ON fauna.sdk_keys
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();
