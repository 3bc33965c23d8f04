//! Random changes of the [shop](crate::shop).

/// Statements with places for a random flag, environment, audience and number. Some are refused, depending on what
/// went before; that rolls back to the last savepoint.
pub const STATEMENTS: &[&str] = &[
    "INSERT INTO fauna.environments (key) VALUES ('{environment}')",
    "DELETE FROM fauna.environments WHERE key = '{environment}'",
    "INSERT INTO fauna.audiences (key) VALUES ('{audience}')",
    "DELETE FROM fauna.audiences WHERE key = '{audience}'",
    "UPDATE fauna.audiences SET match = CASE match WHEN 'all' THEN 'any' ELSE 'all' END WHERE key = '{audience}'",
    "INSERT INTO fauna.conditions (audience_key, position, attribute_key, operator) VALUES ('{audience}', {number}, 'spend', 'exists')",
    "INSERT INTO fauna.conditions (audience_key, position, nested_audience_key, operator) VALUES ('{audience}', {number}, 'staff', 'in_audience')",
    "DELETE FROM fauna.conditions WHERE audience_key = '{audience}'",
    "UPDATE fauna.conditions SET position = {number} WHERE audience_key = '{audience}'",
    "UPDATE fauna.attributes SET type = CASE type WHEN 'number' THEN 'string' ELSE 'number' END WHERE key = 'spend'",
    "INSERT INTO fauna.flags (key) VALUES ('{flag}'); INSERT INTO fauna.variants (flag_key, key, value) VALUES ('{flag}', 'on', 'true'), ('{flag}', 'off', 'false')",
    "DELETE FROM fauna.flags WHERE key = '{flag}'",
    "UPDATE fauna.flags SET tags = '{{number}}' WHERE key = '{flag}'",
    "UPDATE fauna.flags SET archived_at = CASE WHEN archived_at IS NULL THEN now() END WHERE key = '{flag}'",
    "UPDATE fauna.variants SET value = to_jsonb(NOT value::boolean) WHERE flag_key = '{flag}' AND key = 'on'",
    "INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant) VALUES ('{flag}', '{environment}', 'off')",
    "UPDATE fauna.flag_settings SET enabled = NOT enabled WHERE environment_key = '{environment}'",
    "DELETE FROM fauna.flag_settings WHERE flag_key = '{flag}' AND environment_key = '{environment}'",
    "INSERT INTO fauna.rules (flag_key, environment_key, position) VALUES ('{flag}', '{environment}', {number})",
    "INSERT INTO fauna.allocations (rule_id, variant_key, weight) SELECT id, 'on', 10 * {number} FROM fauna.rules
        WHERE flag_key = '{flag}' ON CONFLICT (rule_id, variant_key) DO UPDATE SET weight = excluded.weight",
    "INSERT INTO fauna.rule_audiences (rule_id, audience_key) SELECT id, '{audience}' FROM fauna.rules
        WHERE flag_key = '{flag}' AND NOT is_default ON CONFLICT DO NOTHING",
    "UPDATE fauna.rules SET position = {number} - position WHERE environment_key = '{environment}'",
    "DELETE FROM fauna.rules WHERE flag_key = '{flag}'",
    "INSERT INTO fauna.prerequisites VALUES ('{flag}', '{environment}', 'banner', 'on')",
    "DELETE FROM fauna.prerequisites",
    "INSERT INTO fauna.sdk_keys (environment_key, kind, hash, prefix) VALUES ('{environment}', 'client', md5(random()::text) || md5(random()::text), 'x')",
    "UPDATE fauna.sdk_keys SET revoked_at = now() WHERE environment_key = '{environment}'",
    "TRUNCATE fauna.sdk_keys CASCADE",
    "TRUNCATE fauna.environments CASCADE",
    "SELECT fauna.new_epoch()",
    "SELECT fauna.rebuild()",
];

/// A sequence that looks random and is the same every time.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// One of `choices`.
    pub fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.roll(choices.len() as u64)).expect("a small number");
        choices[index]
    }

    /// One of [`STATEMENTS`], filled in.
    pub fn statement(&mut self) -> String {
        self.fill(STATEMENTS)
    }

    /// One of the statements, with its places filled.
    pub fn fill(&mut self, statements: &[&str]) -> String {
        self.pick(statements)
            .replace("{flag}", self.pick(&["checkout", "banner", "other"]))
            .replace("{environment}", self.pick(&["production", "staging", "qa"]))
            .replace("{audience}", self.pick(&["beta", "staff", "new"]))
            .replace("{number}", &self.roll(9).to_string())
    }
}
