-- An audience as a WHERE predicate, and how many rows it has.
--
-- The predicate is made by the native function fauna.audience_predicate; here is what refuses. A document in place of an
-- audience's key lets a rule be counted before it is saved: what it may say is what the tables would let in.

CREATE FUNCTION fauna.refuse_unless_rows(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind "char";
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'no relation is named',
            DETAIL = 'The relation is null.',
            HINT = 'Give the name of a table or view.';
    END IF;
    SELECT c.relkind INTO kind FROM pg_class c WHERE c.oid = relation;
    IF kind IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = 'relation does not exist',
            DETAIL = format('No relation has the id %s.', relation::oid),
            HINT = 'Give the name of a table or view.';
    ELSIF kind NOT IN ('r', 'p', 'v', 'm', 'f') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('relation "%s" has no rows to choose from', relation),
            DETAIL = 'It is neither a table (partitioned and foreign ones included) nor a view.',
            HINT = 'Give the name of a table or view.';
    END IF;
END
$$;
COMMENT ON FUNCTION fauna.refuse_unless_rows(regclass) IS
    'Raises unless the relation is a table, a partitioned or foreign one included, or a view.';

CREATE FUNCTION fauna.checked_predicate(audience text, document jsonb, relation regclass, key_column text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer record;
BEGIN
    PERFORM fauna.refuse_unless_rows(relation);
    SELECT * INTO answer FROM fauna.audience_predicate(audience, document, relation::oid, key_column);
    CASE coalesce(answer.problem, 'none')
    WHEN 'none' THEN
        RETURN answer.predicate;
    WHEN 'unknown audience' THEN
        PERFORM fauna.known_audience(answer.subject);
        -- There is such an audience, but not where it was looked for.
        PERFORM fauna.known_environment();
        PERFORM fauna.refuse_unknown('UF002', 'audience', answer.subject, '{}');
    WHEN 'no key column' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('relation "%s" has no column "%s"', relation, coalesce(key_column, 'null')),
            DETAIL = 'The audience asks for targetingKey, which is the column of that name, or else the one that key_column names.',
            HINT = 'Name the column that identifies a row: key_column => ''…''.';
    WHEN 'too large' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = 'the audience is nested too deep, or asks for too many others',
            DETAIL = 'At most 64 audiences can be in progress at once, and 10 000 be visited.',
            HINT = 'Repeat the conditions that are needed instead of nesting further.';
    WHEN 'invalid' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('audience is not valid: %s', answer.subject),
            DETAIL = 'An audience''s document is {"match": "all" or "any", "conditions": [{"attribute", "type", "operator", "values",'
                ' "negate", "ignoreCase"}, …]}.',
            HINT = 'Change the operator or the values; fauna.check_condition(type, operator, "values", ignore_case) tells what is'
                ' wrong with a condition.';
    END CASE;
END
$$;
COMMENT ON FUNCTION fauna.checked_predicate(text, jsonb, regclass, text) IS
    'What fauna.audience_sql returns, for an audience or, if that is given, a document.';

CREATE FUNCTION fauna.audience_sql(audience text, relation regclass, key_column text DEFAULT 'id') RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF audience IS NULL THEN
        PERFORM fauna.known_audience(audience);
    END IF;
    RETURN fauna.checked_predicate(audience, NULL, relation, key_column);
END
$$;
COMMENT ON FUNCTION fauna.audience_sql(text, regclass, text) IS
    'The WHERE predicate over a table''s columns that is true for exactly the rows in an audience. SELECT fauna.audience_sql(''beta'', ''users'');';

CREATE FUNCTION fauna.audience_sql(document jsonb, relation regclass, key_column text DEFAULT 'id') RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN fauna.checked_predicate(NULL, coalesce(document, 'null'), relation, key_column);
END
$$;
COMMENT ON FUNCTION fauna.audience_sql(jsonb, regclass, text) IS
    'The same for an audience that is not stored, given as its document.';

CREATE FUNCTION fauna.relation_name(relation regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM fauna.refuse_unless_rows(relation);
    RETURN (SELECT format('%I.%I', n.nspname, c.relname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation);
END
$$;
COMMENT ON FUNCTION fauna.relation_name(regclass) IS
    'The name of a table or view with its schema, quoted.';

-- The only functions without a search_path of their own: the counting is the caller's, and so are the names in the
-- functions that row-level security and views on the relation call. What stands in the bodies and in the predicate means the
-- same whatever the path says. Parallel unsafe, since these functions may be anything.
CREATE FUNCTION fauna.count_audience(audience text, relation regclass, key_column text DEFAULT 'id') RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    members bigint;
BEGIN
    EXECUTE pg_catalog.concat('SELECT pg_catalog.count(*) FROM ', fauna.relation_name(relation),
        ' WHERE ', fauna.audience_sql(audience, relation, key_column)) INTO members;
    RETURN members;
END
$$;
COMMENT ON FUNCTION fauna.count_audience(text, regclass, text) IS
    'How many rows of a table are in an audience, of those that the caller may see. SELECT fauna.count_audience(''beta'', ''users'');';

CREATE FUNCTION fauna.count_audience(document jsonb, relation regclass, key_column text DEFAULT 'id') RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    members bigint;
BEGIN
    EXECUTE pg_catalog.concat('SELECT pg_catalog.count(*) FROM ', fauna.relation_name(relation),
        ' WHERE ', fauna.audience_sql(document, relation, key_column)) INTO members;
    RETURN members;
END
$$;
COMMENT ON FUNCTION fauna.count_audience(jsonb, regclass, text) IS
    'The same for an audience that is not stored, given as its document: count before you save.';
