-- Attributes, audiences and their conditions: who is meant.
--
-- A reference is a foreign key, so that an attribute or audience in use cannot be deleted. Only
-- what belongs to its parent (a condition to its audience) goes with it.

CREATE TABLE fauna.attributes (
    key text COLLATE "C" NOT NULL,
    type text NOT NULL,
    description text NOT NULL DEFAULT '',
    CONSTRAINT attributes_pkey PRIMARY KEY (key),
    CONSTRAINT attributes_key_check CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'),
    CONSTRAINT attributes_type_check CHECK (type IN ('string', 'number', 'boolean', 'date', 'version'))
);
COMMENT ON TABLE fauna.attributes IS 'What a context may say about its subject. The type decides which operators fit and how values compare.';
COMMENT ON COLUMN fauna.attributes.key IS 'Key in the context, top level first, then as a dotted path; never changes.';
COMMENT ON COLUMN fauna.attributes.type IS 'string, number, boolean, date or version. Changing it recompiles every audience that uses the attribute.';
COMMENT ON COLUMN fauna.attributes.description IS 'What the attribute means, for people.';

SELECT pg_catalog.pg_extension_config_dump('fauna.attributes', '');

CREATE TABLE fauna.audiences (
    key text COLLATE "C" NOT NULL,
    name text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    match text NOT NULL DEFAULT 'all',
    CONSTRAINT audiences_pkey PRIMARY KEY (key),
    CONSTRAINT audiences_key_check CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'),
    CONSTRAINT audiences_match_check CHECK (match IN ('all', 'any'))
);
COMMENT ON TABLE fauna.audiences IS 'Named groups of subjects, shared by flags and the same in every environment.';
COMMENT ON COLUMN fauna.audiences.key IS 'Name in programs; never changes.';
COMMENT ON COLUMN fauna.audiences.name IS 'Name for people; empty means the key.';
COMMENT ON COLUMN fauna.audiences.description IS 'Who is in it, for people.';
COMMENT ON COLUMN fauna.audiences.match IS 'Whether all or any of its conditions must hold. Without conditions it matches nobody.';

SELECT pg_catalog.pg_extension_config_dump('fauna.audiences', '');

CREATE TABLE fauna.conditions (
    id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    audience_key text COLLATE "C" NOT NULL,
    position integer NOT NULL DEFAULT 0,
    attribute_key text COLLATE "C",
    nested_audience_key text COLLATE "C",
    operator text NOT NULL,
    "values" jsonb NOT NULL DEFAULT '[]',
    negate boolean NOT NULL DEFAULT false,
    ignore_case boolean NOT NULL DEFAULT false,
    CONSTRAINT conditions_pkey PRIMARY KEY (id),
    CONSTRAINT conditions_audience_key_fkey FOREIGN KEY (audience_key)
        REFERENCES fauna.audiences (key) ON DELETE CASCADE,
    CONSTRAINT conditions_attribute_key_fkey FOREIGN KEY (attribute_key)
        REFERENCES fauna.attributes (key),
    CONSTRAINT conditions_nested_audience_key_fkey FOREIGN KEY (nested_audience_key)
        REFERENCES fauna.audiences (key),
    CONSTRAINT conditions_attribute_key_nested_audience_key_check
        CHECK (num_nonnulls(attribute_key, nested_audience_key) = 1),
    CONSTRAINT conditions_operator_nested_audience_key_check
        CHECK ((operator = 'in_audience') = (nested_audience_key IS NOT NULL)),
    CONSTRAINT conditions_values_check CHECK (jsonb_typeof("values") = 'array')
);
CREATE INDEX conditions_audience_key_idx ON fauna.conditions (audience_key);
CREATE INDEX conditions_attribute_key_idx ON fauna.conditions (attribute_key);
CREATE INDEX conditions_nested_audience_key_idx ON fauna.conditions (nested_audience_key);
COMMENT ON TABLE fauna.conditions IS 'What an audience asks of a context: of an attribute, or of membership in another audience.';
COMMENT ON COLUMN fauna.conditions.id IS 'Identity; never changes.';
COMMENT ON COLUMN fauna.conditions.audience_key IS 'The audience it belongs to.';
COMMENT ON COLUMN fauna.conditions.position IS 'Order within the audience; ties by id.';
COMMENT ON COLUMN fauna.conditions.attribute_key IS 'The attribute looked at; null exactly for operator in_audience.';
COMMENT ON COLUMN fauna.conditions.nested_audience_key IS 'The audience asked for membership; only with operator in_audience.';
COMMENT ON COLUMN fauna.conditions.operator IS 'eq, in, lt, …, exists, or in_audience; which of them fit is decided by the attribute''s type.';
COMMENT ON COLUMN fauna.conditions."values" IS 'JSON array of what to compare with; any of them suffices. Empty for exists and in_audience.';
COMMENT ON COLUMN fauna.conditions.negate IS 'Whether the outcome is turned round; a missing attribute stays false all the same.';
COMMENT ON COLUMN fauna.conditions.ignore_case IS 'Whether strings compare by Unicode simple case folding.';

SELECT pg_catalog.pg_extension_config_dump('fauna.conditions', '');
