\echo Use "CREATE EXTENSION fauna" to load this file. \quit

-- The first statements of the extension. Every later file relies on three things settled here:
--
-- * Names resolve to pg_catalog or are written in full. Without the lock, whoever may create
--   objects in the schema that CREATE EXTENSION happens to run in could lend us an operator.
-- * The schema is ours alone. A plain CREATE SCHEMA fails if somebody made `fauna` before us;
--   IF NOT EXISTS would move in with whatever they left there.
-- * Text is Unicode. Keys, operators and buckets are defined over UTF-8, byte for byte the same
--   here and in every SDK; in another encoding the two would disagree without a word.

SET LOCAL search_path TO pg_catalog, pg_temp;

DO $$
BEGIN
    IF pg_catalog.current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'extension "fauna" needs a database in UTF8'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = pg_catalog.format('The encoding of database "%s" is %s.',
                      pg_catalog.current_database(), pg_catalog.current_setting('server_encoding')),
                  HINT = 'Create a database with ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;

CREATE SCHEMA fauna;
COMMENT ON SCHEMA fauna IS 'Feature flags: source tables, the document log made from them, and the functions that evaluate, administer and read.';
