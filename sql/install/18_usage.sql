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
