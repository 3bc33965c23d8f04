-- What a person wants to see at a glance. The views run with their owner's privileges, so that whoever may
-- read them needs no right on the documents, which hold the hashes of SDK keys.

CREATE VIEW fauna.rule_list AS
SELECT
    r.flag_key AS flag,
    r.environment_key AS environment,
    CASE WHEN NOT r.is_default
        THEN row_number() OVER (PARTITION BY r.flag_key, r.environment_key ORDER BY r.is_default, r.position, r.id) END AS place,
    (SELECT string_agg(CASE WHEN ra.negate THEN 'not ' ELSE '' END || ra.audience_key,
            CASE r.match WHEN 'all' THEN ' and ' ELSE ' or ' END ORDER BY ra.audience_key)
     FROM fauna.rule_audiences ra WHERE ra.rule_id = r.id) AS audiences,
    (SELECT string_agg(CASE WHEN a.weight = 100000 THEN a.variant_key
            ELSE format('%s %s %%', a.variant_key, trim_scale(a.weight / 1000.0)) END, ', ' ORDER BY a.position, a.variant_key)
     FROM fauna.allocations a WHERE a.rule_id = r.id) AS serves,
    r.bucket_by,
    r.active_from,
    r.active_until,
    r.ramp_from,
    r.ramp_until,
    r.description,
    r.is_default,
    r.id AS rule
FROM fauna.rules r;
COMMENT ON VIEW fauna.rule_list IS 'One row per rule, in words. TABLE fauna.rule_list;';
COMMENT ON COLUMN fauna.rule_list.flag IS 'The flag.';
COMMENT ON COLUMN fauna.rule_list.environment IS 'The environment.';
COMMENT ON COLUMN fauna.rule_list.place IS 'Place in the order of evaluation, from 1; null for the default rule, which comes last.';
COMMENT ON COLUMN fauna.rule_list.audiences IS 'Whom it is for; null means everybody.';
COMMENT ON COLUMN fauna.rule_list.serves IS 'The variants it serves, with their shares; null means that it serves nobody.';
COMMENT ON COLUMN fauna.rule_list.bucket_by IS 'The attribute whose value picks the bucket of a split.';
COMMENT ON COLUMN fauna.rule_list.active_from IS 'From when it matches; null means always.';
COMMENT ON COLUMN fauna.rule_list.active_until IS 'Until when it matches; null means for ever.';
COMMENT ON COLUMN fauna.rule_list.ramp_from IS 'When the first variant''s share starts to grow; null means no ramp.';
COMMENT ON COLUMN fauna.rule_list.ramp_until IS 'When the first variant has reached its share.';
COMMENT ON COLUMN fauna.rule_list.description IS 'Why the rule is there.';
COMMENT ON COLUMN fauna.rule_list.is_default IS 'Whether it is the rule for everybody whom no other serves.';
COMMENT ON COLUMN fauna.rule_list.rule IS 'Its id, as functions take it.';

CREATE VIEW fauna.flag_status AS
SELECT
    f.key AS flag,
    s.environment_key AS environment,
    s.enabled,
    CASE WHEN s.enabled THEN coalesce(d.serves, s.off_variant) ELSE s.off_variant END AS serves,
    (SELECT count(*) FROM fauna.rules r
     WHERE r.flag_key = f.key AND r.environment_key = s.environment_key AND NOT r.is_default) AS rules,
    f.kind,
    f.tags,
    f.archived_at IS NOT NULL AS archived,
    c.committed_at AS changed_at,
    c.actor AS changed_by
FROM fauna.flags f
LEFT JOIN fauna.flag_settings s ON s.flag_key = f.key
LEFT JOIN fauna.rule_list d ON d.flag = f.key AND d.environment = s.environment_key AND d.is_default
LEFT JOIN fauna.documents o ON o.environment_key = s.environment_key AND o.kind = 'flag' AND o.key = f.key
LEFT JOIN fauna.heads h ON h.environment_key = o.environment_key
LEFT JOIN fauna.revisions c ON c.environment_key = h.environment_key AND c.epoch = h.epoch AND c.revision = o.revision;
COMMENT ON VIEW fauna.flag_status IS 'One row per flag and environment. SELECT * FROM fauna.flag_status WHERE environment = ''production'';';
COMMENT ON COLUMN fauna.flag_status.flag IS 'The flag.';
COMMENT ON COLUMN fauna.flag_status.environment IS 'The environment; null if the flag has a setting in none.';
COMMENT ON COLUMN fauna.flag_status.enabled IS 'Whether it is on there.';
COMMENT ON COLUMN fauna.flag_status.serves IS 'What those get whom no rule for an audience serves: the default rule''s variants with their shares, or the off variant.';
COMMENT ON COLUMN fauna.flag_status.rules IS 'How many rules it has before the default.';
COMMENT ON COLUMN fauna.flag_status.kind IS 'boolean, string, number or json.';
COMMENT ON COLUMN fauna.flag_status.tags IS 'Its labels.';
COMMENT ON COLUMN fauna.flag_status.archived IS 'Whether it is archived, and so found nowhere.';
COMMENT ON COLUMN fauna.flag_status.changed_at IS 'When what evaluation sees of it last changed there.';
COMMENT ON COLUMN fauna.flag_status.changed_by IS 'Who made that change.';

CREATE VIEW fauna.change_log AS
SELECT
    r.environment_key AS environment,
    r.revision,
    r.committed_at,
    r.actor,
    r.role,
    r.application_name,
    r.comment,
    -- In the select list, so that LIMIT cuts it short.
    ARRAY(SELECT h.kind || ' ' || h.key || CASE WHEN h.doc IS NULL THEN ' deleted' ELSE '' END
          FROM fauna.history h
          WHERE h.environment_key = r.environment_key AND h.epoch = r.epoch AND h.revision = r.revision
          ORDER BY h.kind, h.key) AS changed,
    r.epoch
FROM fauna.revisions r
ORDER BY r.committed_at DESC, r.environment_key, r.revision DESC;
COMMENT ON VIEW fauna.change_log IS 'Who changed what, the latest first: one row per transaction and environment. SELECT * FROM fauna.change_log LIMIT 20;';
COMMENT ON COLUMN fauna.change_log.environment IS 'The environment.';
COMMENT ON COLUMN fauna.change_log.revision IS 'The revision, numbered within its epoch.';
COMMENT ON COLUMN fauna.change_log.committed_at IS 'When it was committed.';
COMMENT ON COLUMN fauna.change_log.actor IS 'Who was logged in.';
COMMENT ON COLUMN fauna.change_log.role IS 'The role they acted as.';
COMMENT ON COLUMN fauna.change_log.application_name IS 'The application they used.';
COMMENT ON COLUMN fauna.change_log.comment IS 'What they said about it, by SET fauna.comment.';
COMMENT ON COLUMN fauna.change_log.changed IS 'The documents that changed: flag, audience or sdk_key, and its key. The first revision of an epoch has them all.';
COMMENT ON COLUMN fauna.change_log.epoch IS 'The epoch.';
