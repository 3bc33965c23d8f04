-- Attributes, audiences and their conditions.

CREATE FUNCTION fauna.create_attribute(key text, type text DEFAULT 'string', description text DEFAULT '') RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO fauna.attributes (key, type, description)
    VALUES (create_attribute.key, create_attribute.type, create_attribute.description);
    RETURN create_attribute.key;
END
$$;
COMMENT ON FUNCTION fauna.create_attribute(text, text, text) IS
    'Makes an attribute that conditions can look at; its type is string, number, boolean, date or version. SELECT fauna.create_attribute(''age'', ''number'');';

CREATE FUNCTION fauna.delete_attribute(key text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users text;
BEGIN
    PERFORM fauna.known_attribute(delete_attribute.key);
    SELECT string_agg(DISTINCT c.audience_key, ', ' ORDER BY c.audience_key) INTO users
    FROM fauna.conditions c WHERE c.attribute_key = delete_attribute.key;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            MESSAGE = format('attribute "%s" is in use', delete_attribute.key),
            DETAIL = format('Conditions of these audiences look at it: %s.', users),
            HINT = 'Remove those conditions first, with fauna.remove_condition.',
            SCHEMA = 'fauna', TABLE = 'conditions', CONSTRAINT = 'conditions_attribute_key_fkey';
    END IF;
    DELETE FROM fauna.attributes a WHERE a.key = delete_attribute.key;
    RETURN delete_attribute.key;
END
$$;
COMMENT ON FUNCTION fauna.delete_attribute(text) IS
    'Deletes an attribute that no condition looks at. SELECT fauna.delete_attribute(''age'');';

CREATE FUNCTION fauna.create_audience(key text, match text DEFAULT 'all', name text DEFAULT '', description text DEFAULT '') RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO fauna.audiences (key, name, description, match)
    VALUES (create_audience.key, create_audience.name, create_audience.description, create_audience.match);
    RETURN create_audience.key;
END
$$;
COMMENT ON FUNCTION fauna.create_audience(text, text, text, text) IS
    'Makes an audience, of which all or any of the conditions must hold; without conditions it matches nobody. SELECT fauna.create_audience(''beta'');';

CREATE FUNCTION fauna.delete_audience(key text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users text;
BEGIN
    PERFORM fauna.known_audience(delete_audience.key);
    SELECT string_agg(u.name, ', ' ORDER BY u.name) INTO users
    FROM (
        SELECT format('flag %s', ra.flag_key) AS name
        FROM fauna.rule_audiences ra WHERE ra.audience_key = delete_audience.key
        UNION
        SELECT format('audience %s', c.audience_key)
        FROM fauna.conditions c
        WHERE c.nested_audience_key = delete_audience.key AND c.audience_key <> delete_audience.key
    ) u;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            MESSAGE = format('audience "%s" is in use', delete_audience.key),
            DETAIL = format('These ask for it: %s.', users),
            HINT = 'Remove the rules and conditions first, with fauna.untarget and fauna.remove_condition.',
            SCHEMA = 'fauna', TABLE = 'rule_audiences', CONSTRAINT = 'rule_audiences_audience_key_fkey';
    END IF;
    DELETE FROM fauna.audiences a WHERE a.key = delete_audience.key;
    RETURN delete_audience.key;
END
$$;
COMMENT ON FUNCTION fauna.delete_audience(text) IS
    'Deletes an audience that no rule and no other audience asks for. SELECT fauna.delete_audience(''beta'');';

-- Parallel unsafe: catching an error takes a subtransaction, which a parallel worker cannot start.
CREATE FUNCTION fauna.typed_value(type text, value text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE type
        WHEN 'number' THEN to_jsonb(value::numeric)
        WHEN 'boolean' THEN to_jsonb(value::boolean)
        ELSE to_jsonb(value)
    END;
EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN
    -- Left as text, which the check of the condition refuses in its own words.
    RETURN to_jsonb(value);
END
$$;
COMMENT ON FUNCTION fauna.typed_value(text, text) IS
    'What was typed as text, as JSON of an attribute''s type. SELECT fauna.typed_value(''number'', ''18'') is 18.';

CREATE FUNCTION fauna.add_condition(
    audience text,
    attribute text,
    operator text,
    "values" text[] DEFAULT '{}',
    negate boolean DEFAULT false,
    ignore_case boolean DEFAULT false
) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    condition uuid;
BEGIN
    PERFORM fauna.known_audience(audience), fauna.known_attribute(attribute);
    INSERT INTO fauna.conditions (audience_key, position, attribute_key, operator, "values", negate, ignore_case)
    SELECT audience,
        (SELECT coalesce(max(c.position), 0) + 1 FROM fauna.conditions c WHERE c.audience_key = audience),
        a.key,
        add_condition.operator,
        (SELECT coalesce(jsonb_agg(fauna.typed_value(a.type, v.value) ORDER BY v.n), '[]')
         FROM unnest(add_condition."values") WITH ORDINALITY v (value, n)),
        add_condition.negate,
        add_condition.ignore_case
    FROM fauna.attributes a
    WHERE a.key = attribute
    RETURNING id INTO condition;
    RETURN condition;
END
$$;
COMMENT ON FUNCTION fauna.add_condition(text, text, text, text[], boolean, boolean) IS
    'Adds a condition on an attribute to an audience and returns its id. SELECT fauna.add_condition(''canadians'', ''country'', ''in'', ''{CA}'');';

CREATE FUNCTION fauna.nest_audience(audience text, nested_audience text, negate boolean DEFAULT false) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    condition uuid;
BEGIN
    INSERT INTO fauna.conditions (audience_key, position, nested_audience_key, operator, negate)
    VALUES (fauna.known_audience(audience),
        (SELECT coalesce(max(c.position), 0) + 1 FROM fauna.conditions c WHERE c.audience_key = audience),
        fauna.known_audience(nested_audience), 'in_audience', nest_audience.negate)
    RETURNING id INTO condition;
    RETURN condition;
END
$$;
COMMENT ON FUNCTION fauna.nest_audience(text, text, boolean) IS
    'Adds the condition that one is (or with negate is not) in another audience, and returns its id. SELECT fauna.nest_audience(''testers'', ''staff'');';

CREATE FUNCTION fauna.remove_condition(condition uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    audience text;
BEGIN
    DELETE FROM fauna.conditions c WHERE c.id = condition RETURNING c.audience_key INTO audience;
    IF audience IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'no_data_found',
            MESSAGE = 'condition does not exist',
            DETAIL = format('No row of fauna.conditions has the id %s.', coalesce(condition::text, 'null')),
            HINT = 'Look in fauna.conditions for those there are.';
    END IF;
    RETURN audience;
END
$$;
COMMENT ON FUNCTION fauna.remove_condition(uuid) IS
    'Removes a condition and returns its audience. SELECT fauna.remove_condition(id) FROM fauna.conditions WHERE audience_key = ''beta'';';
