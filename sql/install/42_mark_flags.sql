-- Mark triggers on flags and all that belongs to them. Their form is explained in 41.

CREATE FUNCTION fauna.mark_flags() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM fauna.mark('flag', array_agg(''::text), array_agg(o.key)) FROM old_rows o;
    ELSE
        PERFORM fauna.mark('flag', array_agg(''::text), array_agg(n.key))
        FROM (SELECT key, kind, salt, tags, client_visible, archived_at IS NULL FROM new_rows
              EXCEPT SELECT key, kind, salt, tags, client_visible, archived_at IS NULL FROM old_rows) n;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_flags() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_flags() IS 'Trigger: marks flags, in every environment. A new flag has no settings and so no document.';

CREATE TRIGGER flags_mark_update AFTER UPDATE ON fauna.flags
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_flags();
CREATE TRIGGER flags_mark_delete AFTER DELETE ON fauna.flags
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_flags();
CREATE TRIGGER flags_mark_truncate AFTER TRUNCATE ON fauna.flags
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE FUNCTION fauna.mark_variants() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fauna.mark('flag', array_agg(''::text), array_agg(n.flag_key))
        FROM (SELECT DISTINCT flag_key FROM new_rows) n;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM fauna.mark('flag', array_agg(''::text), array_agg(o.flag_key))
        FROM (SELECT DISTINCT flag_key FROM old_rows) o;
    ELSE
        PERFORM fauna.mark('flag', array_agg(''::text), array_agg(n.flag_key))
        FROM (SELECT DISTINCT v.flag_key
              FROM (SELECT flag_key, key, value FROM new_rows
                    EXCEPT SELECT flag_key, key, value FROM old_rows) v) n;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_variants() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_variants() IS 'Trigger: marks the flags of variants, in every environment.';

CREATE TRIGGER variants_mark_insert AFTER INSERT ON fauna.variants
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_variants();
CREATE TRIGGER variants_mark_update AFTER UPDATE ON fauna.variants
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_variants();
CREATE TRIGGER variants_mark_delete AFTER DELETE ON fauna.variants
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_variants();
CREATE TRIGGER variants_mark_truncate AFTER TRUNCATE ON fauna.variants
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE FUNCTION fauna.mark_flag_settings() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fauna.mark('flag', array_agg(n.environment_key), array_agg(n.flag_key)) FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM fauna.mark('flag', array_agg(o.environment_key), array_agg(o.flag_key)) FROM old_rows o;
    ELSE
        PERFORM fauna.mark('flag', array_agg(n.environment_key), array_agg(n.flag_key))
        FROM (SELECT flag_key, environment_key, enabled, off_variant FROM new_rows
              EXCEPT SELECT flag_key, environment_key, enabled, off_variant FROM old_rows) n;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_flag_settings() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_flag_settings() IS 'Trigger: marks flags in the environment of their setting.';

CREATE TRIGGER flag_settings_mark_insert AFTER INSERT ON fauna.flag_settings
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_flag_settings();
CREATE TRIGGER flag_settings_mark_update AFTER UPDATE ON fauna.flag_settings
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_flag_settings();
CREATE TRIGGER flag_settings_mark_delete AFTER DELETE ON fauna.flag_settings
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_flag_settings();
CREATE TRIGGER flag_settings_mark_truncate AFTER TRUNCATE ON fauna.flag_settings
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE FUNCTION fauna.mark_rules() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fauna.mark('flag', array_agg(n.environment_key), array_agg(n.flag_key))
        FROM (SELECT DISTINCT environment_key, flag_key FROM new_rows) n;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM fauna.mark('flag', array_agg(o.environment_key), array_agg(o.flag_key))
        FROM (SELECT DISTINCT environment_key, flag_key FROM old_rows) o;
    ELSE
        PERFORM fauna.mark('flag', array_agg(n.environment_key), array_agg(n.flag_key))
        FROM (SELECT DISTINCT r.environment_key, r.flag_key
              FROM (SELECT environment_key, flag_key, id, position, is_default, match, bucket_by,
                           active_from, active_until, ramp_from, ramp_until, ramp_start_weight
                    FROM new_rows
                    EXCEPT
                    SELECT environment_key, flag_key, id, position, is_default, match, bucket_by,
                           active_from, active_until, ramp_from, ramp_until, ramp_start_weight
                    FROM old_rows) r) n;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_rules() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_rules() IS 'Trigger: marks the flags of rules.';

CREATE TRIGGER rules_mark_insert AFTER INSERT ON fauna.rules
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rules();
CREATE TRIGGER rules_mark_update AFTER UPDATE ON fauna.rules
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rules();
CREATE TRIGGER rules_mark_delete AFTER DELETE ON fauna.rules
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rules();
CREATE TRIGGER rules_mark_truncate AFTER TRUNCATE ON fauna.rules
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

-- Allocations and rule_audiences know their flag but not their environment. The rule does; if it
-- is already gone, its own delete has marked the flag.
CREATE FUNCTION fauna.mark_rule_children() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
AS $$
DECLARE
    rule_ids uuid[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        rule_ids := (SELECT array_agg(DISTINCT n.rule_id) FROM new_rows n);
    ELSIF TG_OP = 'DELETE' THEN
        rule_ids := (SELECT array_agg(DISTINCT o.rule_id) FROM old_rows o);
    ELSE
        -- A row may move to another rule: then both rules' documents change.
        rule_ids := (SELECT array_agg(DISTINCT c.rule_id)
                     FROM ((SELECT * FROM new_rows EXCEPT SELECT * FROM old_rows)
                           UNION ALL
                           (SELECT * FROM old_rows EXCEPT SELECT * FROM new_rows)) c);
    END IF;

    PERFORM fauna.mark('flag', array_agg(r.environment_key), array_agg(r.flag_key))
    FROM (SELECT DISTINCT r.environment_key, r.flag_key
          FROM unnest(rule_ids) i (id)
          CROSS JOIN LATERAL (
              SELECT r.environment_key, r.flag_key FROM fauna.rules r WHERE r.id = i.id OFFSET 0) r) r;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_rule_children() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_rule_children() IS 'Trigger: marks the flags of allocations and rule_audiences, all of whose columns reach a document.';

CREATE TRIGGER allocations_mark_insert AFTER INSERT ON fauna.allocations
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rule_children();
CREATE TRIGGER allocations_mark_update AFTER UPDATE ON fauna.allocations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rule_children();
CREATE TRIGGER allocations_mark_delete AFTER DELETE ON fauna.allocations
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rule_children();
CREATE TRIGGER allocations_mark_truncate AFTER TRUNCATE ON fauna.allocations
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE TRIGGER rule_audiences_mark_insert AFTER INSERT ON fauna.rule_audiences
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rule_children();
CREATE TRIGGER rule_audiences_mark_update AFTER UPDATE ON fauna.rule_audiences
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rule_children();
CREATE TRIGGER rule_audiences_mark_delete AFTER DELETE ON fauna.rule_audiences
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_rule_children();
CREATE TRIGGER rule_audiences_mark_truncate AFTER TRUNCATE ON fauna.rule_audiences
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();

CREATE FUNCTION fauna.mark_prerequisites() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fauna.mark('flag', array_agg(n.environment_key), array_agg(n.flag_key))
        FROM (SELECT DISTINCT environment_key, flag_key FROM new_rows) n;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM fauna.mark('flag', array_agg(o.environment_key), array_agg(o.flag_key))
        FROM (SELECT DISTINCT environment_key, flag_key FROM old_rows) o;
    ELSE
        -- The row is all key, so an update moves it: both ends change.
        PERFORM fauna.mark('flag', array_agg(n.environment_key), array_agg(n.flag_key))
        FROM (SELECT DISTINCT p.environment_key, p.flag_key
              FROM ((SELECT * FROM new_rows EXCEPT SELECT * FROM old_rows)
                    UNION ALL
                    (SELECT * FROM old_rows EXCEPT SELECT * FROM new_rows)) p) n;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.mark_prerequisites() FROM PUBLIC;
COMMENT ON FUNCTION fauna.mark_prerequisites() IS 'Trigger: marks the flags that have the prerequisites.';

CREATE TRIGGER prerequisites_mark_insert AFTER INSERT ON fauna.prerequisites
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_prerequisites();
CREATE TRIGGER prerequisites_mark_update AFTER UPDATE ON fauna.prerequisites
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_prerequisites();
CREATE TRIGGER prerequisites_mark_delete AFTER DELETE ON fauna.prerequisites
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_prerequisites();
CREATE TRIGGER prerequisites_mark_truncate AFTER TRUNCATE ON fauna.prerequisites
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.mark_everything();
