-- Flags, their variants, and their settings per environment.
--
-- Every child has its own flag_key with ON DELETE CASCADE, even where a longer key leads to the
-- flag as well: foreign keys are checked after the first round of cascades, and a child reached
-- only in the second round would make DELETE FROM fauna.flags fail on the key between the two.

CREATE TABLE fauna.flags (
    key text COLLATE "C" NOT NULL,
    name text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    kind text NOT NULL DEFAULT 'boolean',
    salt text,
    tags text[] NOT NULL DEFAULT '{}',
    owner text NOT NULL DEFAULT '',
    client_visible boolean NOT NULL DEFAULT false,
    permanent boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    archived_at timestamptz,
    CONSTRAINT flags_pkey PRIMARY KEY (key),
    CONSTRAINT flags_key_check CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'),
    CONSTRAINT flags_kind_check CHECK (kind IN ('boolean', 'string', 'number', 'json')),
    -- CASE, because array_position fails on more than one dimension.
    CONSTRAINT flags_tags_check CHECK (
        CASE WHEN coalesce(array_ndims(tags), 1) = 1 THEN array_position(tags, NULL) IS NULL ELSE false END)
);
COMMENT ON TABLE fauna.flags IS 'Feature flags. What they serve is decided per environment, in flag_settings and rules.';
COMMENT ON COLUMN fauna.flags.key IS 'Name in programs; never changes.';
COMMENT ON COLUMN fauna.flags.name IS 'Name for people; empty means the key.';
COMMENT ON COLUMN fauna.flags.description IS 'What the flag does, for people.';
COMMENT ON COLUMN fauna.flags.kind IS 'Type of its variants'' values: boolean, string, number or json.';
COMMENT ON COLUMN fauna.flags.salt IS 'Decides, with the subject, the bucket in splits; null means the key. Flags with the same salt put the same subjects first.';
COMMENT ON COLUMN fauna.flags.tags IS 'Labels for search and for clients that load only some flags.';
COMMENT ON COLUMN fauna.flags.owner IS 'Person or team to ask.';
COMMENT ON COLUMN fauna.flags.client_visible IS 'Whether client keys (browsers, phones) may see the evaluated flag.';
COMMENT ON COLUMN fauna.flags.permanent IS 'Whether the flag is meant to stay, so that it is never called stale.';
COMMENT ON COLUMN fauna.flags.created_at IS 'When it was created.';
COMMENT ON COLUMN fauna.flags.archived_at IS 'When it was archived; an archived flag has no document and evaluates as not found.';

SELECT pg_catalog.pg_extension_config_dump('fauna.flags', '');

CREATE TABLE fauna.variants (
    flag_key text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    value jsonb NOT NULL,
    position integer NOT NULL DEFAULT 0,
    CONSTRAINT variants_pkey PRIMARY KEY (flag_key, key),
    CONSTRAINT variants_flag_key_fkey FOREIGN KEY (flag_key)
        REFERENCES fauna.flags (key) ON DELETE CASCADE,
    CONSTRAINT variants_key_check CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
);
COMMENT ON TABLE fauna.variants IS 'The values a flag can take.';
COMMENT ON COLUMN fauna.variants.flag_key IS 'The flag it belongs to.';
COMMENT ON COLUMN fauna.variants.key IS 'Name within the flag; never changes.';
COMMENT ON COLUMN fauna.variants.value IS 'What evaluation gives; its JSON type fits the flag''s kind.';
COMMENT ON COLUMN fauna.variants.position IS 'Order in lists.';

SELECT pg_catalog.pg_extension_config_dump('fauna.variants', '');

CREATE TABLE fauna.flag_settings (
    flag_key text COLLATE "C" NOT NULL,
    environment_key text COLLATE "C" NOT NULL,
    enabled boolean NOT NULL DEFAULT false,
    off_variant text COLLATE "C" NOT NULL,
    CONSTRAINT flag_settings_pkey PRIMARY KEY (flag_key, environment_key),
    CONSTRAINT flag_settings_flag_key_fkey FOREIGN KEY (flag_key)
        REFERENCES fauna.flags (key) ON DELETE CASCADE,
    CONSTRAINT flag_settings_environment_key_fkey FOREIGN KEY (environment_key)
        REFERENCES fauna.environments (key) ON DELETE CASCADE,
    CONSTRAINT flag_settings_off_variant_fkey FOREIGN KEY (flag_key, off_variant)
        REFERENCES fauna.variants (flag_key, key)
);
CREATE INDEX flag_settings_environment_key_idx ON fauna.flag_settings (environment_key);
COMMENT ON TABLE fauna.flag_settings IS 'A flag in an environment. Without a row here the flag has no document there and evaluates as not found.';
COMMENT ON COLUMN fauna.flag_settings.flag_key IS 'The flag.';
COMMENT ON COLUMN fauna.flag_settings.environment_key IS 'The environment.';
COMMENT ON COLUMN fauna.flag_settings.enabled IS 'Whether the rules are looked at; if not, everybody gets the off variant.';
COMMENT ON COLUMN fauna.flag_settings.off_variant IS 'The variant served while disabled, without default rule, or on error.';

SELECT pg_catalog.pg_extension_config_dump('fauna.flag_settings', '');
