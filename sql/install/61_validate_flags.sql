-- What a flag and its variants may hold.
--
-- A flag's kind never changes, as its key never does: every program that asks for the flag has the type
-- written into it, and a value of another type reaches it as an error. That also makes the check of a
-- variant's value one of a single row.

CREATE FUNCTION fauna.validate_flag() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    misfit text;
BEGIN
    IF TG_ARGV[0] = 'kind' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = 'the kind of a flag cannot change',
            DETAIL = format('Flag "%s" is a %s flag, and programs read it as one.', OLD.key, OLD.kind),
            HINT = format('Make another flag of kind "%s" and archive this one when no program reads it any more.', NEW.kind),
            SCHEMA = 'fauna', TABLE = 'flags', CONSTRAINT = 'flags_kind_unchanged_check';
    END IF;
    SELECT t.tag INTO misfit
    FROM unnest(NEW.tags) WITH ORDINALITY AS t(tag, position)
    -- No backslash: what that is depends on the session's standard_conforming_strings.
    WHERE t.tag !~ '^[^[:space:],]{1,64}$' OR t.position > array_position(NEW.tags, t.tag)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('tag "%s" is not valid', translate(left(misfit, 64), E'\r\n', '  ')),
            DETAIL = format('Flag "%s": a tag has 1 to 64 characters, no blank and no comma, and stands once.', NEW.key),
            HINT = 'Use a word such as web or team-checkout.',
            SCHEMA = 'fauna', TABLE = 'flags', CONSTRAINT = 'flags_tags_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_flag() IS
    'Trigger: refuses a change of a flag''s kind, and tags that cannot be told apart in a list.';

CREATE TRIGGER flags_validate_kind
    AFTER UPDATE OF kind ON fauna.flags
    FOR EACH ROW WHEN (OLD.kind <> NEW.kind)
    EXECUTE FUNCTION fauna.validate_flag('kind');

CREATE TRIGGER flags_validate_tags
    AFTER INSERT OR UPDATE OF tags ON fauna.flags
    FOR EACH ROW WHEN (NEW.tags <> '{}')
    EXECUTE FUNCTION fauna.validate_flag('tags');

CREATE FUNCTION fauna.check_variant(kind text, value jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN kind <> 'json' AND jsonb_typeof(value) <> kind
            THEN format('a %s flag cannot have a value of JSON type %s', kind, jsonb_typeof(value))
        WHEN jsonb_typeof(value) = 'null' THEN 'null is no value'
        -- jsonb keeps numbers that no reader of the document can: one of them would spoil the whole stream.
        WHEN jsonb_path_exists(value, '$.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))')
            THEN 'a number is out of the range of double precision'
        WHEN jsonb_path_exists(value, 'strict $.**{65 to last}') THEN 'the value is nested deeper than 64 levels'
    END;
END
$$;
COMMENT ON FUNCTION fauna.check_variant(text, jsonb) IS
    'Why a flag of this kind cannot have this value, or NULL: fauna.check_variant(''number'', ''"7"'') is a text.';

-- One statement for all that were written: an import writes them by the ten thousand, and nearly all of
-- them need no more than a look at their type.
CREATE FUNCTION fauna.validate_variants() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    misfit record;
BEGIN
    SELECT n.flag_key, n.key, r.reason INTO misfit
    FROM new_rows n
    JOIN fauna.flags f ON f.key = n.flag_key
    CROSS JOIN LATERAL (
        SELECT CASE WHEN jsonb_typeof(n.value) <> f.kind OR f.kind NOT IN ('boolean', 'string')
            THEN fauna.check_variant(f.kind, n.value) END AS reason) r
    WHERE r.reason IS NOT NULL
    ORDER BY n.flag_key, n.key
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('value of a variant is not valid: %s', misfit.reason),
            DETAIL = format('Variant "%s" of flag "%s".', misfit.key, misfit.flag_key),
            HINT = 'Give a value of the flag''s kind; a flag of kind "json" takes any.',
            SCHEMA = 'fauna', TABLE = 'variants', CONSTRAINT = 'variants_value_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_variants() IS
    'Trigger: refuses a variant whose value does not fit the flag''s kind.';

CREATE TRIGGER variants_validate_inserted
    AFTER INSERT ON fauna.variants
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.validate_variants();

CREATE TRIGGER variants_validate_updated
    AFTER UPDATE ON fauna.variants
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.validate_variants();
