-- What a condition may say, refused where it is written.
--
-- The trigger functions of files 60 to 64 are SECURITY DEFINER for the reason that makes PostgreSQL run its
-- foreign keys as the table's owner: they must see and lock every row that bears on the answer, whatever the
-- writer may read. They write no source table, so a restore that fires them changes nothing.
--
-- Restoring: COPY fills the tables in the order of their foreign keys, each perhaps in a transaction of its own.
-- A condition is checked against one row of a table that is full by then, and the type of an attribute only
-- when it is UPDATEd, which a restore never does.
--
-- Two sessions: a check that reads rows which another session may be changing is made twice. At the statement, in the
-- session's own view, so that the error comes where the mistake is; and once more at COMMIT behind the log's
-- lock, when nobody else can be halfway. No statement waits for another flag writer that way.
--
-- Like the log's, what runs for every row is PL/pgSQL and settles its plan (see 30). The check of a rule's
-- weights takes as long as three foreign keys' of the same row; with a SQL function, which is planned at
-- every call, and a plan from when the tables were empty it took as long as fifteen.

CREATE FUNCTION fauna.lock_commits() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A write, not FOR UPDATE: it makes the next REPEATABLE READ transaction with an older snapshot fail
    -- (40001) where it would check against rows that are no longer true. Once per transaction, as dead
    -- versions of one row add up.
    UPDATE fauna.commit_lock SET txid = pg_current_xact_id() WHERE txid <> pg_current_xact_id();
END
$$;
COMMENT ON FUNCTION fauna.lock_commits() IS
    'Waits until no other transaction is committing a change of flags, and keeps others waiting until this one ends. For checks at commit.';

CREATE FUNCTION fauna.validate_condition() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    attribute_type text;
    reason text;
BEGIN
    IF NEW.nested_audience_key IS NOT NULL THEN
        IF NEW."values" <> '[]' THEN
            reason := 'operator "in_audience" takes no values';
        END IF;
    ELSE
        -- FOR SHARE waits for a change of the attribute's type that has not committed, and makes a later one wait for
        -- this transaction. In READ COMMITTED it then returns the new type, above that it fails with 40001. The
        -- foreign key's own FOR KEY SHARE would let both pass.
        SELECT a.type INTO attribute_type FROM fauna.attributes AS a WHERE a.key = NEW.attribute_key FOR SHARE;
        reason := fauna.check_condition(attribute_type, NEW.operator, NEW."values", NEW.ignore_case);
    END IF;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('condition is not valid: %s', reason),
            DETAIL = format('Condition %s of audience "%s": operator "%s" on %s.', NEW.id, NEW.audience_key, NEW.operator,
                CASE WHEN NEW.attribute_key IS NULL THEN format('audience "%s"', NEW.nested_audience_key)
                    ELSE format('attribute "%s" of type "%s"', NEW.attribute_key, attribute_type) END),
            HINT = 'Change the operator or the values; fauna.check_condition(type, operator, "values", ignore_case) tells what is'
                ' wrong with a condition without writing it.',
            SCHEMA = 'fauna', TABLE = 'conditions', CONSTRAINT = 'conditions_operator_values_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_condition() IS
    'Trigger: refuses a condition whose operator or values do not fit the attribute''s type.';

CREATE TRIGGER conditions_validate
    AFTER INSERT OR UPDATE OF attribute_key, nested_audience_key, operator, "values", ignore_case ON fauna.conditions
    FOR EACH ROW EXECUTE FUNCTION fauna.validate_condition();

CREATE FUNCTION fauna.validate_attribute_type() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    misfit record;
BEGIN
    IF TG_ARGV[0] = 'commit' THEN
        PERFORM fauna.lock_commits();
    END IF;
    SELECT c.id, c.audience_key, a.type, r.reason INTO misfit
    FROM fauna.attributes AS a
    JOIN fauna.conditions AS c ON c.attribute_key = a.key
    CROSS JOIN LATERAL fauna.check_condition(a.type, c.operator, c."values", c.ignore_case) AS r(reason)
    WHERE a.key = NEW.key AND r.reason IS NOT NULL
    ORDER BY c.audience_key, c.position, c.id
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('attribute "%s" cannot become a %s: a condition would no longer be valid', NEW.key, misfit.type),
            DETAIL = format('Condition %s of audience "%s": %s.', misfit.id, misfit.audience_key, misfit.reason),
            HINT = 'Change or delete the conditions that do not fit first, or make another attribute.',
            SCHEMA = 'fauna', TABLE = 'attributes', CONSTRAINT = 'attributes_type_conditions_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fauna.validate_attribute_type() IS
    'Trigger: refuses a change of an attribute''s type that leaves a condition invalid.';

CREATE TRIGGER attributes_validate_type
    AFTER UPDATE OF type ON fauna.attributes
    FOR EACH ROW WHEN (OLD.type <> NEW.type)
    EXECUTE FUNCTION fauna.validate_attribute_type('statement');

-- The condition's FOR SHARE suffices in READ COMMITTED. A REPEATABLE READ transaction can change the type
-- under a condition that was committed after its snapshot; it fails at the lock.
CREATE CONSTRAINT TRIGGER attributes_validate_type_at_commit
    AFTER UPDATE OF type ON fauna.attributes
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.type <> NEW.type)
    EXECUTE FUNCTION fauna.validate_attribute_type('commit');
