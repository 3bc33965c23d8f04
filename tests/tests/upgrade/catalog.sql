-- Everything that PostgreSQL knows about the extension, one fact a row: what it is about, which property, and the value.
-- Nothing in it depends on oids or on the order in which things were made, so two databases that have the same extension give
-- the same rows.
WITH extension AS (
    SELECT * FROM pg_extension WHERE extname = 'fauna'
), member AS (
    SELECT d.classid, d.objid FROM pg_depend d, extension e
    WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
), schema AS (
    SELECT * FROM pg_namespace WHERE nspname = 'fauna'
), relation AS (
    SELECT c.* FROM pg_class c, schema n WHERE c.relnamespace = n.oid
        OR c.oid IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass)
), routine AS (
    SELECT p.* FROM pg_proc p, schema n WHERE p.pronamespace = n.oid
        OR p.oid IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass)
), type AS (
    -- Row types and array types come with what they are made from.
    SELECT t.* FROM pg_type t, schema n WHERE t.typnamespace = n.oid
        OR t.oid IN (SELECT objid FROM member WHERE classid = 'pg_type'::regclass)
), condition AS (
    SELECT * FROM pg_constraint
    WHERE conrelid IN (SELECT oid FROM relation) OR contypid IN (SELECT oid FROM type)
), trigger AS (
    SELECT * FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relation) AND NOT tgisinternal
), object AS (
    SELECT 'pg_extension'::regclass AS classid, oid AS objid FROM extension
    UNION SELECT classid, objid FROM member
    UNION SELECT 'pg_namespace'::regclass, oid FROM schema
    UNION SELECT 'pg_class'::regclass, oid FROM relation
    UNION SELECT 'pg_proc'::regclass, oid FROM routine
    UNION SELECT 'pg_type'::regclass, oid FROM type
    UNION SELECT 'pg_constraint'::regclass, oid FROM condition
    UNION SELECT 'pg_trigger'::regclass, oid FROM trigger
    UNION SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid IN (SELECT oid FROM relation)
    UNION SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext WHERE stxrelid IN (SELECT oid FROM relation)
    UNION SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM relation) AND rulename <> '_RETURN'
    UNION SELECT 'pg_default_acl'::regclass, oid FROM pg_default_acl WHERE defaclnamespace IN (SELECT oid FROM schema)
), privileges (classid, objid, objsubid, acl) AS (
    SELECT 'pg_namespace'::regclass, oid, 0, nspacl FROM schema
    UNION ALL SELECT 'pg_class'::regclass, oid, 0, relacl FROM relation
    UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, attacl FROM pg_attribute
        WHERE attrelid IN (SELECT oid FROM relation) AND attacl IS NOT NULL
    UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proacl FROM routine
    UNION ALL SELECT 'pg_type'::regclass, oid, 0, typacl FROM type
    UNION ALL SELECT 'pg_default_acl'::regclass, oid, 0, defaclacl FROM pg_default_acl WHERE defaclnamespace IN (SELECT oid FROM schema)
), fact (classid, objid, objsubid, property, value) AS (
    SELECT classid, objid, 0, 'exists', NULL FROM object
    UNION ALL SELECT classid, objid, 0, 'belongs to the extension', NULL FROM member
    UNION ALL SELECT d.classoid, d.objoid, d.objsubid, 'comment', d.description
        FROM pg_description d JOIN object o ON o.classid = d.classoid AND o.objid = d.objoid
    UNION ALL SELECT classid, objid, objsubid, 'privileges', coalesce(words, 'as the type of object has them')
        FROM privileges, LATERAL (
            SELECT string_agg(format('%s to %s by %s%s', privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
                grantor::regrole, CASE WHEN is_grantable THEN ' with grant option' END), ', ' ORDER BY grantee, grantor, privilege_type)
            FROM aclexplode(acl)) words (words)
    -- What pg_dump takes for given.
    UNION ALL SELECT i.classoid, i.objoid, i.objsubid, 'initial privileges',
            (SELECT string_agg(format('%s to %s', privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END), ', ' ORDER BY grantee, privilege_type)
             FROM aclexplode(i.initprivs))
        FROM pg_init_privs i JOIN object o ON o.classid = i.classoid AND o.objid = i.objoid
    -- The extension, its schema, and which rows of which tables belong into a dump.
    UNION ALL SELECT 'pg_extension'::regclass, oid, 0, 'definition',
            concat_ws(' ', extversion, extowner::regrole, extnamespace::regnamespace, 'relocatable', extrelocatable) FROM extension
    UNION ALL SELECT 'pg_class'::regclass, dumped, 0, 'in dumps', condition
        FROM extension, unnest(extconfig, extcondition) AS d (dumped, condition)
    UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, 'owner', nspowner::regrole::text FROM schema
    -- Routines: all that CREATE FUNCTION says, the support function included.
    UNION ALL SELECT 'pg_proc'::regclass, oid, 0, 'owner', proowner::regrole::text FROM routine
    UNION ALL SELECT 'pg_proc'::regclass, oid, 0, 'definition', pg_get_functiondef(oid) FROM routine WHERE prokind <> 'a'
    UNION ALL SELECT 'pg_proc'::regclass, r.oid, 0, 'definition', (to_jsonb(a) - 'aggfnoid')::text
        FROM routine r JOIN pg_aggregate a ON a.aggfnoid = r.oid
    -- Relations.
    UNION ALL SELECT 'pg_class'::regclass, oid, 0, 'definition', concat_ws(' ', relkind, relpersistence, 'owner', relowner::regrole,
            'replica identity', relreplident, 'row security', relrowsecurity, relforcerowsecurity, 'options', reloptions)
        FROM relation
    UNION ALL SELECT 'pg_class'::regclass, oid, 0, 'query', pg_get_viewdef(oid) FROM relation WHERE relkind IN ('v', 'm')
    UNION ALL SELECT 'pg_class'::regclass, inhrelid, 0, 'parent', inhparent::regclass::text
        FROM pg_inherits WHERE inhrelid IN (SELECT oid FROM relation)
    UNION ALL SELECT 'pg_class'::regclass, indexrelid, 0, 'index', concat_ws(' ', pg_get_indexdef(indexrelid),
            'valid', indisvalid, 'clustered', indisclustered, 'replica identity', indisreplident)
        FROM pg_index WHERE indrelid IN (SELECT oid FROM relation)
    UNION ALL SELECT 'pg_class'::regclass, seqrelid, 0, 'sequence', (to_jsonb(s) - 'seqrelid')::text
        FROM pg_sequence s WHERE seqrelid IN (SELECT oid FROM relation)
    -- Columns, at the place that people see: dropped ones do not count. Their options without the WAL position that security
    -- releases of November 2026 keep there, of when the column was made.
    UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, 'definition', concat_ws(' ',
            'column', row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN 'not null' END, 'default ' || pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
            'collation ' || nullif(a.attcollation, 0)::regcollation, 'storage', a.attstorage, a.attcompression, 'statistics', a.attstattarget,
            (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg\_attver=%'))
        FROM pg_attribute a JOIN relation r ON r.oid = a.attrelid AND r.relkind <> 'i'
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT 'pg_constraint'::regclass, oid, 0, 'definition',
            concat_ws(' ', pg_get_constraintdef(oid), 'validated', convalidated) FROM condition
    UNION ALL SELECT 'pg_trigger'::regclass, oid, 0, 'definition', concat_ws(' ', pg_get_triggerdef(oid), 'enabled', tgenabled) FROM trigger
    UNION ALL SELECT 'pg_rewrite'::regclass, oid, 0, 'definition', concat_ws(' ', pg_get_ruledef(oid), 'enabled', ev_enabled)
        FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM relation) AND rulename <> '_RETURN'
    UNION ALL SELECT 'pg_policy'::regclass, oid, 0, 'definition', concat_ws(' ', polcmd, polpermissive, polroles::regrole[],
            'using', pg_get_expr(polqual, polrelid), 'check', pg_get_expr(polwithcheck, polrelid))
        FROM pg_policy WHERE polrelid IN (SELECT oid FROM relation)
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 0, 'definition', concat_ws(' ', pg_get_statisticsobjdef(oid), stxowner::regrole)
        FROM pg_statistic_ext WHERE stxrelid IN (SELECT oid FROM relation)
    -- Types. Composite ones have columns above.
    UNION ALL SELECT 'pg_type'::regclass, oid, 0, 'definition', concat_ws(' ', typtype, typcategory, 'owner', typowner::regrole,
            'of', nullif(typbasetype, 0)::regtype, nullif(typtypmod, -1), CASE WHEN typnotnull THEN 'not null' END, 'default ' || typdefault,
            'collation ' || nullif(typcollation, 0)::regcollation, typinput, typoutput, typlen, typalign, typstorage) FROM type
    UNION ALL SELECT 'pg_type'::regclass, enumtypid, 0, 'labels', string_agg(enumlabel, ', ' ORDER BY enumsortorder)
        FROM pg_enum WHERE enumtypid IN (SELECT oid FROM type) GROUP BY enumtypid
    -- Whatever else it may come to have: only that it is there would be too little.
    UNION ALL SELECT classid, objid, 0, 'not understood', 'extend catalog.sql by ' || classid::regclass FROM member
        WHERE classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
)
SELECT format('%s %s: %s%s', i.type, i.identity, property, ' = ' || value) AS fact
FROM fact, LATERAL pg_identify_object(classid, objid, objsubid) AS i
ORDER BY 1
