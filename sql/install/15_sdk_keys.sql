-- SDK keys: who may read an environment through the bridge. The key itself is shown once, when it
-- is made, and kept nowhere; its hash goes through the document log so that a revocation reaches
-- every bridge as a revision. When a key was last used is not in this table but in sdk_key_usage.

CREATE TABLE fauna.sdk_keys (
    id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    environment_key text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    name text NOT NULL DEFAULT '',
    hash text NOT NULL,
    prefix text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT sdk_keys_pkey PRIMARY KEY (id),
    CONSTRAINT sdk_keys_hash_key UNIQUE (hash),
    CONSTRAINT sdk_keys_environment_key_fkey FOREIGN KEY (environment_key)
        REFERENCES fauna.environments (key) ON DELETE CASCADE,
    CONSTRAINT sdk_keys_kind_check CHECK (kind IN ('server', 'client')),
    CONSTRAINT sdk_keys_hash_check CHECK (hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT sdk_keys_expires_at_check
        CHECK (expires_at >= '0001-01-01 00:00:00+00' AND expires_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT sdk_keys_revoked_at_check
        CHECK (revoked_at >= '0001-01-01 00:00:00+00' AND revoked_at < '10000-01-01 00:00:00+00')
);
CREATE INDEX sdk_keys_environment_key_idx ON fauna.sdk_keys (environment_key);
COMMENT ON TABLE fauna.sdk_keys IS 'Keys with which SDKs read an environment through the bridge.';
COMMENT ON COLUMN fauna.sdk_keys.id IS 'Identity; never changes.';
COMMENT ON COLUMN fauna.sdk_keys.environment_key IS 'The environment it opens; never changes.';
COMMENT ON COLUMN fauna.sdk_keys.kind IS 'server: rules and audiences, for programs one trusts. client: evaluated, visible flags only.';
COMMENT ON COLUMN fauna.sdk_keys.name IS 'What it is used for, for people.';
COMMENT ON COLUMN fauna.sdk_keys.hash IS 'SHA-256 of the key''s text, in lower-case hexadecimal.';
COMMENT ON COLUMN fauna.sdk_keys.prefix IS 'The key''s first characters, enough to recognise it and too few to use it.';
COMMENT ON COLUMN fauna.sdk_keys.created_at IS 'When it was made.';
COMMENT ON COLUMN fauna.sdk_keys.expires_at IS 'From when it no longer works; null means never.';
COMMENT ON COLUMN fauna.sdk_keys.revoked_at IS 'When it was revoked; null means it was not.';

SELECT pg_catalog.pg_extension_config_dump('fauna.sdk_keys', '');
