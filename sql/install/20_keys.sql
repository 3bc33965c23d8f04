-- Keys never change, and what a row can know of itself it fills in.

-- Refused here and not left to the foreign keys: programs, dashboards and other databases know the
-- key as well, and a flag that nothing refers to yet would be renamed under them.
CREATE FUNCTION fauna.keep_key() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entity text := TG_ARGV[0];
    old_key text := (SELECT string_agg(to_jsonb(OLD) ->> c.name, '/' ORDER BY c.n)
                     FROM unnest(TG_ARGV[1:]) WITH ORDINALITY c (name, n));
    new_key text := (SELECT string_agg(to_jsonb(NEW) ->> c.name, '/' ORDER BY c.n)
                     FROM unnest(TG_ARGV[1:]) WITH ORDINALITY c (name, n));
BEGIN
    RAISE EXCEPTION 'the key of % % cannot be changed', entity, old_key
        USING ERRCODE = 'integrity_constraint_violation',
              SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
              DETAIL = format('An update of fauna.%s would change %s to %s.', TG_TABLE_NAME, old_key, new_key),
              HINT = format('Create another %s, move what refers to this one, and delete it.', entity);
END
$$;
REVOKE ALL ON FUNCTION fauna.keep_key() FROM PUBLIC;
COMMENT ON FUNCTION fauna.keep_key() IS 'Trigger: refuses to change a key. Arguments: the entity in words, then its key columns.';

CREATE TRIGGER environments_keep_key BEFORE UPDATE ON fauna.environments
    FOR EACH ROW WHEN (OLD.key <> NEW.key)
    EXECUTE FUNCTION fauna.keep_key('environment', 'key');
CREATE TRIGGER attributes_keep_key BEFORE UPDATE ON fauna.attributes
    FOR EACH ROW WHEN (OLD.key <> NEW.key)
    EXECUTE FUNCTION fauna.keep_key('attribute', 'key');
CREATE TRIGGER audiences_keep_key BEFORE UPDATE ON fauna.audiences
    FOR EACH ROW WHEN (OLD.key <> NEW.key)
    EXECUTE FUNCTION fauna.keep_key('audience', 'key');
CREATE TRIGGER conditions_keep_key BEFORE UPDATE ON fauna.conditions
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.audience_key <> NEW.audience_key)
    EXECUTE FUNCTION fauna.keep_key('condition', 'audience_key', 'id');
CREATE TRIGGER flags_keep_key BEFORE UPDATE ON fauna.flags
    FOR EACH ROW WHEN (OLD.key <> NEW.key)
    EXECUTE FUNCTION fauna.keep_key('flag', 'key');
CREATE TRIGGER variants_keep_key BEFORE UPDATE ON fauna.variants
    FOR EACH ROW WHEN (OLD.flag_key <> NEW.flag_key OR OLD.key <> NEW.key)
    EXECUTE FUNCTION fauna.keep_key('variant', 'flag_key', 'key');
CREATE TRIGGER flag_settings_keep_key BEFORE UPDATE ON fauna.flag_settings
    FOR EACH ROW WHEN (OLD.flag_key <> NEW.flag_key OR OLD.environment_key <> NEW.environment_key)
    EXECUTE FUNCTION fauna.keep_key('flag setting', 'flag_key', 'environment_key');
CREATE TRIGGER rules_keep_key BEFORE UPDATE ON fauna.rules
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.flag_key <> NEW.flag_key OR OLD.environment_key <> NEW.environment_key)
    EXECUTE FUNCTION fauna.keep_key('rule', 'flag_key', 'environment_key', 'id');
CREATE TRIGGER sdk_keys_keep_key BEFORE UPDATE ON fauna.sdk_keys
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.environment_key <> NEW.environment_key)
    EXECUTE FUNCTION fauna.keep_key('SDK key', 'environment_key', 'id');

-- Runs as the caller: whoever may add to a rule may see it. A rule that is not there leaves the
-- key null, and the NOT NULL or foreign key says so.
CREATE FUNCTION fauna.fill_flag_key() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT r.flag_key INTO NEW.flag_key FROM fauna.rules r WHERE r.id = NEW.rule_id;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION fauna.fill_flag_key() FROM PUBLIC;
COMMENT ON FUNCTION fauna.fill_flag_key() IS 'Trigger: takes flag_key from the rule when it was left out.';

CREATE TRIGGER allocations_fill_flag_key BEFORE INSERT ON fauna.allocations
    FOR EACH ROW WHEN (NEW.flag_key IS NULL) EXECUTE FUNCTION fauna.fill_flag_key();
CREATE TRIGGER rule_audiences_fill_flag_key BEFORE INSERT ON fauna.rule_audiences
    FOR EACH ROW WHEN (NEW.flag_key IS NULL) EXECUTE FUNCTION fauna.fill_flag_key();
