-- The demo: a shop whose users live in an ordinary table of its own, and the flags its teams work with.
-- Loaded by `make run` into a new database; needs the psql variable bridge_password.
\set ON_ERROR_STOP on
BEGIN;

CREATE EXTENSION fauna;

-- The shop's own data. Fauna never copies it; the flags are asked about it where it is.
CREATE SCHEMA shop;
CREATE TABLE shop.users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    country text NOT NULL,
    plan text NOT NULL CHECK (plan IN ('free', 'plus', 'premium')),
    orders integer NOT NULL,
    beta_tester boolean NOT NULL,
    app_version text NOT NULL,
    signed_up_at timestamptz NOT NULL
);
-- Every figure follows from the row's number, so that the tour in the README shows what you will see.
INSERT INTO shop.users (email, country, plan, orders, beta_tester, app_version, signed_up_at)
SELECT
    'user' || n || CASE WHEN n % 500 = 0 THEN '@shop.example' ELSE '@mail.example' END,
    ('{CA,US,US,DE,FR,GB,JP,BR,IN,US}'::text[])[1 + n % 10],
    CASE WHEN n % 20 = 0 THEN 'premium' WHEN n % 4 = 0 THEN 'plus' ELSE 'free' END,
    (n * 7919) % 60,
    n % 33 = 0,
    '3.' || n % 8 || '.' || n % 3,
    timestamptz '2024-01-01 00:00:00+00' + n * interval '1 hour'
FROM generate_series(1, 10000) AS n;

-- Where flags are evaluated, and what a rule may ask about.
SELECT fauna.create_environment('production');
SELECT fauna.create_environment('staging');

SELECT fauna.create_attribute('email');
SELECT fauna.create_attribute('country', description => 'ISO 3166 code of where the user lives');
SELECT fauna.create_attribute('plan', description => 'free, plus or premium');
SELECT fauna.create_attribute('orders', 'number', 'how many orders they have placed');
SELECT fauna.create_attribute('beta_tester', 'boolean', 'whether they asked to see new things early');
SELECT fauna.create_attribute('app_version', 'version', 'version of the shop''s app');

-- Three audiences.
SELECT fauna.create_audience('staff', description => 'People who work here');
SELECT fauna.add_condition('staff', 'email', 'ends_with', '{@shop.example}');

SELECT fauna.create_audience('beta', 'any', description => 'Staff, and users who asked for it');
SELECT fauna.nest_audience('beta', 'staff');
SELECT fauna.add_condition('beta', 'beta_tester', 'eq', '{true}');

SELECT fauna.create_audience('north-american-regulars', description => 'Ten orders or more, in Canada or the United States');
SELECT fauna.add_condition('north-american-regulars', 'country', 'in', '{CA,US}');
SELECT fauna.add_condition('north-american-regulars', 'orders', 'gte', '{10}');

-- A flag of every kind.
SELECT fauna.create_flag('new-checkout', description => 'The checkout on one page', tags => '{checkout}', client_visible => true);

SELECT fauna.create_flag('search-ranking', 'string', '{"classic": "bm25", "vectors": "hnsw", "hybrid": "bm25+hnsw"}',
    off_variant => 'classic', description => 'How search orders its results', tags => '{search}');
SELECT fauna.target('search-ranking', 'staff', 'hybrid');
SELECT fauna.split('search-ranking', '{"classic": 80, "vectors": 10, "hybrid": 10}');
SELECT fauna.enable('search-ranking');

SELECT fauna.create_flag('free-shipping-from', 'number', '{"standard": 60, "reduced": 35}',
    off_variant => 'standard', description => 'Order value in the local currency from which shipping is free', client_visible => true);
SELECT fauna.target('free-shipping-from', 'north-american-regulars', 'reduced');
SELECT fauna.enable('free-shipping-from');

SELECT fauna.create_flag('home-banner', 'json',
    '{"winter": {"show": true, "title": "Winter sale", "colour": "#1e3a8a"}, "none": {"show": false}}',
    description => 'The banner on the first page', client_visible => true);

-- The bridge's role: it may read the log, and nothing else.
CREATE ROLE fauna_bridge LOGIN PASSWORD :'bridge_password';
SELECT fauna.grant('fauna_bridge', 'bridge');

COMMIT;
