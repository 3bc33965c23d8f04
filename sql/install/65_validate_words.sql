-- Keys and words that a CHECK constraint refuses, refused in words.
--
-- The constraints in the tables are the rule, and hold even where triggers are off. But PostgreSQL's
-- message for a CHECK names the constraint and shows the row, and cannot say what would be right. So each
-- of them has a trigger here that comes first, costs nothing unless the value is wrong, and bears the
-- constraint's name.

CREATE FUNCTION fauna.refuse_value() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- One line, whatever was typed.
    value text := translate(left(to_jsonb(NEW) ->> TG_ARGV[0], 200), E'\r\n', '  ');
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation',
        MESSAGE = format('%s "%s" is not valid', TG_ARGV[0], value),
        DETAIL = format('Column %s of fauna.%s: it is %s.', TG_ARGV[0], TG_TABLE_NAME, TG_ARGV[1]),
        HINT = TG_ARGV[2],
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = TG_ARGV[0],
        CONSTRAINT = format('%s_%s_check', TG_TABLE_NAME, TG_ARGV[0]);
END
$$;
COMMENT ON FUNCTION fauna.refuse_value() IS
    'Trigger: refuses a value in words. Arguments: the column, what it holds, and what to do.';

CREATE TRIGGER environments_refuse_key
    BEFORE INSERT ON fauna.environments
    FOR EACH ROW WHEN (NEW.key !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
    EXECUTE FUNCTION fauna.refuse_value('key', '1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or digit', 'Use a key such as new-checkout; the name and the description may hold any text.');

CREATE TRIGGER attributes_refuse_key
    BEFORE INSERT ON fauna.attributes
    FOR EACH ROW WHEN (NEW.key !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
    EXECUTE FUNCTION fauna.refuse_value('key', '1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or digit', 'Use a key such as new-checkout; the name and the description may hold any text.');

CREATE TRIGGER audiences_refuse_key
    BEFORE INSERT ON fauna.audiences
    FOR EACH ROW WHEN (NEW.key !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
    EXECUTE FUNCTION fauna.refuse_value('key', '1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or digit', 'Use a key such as new-checkout; the name and the description may hold any text.');

CREATE TRIGGER flags_refuse_key
    BEFORE INSERT ON fauna.flags
    FOR EACH ROW WHEN (NEW.key !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
    EXECUTE FUNCTION fauna.refuse_value('key', '1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or digit', 'Use a key such as new-checkout; the name and the description may hold any text.');

CREATE TRIGGER variants_refuse_key
    BEFORE INSERT ON fauna.variants
    FOR EACH ROW WHEN (NEW.key !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
    EXECUTE FUNCTION fauna.refuse_value('key', '1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or digit', 'Use a key such as new-checkout; the name and the description may hold any text.');

CREATE TRIGGER attributes_refuse_type
    BEFORE INSERT OR UPDATE ON fauna.attributes
    FOR EACH ROW WHEN (NEW.type NOT IN ('string', 'number', 'boolean', 'date', 'version'))
    EXECUTE FUNCTION fauna.refuse_value('type', 'string, number, boolean, date or version', 'Use one of these words.');

CREATE TRIGGER audiences_refuse_match
    BEFORE INSERT OR UPDATE ON fauna.audiences
    FOR EACH ROW WHEN (NEW.match NOT IN ('all', 'any'))
    EXECUTE FUNCTION fauna.refuse_value('match', 'all or any', 'Use one of these words.');

CREATE TRIGGER flags_refuse_kind
    BEFORE INSERT OR UPDATE ON fauna.flags
    FOR EACH ROW WHEN (NEW.kind NOT IN ('boolean', 'string', 'number', 'json'))
    EXECUTE FUNCTION fauna.refuse_value('kind', 'boolean, string, number or json', 'Use one of these words.');

CREATE TRIGGER rules_refuse_match
    BEFORE INSERT OR UPDATE ON fauna.rules
    FOR EACH ROW WHEN (NEW.match NOT IN ('all', 'any'))
    EXECUTE FUNCTION fauna.refuse_value('match', 'all or any', 'Use one of these words.');

CREATE TRIGGER sdk_keys_refuse_kind
    BEFORE INSERT OR UPDATE ON fauna.sdk_keys
    FOR EACH ROW WHEN (NEW.kind NOT IN ('server', 'client'))
    EXECUTE FUNCTION fauna.refuse_value('kind', 'server or client', 'Use one of these words.');
