-- What the native functions are for, for \df+ in psql. Their declarations are generated from the
-- Rust code, so that a signature cannot differ from what the library does.

COMMENT ON FUNCTION fauna.enabled(text, jsonb) IS 'Boolean value of a flag for a context; false on any error and for a flag of another kind.';
COMMENT ON FUNCTION fauna.enabled(text) IS 'Boolean value of a flag for the context in the setting fauna.context; false on any error.';
COMMENT ON FUNCTION fauna.variant(text, jsonb) IS 'Key of the variant that a flag serves to a context; with a flag that cannot be used its off variant, null if there is none.';
COMMENT ON FUNCTION fauna.variant(text) IS 'Key of the variant that a flag serves to the context in the setting fauna.context.';
COMMENT ON FUNCTION fauna.value(text, jsonb, jsonb) IS 'Value of a flag for a context, whatever its kind; the fallback on any error.';
COMMENT ON FUNCTION fauna.value(text, jsonb) IS 'Value of a flag for the context in the setting fauna.context; the second argument is the fallback.';
COMMENT ON FUNCTION fauna.bool_value(text, jsonb, boolean) IS 'Value of a boolean flag for a context; the fallback on any error and for another type.';
COMMENT ON FUNCTION fauna.bool_value(text, boolean) IS 'Value of a boolean flag for the context in the setting fauna.context, or the fallback.';
COMMENT ON FUNCTION fauna.text_value(text, jsonb, text) IS 'Value of a string flag for a context; the fallback on any error and for another type.';
COMMENT ON FUNCTION fauna.text_value(text, text) IS 'Value of a string flag for the context in the setting fauna.context, or the fallback.';
COMMENT ON FUNCTION fauna.int_value(text, jsonb, bigint) IS 'Value of a number flag for a context; the fallback on any error, for another type and for a number that is no bigint.';
COMMENT ON FUNCTION fauna.int_value(text, bigint) IS 'Value of a number flag for the context in the setting fauna.context, or the fallback.';
COMMENT ON FUNCTION fauna.float_value(text, jsonb, double precision) IS 'Value of a number flag for a context; the fallback on any error, for another type and for a number beyond double precision.';
COMMENT ON FUNCTION fauna.float_value(text, double precision) IS 'Value of a number flag for the context in the setting fauna.context, or the fallback.';
COMMENT ON FUNCTION fauna.evaluate(text, jsonb) IS 'What a flag is for a context, and why. Errors are in the row, never raised.';
COMMENT ON FUNCTION fauna.evaluate(text) IS 'What a flag is for the context in the setting fauna.context, and why.';
COMMENT ON FUNCTION fauna.evaluate(text, jsonb, timestamptz) IS 'What a flag is for a context at a given time, with the rules as they are now; null means at the start of the statement.';
COMMENT ON FUNCTION fauna.evaluate_all(jsonb) IS 'fauna.evaluate for every flag, in the order of their keys.';
COMMENT ON FUNCTION fauna.evaluate_all() IS 'fauna.evaluate for every flag and the context in the setting fauna.context.';
COMMENT ON FUNCTION fauna.explain(text, jsonb) IS 'How an evaluation comes about: a row for every step, in order, and last the outcome. SELECT * FROM fauna.explain(''checkout'', ''{"targetingKey": "user-1"}'');';
COMMENT ON FUNCTION fauna.explain(text) IS 'fauna.explain for the context in the setting fauna.context.';
COMMENT ON FUNCTION fauna.in_audience(text, jsonb) IS 'Whether a context is in an audience; false on any error, as for an unknown audience.';
COMMENT ON FUNCTION fauna.in_audience(text) IS 'Whether the context in the setting fauna.context is in an audience.';
COMMENT ON FUNCTION fauna.enabled_row(text, record, text) IS 'Boolean value of a flag for a row, the columns of which are the attributes; false on any error. SELECT * FROM users u WHERE fauna.enabled_row(''checkout'', u);';
COMMENT ON FUNCTION fauna.in_audience_row(text, record, text) IS 'Whether a row, the columns of which are the attributes, is in an audience; false on any error. SELECT count(*) FROM users u WHERE fauna.in_audience_row(''beta'', u);';
COMMENT ON FUNCTION fauna.enabled_columns(text, text, text[], regclass, tid, internal, "any") IS 'fauna.enabled_row on the columns of a row one by one; the planner puts it in place where it sees them, nobody else calls it.';
COMMENT ON FUNCTION fauna.in_audience_columns(text, text, text[], regclass, tid, internal, "any") IS 'fauna.in_audience_row on the columns of a row one by one; the planner puts it in place where it sees them, nobody else calls it.';
COMMENT ON FUNCTION fauna.cache_stats() IS 'What this session keeps of compiled flags and audiences, in how many bytes, what it has done so far, and the configuration of each environment. SELECT * FROM fauna.cache_stats();';
COMMENT ON FUNCTION fauna.row_support(internal) IS 'Planner support: takes the row of fauna.enabled_row and fauna.in_audience_row apart into its columns.';
COMMENT ON FUNCTION fauna.audience_predicate(text, jsonb, oid, text) IS 'What fauna.audience_sql returns, or why it cannot; for an audience or, if that is given, a document.';
COMMENT ON FUNCTION fauna.condition_holds(anyelement, jsonb) IS 'Whether a value satisfies a condition ({"type", "operator", "values", "negate", "ignoreCase"}), as that of an attribute would; false for what is no condition.';
COMMENT ON FUNCTION fauna.bucket(text, text) IS 'The bucket, 0 to 99999, that a salt puts a value in. Never changes.';
COMMENT ON FUNCTION fauna.check_condition(text, text, jsonb, boolean) IS 'What is wrong with a condition of this type, operator and values, in words; null if nothing is.';
COMMENT ON FUNCTION fauna.signal_cache() IS 'Trigger: makes every backend drop the flags it has compiled, when the change is visible to it.';
