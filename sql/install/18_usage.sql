-- Usage: what was evaluated, and which SDK keys are alive. Written in batches by the bridge, never
-- on the evaluation path, never through the log, and without any notification.

CREATE TABLE fauna.usage (
    environment_key text COLLATE "C" NOT NULL,
    flag_key text COLLATE "C" NOT NULL,
    variant text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    evaluations bigint NOT NULL DEFAULT 0,
    last_at timestamptz NOT NULL,
    CONSTRAINT usage_pkey PRIMARY KEY (environment_key, flag_key, variant, hour),
    CONSTRAINT usage_environment_key_fkey FOREIGN KEY (environment_key)
        REFERENCES fauna.environments (key) ON DELETE CASCADE,
    CONSTRAINT usage_flag_key_fkey FOREIGN KEY (flag_key)
        REFERENCES fauna.flags (key) ON DELETE CASCADE,
    CONSTRAINT usage_evaluations_check CHECK (evaluations >= 0)
);
CREATE INDEX usage_flag_key_idx ON fauna.usage (flag_key);
COMMENT ON TABLE fauna.usage IS 'Evaluations per flag, variant and hour.';
COMMENT ON COLUMN fauna.usage.environment_key IS 'The environment.';
COMMENT ON COLUMN fauna.usage.flag_key IS 'The flag.';
COMMENT ON COLUMN fauna.usage.variant IS 'Key of the variant served, which may be gone by now; empty for none.';
COMMENT ON COLUMN fauna.usage.hour IS 'Start of the hour.';
COMMENT ON COLUMN fauna.usage.evaluations IS 'How many in that hour.';
COMMENT ON COLUMN fauna.usage.last_at IS 'The last of them.';

SELECT pg_catalog.pg_extension_config_dump('fauna.usage', '');

CREATE TABLE fauna.sdk_key_usage (
    sdk_key_id uuid NOT NULL,
    last_used_at timestamptz NOT NULL,
    CONSTRAINT sdk_key_usage_pkey PRIMARY KEY (sdk_key_id),
    CONSTRAINT sdk_key_usage_sdk_key_id_fkey FOREIGN KEY (sdk_key_id)
        REFERENCES fauna.sdk_keys (id) ON DELETE CASCADE
);
COMMENT ON TABLE fauna.sdk_key_usage IS 'When an SDK key was last used. Beside sdk_keys, so that using a key is not a change of the configuration.';
COMMENT ON COLUMN fauna.sdk_key_usage.sdk_key_id IS 'The key.';
COMMENT ON COLUMN fauna.sdk_key_usage.last_used_at IS 'When it last opened a stream or made a request, to the minute or so.';

SELECT pg_catalog.pg_extension_config_dump('fauna.sdk_key_usage', '');

-- A function that runs as the owner, and no INSERT and UPDATE on the tables: a bridge's role can so add to counts and nothing
-- else. It can neither read what is there, nor lower or remove it, nor has it to see flags and keys to know which of them exist.
-- A sum stays at the greatest bigint: an error would keep the bridge from writing anything.
-- Rows are written in the order of their key, so that several bridges wait for each other and do not deadlock.
CREATE FUNCTION fauna.record_usage(usage jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_subscription_rel r
               WHERE r.srrelid IN ('fauna.heads'::regclass, 'fauna.documents'::regclass)) THEN
        RAISE EXCEPTION 'usage cannot be recorded on a logical subscriber'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'A subscription of this database brings the compiled documents, not the flags and keys that usage belongs to.',
                  HINT = 'Let a bridge on the publisher record usage.';
    END IF;
    INSERT INTO fauna.usage AS u (environment_key, flag_key, variant, hour, evaluations, last_at)
    SELECT e.key, f.key, coalesce(r.variant, ''), date_trunc('hour', least(r.hour, now()), 'UTC'),
        least(sum(r.evaluations), 9223372036854775807),
        max(least(coalesce(r."lastAt", r.hour), now()))
    FROM jsonb_to_recordset(usage->'evaluations')
        AS r (environment text, flag text, variant text, hour timestamptz, evaluations bigint, "lastAt" timestamptz)
    JOIN fauna.environments e ON e.key = r.environment
    JOIN fauna.flags f ON f.key = r.flag
    WHERE r.evaluations > 0 AND r.hour IS NOT NULL
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3, 4
    ON CONFLICT ON CONSTRAINT usage_pkey DO UPDATE
        SET evaluations = least(u.evaluations::numeric + excluded.evaluations, 9223372036854775807),
            last_at = greatest(u.last_at, excluded.last_at);

    INSERT INTO fauna.sdk_key_usage AS u (sdk_key_id, last_used_at)
    SELECT k.id, max(least(r."lastUsedAt", now()))
    FROM jsonb_to_recordset(usage->'keys') AS r (id text, "lastUsedAt" timestamptz)
    JOIN fauna.sdk_keys k ON k.id::text = r.id
    WHERE r."lastUsedAt" IS NOT NULL
    GROUP BY 1
    ORDER BY 1
    ON CONFLICT ON CONSTRAINT sdk_key_usage_pkey DO UPDATE SET last_used_at = greatest(u.last_used_at, excluded.last_used_at);
END
$$;
REVOKE ALL ON FUNCTION fauna.record_usage(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION fauna.record_usage(jsonb) IS
    'Adds what a bridge has counted: {"evaluations":[{"environment","flag","variant","hour","evaluations","lastAt"}],"keys":[{"id","lastUsedAt"}]}. What names an unknown environment, flag or key is left out; times after now count as now.';

-- Runs as the owner, so that nobody needs DELETE on the counts. Nothing else forgets them, and there is a row for each environment, flag,
-- variant and hour in which it was evaluated.
CREATE FUNCTION fauna.prune_usage(keep interval) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
    IF keep IS NULL OR keep < interval '0' THEN
        RAISE EXCEPTION 'the interval to keep must not be null or negative'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('fauna.prune_usage() was given %s.', coalesce(quote_literal(keep), 'NULL')),
                  HINT = 'Say how much usage to keep, as in fauna.prune_usage(''90 days'').';
    END IF;
    DELETE FROM fauna.usage u WHERE u.hour < date_trunc('hour', now() - keep, 'UTC');
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION fauna.prune_usage(interval) FROM PUBLIC;
COMMENT ON FUNCTION fauna.prune_usage(interval) IS
    'Forgets evaluations of hours before the interval; when SDK keys were last used stays. Returns how many rows were removed. SELECT fauna.prune_usage(''90 days'');';
