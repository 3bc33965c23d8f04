-- Rules: which variant for whom. With their allocations and audiences, and the prerequisites that
-- a flag asks of others.
--
-- "Exactly one default rule" cannot be a constraint: no check may fail on a half-loaded set, and a
-- restore loads the settings before the rules. At most one is enforced; none means the off variant.
--
-- Times have to lie in the years 1 to 9999, where every RFC 3339 reader agrees; an open end is null,
-- not infinity.

CREATE TABLE fauna.rules (
    id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    flag_key text COLLATE "C" NOT NULL,
    environment_key text COLLATE "C" NOT NULL,
    position integer NOT NULL DEFAULT 0,
    is_default boolean NOT NULL DEFAULT false,
    description text NOT NULL DEFAULT '',
    match text NOT NULL DEFAULT 'any',
    bucket_by text NOT NULL DEFAULT 'targetingKey',
    active_from timestamptz,
    active_until timestamptz,
    ramp_from timestamptz,
    ramp_until timestamptz,
    ramp_start_weight integer,
    CONSTRAINT rules_pkey PRIMARY KEY (id),
    CONSTRAINT rules_id_flag_key_key UNIQUE (id, flag_key),
    CONSTRAINT rules_flag_key_fkey FOREIGN KEY (flag_key)
        REFERENCES fauna.flags (key) ON DELETE CASCADE,
    CONSTRAINT rules_environment_key_fkey FOREIGN KEY (environment_key)
        REFERENCES fauna.environments (key) ON DELETE CASCADE,
    CONSTRAINT rules_flag_key_environment_key_fkey FOREIGN KEY (flag_key, environment_key)
        REFERENCES fauna.flag_settings (flag_key, environment_key) ON DELETE CASCADE,
    CONSTRAINT rules_match_check CHECK (match IN ('all', 'any')),
    CONSTRAINT rules_bucket_by_check CHECK (bucket_by <> ''),
    CONSTRAINT rules_active_from_check
        CHECK (active_from >= '0001-01-01 00:00:00+00' AND active_from < '10000-01-01 00:00:00+00'),
    CONSTRAINT rules_active_until_check
        CHECK (active_until >= '0001-01-01 00:00:00+00' AND active_until < '10000-01-01 00:00:00+00'),
    CONSTRAINT rules_active_from_active_until_check CHECK (active_from < active_until),
    CONSTRAINT rules_ramp_from_check
        CHECK (ramp_from >= '0001-01-01 00:00:00+00' AND ramp_from < '10000-01-01 00:00:00+00'),
    CONSTRAINT rules_ramp_until_check
        CHECK (ramp_until >= '0001-01-01 00:00:00+00' AND ramp_until < '10000-01-01 00:00:00+00'),
    CONSTRAINT rules_ramp_from_ramp_until_check CHECK (ramp_from < ramp_until),
    CONSTRAINT rules_ramp_start_weight_check CHECK (ramp_start_weight BETWEEN 0 AND 100000),
    CONSTRAINT rules_ramp_check CHECK (num_nulls(ramp_from, ramp_until, ramp_start_weight) IN (0, 3)),
    CONSTRAINT rules_is_default_active_from_active_until_check
        CHECK (NOT is_default OR (active_from IS NULL AND active_until IS NULL))
);
CREATE UNIQUE INDEX rules_is_default_key ON fauna.rules (flag_key, environment_key) WHERE is_default;
CREATE INDEX rules_flag_key_environment_key_idx ON fauna.rules (flag_key, environment_key);
CREATE INDEX rules_environment_key_idx ON fauna.rules (environment_key);
COMMENT ON TABLE fauna.rules IS 'Who gets which variant of a flag in an environment. The first rule that matches and serves wins.';
COMMENT ON COLUMN fauna.rules.id IS 'Identity, given as ruleId by evaluation; never changes.';
COMMENT ON COLUMN fauna.rules.flag_key IS 'The flag it belongs to; never changes.';
COMMENT ON COLUMN fauna.rules.environment_key IS 'The environment it holds in; never changes.';
COMMENT ON COLUMN fauna.rules.position IS 'Order of evaluation; ties by id. The default rule is always last.';
COMMENT ON COLUMN fauna.rules.is_default IS 'Whether this is the rule for everybody no other rule serves. It has no audiences and no window; at most one per setting.';
COMMENT ON COLUMN fauna.rules.description IS 'Why the rule is there, for people.';
COMMENT ON COLUMN fauna.rules.match IS 'Whether all or any of its audiences must match. Without audiences it matches everybody.';
COMMENT ON COLUMN fauna.rules.bucket_by IS 'The attribute whose value picks the bucket of a split.';
COMMENT ON COLUMN fauna.rules.active_from IS 'From when it matches, included; null means always before active_until.';
COMMENT ON COLUMN fauna.rules.active_until IS 'Until when it matches, excluded; null means for ever.';
COMMENT ON COLUMN fauna.rules.ramp_from IS 'When the first allocation starts to grow from ramp_start_weight; null means no ramp.';
COMMENT ON COLUMN fauna.rules.ramp_until IS 'When the first allocation has reached its own weight.';
COMMENT ON COLUMN fauna.rules.ramp_start_weight IS 'Weight of the first allocation at ramp_from, in thousandths of a percent.';

SELECT pg_catalog.pg_extension_config_dump('fauna.rules', '');

CREATE TABLE fauna.allocations (
    rule_id uuid NOT NULL,
    flag_key text COLLATE "C" NOT NULL,
    variant_key text COLLATE "C" NOT NULL,
    position integer NOT NULL DEFAULT 0,
    weight integer NOT NULL DEFAULT 100000,
    CONSTRAINT allocations_pkey PRIMARY KEY (rule_id, variant_key),
    CONSTRAINT allocations_flag_key_fkey FOREIGN KEY (flag_key)
        REFERENCES fauna.flags (key) ON DELETE CASCADE,
    CONSTRAINT allocations_rule_id_flag_key_fkey FOREIGN KEY (rule_id, flag_key)
        REFERENCES fauna.rules (id, flag_key) ON DELETE CASCADE,
    CONSTRAINT allocations_flag_key_variant_key_fkey FOREIGN KEY (flag_key, variant_key)
        REFERENCES fauna.variants (flag_key, key),
    CONSTRAINT allocations_weight_check CHECK (weight BETWEEN 0 AND 100000)
);
CREATE INDEX allocations_flag_key_variant_key_idx ON fauna.allocations (flag_key, variant_key);
COMMENT ON TABLE fauna.allocations IS 'What a rule serves: one variant with 100000, or a split. A rule without allocations serves nobody.';
COMMENT ON COLUMN fauna.allocations.rule_id IS 'The rule.';
COMMENT ON COLUMN fauna.allocations.flag_key IS 'The rule''s flag; filled in from the rule when left out.';
COMMENT ON COLUMN fauna.allocations.variant_key IS 'The variant served.';
COMMENT ON COLUMN fauna.allocations.position IS 'Order of the buckets; ties by variant. Growing the first only ever adds subjects to it.';
COMMENT ON COLUMN fauna.allocations.weight IS 'Share in thousandths of a percent; what a rule leaves of 100000 falls through to the next.';

SELECT pg_catalog.pg_extension_config_dump('fauna.allocations', '');

CREATE TABLE fauna.rule_audiences (
    rule_id uuid NOT NULL,
    flag_key text COLLATE "C" NOT NULL,
    audience_key text COLLATE "C" NOT NULL,
    negate boolean NOT NULL DEFAULT false,
    CONSTRAINT rule_audiences_pkey PRIMARY KEY (rule_id, audience_key),
    CONSTRAINT rule_audiences_flag_key_fkey FOREIGN KEY (flag_key)
        REFERENCES fauna.flags (key) ON DELETE CASCADE,
    CONSTRAINT rule_audiences_rule_id_flag_key_fkey FOREIGN KEY (rule_id, flag_key)
        REFERENCES fauna.rules (id, flag_key) ON DELETE CASCADE,
    CONSTRAINT rule_audiences_audience_key_fkey FOREIGN KEY (audience_key)
        REFERENCES fauna.audiences (key)
);
CREATE INDEX rule_audiences_flag_key_idx ON fauna.rule_audiences (flag_key);
CREATE INDEX rule_audiences_audience_key_idx ON fauna.rule_audiences (audience_key);
COMMENT ON TABLE fauna.rule_audiences IS 'Whom a rule is for.';
COMMENT ON COLUMN fauna.rule_audiences.rule_id IS 'The rule.';
COMMENT ON COLUMN fauna.rule_audiences.flag_key IS 'The rule''s flag; filled in from the rule when left out.';
COMMENT ON COLUMN fauna.rule_audiences.audience_key IS 'The audience.';
COMMENT ON COLUMN fauna.rule_audiences.negate IS 'Whether everybody outside the audience is meant.';

SELECT pg_catalog.pg_extension_config_dump('fauna.rule_audiences', '');

-- The required flag has no foreign key of its own: its variant's leads there, and that one is
-- checked late enough for DELETE FROM fauna.flags to delete both flags in one statement.
CREATE TABLE fauna.prerequisites (
    flag_key text COLLATE "C" NOT NULL,
    environment_key text COLLATE "C" NOT NULL,
    required_flag_key text COLLATE "C" NOT NULL,
    required_variant text COLLATE "C" NOT NULL,
    CONSTRAINT prerequisites_pkey PRIMARY KEY (flag_key, environment_key, required_flag_key, required_variant),
    CONSTRAINT prerequisites_flag_key_fkey FOREIGN KEY (flag_key)
        REFERENCES fauna.flags (key) ON DELETE CASCADE,
    CONSTRAINT prerequisites_environment_key_fkey FOREIGN KEY (environment_key)
        REFERENCES fauna.environments (key) ON DELETE CASCADE,
    CONSTRAINT prerequisites_flag_key_environment_key_fkey FOREIGN KEY (flag_key, environment_key)
        REFERENCES fauna.flag_settings (flag_key, environment_key) ON DELETE CASCADE,
    CONSTRAINT prerequisites_required_flag_key_required_variant_fkey FOREIGN KEY (required_flag_key, required_variant)
        REFERENCES fauna.variants (flag_key, key)
);
CREATE INDEX prerequisites_environment_key_idx ON fauna.prerequisites (environment_key);
CREATE INDEX prerequisites_required_flag_key_required_variant_idx ON fauna.prerequisites (required_flag_key, required_variant);
COMMENT ON TABLE fauna.prerequisites IS 'What a flag asks of other flags. Several rows for one required flag mean any of these variants.';
COMMENT ON COLUMN fauna.prerequisites.flag_key IS 'The flag that asks.';
COMMENT ON COLUMN fauna.prerequisites.environment_key IS 'The environment it asks in.';
COMMENT ON COLUMN fauna.prerequisites.required_flag_key IS 'The flag that has to evaluate to one of the variants.';
COMMENT ON COLUMN fauna.prerequisites.required_variant IS 'A variant of the required flag that will do.';

SELECT pg_catalog.pg_extension_config_dump('fauna.prerequisites', '');
