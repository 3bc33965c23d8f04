-- Flags as a team would write them in its own database on an afternoon: three tables, conditions as jsonb, and a PL/pgSQL
-- function that goes through them. Decently: one indexed query per audience, an early way out, no dynamic SQL.
CREATE SCHEMA inhouse;
CREATE TABLE inhouse.audiences (key text PRIMARY KEY);
CREATE TABLE inhouse.conditions (
    audience_key text NOT NULL REFERENCES inhouse.audiences,
    position integer NOT NULL,
    condition jsonb NOT NULL,
    PRIMARY KEY (audience_key, position)
);
CREATE TABLE inhouse.flags (
    key text PRIMARY KEY,
    enabled boolean NOT NULL,
    audience_key text NOT NULL REFERENCES inhouse.audiences,
    percentage integer NOT NULL
);

CREATE FUNCTION inhouse.in_audience(audience text, context jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    c jsonb;
    wanted jsonb;
    actual text;
    is_met boolean;
BEGIN
    FOR c IN SELECT condition FROM inhouse.conditions WHERE audience_key = audience ORDER BY position LOOP
        actual := context->>(c->>'attribute');
        IF actual IS NULL THEN
            RETURN false;
        END IF;
        wanted := c->'values';
        CASE c->>'operator'
            WHEN 'in', 'eq' THEN is_met := wanted ? actual;
            WHEN 'has' THEN is_met := context->(c->>'attribute') ? (wanted->>0);
            WHEN 'gte' THEN is_met := actual::numeric >= (wanted->>0)::numeric;
            WHEN 'before' THEN is_met := actual::timestamptz < (wanted->>0)::timestamptz;
            WHEN 'starts_with' THEN is_met := starts_with(actual, wanted->>0);
            WHEN 'ends_with' THEN is_met := right(actual, length(wanted->>0)) = wanted->>0;
            WHEN 'contains' THEN is_met := strpos(actual, wanted->>0) > 0;
            WHEN 'matches' THEN is_met := actual ~ (wanted->>0);
        END CASE;
        IF NOT is_met THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;

CREATE FUNCTION inhouse.enabled(flag text, context jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    f inhouse.flags;
BEGIN
    SELECT * INTO f FROM inhouse.flags WHERE key = flag;
    RETURN f.enabled
        AND inhouse.in_audience(f.audience_key, context)
        AND abs(hashtextextended(flag || '.' || (context->>'targetingKey'), 0) % 100) < f.percentage;
END
$$;

-- As many of everything as Fauna has.
CREATE FUNCTION inhouse.make_fillers(count integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO inhouse.audiences SELECT 'filler-' || n FROM generate_series(0, (count - 1) / 10) n;
    INSERT INTO inhouse.conditions
    SELECT 'filler-' || n, c.position, c.condition
    FROM generate_series(0, (count - 1) / 10) n
    CROSS JOIN (VALUES
        (1, '{"attribute": "country", "operator": "in", "values": ["CA", "US", "MX"]}'::jsonb),
        (2, '{"attribute": "plan", "operator": "eq", "values": ["pro"]}'),
        (3, '{"attribute": "age", "operator": "gte", "values": [18]}')) c (position, condition);
    INSERT INTO inhouse.flags SELECT 'filler-' || n, true, 'filler-' || n / 10, 30 FROM generate_series(0, count - 1) n;
$$;
