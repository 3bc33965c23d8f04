-- Last of all files: nothing that the extension made is anybody's but its owner's, until fauna.grant says so.
--
-- PostgreSQL gives EXECUTE on every new function and USAGE on every new type to PUBLIC. Row types of tables
-- have no privileges of their own to take away.

REVOKE ALL ON SCHEMA fauna FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA fauna FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA fauna FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA fauna FROM PUBLIC;
REVOKE ALL ON TYPE fauna.evaluation FROM PUBLIC;
