-- Environments: where a flag has its settings (production, staging, …).
--
-- None is created here. What CREATE EXTENSION seeds, a restore would find in the way of its COPY.

CREATE TABLE fauna.environments (
    key text COLLATE "C" NOT NULL,
    name text NOT NULL DEFAULT '',
    position integer NOT NULL DEFAULT 0,
    protected boolean NOT NULL DEFAULT false,
    CONSTRAINT environments_pkey PRIMARY KEY (key),
    CONSTRAINT environments_key_check CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
);
COMMENT ON TABLE fauna.environments IS 'Where a flag has its settings. Deleting one deletes its settings, rules and SDK keys, and ends its log.';
COMMENT ON COLUMN fauna.environments.key IS 'Name in programs; never changes.';
COMMENT ON COLUMN fauna.environments.name IS 'Name for people; empty means the key.';
COMMENT ON COLUMN fauna.environments.position IS 'Order in lists.';
COMMENT ON COLUMN fauna.environments.protected IS 'Whether only an admin may turn a flag on there, or change one that is on.';

SELECT pg_catalog.pg_extension_config_dump('fauna.environments', '');
