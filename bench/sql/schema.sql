-- What is evaluated: users as columns, and the same users as jsonb contexts in a table of their own, so that neither scan
-- pays for the other's bytes. Everything is computed from the user's number, so that every run has the same users.
CREATE EXTENSION fauna;
CREATE EXTENSION pg_prewarm;
CREATE SCHEMA bench;

CREATE FUNCTION bench.empty(flag text, context jsonb) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/fauna_bench', 'fauna_bench_empty';
CREATE FUNCTION bench.empty_row(flag text, "row" record) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/fauna_bench', 'fauna_bench_empty';

CREATE TABLE bench.users (
    id bigint PRIMARY KEY,
    country text,
    plan text,
    age integer,
    signed_up timestamptz,
    email text,
    staff boolean,
    locale text,
    orders integer,
    city text,
    tags text[],
    customer text
) WITH (autovacuum_enabled = false);
CREATE TABLE bench.contexts (id bigint PRIMARY KEY, context jsonb) WITH (autovacuum_enabled = false);

-- A number below `below`, another one for every `what`.
CREATE FUNCTION bench.dice(id bigint, what integer, below integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN abs(hashint8extended(id, what) % below)::integer;

CREATE FUNCTION bench.make_users(count bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bench.users
    SELECT id,
        CASE WHEN bench.dice(id, 1, 50) > 0
            THEN ('{CA,US,MX,DE,FR,GB,ES,IT,NL,SE}'::text[])[1 + bench.dice(id, 2, 10)] END,
        ('{free,pro,pro,pro,pro,pro,team,team,business,business}'::text[])[1 + bench.dice(id, 3, 10)],
        CASE WHEN bench.dice(id, 4, 50) > 0 THEN 10 + bench.dice(id, 5, 70) END,
        '2015-01-01 00:00:00+00'::timestamptz + make_interval(days => bench.dice(id, 6, 4000), secs => bench.dice(id, 7, 86400)),
        ('{ann.lee,bob.ray,cid,dora7.may}'::text[])[1 + bench.dice(id, 8, 4)]
            || ('{@example.net,@example.org,@example.org,@example.org,@example.org,@example.org,@example.org,@example.org,@example.org,@example.org}'::text[])[1 + bench.dice(id, 9, 10)],
        bench.dice(id, 10, 20) = 0,
        ('{en-CA,en-US,en-GB,en-AU,en-NZ,en-IE,en-ZA,en-IN,en-US,fr-CA}'::text[])[1 + bench.dice(id, 11, 10)],
        bench.dice(id, 12, 100),
        ('{Nashville,Knoxville,Louisville,Asheville,Greenville,Huntsville,Evansville,Naperville,Jacksonville,Boston}'::text[])[1 + bench.dice(id, 13, 10)],
        CASE bench.dice(id, 14, 10) WHEN 0 THEN '{api}' WHEN 1 THEN '{web}' ELSE '{api,web}' END::text[],
        'customer-' || lpad(bench.dice(id, 15, 2000)::text, 5, '0')
    FROM generate_series(1, count) id;
    INSERT INTO bench.contexts
    SELECT u.id, to_jsonb(u) - 'id' || jsonb_build_object('targetingKey', u.id::text) FROM bench.users u ORDER BY u.id;
END
$$;

-- Flags beside those that are measured: each for an audience of three conditions that ten of them share, and a rollout.
CREATE FUNCTION bench.make_fillers(count integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fauna.audiences (key) SELECT 'filler-' || n FROM generate_series(0, (count - 1) / 10) n;
    INSERT INTO fauna.conditions (audience_key, position, attribute_key, operator, "values")
    SELECT 'filler-' || n, c.position, c.attribute, c.operator, c."values"
    FROM generate_series(0, (count - 1) / 10) n
    CROSS JOIN (VALUES (1, 'country', 'in', '["CA", "US", "MX"]'::jsonb), (2, 'plan', 'eq', '["pro"]'), (3, 'age', 'gte', '[18]'))
        c (position, attribute, operator, "values");
    INSERT INTO fauna.flags (key) SELECT 'filler-' || n FROM generate_series(0, count - 1) n;
    INSERT INTO fauna.variants (flag_key, key, value, position)
    SELECT f.key, v.key, v.value, v.position
    FROM fauna.flags f
    CROSS JOIN (VALUES ('on', 'true'::jsonb, 1), ('off', 'false', 2)) v (key, value, position)
    WHERE f.key LIKE 'filler-%';
    PERFORM fauna.complete_settings(default_variant => 'off');
    INSERT INTO fauna.rules (flag_key, environment_key, position)
    SELECT f.key, 'production', 1 FROM fauna.flags f WHERE f.key LIKE 'filler-%';
    INSERT INTO fauna.rule_audiences (rule_id, flag_key, audience_key)
    SELECT r.id, r.flag_key, 'filler-' || split_part(r.flag_key, '-', 2)::integer / 10
    FROM fauna.rules r WHERE r.flag_key LIKE 'filler-%' AND NOT r.is_default;
    INSERT INTO fauna.allocations (rule_id, flag_key, variant_key, weight)
    SELECT r.id, r.flag_key, 'on', 30000 FROM fauna.rules r WHERE r.flag_key LIKE 'filler-%' AND NOT r.is_default;
    UPDATE fauna.flag_settings s SET enabled = true WHERE s.flag_key LIKE 'filler-%';
END
$$;
